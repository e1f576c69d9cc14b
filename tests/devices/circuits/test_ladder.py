"""Elimination row after row and pillar row after pillar row, alone, in stacks and for groups of rows."""

from __future__ import annotations

import numpy as np
import pytest

from pillarsim.devices.circuits import CircuitError, ladder, row_ladder
from pillarsim.devices.circuits.bias import read_compute_bias
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.circuit import Circuit
from pillarsim.devices.circuits.effective import effective_matrices, effective_matrix, transfer
from pillarsim.devices.circuits.layout import cell_shape, row_shape
from tests.devices.circuits.builders import NO_WIRES, WORD_LINES, Spec, conductances, planar, vertical
from tests.devices.circuits.exact import exact_transfer

# r_row, r_col, r_driver, r_sense in ohm: usual, far apart, and ideal shorts of every kind
PLANAR_OHM = [
    (3.0, 7.0, 110.0, 45.0),
    (1e-3, 1e-3, 1e9, 50.0),
    (1.0, 1e-3, 0.0, 1e6),
    (1e9, 1.0, 1.0, 1.0),
    (0.0, 2.0, 30.0, 4.0),
    (2.0, 0.0, 0.0, 4.0),
    (2.0, 3.0, 0.0, 0.0),
    (0.0, 2.0, 0.0, 4.0),
    (0.0, 0.0, 30.0, 4.0),
    (0.0, 0.0, 0.0, 0.0),
]
FINGER_CHANGES: list[Spec] = [
    {},
    {"r_off": 1e30},
    {"r_off": 1e30, "r_wl": 0.0, "r_driver": 0.0},
    {"r_pillar": 0.0},
    {"r_pillar": 0.0, "r_on": 0.0},
    {"r_wl": 0.0},
    {"r_bl": 0.0, "r_sense": 0.0},
    {"r_bl": 1e-3, "r_sense": 1e6, "r_driver": 1e6},
    NO_WIRES,
]
KINDS: dict[str, Spec] = {"tall": planar(7, 5), "wide": planar(5, 7), "halved": planar(40, 37)} | {
    name: vertical(2, 4, 3, name, on_rows=[0, 3]) for name in WORD_LINES
}


def wires(*ohm: float) -> Spec:
    return dict(zip(("r_row", "r_col", "r_driver", "r_sense"), ohm, strict=True))


def circuit(spec: Spec) -> Circuit:
    return circuit_of(spec, read_compute_bias(spec, np.zeros(row_shape(spec))))


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2, 3)])
@pytest.mark.parametrize("ohm", PLANAR_OHM)
def test_planar_elimination_is_exact(shape: tuple[int, int], ohm: tuple[float, ...]) -> None:
    """Every entry equals that of rational arithmetic within 1e-12, for resistances of any size and for shorts."""
    spec, g = planar(*shape) | wires(*ohm), conductances(*shape)
    np.testing.assert_allclose(effective_matrix(spec, g), exact_transfer(circuit(spec), g.ravel()), rtol=1e-12)


@pytest.mark.parametrize("changes", FINGER_CHANGES)
def test_finger_elimination_is_exact(changes: Spec) -> None:
    """Every entry equals that of rational arithmetic within 1e-12, off rows of up to 1e30 ohm included."""
    spec, g = vertical(2, 3, 2, "finger", on_rows=[1]) | changes, conductances(2, 3, 2)
    np.testing.assert_allclose(effective_matrix(spec, g), exact_transfer(circuit(spec), g.ravel()), rtol=1e-12)


@pytest.mark.parametrize("shape", [(33, 65), (70, 41)])
@pytest.mark.parametrize("ohm", [(3.0, 7.0, 110.0, 45.0), (0.0, 2.0, 30.0, 4.0), (2.0, 0.0, 0.0, 4.0)])
def test_halved_matrices_equal_the_factorised_circuit(shape: tuple[int, int], ohm: tuple[float, ...]) -> None:
    """Arrays whose admittance is inverted by halves, of odd sizes, have the matrix of the whole circuit."""
    spec, g = planar(*shape) | wires(*ohm), conductances(*shape)
    np.testing.assert_allclose(effective_matrix(spec, g), transfer(circuit(spec), g.ravel()), rtol=1e-10)


@pytest.mark.parametrize("layers", [1, 6])
def test_finger_array_equals_the_factorised_circuit(layers: int) -> None:
    """An array of 36 bit lines and several rows on has the matrix of the whole circuit."""
    spec, g = vertical(layers, 7, 36, "finger", on_rows=[0, 2, 5]), conductances(layers, 7, 36)
    expected = transfer(circuit(spec), g.ravel())
    found = effective_matrix(spec, g)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * expected.max())
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_is_its_arrays_bit_for_bit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each array of a stack has the matrix that it has alone, however the stack is cut."""
    spec = KINDS[kind]
    g = conductances(5, *cell_shape(spec))
    alone = np.array([effective_matrix(spec, one) for one in g])
    for size in (1, 2**13, 2**21):
        monkeypatch.setattr(ladder, "_STACK_BYTES", size)
        np.testing.assert_array_equal(effective_matrix(spec, g), alone)
    assert effective_matrix(spec, g[:0]).shape == (0, *alone.shape[1:])


@pytest.mark.parametrize("kind", WORD_LINES)
def test_groups_are_the_cases_with_their_rows_on(kind: str) -> None:
    """Each group's matrix is, bit for bit, that of the case with the group's rows on, in any order of the groups."""
    spec, g = vertical(2, 4, 3, kind), conductances(2, 2, 4, 3, *((2,) if kind == "comb2" else ()))
    groups = [[2], [0, 3], [0, 1, 2, 3], [2]]
    expected = np.array([effective_matrix(spec | {"on_rows": group}, g[0]) for group in groups])
    np.testing.assert_array_equal(effective_matrices(spec, g[0], groups), expected)
    np.testing.assert_array_equal(effective_matrices(spec, g, groups)[0], expected)
    np.testing.assert_array_equal(effective_matrices(spec, g[0], list(np.array([[2], [1]])))[0], expected[0])


def test_steep_rows_take_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Admittances built step by step, as where a voltage falls by 150 decades along a row, are those of products."""
    g = conductances(3, 9, 8)
    expected = effective_matrix(planar(9, 8), g)
    monkeypatch.setattr(row_ladder, "_STEEP", 2.0)
    np.testing.assert_allclose(effective_matrix(planar(9, 8), g), expected, rtol=1e-13)


def test_a_steep_array_equals_the_factorised_circuit() -> None:
    """Rows of 1 Gohm a segment, along which 200 decades of voltage are lost, have the matrix of the whole circuit."""
    spec, g = planar(40, 40, r_row=1e9, r_col=3e3), conductances(40, 40)
    assert row_ladder.eliminate_rows(g[None], 1e9, 110.0).steep.any()
    expected = transfer(circuit(spec), g.ravel())
    np.testing.assert_allclose(effective_matrix(spec, g), expected, rtol=0, atol=1e-10 * expected.max())


@pytest.mark.parametrize("worst", [-5.0, float("nan"), -1e300])
@pytest.mark.parametrize("size", [2, 40])
def test_lost_digits_are_refused(size: int, worst: float) -> None:
    """An admittance that rounding left indefinite, or beyond the largest number, is refused and not inverted."""
    admittance = np.eye(size)[None].repeat(2, axis=0)
    admittance[1, -1, -1] = worst
    with pytest.raises(CircuitError, match="span more than double precision"):
        ladder.behind(admittance, 1e30)


def test_stacks_of_another_shape_are_refused() -> None:
    """Neither a stack of other arrays nor a ragged list is taken for a stack."""
    for g in (conductances(2, 3, 4), conductances(2, 2, 3, 3), [[[1e-6] * 3] * 3, [[1e-6] * 3] * 2], [], 1e-6):
        with pytest.raises(CircuitError, match=r"^g: expected"):
            effective_matrix(planar(3, 3), g)
    with pytest.raises(CircuitError, match=r"^g: conductances must be above 0"):
        effective_matrix(planar(3, 3), conductances(2, 3, 3) * [[[1.0]], [[-1.0]]])


@pytest.mark.parametrize("groups", [[[0], [4]], [[]], [[1, 1]], [0]])
def test_groups_outside_the_array_are_refused(groups: list[object]) -> None:
    """A group names at least one row, each once and within the array."""
    with pytest.raises(CircuitError, match="on_rows"):
        effective_matrices(vertical(2, 4, 3, "finger"), conductances(2, 4, 3), groups)


def test_planar_arrays_have_no_groups() -> None:
    """Groups of rows that are on together belong to vertical arrays."""
    with pytest.raises(CircuitError, match="geometry: only a vertical array"):
        effective_matrices(planar(3, 3), conductances(3, 3), [[0]])
