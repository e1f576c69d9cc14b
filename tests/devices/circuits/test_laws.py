"""Laws that every solved circuit obeys, whatever its kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pillarsim.devices.circuits import bias, effective_matrix, solve
from pillarsim.devices.circuits.case import circuit_of, solve_circuit
from pillarsim.devices.circuits.cells import read_cell
from pillarsim.devices.circuits.circuit import Circuit
from pillarsim.devices.circuits.effective import transfer
from pillarsim.devices.circuits.layout import cell_shape, row_shape
from pillarsim.devices.circuits.newton import State
from pillarsim.devices.circuits.results import line_currents
from tests.devices.circuits.builders import (
    EXP,
    LINEAR,
    NO_WIRES,
    POOLE_FRENKEL,
    SINH,
    THRESHOLD,
    WORD_LINES,
    Spec,
    conductances,
    memory,
    planar,
    vertical,
)
from tests.near import near

ARRAYS = {"planar": planar(5, 4)} | {name: vertical(3, 5, 4, name) for name in WORD_LINES}
CELLS: dict[str, Spec] = {
    "linear": {"cell": LINEAR},
    "sinh": {"cell": SINH},
    "poole_frenkel": {"cell": POOLE_FRENKEL},
    "exp": {"cell": SINH, "selector": EXP},
    "threshold": {"cell": SINH, "selector": THRESHOLD},
}
EVERY_ARRAY = pytest.mark.parametrize("array", ARRAYS)
EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
EVERY_SCHEME = pytest.mark.parametrize("scheme", bias.SCHEMES)


def solved(spec: Spec) -> tuple[Circuit, State]:
    circuit = circuit_of(spec, bias.read_memory_bias(spec))
    return circuit, solve_circuit(circuit, read_cell(spec), 1e-2 * conductances(*cell_shape(spec)))


def branches(circuit: Circuit, state: State) -> tuple[Any, Any, Any]:
    """Both ends and the current of every wire and cell."""
    a = np.concatenate([circuit.wire_a, circuit.cell_a])
    b = np.concatenate([circuit.wire_b, circuit.cell_b])
    return a, b, np.concatenate([state.wire_current, state.cell_current])


@EVERY_ARRAY
@EVERY_CELL
@EVERY_SCHEME
def test_currents_balance_and_power_is_dissipated(array: str, cell: str, scheme: str) -> None:
    """Currents sum to zero at every node, lines carry their cells' currents, and the sources pay for all losses."""
    circuit, state = solved(memory(ARRAYS[array] | CELLS[cell], scheme))
    a, b, current = branches(circuit, state)
    largest = np.abs(current).max()
    assert largest > 1e-9

    leaving = np.zeros(circuit.nodes)
    np.add.at(leaving, a, current)
    np.add.at(leaving, b, -current)
    np.testing.assert_allclose(leaving[: circuit.free], 0, atol=1e-9 * largest)

    lines = line_currents(circuit, state)
    delivered = np.concatenate([lines.rows[circuit.bias.rows.driven], lines.cols[circuit.bias.cols.driven]])
    np.testing.assert_allclose(leaving[circuit.free :], delivered, atol=1e-9 * largest)

    supplied = circuit.bias.rows.volts @ lines.rows + circuit.bias.cols.volts @ lines.cols
    dissipated = float((state.volts[a] - state.volts[b]) @ current)
    assert supplied == near(dissipated, rel=1e-9)


@EVERY_ARRAY
@EVERY_CELL
def test_voltages_stay_within_the_sources(array: str, cell: str) -> None:
    """No node lies outside the range of the source voltages."""
    circuit, state = solved(memory(ARRAYS[array] | CELLS[cell], "third"))
    sources = state.volts[circuit.held]
    assert state.volts.min() >= sources.min() - 1e-12
    assert state.volts.max() <= sources.max() + 1e-12


@EVERY_ARRAY
@EVERY_CELL
def test_reversed_voltage_reverses_every_current(array: str, cell: str) -> None:
    """V and -V give opposite currents and the same power."""
    forward, backward = (solve(memory(ARRAYS[array] | CELLS[cell], "third", v))["sel_lrs"] for v in (1.1, -1.1))
    for key in ("i_drive", "i_sense"):
        assert backward[key] == near(-forward[key], rel=1e-9)
    for key in ("power", "i_total", "i_leak", "v_disturb_max"):
        assert backward[key] == near(forward[key], rel=1e-7)


@EVERY_ARRAY
def test_without_resistance_columns_sum_conductance_times_voltage(array: str) -> None:
    """With every resistance 0 the matrix holds the summed conductances of the on rows: i = G^T v."""
    off_rows_open = {"r_on": 0.0, "r_off": 1e30}
    spec = ARRAYS[array] | NO_WIRES | off_rows_open | {"on_rows": [0, 2, 3]}
    g = conductances(*cell_shape(spec))
    v_in = np.random.default_rng(2).uniform(-0.2, 0.2, row_shape(spec))
    expected = np.array(solve(spec | {"v_in": v_in.tolist()}, g=g)["i_col_ideal"])
    np.testing.assert_allclose(v_in.ravel() @ effective_matrix(spec, g), expected, rtol=1e-12)
    if array == "planar":
        np.testing.assert_allclose(expected, g.T @ v_in, rtol=1e-12)


@EVERY_ARRAY
def test_transfer_is_reciprocal(array: str) -> None:
    """Driving the rows one by one gives the same matrix as driving the columns one by one."""
    spec = ARRAYS[array]
    g = conductances(*cell_shape(spec))
    circuit = circuit_of(spec, bias.read_compute_bias(spec, np.zeros(row_shape(spec))))
    forward = transfer(circuit, g.ravel())
    layout, sources = circuit.layout, circuit.bias
    rows = len(sources.rows.volts)
    swapped = replace(
        circuit,
        cell_a=circuit.cell_b,
        cell_b=circuit.cell_a,
        held=np.roll(circuit.held, -rows),
        layout=replace(layout, cell_row=layout.cell_col, cell_col=layout.cell_row),
        bias=replace(sources, rows=sources.cols, cols=sources.rows),
    )
    np.testing.assert_allclose(transfer(swapped, g.ravel()).T, forward, rtol=1e-10)


def test_mirrored_planar_array_has_the_mirrored_matrix() -> None:
    """Rows and columns may change places: the array seen from its other side is the transposed one."""
    spec, g = planar(6, 3), conductances(6, 3)
    mirrored = planar(3, 6, r_row=7.0, r_col=3.0, r_driver=45.0, r_sense=110.0)
    other = effective_matrix(mirrored, g[::-1, ::-1].T)
    np.testing.assert_allclose(other, effective_matrix(spec, g)[::-1, ::-1].T, rtol=1e-11)


def test_selected_cells_keep_the_order_of_their_lists() -> None:
    """Cell quantities follow the lists that select them; sense lines come by ascending column."""
    ascending, given = (
        solve(memory(planar(4, 5), sel_rows=[1], sel_cols=cols))["sel_lrs"] for cols in ([0, 3], [3, 0])
    )
    assert given["i_sel"] == ascending["i_sel"][::-1]
    assert given["v_cell"] == ascending["v_cell"][::-1]
    assert given["i_sense_lines"] == ascending["i_sense_lines"]


def test_drop_is_undefined_without_ideal_current() -> None:
    """Inputs of 0 V give zero currents, whose relative drop is None rather than a number."""
    found = solve(planar(3, 2, v_in=[0.0, 0.0, 0.0]), g=conductances(3, 2))
    assert found["i_col"] == [0.0, 0.0]
    assert found["ir_drop_max"] is None
    assert found["ir_drop_mean"] is None


def test_ratio_to_no_current_is_undefined() -> None:
    """Where so much resistance stands in the way that no current is left in double precision, ratios are None."""
    found = solve(memory(planar(3, 4, r_col=1e30)))
    assert found["sel_hrs"]["i_sense"] == 0
    assert found["margin"]["ratio_sense"] is None


def test_numbers_may_come_from_numpy() -> None:
    """A spec made in Python may hold numpy numbers and arrays."""
    spec = memory(planar(4, 5))
    other = spec | {"rows": np.int64(4), "r_row": np.float32(3.0), "sel_cols": np.array([4]), "sel_rows": (3,)}
    assert solve(other) == solve(spec)


def test_steep_cells_far_beyond_their_knee_converge() -> None:
    """A start too far away for Newton's method alone is reached by raising the sources in stages."""
    cell = SINH | {"k": 20.0}
    spec = memory(vertical(4, 6, 6, "plane", cell=cell, r_wl=2.0, r_off=1e10), "ground", v=5.0)
    found = solve(spec)["sel_lrs"]
    # The cells are all but shorts here, so drivers, wires and switches set the current.
    assert 0 < found["v_cell"][0] < 1.0
    assert found["i_drive"] == near(5.0 / 110, rel=0.5)
