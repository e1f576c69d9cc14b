"""`comb2` in compute mode and `finger` in memory mode against stored results of ngspice on independent netlists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pillarsim.devices.circuits import solve
from pillarsim.devices.circuits.ngspice import NgspiceMissing, find_ngspice
from tests.differences import differences
from tests.spice import record

HERE = Path(__file__).resolve().parent
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((HERE / "cases").glob("*.json"))}
# The references are good to about 1e-8: that is how far ngspice's own digits reach in the leakage of small cells.
TOLERANCE = 1e-7


def results(case: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The solver's results of a stored case, with changes of its spec."""
    return solve(case["spec"] | changes, states=case.get("states"), g=case.get("g"))


@pytest.mark.parametrize("name", CASES)
def test_solver_equals_ngspice(name: str) -> None:
    """Every quantity agrees with what ngspice made of the netlist written from the words of the convention."""
    worst, path = max(differences(CASES[name]["results"], results(CASES[name])))
    assert worst < TOLERANCE, f"{path} differs by {worst:.2e}"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("resistance", ["r_wl", "r_pillar", "r_bl", "r_driver", "r_sense", "r_on", "r_off"])
def test_every_resistance_counts(name: str, resistance: str) -> None:
    """A tenth more of any resistance moves a case by several times the tolerance: a wire in the wrong place shows."""
    case = CASES[name]
    ohm = case["spec"][resistance]
    if ohm == 0:
        return  # one case has ideal word lines
    worst, _ = max(differences(case["results"], results(case, **{resistance: 1.1 * ohm})))
    assert worst > 5 * TOLERANCE


def test_cases_cover_the_additions() -> None:
    """Both additions are there with linear and sinh cells, all schemes, reads and writes, several selected cells."""
    specs = [case["spec"] for case in CASES.values()]
    assert len([spec for spec in specs if spec["wl"]["type"] == "comb2" and spec["mode"] == "compute"]) >= 4
    fingers = [spec for spec in specs if spec["wl"]["type"] == "finger" and spec["mode"] == "memory"]
    assert len(fingers) >= 5
    assert {spec["scheme"] for spec in fingers} == {"half", "third", "ground", "float"}
    assert {spec["op"] for spec in fingers} == {"read", "write"}
    assert {spec["cell"]["model"] for spec in specs} == {"linear", "sinh"}
    assert any(len(spec["sel_cols"]) > 1 and len(spec["sel_layers"]) > 1 for spec in fingers)


def test_stored_results_can_be_made_again() -> None:
    """The script gives the stored inputs exactly, and the stored results to ngspice's own digits."""
    try:
        find_ngspice()
    except NgspiceMissing as error:
        pytest.skip(str(error))
    assert set(record.SPECS) == set(CASES)
    for seed, (name, spec) in enumerate(record.SPECS.items(), start=301):
        found = record.solved({"id": name} | spec, seed)
        for key in ("spec", "g", "states"):
            assert found.get(key) == CASES[name].get(key)
        worst, path = max(differences(CASES[name]["results"], found["results"]))
        assert worst < TOLERANCE, f"{name}: {path} differs by {worst:.2e}"
