"""The effective matrices of a stack of planar arrays, by eliminating each array row after row.

A row's own nodes form a ladder; eliminated, the row is an admittance between the columns that it crosses and a current
into them. The rows are then chained through the column segments: what lies above a segment of r ohm is one admittance
matrix Y, and the segment makes of it K Y with K = (1 + r Y)^-1. Any resistance may be 0. Work grows as
rows x columns^3, so the side with fewer lines is the one kept dense.

All arrays of a stack take the same steps, each with its own numbers only, so the result of an array is the same, bit
for bit, alone and in any stack. Above 128 columns the number of BLAS threads may change last digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.row_ladder import between, eliminate_rows

Array = NDArray[np.float64]

_STACK_BYTES = 2**21  # of one admittance of each array in work: large enough for two threads to gain
_BLOCK = 32  # columns up to which LAPACK inverts faster than products of halves do
# (1 - K) / r equals K Y and saves a product; its error of eps / r counts by the resistance to the end of the column.
_FAST_RATIO = 1e3


@dataclass(frozen=True)
class Resistances:
    """The resistances of a planar array, ohm; 0 is an ideal short."""

    row: float
    col: float
    driver: float
    sense: float


def planar_transfers(g: Array, ohm: Resistances) -> Array:
    """Return the transfer conductances (arrays, rows, columns) of planar arrays with cell conductances `g`.

    `g` (arrays, rows, columns) is in siemens. Raises CircuitError where an elimination is not positive definite.
    """
    _, rows, cols = g.shape
    if cols <= rows:
        return _transfers(g, ohm)
    # Seen from the other side, columns are rows: first becomes last on both sides, drivers and sense change places.
    mirrored = Resistances(row=ohm.col, col=ohm.row, driver=ohm.sense, sense=ohm.driver)
    return np.ascontiguousarray(_transfers(g[:, ::-1, ::-1].mT, mirrored)[:, ::-1, ::-1].mT)


def _transfers(g: Array, ohm: Resistances) -> Array:
    fast = may_be_fast(ohm.col, ohm.sense)
    found = np.empty(g.shape)
    for part in parts(*g.shape[::2]):
        admittance, injected = fold(g[part], ohm.row, ohm.driver, ohm.col, fast)
        found[part] = injected @ behind(admittance, ohm.col + ohm.sense)
    return found


def may_be_fast(r_col: float, r_sense: float) -> bool:
    """Return whether the error of the fast form stays below 1e-10 for segments and an end of these resistances."""
    return r_col + r_sense <= _FAST_RATIO * r_col


def parts(arrays: int, cols: int) -> list[slice]:
    """Return slices of a stack that are small enough to be worked on at once."""
    size = max(1, _STACK_BYTES // (8 * cols**2))
    return [slice(start, start + size) for start in range(0, arrays, size)]


def fold(g: Array, r_row: float, r_driver: float, r_col: float, fast: bool = False) -> tuple[Array, Array]:
    """Eliminate everything above the last segment of each column.

    Returns the admittance (arrays, columns, columns) seen there, of which only the upper triangle counts, and the
    current (arrays, rows, columns) into each column for 1 V on each row. `g` (arrays, rows, columns) in siemens.
    `fast` spares a product at the price of an absolute error of about 1e-16 / r_col in the admittance.
    """
    arrays, count, cols = g.shape
    rows = eliminate_rows(g, r_row, r_driver)
    admittance = np.zeros((arrays, cols, cols))
    diagonal = np.einsum("bii->bi", admittance)  # a view
    injected, scratch = np.zeros(g.shape), np.empty(admittance.shape)
    for row in range(count):
        if row:
            cross(admittance, injected[:, :row], r_col, fast)
        own = diagonal + rows.own[:, row]
        admittance -= between(rows, row, scratch)
        diagonal[...] = own
        injected[:, row] = rows.injected[:, row]
    return admittance, injected


def cross(admittance: Array, injected: Array, ohm: float, fast: bool = False) -> None:
    """Put a resistance into each column, in place; see `fold` for the arguments."""
    if ohm == 0:
        return
    damping = behind(admittance, ohm)
    injected[...] = injected @ damping
    if fast:
        np.multiply(damping, -1 / ohm, out=admittance)
        np.einsum("bii->bi", admittance)[...] += 1 / ohm
    else:
        np.matmul(damping, mirrored_upper(admittance), out=admittance)


def behind(admittance: Array, ohm: float) -> Array:
    """Return (1 + ohm x admittance)^-1, what a resistance in each column leaves of a voltage or a current.

    Reads the upper triangle (arrays, columns, columns). Raises CircuitError where it is not positive definite.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # each block is checked
        system = ohm * admittance
        np.einsum("bii->bi", system)[...] += 1
        return _inverse(system)


def mirrored_upper(matrix: Array) -> Array:
    """Return the symmetric matrices with this upper triangle."""
    return np.where(_upper(matrix.shape[-1]), matrix, matrix.mT)


def _inverse(matrix: Array) -> Array:
    """Inverses of symmetric positive definite matrices from their upper triangles, by halves: mostly products."""
    size = matrix.shape[-1]
    if size <= _BLOCK:
        return _block_inverse(matrix)
    half = size // 2
    corner = matrix[:, :half, half:]
    first = _inverse(matrix[:, :half, :half])
    across = first @ corner
    second = _inverse(matrix[:, half:, half:] - corner.mT @ across)
    found = np.empty(matrix.shape)
    side = across @ second
    np.add(first, side @ across.mT, out=found[:, :half, :half])
    np.negative(side, out=found[:, :half, half:])
    np.negative(side.mT, out=found[:, half:, :half])
    found[:, half:, half:] = second
    return found


def _block_inverse(matrix: Array) -> Array:
    upper, failed = np.empty(matrix.shape), 0
    for array, into in zip(matrix, upper, strict=True):
        # The upper triangle of rows is the lower triangle of LAPACK's columns.
        factor, place = lapack.dpotrf(array.T, lower=1)
        failed |= place
        # Not dpotri: the digits of its result depend on the number of BLAS threads.
        into[...] = lapack.dtrtri(factor, lower=1, overwrite_c=1)[0].T
    found = upper @ upper.mT
    if failed or not (np.einsum("bii->bi", found) > 0).all():  # not a number is not above 0
        raise CircuitError("g: the conductances of an array span more than double precision can solve")
    return found


@cache
def _upper(size: int) -> NDArray[np.bool_]:
    return np.triu(np.ones((size, size), dtype=bool))
