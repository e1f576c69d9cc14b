"""Half-selected cells of a write, in closed form with ideal wires.

Source: the bias schemes of the circuit convention (V/2, V/3, grounded lines).
Left out: wire drop and the exact sneak network (array circuits solve those).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HalfSelected:
    """Voltage over each half-selected cell, and pulses that such cells take, summed over cells."""

    volts: float
    cell_pulses: int


def half_selected(
    scheme: str, voltage_v: float, *, row_cells: int, column_cells: int, cell_pulses: int, group_pulses: int
) -> HalfSelected:
    """Return what the unselected cells of an array see over a whole write.

    row_cells, column_cells: cells on a selected row (word line) and on a selected column (bit line or pillar);
    cell_pulses: pulses summed over cells; group_pulses: pulses summed over write groups (the most of any cell in
    each). Cells of a group that are done while others still pulse count as half-selected.

    half      row and column neighbours at V/2
    third     every other cell of row, column and the rest at V/3
    ground    row neighbours at the full V, nothing else
    isolated  none (access transistors)
    """
    on_row = group_pulses * row_cells - cell_pulses
    on_column = cell_pulses * (column_cells - 1)
    match scheme:
        case "isolated":
            return HalfSelected(0.0, 0)
        case "half":
            return HalfSelected(voltage_v / 2, on_row + on_column)
        case "third":
            rest = on_row * (column_cells - 1)
            return HalfSelected(voltage_v / 3, on_row + on_column + rest)
        case "ground":
            return HalfSelected(voltage_v, on_row)
    raise ValueError(f"unknown bias scheme {scheme!r}")
