"""Half-selected cells of a write, in closed form with ideal wires.

Source: the bias schemes of the circuit convention (V/2, V/3, grounded lines); each half-selected cell is taken at the
array's mean conductance. Left out: wire drop and the exact sneak network (array circuits solve those).
"""

from __future__ import annotations


def half_select_energy_j(
    scheme: str,
    voltage_v: float,
    pulse_s: float,
    mean_conductance_s: float,
    *,
    row_cells: int,
    column_cells: int,
    cell_pulses: int,
    group_pulses: int,
) -> float:
    """Energy in unselected cells over a whole write.

    row_cells, column_cells: cells on a selected row (word line) and on a selected column (bit line or pillar);
    cell_pulses: pulses summed over cells; group_pulses: pulses summed over write groups (the most of any cell in
    each). Cells of a group that are done while others still pulse count as half-selected.

    half      row and column neighbours at V/2
    third     every other cell of row, column and the rest at V/3
    ground    row neighbours at the full V, nothing else
    isolated  none (access transistors)
    """
    if scheme == "isolated":
        return 0.0
    on_row = group_pulses * row_cells - cell_pulses
    on_column = cell_pulses * (column_cells - 1)
    if scheme == "half":
        volts, biased = voltage_v / 2, on_row + on_column
    elif scheme == "third":
        rest = on_row * (column_cells - 1)
        volts, biased = voltage_v / 3, on_row + on_column + rest
    elif scheme == "ground":
        volts, biased = voltage_v, on_row
    else:
        raise ValueError(f"unknown bias scheme {scheme!r}")
    return volts**2 * mean_conductance_s * pulse_s * biased
