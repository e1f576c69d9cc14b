"""Rows of cells eliminated on their own: what the columns see of a driven wire.

A row is a chain of nodes, each joined to its column by a cell: driver, segment, node 0, segment, node 1 ... (open end).
Every quantity is built from sums and products of positive numbers, so it keeps its digits whatever the resistances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEEP = 1e-150  # a voltage falling further than this along a row is near the end of the range of double precision


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as the columns see them; arrays (arrays, rows, columns).

    own          admittance (S) of each column's end of the row, the other columns at 0 V
    left, right  minus left[i] x right[j] is the admittance (S) between columns i < j
    injected     current (A) into each column for 1 V on the row's source
    cell         cell conductances (S)
    behind       resistance (ohm) between each node and 0 V, columns and source at 0 V
    drop         voltage of each node, driven from its right, as a share of its right neighbour's
    steep        (arrays, rows): where left and right span too many decades and the product is built step by step
    """

    own: Array
    left: Array
    right: Array
    injected: Array
    cell: Array
    behind: Array
    drop: Array
    steep: NDArray[np.bool_]


def eliminate_rows(g: Array, r_row: float, r_driver: float) -> Rows:
    """Eliminate the nodes of every row; `g` (arrays, rows, columns) in siemens, resistances of 0 ohm or more."""
    if r_row + r_driver == 0:
        zero = np.zeros(g.shape)
        return Rows(g, zero, zero, g, g, zero, zero, np.zeros(g.shape[:2], dtype=bool))
    source = 1 / (r_row + r_driver)
    cell = np.ascontiguousarray(np.moveaxis(g, -1, 0))  # one column after the other is worked on
    last = len(cell) - 1
    # Conductance to 0 V at each node through its neighbours: towards the source, and towards the open end.
    near, far = np.full(cell.shape, source), np.zeros(cell.shape)
    drop = np.empty(cell.shape)
    for col in range(last + 1):
        if col:
            near[col] = (near[col - 1] + cell[col - 1]) * drop[col - 1]
            beyond = far[last - col + 1] + cell[last - col + 1]
            far[last - col] = beyond / (1 + r_row * beyond)
        drop[col] = 1 / (1 + r_row * (near[col] + cell[col]))
    rest = near + far
    behind = 1 / (cell + rest)
    fall = np.ones(cell.shape)
    np.cumprod(drop[:-1], axis=0, out=fall[1:])
    right = cell * behind * fall
    return Rows(
        own=_by_row(cell * rest * behind),
        left=_by_row(cell / np.maximum(fall, _STEEP)),
        right=_by_row(right),
        injected=_by_row(source * right),
        cell=g,
        behind=_by_row(behind),
        drop=_by_row(drop),
        steep=fall[-1] < _STEEP,
    )


def between(rows: Rows, row: int, out: Array) -> Array:
    """Put minus the admittance between columns i < j of one row into `out` (arrays, i, j); the rest means nothing."""
    np.multiply(rows.left[:, row, :, None], rows.right[:, row, None, :], out=out)
    for array in np.flatnonzero(rows.steep[:, row]):
        out[array] = _step_by_step(*(part[array, row] for part in (rows.cell, rows.behind, rows.drop)))
    return out


def _by_row(found: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(found, 0, -1))


def _step_by_step(cell: Array, behind: Array, drop: Array) -> Array:
    found = np.diag(cell * behind)  # the current of cell j for 1 A into node i, then times cell i
    for col in range(len(cell) - 2, -1, -1):
        found[col, col + 1 :] = drop[col] * found[col + 1, col + 1 :]
    return np.asarray(cell[:, None] * found, dtype=np.float64)
