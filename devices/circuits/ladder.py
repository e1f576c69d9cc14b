"""The effective matrix of a planar array by eliminating it row after row.

A row's own nodes form a ladder (a tridiagonal system); eliminated, the row is a dense admittance between the columns
that it crosses, and a current into them. The rows are then chained through the column segments: the part of the array
above a segment is one admittance matrix Y, and the segment of conductance c makes of it Y - Y (Y + c)^-1 Y.
Work grows as rows x columns^3, so the side with fewer lines is the one kept dense. Needs segments above 0 ohm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from pillarsim.devices.circuits.errors import CircuitError

Array = NDArray[np.float64]

# c - c (Y + c)^-1 c equals the form above and costs one inverse; rounding grows with c / Y, to 1e-12 here.
_FAST_RATIO = 1e4


@dataclass(frozen=True)
class Resistances:
    """The resistances of a planar array, ohm; the segments above 0."""

    row: float
    col: float
    driver: float
    sense: float


def planar_transfer(g: Array, ohm: Resistances) -> Array:
    """Return the transfer conductances (rows, columns) of a planar array with cell conductances `g` (rows, columns)."""
    rows, cols = g.shape
    if cols <= rows:
        return _eliminate(g, ohm)
    # Seen from the other side, columns are rows: first becomes last on both sides, drivers and sense change places.
    mirrored = Resistances(row=ohm.col, col=ohm.row, driver=ohm.sense, sense=ohm.driver)
    return np.ascontiguousarray(_eliminate(g[::-1, ::-1].T, mirrored)[::-1, ::-1].T)


def _eliminate(g: Array, ohm: Resistances) -> Array:
    rows, cols = g.shape
    segment, last = 1 / ohm.col, 1 / (ohm.col + ohm.sense)
    diagonal = np.arange(cols)
    # Of the symmetric matrices `admittance` and `above` only the lower triangle counts.
    above = np.zeros((cols, cols), order="F")
    injected = np.zeros((cols, rows), order="F")  # current into the columns for 1 V on each row met so far
    for row in range(rows):
        admittance, injected[:, row] = _row(g[row], ohm)
        admittance += above
        met = injected[:, : row + 1]
        through = segment if row < rows - 1 else last
        joined = admittance.copy(order="F")
        joined[diagonal, diagonal] += through
        factor, failed = lapack.dpotrf(joined, lower=1, overwrite_a=1)
        if failed:
            raise CircuitError(f"g: the conductances of row {row} span more than double precision can solve")
        if through > _FAST_RATIO * admittance[diagonal, diagonal].min():
            whole = np.tril(admittance) + np.tril(admittance, -1).T
            solved, _ = lapack.dpotrs(factor, np.hstack([whole, met]), lower=1)
            above = whole - whole @ solved[:, :cols]
            injected[:, : row + 1] = through * solved[:, cols:]
        else:
            inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
            injected[:, : row + 1] = blas.dsymm(through, inverse, met, lower=1)
            above = np.multiply(inverse, -(through**2), out=inverse)
            above[diagonal, diagonal] += through
    return np.ascontiguousarray(injected.T)


def _row(g: Array, ohm: Resistances) -> tuple[Array, Array]:
    """A row as the columns see it: admittance between them (columns, columns), current into them for 1 V on the row."""
    cols = len(g)
    segment, source = 1 / ohm.row, 1 / (ohm.row + ohm.driver)
    diagonal = g.copy()
    diagonal[0] += source
    diagonal[:-1] += segment
    diagonal[1:] += segment
    right = np.zeros((cols, cols + 1), order="F")
    right[np.arange(cols), np.arange(cols)] = g
    right[0, cols] = source
    _, _, volts, failed = lapack.dptsv(diagonal, np.full(max(cols - 1, 1), -segment), right, overwrite_b=1)
    if failed:
        raise CircuitError("g: the conductances of a row span more than double precision can solve")
    volts *= g[:, None]
    admittance = np.negative(volts[:, :cols])
    admittance[np.arange(cols), np.arange(cols)] += g
    return admittance, volts[:, cols]
