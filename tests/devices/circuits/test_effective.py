"""The effective matrix of a linear array is the array."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pillarsim.devices import effective_matrix, solve
from pillarsim.devices.circuits import CircuitError
from pillarsim.devices.circuits.bias import read_compute_bias
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.effective import transfer
from pillarsim.devices.circuits.layout import cell_shape, row_shape
from tests.devices.circuits.builders import EXP, SINH, WORD_LINES, Spec, conductances, memory, planar, vertical

ARRAYS: dict[str, Spec] = {
    "tall": planar(9, 4),
    "wide": planar(4, 9),
    "no row wire": planar(5, 5, r_row=0.0, r_driver=0.0),
    "no sense": planar(5, 5, r_sense=0.0),
} | {name: vertical(3, 5, 4, name, on_rows=[1, 4]) for name in WORD_LINES}


@pytest.mark.parametrize("array", ARRAYS)
def test_matrix_equals_the_solved_circuit(array: str) -> None:
    """v_in times the matrix is the solved column current, for inputs of both signs."""
    spec = ARRAYS[array]
    g = conductances(*cell_shape(spec))
    matrix = effective_matrix(spec, g)
    shape = row_shape(spec)
    assert matrix.shape == (np.prod(shape), spec["cols"])
    for seed in range(3):
        v_in = np.random.default_rng(seed).uniform(-0.3, 0.3, shape)
        found = np.array(solve(spec | {"v_in": v_in.tolist()}, g=g.tolist())["i_col"])
        np.testing.assert_allclose(v_in.ravel() @ matrix, found, rtol=0, atol=1e-10 * np.abs(found).max())


@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (1, 7), (2, 3), (12, 9), (9, 12)])
@pytest.mark.parametrize(
    "ohm", [(1.0, 1.0, 0.0, 0.0), (2.0, 3.0, 100.0, 50.0), (1e-3, 1e-2, 5.0, 0.0), (1e5, 3e4, 0.0, 1e3)]
)
def test_elimination_equals_the_factorised_circuit(shape: tuple[int, int], ohm: tuple[float, ...]) -> None:
    """A planar array eliminated row after row has the matrix of its whole circuit, whatever the segments weigh."""
    spec = planar(*shape) | dict(zip(("r_row", "r_col", "r_driver", "r_sense"), ohm, strict=True))
    g = conductances(*shape)
    circuit = circuit_of(spec, read_compute_bias(spec, np.zeros(row_shape(spec))))
    np.testing.assert_allclose(effective_matrix(spec, g), transfer(circuit, g.ravel()), rtol=1e-10)


@pytest.mark.parametrize("side", [32, 64, 128])
def test_wire_drop_references(shared: Path, side: int) -> None:
    """64 vectors through arrays of three sizes equal a sparse factorisation of the whole circuit within 1e-10."""
    with np.load(shared / "spice" / "irdrop" / f"irdrop_ref_{side}.npz") as reference:
        g, v_in, expected, ohm = (reference[key] for key in ("G", "V", "I_splu", "R"))
    wires = {"r_row": float(ohm), "r_col": float(ohm), "r_driver": 0.0, "r_sense": 0.0}
    matrix = effective_matrix(planar(side, side, **wires), g)
    np.testing.assert_allclose(matrix.T @ v_in, expected, rtol=1e-10)


def test_reference_cases(shared: Path) -> None:
    """Every linear compute case of the circuit references follows from its matrix."""
    checked = 0
    for path in sorted((shared / "spice" / "cases").glob("*c*.json")):
        case = json.loads(path.read_text("utf-8"))
        spec = case["spec"]
        if spec["cell"]["model"] != "linear" or spec["selector"] is not None:
            continue
        expected = np.array(case["results"]["i_col"])
        found = np.ravel(spec["v_in"]) @ effective_matrix(spec, case["g"])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
        checked += 1
    assert checked == 12


def test_keys_that_are_not_used_may_be_absent() -> None:
    """Inputs, states and cell levels are no part of the matrix."""
    spec, g = planar(3, 3), conductances(3, 3)
    bare = {key: value for key, value in spec.items() if key not in ("mode", "v_in", "selector")}
    np.testing.assert_array_equal(effective_matrix(bare | {"cell": {"model": "linear"}}, g), effective_matrix(spec, g))


def test_an_ohmic_selector_is_in_series_with_its_cell() -> None:
    """The matrix of cells behind 20 uS is that of cells of G g / (G + g), and gives the solved currents."""
    spec, g = planar(4, 3, selector={"model": "ohmic", "g": 2e-5}), conductances(4, 3)
    found = effective_matrix(spec, g)
    np.testing.assert_allclose(found, effective_matrix(planar(4, 3), g * 2e-5 / (g + 2e-5)), rtol=1e-12)
    np.testing.assert_allclose(np.array(spec["v_in"]) @ found, solve(spec, g=g)["i_col"], rtol=1e-9)


def test_what_has_no_matrix_is_refused() -> None:
    """Memory cases, nonlinear cells and selectors have no fixed matrix."""
    g = conductances(3, 3)
    for spec in (memory(planar(3, 3)), planar(3, 3, cell=SINH), planar(3, 3, selector=EXP)):
        with pytest.raises(CircuitError, match="effective matrix"):
            effective_matrix(spec, g)
