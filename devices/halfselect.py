"""Half-selected cells of a write, in closed form with ideal wires.

Source: the bias schemes of the circuit convention (V/2, V/3, grounded lines).
Left out: wire drop and the exact sneak network (array circuits solve those).

    half      row and column neighbours at V/2
    third     every other cell of row, column and the rest at V/3
    ground    row neighbours at the full V, nothing else
    isolated  none (access transistors)
"""

from __future__ import annotations

_PARTS = {"isolated": 0.0, "half": 1 / 2, "third": 1 / 3, "ground": 1.0}  # of V, over half-selected cells


def partial_voltage(scheme: str, voltage_v: float) -> float:
    """Return the voltage over each half-selected cell. Raises ValueError for an unknown scheme."""
    if scheme not in _PARTS:
        raise ValueError(f"unknown bias scheme {scheme!r}")
    return _PARTS[scheme] * voltage_v


def half_selected_pulses(scheme: str, row_cells: int, column_cells: int, *, cell_pulses: int, group_pulses: int) -> int:
    """Return the pulses that half-selected cells of an array take over a whole write, summed over those cells.

    row_cells, column_cells: cells on a selected row (word line) and on a selected column (bit line or pillar);
    cell_pulses: pulses summed over cells; group_pulses: pulses summed over write groups (the most of any cell in
    each). Cells of a group that are done while others still pulse count as half-selected. Raises ValueError.
    """
    on_row = group_pulses * row_cells - cell_pulses
    on_column = cell_pulses * (column_cells - 1)
    match scheme:
        case "isolated":
            return 0
        case "half":
            return on_row + on_column
        case "third":
            return on_row + on_column + on_row * (column_cells - 1)
        case "ground":
            return on_row
    raise ValueError(f"unknown bias scheme {scheme!r}")
