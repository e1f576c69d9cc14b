"""The conductances that a read sees: ideal without wires, and those of the whole array solved read by read."""

from __future__ import annotations

import numpy as np
import pytest

from pillarsim.arch.circuit.effective import array_matrix, array_tasks, solve_layers
from pillarsim.arch.compute.physical import array_part, physical
from pillarsim.devices.circuits import solve
from tests.arch.circuit.builders import (
    COLUMNS,
    KINDS,
    LAWS,
    PILLARS,
    VOLTS,
    WIRES,
    Group,
    array,
    block,
    cells,
    hand_read,
    hand_spec,
    made,
)
from tests.near import near

# Inputs of a block and the groups that are read together; the first block fills its array, the others do not.
READS: dict[str, list[tuple[int, list[Group]]]] = {
    "passive": [(4, [(0, 2), (2, 4)]), (3, [(0, 3)])],
    "transistor": [(4, [(0, 2), (2, 4)]), (3, [(0, 1), (1, 3)])],
    "layer_parallel": [(12, [(0, 6), (6, 12)]), (8, [(0, 6), (6, 8)]), (2, [(0, 2)])],
    "layer_serial": [(12, [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 12)]), (7, [(0, 2), (2, 4), (4, 6), (6, 7)])],
    "select_line": [(12, [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 12)]), (7, [(0, 2), (2, 4), (4, 6), (6, 7)])],
    "plane": [(12, [(0, 3), (3, 6), (6, 9), (9, 12)]), (5, [(0, 3), (3, 5)])],
    "comb": [(12, [(0, 3), (3, 6), (6, 9), (9, 12)]), (5, [(0, 3), (3, 5)])],
    "wide comb": [(12, [(0, 3), (3, 6), (6, 9), (9, 12)]), (8, [(0, 3), (3, 6), (6, 8)])],
    "comb2": [(24, [(0, 6), (6, 12), (12, 18), (18, 24)]), (9, [(0, 6), (6, 9)])],
}
BLOCKS = [(kind, inputs, groups) for kind, blocks in READS.items() for inputs, groups in blocks]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("kind", KINDS)
def test_without_resistance_converters_see_the_cells(kind: str, law: str) -> None:
    """Zero ohms everywhere and open off switches: the effective conductance of each cell is its own."""
    for inputs, groups in READS[kind]:
        seen = cells(inputs)
        found = array_matrix(block(array(kind, law, wires=False), inputs), seen, groups)
        np.testing.assert_allclose(found, seen, rtol=1e-11)


# Inputs that switch transistors have no fixed matrix.
@pytest.mark.parametrize(("kind", "inputs", "groups"), [one for one in BLOCKS if one[0] != "select_line"])
def test_every_read_of_a_linear_array_is_its_solution(kind: str, inputs: int, groups: list[Group]) -> None:
    """Random voltages on the inputs of each group give the column currents of the whole array solved for them."""
    seen, random = cells(inputs), np.random.default_rng(1)
    matrix = array_matrix(block(array(kind), inputs), seen, groups)
    for start, stop in groups:
        volts = random.uniform(0, VOLTS, stop - start)
        expected = hand_read(kind, "linear", seen, (start, stop), volts)["i_col"]
        np.testing.assert_allclose(volts @ matrix[start:stop], expected, rtol=1e-7)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("kind", "inputs", "groups"), BLOCKS)
def test_all_inputs_on_is_exact_for_every_cell(kind: str, inputs: int, groups: list[Group], law: str) -> None:
    """With every input of a read on, the column currents are those of the solved circuit, also of sinh cells."""
    seen = cells(inputs)
    matrix = array_matrix(block(array(kind, law), inputs), seen, groups)
    for start, stop in groups:
        volts = np.full(stop - start, VOLTS)
        expected = hand_read(kind, law, seen, (start, stop), volts)["i_col"]
        np.testing.assert_allclose(volts @ matrix[start:stop], expected, rtol=1e-7)


def test_the_wires_of_these_arrays_matter() -> None:
    """Each kind loses over a twentieth of its current, so that the agreements above say something."""
    for kind, blocks in READS.items():
        inputs, groups = blocks[0]
        seen = cells(inputs)
        assert array_matrix(block(array(kind), inputs), seen, groups).sum() < 0.95 * seen.sum(), kind


def test_a_select_line_input_carries_its_pillars_current() -> None:
    """One select line on at a time in a group of one: the row of the matrix is that read, also of sinh cells."""
    seen = cells(7)
    matrix = array_matrix(block(array("select_line", "sinh"), 7), seen, [(k, k + 1) for k in range(7)])
    for k in range(7):
        expected = hand_read("select_line", "sinh", seen, (k, k + 1), np.array([VOLTS]))["i_col"]
        np.testing.assert_allclose(VOLTS * matrix[k], expected, rtol=1e-7)


def test_what_leaks_through_off_switches_is_no_part_of_a_select_line_input() -> None:
    """Off switches of 5 MOhm under a plane at V add up to V / 5 MOhm a pillar, which the matrix leaves out."""
    keys = WIRES | PILLARS
    seen = cells(4)
    leaking = array_matrix(block(array("select_line", resistance=keys), 4), seen, [(0, 2), (2, 4)])
    tight = array_matrix(block(array("select_line"), 4), seen, [(0, 2), (2, 4)])
    assert leaking.sum() == near(tight.sum(), rel=1e-2)
    spec = hand_spec("select_line", "linear") | {"layers": 1, "r_off": 5e6, "on_rows": [0, 1], "v_in": [[VOLTS]]}
    column = np.array(solve(spec, g=seen[None])["i_col"])
    missing = column - VOLTS * leaking[:2].sum(axis=0)
    assert (missing > 0).all()
    assert (missing < 2 * VOLTS / 5e6).all()


def test_off_rows_of_a_transistor_array_only_lengthen_the_bit_line() -> None:
    """Other cells of the block change nothing in a group's rows; in a passive array they do."""
    seen = cells(4)
    changed = seen.copy()
    changed[2:] *= 7
    for kind, same in (("transistor", True), ("passive", False)):
        one, two = (array_matrix(block(array(kind), 4), g, [(0, 2), (2, 4)])[:2] for g in (seen, changed))
        assert np.array_equal(one, two) == same


@pytest.mark.parametrize(("kind", "law"), [("passive", "sinh"), ("transistor", "linear"), ("comb2", "linear")])
def test_layers_are_their_arrays_whatever_the_threads(kind: str, law: str) -> None:
    """A layer of several arrays: each part is its array solved alone, and three threads give the same bytes."""
    one = array(kind, law)
    layer = made(one, 27 if kind == "comb2" else 7, 4)
    done: list[int] = []
    alone, three = (
        solve_layers(layer.placement.layers, layer.device, one, 300.0, threads, lambda: done.append(1))
        for threads in (1, 3)
    )
    columns = physical(alone[0].seen_s)
    tasks = list(array_tasks(layer.placement.layers[0], one, 300.0))
    assert len(tasks) >= 4
    assert len(done) == 2 * len(tasks)
    for task in tasks:
        matrix = array_matrix(task.block, task.cells_s(layer.device[0]), task.groups).astype(np.float32)
        np.testing.assert_array_equal(array_part(columns, task.layer, task.placed).numpy(), matrix)
    assert alone[0].seen_s.numpy().tobytes() == three[0].seen_s.numpy().tobytes()
    assert alone[0].conductance_s is layer.device[0].conductance_s


def test_hotter_wires_drop_more() -> None:
    """Wires follow the temperature of the chip, from 300 K."""
    seen = cells(4)
    hot, warm = (
        array_matrix(type(block(array("passive"), 4))(array("passive"), kelvin, 4, COLUMNS), seen, [(0, 4)]).sum()
        for kelvin in (400.0, 300.0)
    )
    assert hot < warm
