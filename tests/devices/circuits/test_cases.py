"""Every reference case solved by a circuit simulator comes out the same, from its file alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pillarsim.devices.circuits import bias, solve
from pillarsim.devices.circuits.case import circuit_of, solve_circuit
from pillarsim.devices.circuits.cells import read_cell
from pillarsim.devices.circuits.conductances import pattern_states, read_conductances, read_states, with_selected
from pillarsim.devices.circuits.layout import cell_shape
from tests.differences import differences

# The references agree with two more solvers to 1.4e-8; one wire segment too many moves a result by 4e-6 or more.
TOLERANCE = 1e-7
FOLDER = Path(__file__).resolve().parents[4] / "shared" / "spice" / "cases"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json")) or ["o2c01"]


@pytest.fixture
def case(shared: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    """One case file."""
    found: dict[str, Any] = json.loads((shared / "spice" / "cases" / f"{request.param}.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("case", NAMES, indirect=True)
def test_results_equal_the_reference(case: dict[str, Any]) -> None:
    """Every quantity of a case agrees within 1e-7, and no key is missing or new."""
    found = solve(case["spec"], states=case.get("states"), g=case.get("g"))
    worst, path = max(differences(case["results"], found))
    assert worst < TOLERANCE, f"{path} differs by {worst:.2e}"


@pytest.mark.parametrize("case", NAMES, indirect=True)
def test_cell_voltages_equal_the_reference(case: dict[str, Any]) -> None:
    """The voltage of every single cell, element plus selector, agrees within 1e-7 of the largest."""
    if "cell_voltage_last_run" not in case:
        return  # the reference leaves them out of arrays of more than 320 cells
    spec = case["spec"]
    cell = read_cell(spec)
    g = read_conductances(spec, cell, case.get("states"), case.get("g"))
    if spec["mode"] == "compute":
        sources = bias.read_compute_bias(spec, spec["v_in"])
    else:
        sources = bias.read_memory_bias(spec)
        assert [list(place) for place in sources.cells] == case["selected_cells"]
        assert cell.g_hrs is not None
        g = with_selected(g, sources.cells, cell.g_hrs)
    found = solve_circuit(circuit_of(spec, sources), cell, g).cell_volts.reshape(g.shape)
    reference = np.array(case["cell_voltage_last_run"])
    np.testing.assert_allclose(found, reference, rtol=0, atol=TOLERANCE * np.abs(reference).max())


@pytest.mark.parametrize("case", NAMES, indirect=True)
def test_patterns_make_the_stored_states(case: dict[str, Any]) -> None:
    """A pattern gives the states that the file stores."""
    if "states" not in case:
        return  # the analog pattern of compute cases is not described, so they always store `g`
    shape = cell_shape(case["spec"])
    np.testing.assert_array_equal(pattern_states(case["spec"], shape), read_states(case["states"], shape))


def test_all_cases_are_there(shared: Path) -> None:
    """The parametrised tests above see all 62 cases."""
    assert len(list((shared / "spice" / "cases").glob("*.json"))) == len(NAMES) == 62
