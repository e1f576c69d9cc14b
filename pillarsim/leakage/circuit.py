"""One point of a study as the `spec` of a memory case.

The selected cells are the farthest from the drivers: in a vertical array the last pillar row, the last columns and the
top layer; in a planar array the first row (columns are sensed below the last) and the last columns.
Nonlinearity NL = I(V) / I(V/2) of a sinh cell I = G sinh(k V) / k is 2 cosh(k V / 2), which gives k. NL holds at the
array's own voltage, where the cell's currents are kept: a study over voltages keeps one cell.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pillarsim.devices.circuits.cells import read_cell
from pillarsim.leakage.grid import Point
from pillarsim.leakage.source import Source

PATTERNS = ("all_lrs", "checker", "random")
RANDOM_LRS = 0.5  # share of LRS cells of the pattern `random`; assumed


def point_spec(source: Source, point: Point, pattern: str, seed: int) -> dict[str, Any]:
    """Return the `spec` that `devices.solve` takes; `seed` draws the pattern `random`."""
    spec = {
        **source.spec,
        "mode": "memory",
        "rows": point.rows,
        "cols": point.columns,
        "scheme": point.scheme,
        "v": point.voltage_v,
        "pattern": {"kind": pattern, **({"seed": seed, "p_lrs": RANDOM_LRS} if pattern == "random" else {})},
        "sel_cols": list(range(point.columns - point.bits, point.columns)),
    }
    if point.layers is None:
        spec["sel_rows"] = [0]
    else:
        spec |= {"layers": point.layers, "sel_layers": [point.layers - 1], "sel_row": point.rows - 1}
        spec.setdefault("sel_side", 1)
    if point.nonlinearity is not None:
        spec["cell"] = nonlinear_cell(source.spec, source.voltage_v, point.nonlinearity)
    return spec


def own_nonlinearity(spec: dict[str, Any], voltage_v: float) -> float:
    """Return I(V) / I(V/2) of the array's LRS cell, its selector included."""
    cell = read_cell(spec)
    whole, _ = cell.law.current(np.array([voltage_v, voltage_v / 2]), np.full(2, cell.g_lrs))
    return float(whole[0] / whole[1])


def nonlinear_cell(spec: dict[str, Any], voltage_v: float, nonlinearity: float) -> dict[str, Any]:
    """Return a cell with I(V) / I(V/2) = `nonlinearity` (2 is linear) and the currents of `spec` at V."""
    cell = read_cell(spec)
    currents = [
        float(cell.law.current(np.array([voltage_v]), np.array([conductance]))[0][0])
        for conductance in (cell.g_lrs, cell.g_hrs)
    ]
    k = 2 * math.acosh(nonlinearity / 2) / voltage_v
    if k == 0:
        low, high = (current / voltage_v for current in reversed(currents))
        return {"model": "linear", "g_lrs": high, "g_hrs": low}
    low, high = (current * k / math.sinh(k * voltage_v) for current in reversed(currents))
    return {"model": "sinh", "k": k, "g_lrs": high, "g_hrs": low}
