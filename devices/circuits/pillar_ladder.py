"""The effective matrices of a vertical array with a finger for each pillar row (`finger`), by elimination.

Pillar rows meet at the bit lines only. One row, seen from its transistors, is a planar array whose rows are fingers and
whose columns are pillars with the highest layer first, so all pillar rows are one stack of planar arrays (`ladder`).
Behind their transistors, on or off, the rows are chained along the bit lines down to r = 0, once for each group of
rows that are on together. Any resistance may be 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits.ladder import behind, cross, fold, may_be_fast, parts

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PillarResistances:
    """The resistances of a vertical array, ohm; 0 is an ideal short."""

    wl: float
    pillar: float
    bl: float
    driver: float
    sense: float
    on: float
    off: float


def finger_transfers(g: Array, ohm: PillarResistances, on_rows: NDArray[np.bool_]) -> Array:
    """Return the transfer conductances (groups, layers x rows, columns) with the rows of each group on.

    `g` (layers, rows, columns) is in siemens, `on_rows` (groups, rows) says which transistors conduct. Raises
    CircuitError where the conductances span more than double precision can solve.
    """
    layers, rows, cols = g.shape
    switched = {state: _switched_rows(g, ohm, state) for state in np.unique(on_rows).tolist()}
    found = np.empty((len(on_rows), layers, rows, cols))
    for part in parts(len(on_rows), cols):
        chained = _chained(switched, on_rows[part], ohm)
        found[part] = np.swapaxes(chained.reshape(-1, rows, layers, cols), 1, 2)[:, ::-1]
    return found.reshape(len(on_rows), layers * rows, cols)


def _switched_rows(g: Array, ohm: PillarResistances, on: bool) -> tuple[Array, Array]:
    """Each pillar row at its bit-line nodes: admittance (rows, columns, columns), current (rows, layers, columns)."""
    planes = np.swapaxes(g[::-1], 0, 1)
    admittance = np.empty((planes.shape[0], planes.shape[2], planes.shape[2]))
    injected = np.empty(planes.shape)
    for part in parts(*planes.shape[::2]):
        admittance[part], injected[part] = fold(planes[part], ohm.wl, ohm.driver, ohm.pillar)
        cross(admittance[part], injected[part], ohm.pillar + (ohm.on if on else ohm.off))
    return admittance, injected


def _chained(switched: dict[bool, tuple[Array, Array]], on_rows: NDArray[np.bool_], ohm: PillarResistances) -> Array:
    """Chain the rows along the bit lines; returns (groups, rows x layers, columns), row after row."""
    rows, layers, cols = next(iter(switched.values()))[1].shape
    fast = may_be_fast(ohm.bl, ohm.sense)
    admittance = np.zeros((len(on_rows), cols, cols))
    injected = np.empty((len(on_rows), rows * layers, cols))
    for row in range(rows - 1, -1, -1):
        first, behind_row = row * layers, (row + 1) * layers
        if row < rows - 1:
            cross(admittance, injected[:, behind_row:], ohm.bl, fast)
        for group, on in enumerate(on_rows[:, row].tolist()):
            admittance[group] += switched[on][0][row]
            injected[group, first:behind_row] = switched[on][1][row]
    return injected @ behind(admittance, ohm.bl + ohm.sense)
