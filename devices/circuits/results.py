"""The reported quantities of a solved case, named as in the case files; currents in A, voltages in V, power in W.

The current of a line is the sum of its cells' currents. By Kirchhoff's law that is what its source delivers, and it
keeps the digits that the voltage across a small resistance loses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits.cells import Law
from pillarsim.devices.circuits.circuit import Circuit
from pillarsim.devices.circuits.layout import Layout
from pillarsim.devices.circuits.newton import State

Array = NDArray[np.float64]
Results = dict[str, Any]


@dataclass(frozen=True, eq=False)
class LineCurrents:
    """Current (A) that each line's source delivers into the array; 0 of a floating line."""

    rows: Array
    cols: Array


def line_currents(circuit: Circuit, state: State) -> LineCurrents:
    """Sum the cell currents line by line."""
    rows, cols = circuit.bias.rows, circuit.bias.cols
    out = np.bincount(circuit.layout.cell_row, weights=state.cell_current, minlength=len(rows.volts))
    into = np.bincount(circuit.layout.cell_col, weights=state.cell_current, minlength=len(cols.volts))
    return LineCurrents(np.where(rows.driven, out, 0.0), np.where(cols.driven, -into, 0.0))


def memory_run(circuit: Circuit, state: State) -> Results:
    """Return the quantities of one run, selected cells all LRS or all HRS."""
    bias, lines = circuit.bias, line_currents(circuit, state)
    selected = np.zeros(circuit.layout.cell_shape, dtype=bool)
    chosen = tuple(np.array(bias.cells).T)
    selected[chosen] = True
    cell_current = state.cell_current.reshape(selected.shape)[chosen]
    cell_volts = state.cell_volts.reshape(selected.shape)
    sense = -lines.cols[bias.cols.selected]
    total = _delivered(lines)
    return {
        "i_sel": cell_current.tolist(),
        "i_sel_sum": float(cell_current.sum()),
        "i_total": total,
        "i_leak": total - abs(float(cell_current.sum())),
        "i_drive": float(lines.rows[bias.rows.selected].sum()),
        "i_sense": float(sense.sum()),
        "i_sense_lines": sense.tolist(),
        "i_group": _groups(circuit, lines),
        "power": _power(circuit, lines),
        "v_cell": cell_volts[chosen].tolist(),
        "v_disturb_max": float(np.abs(cell_volts[~selected]).max()) if not selected.all() else 0.0,
    }


def margin(lrs: Results, hrs: Results, v: float, r_sense: float) -> Results:
    """Compare the two runs of a memory case; a ratio to a current of 0 is None, since it is undefined."""
    difference = lrs["i_sense"] - hrs["i_sense"]
    return {
        "di_sense": difference,
        "rm_i": _ratio(difference, lrs["i_sense"]),
        "ratio_sense": _ratio(lrs["i_sense"], hrs["i_sense"]),
        "ratio_sel": _ratio(lrs["i_sel_sum"], hrs["i_sel_sum"]),
        "rm_v": r_sense * difference / len(lrs["i_sense_lines"]) / v,
        "v_cell_min_fraction": min(volts / v for volts in lrs["v_cell"]),
    }


def compute_run(circuit: Circuit, state: State, ideal: Array) -> Results:
    """Return the quantities of a compute case; `ideal` is the column current without any resistance.

    The drop is None where an ideal current is 0, since it is undefined there.
    """
    lines = line_currents(circuit, state)
    out = -lines.cols
    drop = 1 - out / ideal if (ideal != 0).all() else None
    found: Results = {
        "i_col": out.tolist(),
        "i_col_ideal": ideal.tolist(),
        "i_col_sum": float(out.sum()),
        "i_total": _delivered(lines),
        "power": _power(circuit, lines),
        "ir_drop_max": None if drop is None else float(np.abs(drop).max()),
        "ir_drop_mean": None if drop is None else float(drop.mean()),
    }
    if len(circuit.layout.row_shape) == 2:
        found["i_in"] = lines.rows.reshape(circuit.layout.row_shape).tolist()
    return found


def ideal_currents(layout: Layout, law: Law, g: Array, v_in: Array, on_rows: tuple[int, ...]) -> Array:
    """Return the column currents with every resistance 0 and off rows open; `g` in cell shape, `v_in` flattened."""
    current, _ = law.current(v_in[layout.cell_row], g.ravel())
    if len(layout.cell_shape) > 2:
        row = np.indices(layout.cell_shape)[1].ravel()
        current = np.where(np.isin(row, on_rows), current, 0.0)
    return np.asarray(np.bincount(layout.cell_col, weights=current), dtype=np.float64)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _delivered(lines: LineCurrents) -> float:
    return float(np.maximum(lines.rows, 0).sum() + np.maximum(lines.cols, 0).sum())


def _power(circuit: Circuit, lines: LineCurrents) -> float:
    return float(circuit.bias.rows.volts @ lines.rows + circuit.bias.cols.volts @ lines.cols)


def _groups(circuit: Circuit, lines: LineCurrents) -> dict[str, float]:
    """Net current delivered by each group of driven lines; a group without a driven line is left out."""
    found = {}
    for name, side, current in (("row", circuit.bias.rows, lines.rows), ("col", circuit.bias.cols, lines.cols)):
        for prefix, member in (("sel", side.selected), ("unsel", ~side.selected & side.driven)):
            if member.any():
                found[f"{prefix}_{name}"] = float(current[member].sum())
    return found
