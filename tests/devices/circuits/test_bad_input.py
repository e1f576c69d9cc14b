"""What cannot be solved is refused with a message that names the key or the node."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pillarsim.devices.circuits import CircuitError, ConvergenceError, solve
from pillarsim.devices.circuits.bias import Bias, Lines
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.circuit import build_circuit
from pillarsim.devices.circuits.layout import read_layout
from tests.devices.circuits.builders import SINH, Spec, conductances, memory, planar, vertical

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
        (READ | {"selector": {"model": "exp", "g0": 1e-7}}, "ks: missing"),
        (READ | {"pattern": {"kind": "random", "seed": -1, "p_lrs": 0.5}}, "seed: expected"),
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


def test_no_convergence_names_the_residual() -> None:
    """What cannot be solved in double precision says at which node and by how much the currents miss balance."""
    spec = memory(planar(2, 2, cell=SINH | {"k": 1e4}), "float", v=5.0)
    with pytest.raises(ConvergenceError, match=r"node .* miss balance by .* A, where rounding leaves .* A"):
        solve(spec)
