"""What cannot be solved is refused with a message that names the key or the node."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pillarsim.devices.circuits import (
    CircuitError,
    ConvergenceError,
    effective_matrices,
    effective_matrix,
    solve,
    solve_reads,
    solve_write,
)
from pillarsim.devices.circuits.bias import Bias, Lines
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.circuit import build_circuit
from pillarsim.devices.circuits.keys import check_keys
from pillarsim.devices.circuits.layout import read_layout
from pillarsim.devices.circuits.netlist import netlist
from tests.devices.circuits.builders import EXP, LINEAR, SINH, Spec, conductances, memory, planar, vertical

G = conductances(3, 3)
READ = memory(planar(3, 3))
STACK = memory(vertical(2, 3, 3, "plane"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (READ | {"sel_rows": [3]}, "sel_rows: 3 lies outside the array"),
        (READ | {"sel_cols": [-1]}, "sel_cols: -1 lies outside the array"),
        (READ | {"sel_cols": []}, "sel_cols: expected a list of at least one index"),
        (READ | {"sel_cols": [1, 1]}, "sel_cols: an index stands twice"),
        (READ | {"scheme": "quarter"}, "scheme: expected one of half, third, ground, float, found 'quarter'"),
        (READ | {"v": 0.0}, "v: a read or a write needs a voltage"),
        (READ | {"v": float("nan")}, "v: expected a finite number"),
        (READ | {"v": 1e300}, "v: expected a finite number"),
        (READ | {"v": 10**400}, "v: expected a finite number"),
        (READ | {"rows": 0}, "rows: expected a whole number"),
        (READ | {"r_row": -1.0}, "r_row: expected a resistance"),
        (READ | {"geometry": "4d"}, "geometry: expected one of 2d, 3d"),
        (READ | {"mode": "think"}, "mode: expected one of"),
        (READ | {"cell": {"model": "cubic"}}, "model: expected one of linear, sinh"),
        (READ | {"cell": {"model": "linear", "g_lrs": 0.0, "g_hrs": 1e-6}}, "g_lrs: expected a number above 0"),
        (READ | {"cell": {"model": "linear"}}, "cell: states need g_lrs and g_hrs"),
        (READ | {"cell": 3}, "cell: expected a mapping"),
        (READ | {"selector": {"model": "exp", "g0": 1e-7}}, r"selector\.ks: missing"),
        (READ | {"selector": {}}, r"selector\.model: missing from the case"),
        (READ | {"cell": {"model": "sinh", "g_lrs": 1e-5, "g_hrs": 1e-6}}, r"cell\.k: missing"),
        (READ | {"cell": {"model": "poole_frenkel", "g_lrs": 1e-5, "g_hrs": 1e-6}}, r"cell\.v_pf: missing"),
        (READ | {"pattern": {"kind": "random", "seed": -1, "p_lrs": 0.5}}, r"pattern\.seed: expected"),
        (
            READ | {"pattern": {"kind": "random", "seed": 1, "p_lrs": 1.5}},
            r"p_lrs: expected a share from 0 to 1",
        ),
        (READ | {"pattern": {"kind": "random", "seed": 1, "p_lrs": -0.1}}, r"pattern\.p_lrs: expected a share"),
        (READ | {"scheme": "Half"}, r"scheme: expected one of .*, found 'Half' \(did you mean 'half'\?\)"),
        (READ | {"scheme": ["half"]}, r"scheme: expected one of .*, found \['half'\]"),
        (READ | {"selektor": None}, r"selektor: unknown key \(did you mean 'selector'\?\)"),
        (READ | {"xyzzy": 1}, "xyzzy: unknown key$"),
        (READ | {7: 1}, "7: unknown key"),
        (READ | {"states": ["111"]}, "states: expected as an argument beside the spec"),
        (READ | {"cell": LINEAR | {"glrs": 1.0}}, r"cell\.glrs: unknown key \(did you mean 'g_lrs'\?\)"),
        (READ | {"selector": EXP | {"Ks": 1.0}}, r"selector\.Ks: unknown key \(did you mean 'ks'\?\)"),
        (READ | {"pattern": {"kind": "checker", "sed": 1}}, r"pattern\.sed: unknown key \(did you mean 'seed'\?\)"),
        (
            READ | {"rows": 4001, "cols": 4000},
            "rows, cols: expected at most 16000000 cells, found 4001 x 4000 =",
        ),
        (STACK | {"layers": 10**9}, "layers, rows, cols: expected at most 16000000 cells"),
        (STACK | {"rows": 10**12}, "layers, rows, cols: expected at most 16000000 cells"),
        (STACK | {"wl": {}}, r"wl\.type: missing"),
        (STACK | {"wl": {"type": "plane", "fingers": 2}}, r"wl\.fingers: unknown key"),
        ({key: value for key, value in READ.items() if key != "pattern"}, "states, g, pattern"),
        ({key: value for key, value in READ.items() if key != "r_sense"}, "r_sense: missing"),
        (STACK | {"sel_row": 3}, "sel_row: 3 lies outside"),
        (STACK | {"sel_layers": [2]}, "sel_layers: 2 lies outside"),
        (STACK | {"wl": {"type": "ring"}}, "type: expected one of plane"),
        (STACK | {"wl": {"type": "comb", "rows_per_finger": 0, "n_combs": 2}}, "rows_per_finger: expected"),
        (STACK | {"wl": {"type": "comb2", "n_combs": 3}}, "n_combs: a comb2 layer has 2 combs"),
        (planar(3, 3, v_in=[0.1, 0.2], pattern={"kind": "all_lrs"}), "v_in: expected shape"),
        (vertical(2, 3, 3, "finger", v_in=[[0.1]], pattern={"kind": "all_lrs"}), "v_in: expected shape"),
    ],
)
def test_bad_spec(spec: Spec, message: str) -> None:
    """A wrong key is named, with what was expected."""
    with pytest.raises(CircuitError, match=message):
        solve(spec)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"g": G[:2]}, r"g: expected shape \(3, 3\), found \(2, 3\)"),
        ({"g": [[1e-6, 1e-6, 1e-6], [1e-6]]}, "g: expected numbers of shape"),
        ({"g": -G}, "g: conductances must be above 0"),
        ({"g": G * [1, 0, 1]}, "g: conductances must be above 0, found 0.0"),
        ({"g": G * np.nan}, "g: expected finite numbers"),
        ({"g": G + 0j}, "g: expected real numbers, found complex128"),
        ({"g": [["1e-6"] * 3] * 3}, "g: expected real numbers"),
        ({"states": ["101", "010"]}, r"states: expected shape \(3, 3\)"),
        ({"states": ["101", "010", "012"]}, "states: expected 0"),
        ({"states": ["101", "010", "111"], "g": G}, "give one of the two"),
    ],
)
def test_bad_states(given: dict[str, Any], message: str) -> None:
    """States and conductances must fit the array and be positive."""
    with pytest.raises(CircuitError, match=message):
        solve(READ, **given)


def test_circuit_error_is_a_value_error() -> None:
    """Callers that know nothing of circuits may catch ValueError."""
    with pytest.raises(ValueError, match="rows"):
        solve(READ | {"rows": 1.5})


def test_floating_circuit_is_singular() -> None:
    """Without any source the circuit has no single solution."""
    idle = Lines(np.zeros(3), np.zeros(3, dtype=bool), np.zeros(3, dtype=bool))
    with pytest.raises(CircuitError, match=r"singular: node .* floats"):
        circuit_of(READ, Bias(idle, idle, (), ()))


def test_shorted_sources_are_refused() -> None:
    """Two sources tied together by resistances of 0 ohm have no single current."""
    spec = planar(2, 1, r_row=0.0)
    layout = read_layout(spec)
    lines = Lines(np.array([0.1, 0.2]), np.ones(2, dtype=bool), np.ones(2, dtype=bool))
    column = Lines(np.zeros(1), np.ones(1, dtype=bool), np.ones(1, dtype=bool))
    object.__setattr__(layout, "row_ends", layout.row_ends[[0, 0]])
    with pytest.raises(CircuitError, match="tie two sources together"):
        build_circuit(layout, Bias(lines, column, (), ()), 0.0, 10.0)


CALLS: dict[str, Callable[[Any], object]] = {
    "solve": solve,
    "effective_matrix": lambda spec: effective_matrix(spec, G),
    "effective_matrices": lambda spec: effective_matrices(spec, G, [[0]]),
    "solve_reads": lambda spec: solve_reads(spec, G, np.ones((1, 3))),
    "solve_write": lambda spec: solve_write(spec, G),
    "netlist": netlist,
}


@pytest.mark.parametrize("call", CALLS)
def test_every_entry_checks_the_keys(call: str) -> None:
    """What takes a spec refuses one that is no mapping, and one with an unknown key."""
    with pytest.raises(CircuitError, match="spec: expected a mapping of keys, found None"):
        CALLS[call](None)
    with pytest.raises(CircuitError, match=r"r_rov: unknown key \(did you mean 'r_row'\?\)"):
        CALLS[call](planar(3, 3, r_rov=1.0))


def test_groups_of_rows_are_lists() -> None:
    """The groups of rows that are on together are a list of lists."""
    spec = vertical(2, 3, 3, "finger")
    for groups in (None, 3, "01"):
        with pytest.raises(CircuitError, match="on_rows_groups: expected a list of lists"):
            effective_matrices(spec, conductances(2, 3, 3), groups)  # type: ignore[arg-type]
    with pytest.raises(CircuitError, match="on_rows: expected a list of at least one index, found 0"):
        effective_matrices(spec, conductances(2, 3, 3), [0])


def test_inputs_of_reads_are_real_numbers() -> None:
    """Complex inputs and ragged lists are refused, not cut down."""
    with pytest.raises(CircuitError, match="v_in: expected real numbers"):
        solve(planar(3, 3, v_in=[0.1, 0.1 + 1j, 0.1]), g=G)
    with pytest.raises(CircuitError, match="v_in: expected real numbers"):
        solve_reads(planar(3, 3), G, np.ones((1, 3)) * 1j)
    with pytest.raises(CircuitError, match="v_in: expected numbers, found lists of different lengths"):
        solve_reads(planar(3, 3), G, [[0.1, 0.1, 0.1], [0.1]])


def test_shared_cases_hold_known_keys_only(shared: Path) -> None:
    """Every key of the reference cases is known."""
    paths = sorted((shared / "spice" / "cases").glob("*.json"))
    assert len(paths) == 62
    for path in paths:
        check_keys(json.loads(path.read_text("utf-8"))["spec"])


def test_failed_ramp_keeps_the_first_failure() -> None:
    """Where raising the sources in stages fails too, the message starts with what failed at full voltage."""
    spec = memory(planar(2, 2, cell=SINH | {"k": 1e4}), "float", v=5.0)
    with pytest.raises(ConvergenceError, match=r"^no operating point: .* A; raising the sources in stages fails"):
        solve(spec)


def test_no_convergence_names_the_residual() -> None:
    """What cannot be solved in double precision says at which node and by how much the currents miss balance."""
    spec = memory(planar(2, 2, cell=SINH | {"k": 1e4}), "float", v=5.0)
    with pytest.raises(ConvergenceError, match=r"node .* miss balance by .* A, where rounding leaves .* A"):
        solve(spec)
