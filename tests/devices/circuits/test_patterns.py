"""Conductances made from a pattern."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pillarsim.devices.circuits import CircuitError, solve
from pillarsim.devices.circuits.cells import read_cell
from pillarsim.devices.circuits.conductances import read_conductances
from tests.devices.circuits.builders import planar


def test_analog_patterns_make_the_stored_conductances(shared: Path) -> None:
    """Every compute case of the circuit references needs its pattern only: the conductances are those stored."""
    checked = 0
    for path in sorted((shared / "spice" / "cases").glob("*.json")):
        case = json.loads(path.read_text("utf-8"))
        if case["spec"]["pattern"]["kind"] != "analog":
            continue
        found = read_conductances(case["spec"], read_cell(case["spec"]), None, None)
        np.testing.assert_array_equal(found, case["g"], err_msg=path.name)
        checked += 1
    assert checked == 17


def test_analog_conductances_lie_between_the_two_states() -> None:
    """The pattern draws evenly between HRS and LRS, other conductances for another seed, and solves like given ones."""
    spec = planar(20, 20, pattern={"kind": "analog", "seed": 3})
    cell = read_cell(spec)
    g = read_conductances(spec, cell, None, None)
    assert g.min() >= 1e-6
    assert g.max() <= 1e-4
    assert abs(g.mean() - 50.5e-6) < 5 * 99e-6 / np.sqrt(12 * g.size)
    assert (g != read_conductances(spec | {"pattern": {"kind": "analog", "seed": 4}}, cell, None, None)).any()
    assert solve(spec)["i_col"] == solve(spec, g=g.tolist())["i_col"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ({"kind": "analog"}, "seed: missing"),
        ({"kind": "analog", "seed": -1}, "seed: expected a whole number"),
        ({"kind": "analogue"}, "kind: expected one of .*analog"),
    ],
)
def test_bad_patterns_are_refused(pattern: dict[str, object], message: str) -> None:
    """An analog pattern needs its seed, and an unknown kind lists those there are."""
    with pytest.raises(CircuitError, match=message):
        solve(planar(2, 2, pattern=pattern))


def test_seed_may_be_a_number_of_numpy() -> None:
    """A whole number is one, whichever type holds it."""
    found = solve(planar(3, 3, pattern={"kind": "random", "seed": np.int64(5), "p_lrs": np.float64(0.5)}))
    assert found == solve(planar(3, 3, pattern={"kind": "random", "seed": 5, "p_lrs": 0.5}))
