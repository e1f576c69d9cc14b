"""Arrays that layers share: rows and columns of their own, counted once, values as without."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import Placement
from pillarsim.mapping.partition import ArrayShape
from pillarsim.mapping.share import Part, packed
from tests.mapping.chips import chip, compiled
from tests.mapping.networks import NETWORKS
from tests.near import near

SHARED = ("mapping.share_arrays=true", "array.rows=128", "array.columns=128")


@st.composite
def parts(draw: st.DrawFn) -> list[Part]:
    sizes = draw(st.lists(st.tuples(st.integers(1, 32), st.integers(1, 16), st.integers(0, 5)), max_size=30))
    return [
        Part(stage, number, 0, 0, (0, columns), rows, columns, work_ps=rows, held_bits=columns)
        for number, (rows, columns, stage) in enumerate(sizes)
    ]


@settings(deadline=None)
@given(parts(), st.sampled_from([ArrayShape(32, 32, 16), ArrayShape(32, 8, 16, 8), ArrayShape(32, 8, 16, 1, 8)]))
def test_parts_lie_on_rows_and_columns_of_their_own(given_parts: list[Part], shape: ArrayShape) -> None:
    """Each part once, inside its array; no row and no column of an array belongs to two; no stage twice in one."""
    arrays = packed(given_parts, shape, 40)
    assert sorted(part.layer for array in arrays for part, _, _ in array.parts) == list(range(len(given_parts)))
    step = shape.step if shape.span is None else shape.span
    for array in arrays:
        rows, columns = np.zeros(shape.inputs, int), np.zeros(shape.columns, int)
        for part, row, column in array.parts:
            assert row % step == 0
            assert row + part.rows <= shape.inputs
            assert column + part.columns <= shape.columns
            rows[row : row + part.rows] += 1
            columns[column : column + part.columns] += 1
        assert rows.max() == columns.max() == 1
        stages = [part.stage for part, _, _ in array.parts]
        assert len(set(stages)) == len(stages)
        assert len(stages) == 1 or sum(part.held_bits for part, _, _ in array.parts) <= 40
    assert packed(given_parts, shape, 40) == arrays


def test_the_least_busy_array_is_taken() -> None:
    """Of two arrays with room the small part goes to the one that works less."""
    shape = ArrayShape(10, 10, 10)
    slow = Part(0, 0, 0, 0, (0, 6), 6, 6, work_ps=100)
    fast = Part(0, 1, 0, 0, (0, 6), 6, 6, work_ps=10)
    small = Part(1, 2, 0, 0, (0, 2), 2, 2, work_ps=1)
    first, second = packed([slow, fast, small], shape, 0)
    assert [len(array.parts) for array in (first, second)] == [1, 2]
    assert second.parts[1] == (small, 6, 6)


def disjoint(placement: Placement) -> None:
    """Raises AssertionError where two parts of an array overlap in a row or in a column."""
    used: defaultdict[tuple[int, int], list[tuple[range, range]]] = defaultdict(list)
    for layer in placement.layers:
        for arrays in layer.replicas:
            for array in arrays:
                block = layer.row_blocks[array.row_block]
                rows = range(array.row, array.row + block.stop - block.start)
                width = (array.units[1] - array.units[0]) * layer.polarities
                columns = range(array.column, array.column + width)
                for other_rows, other_columns in used[array.tile, array.slot]:
                    assert not set(rows) & set(other_rows)
                    assert not set(columns) & set(other_columns)
                used[array.tile, array.slot].append((rows, columns))
                assert rows.stop <= 128
                assert columns.stop <= 128


@pytest.mark.parametrize("name", ["chain", "residual", "branches", "attention"])
@pytest.mark.parametrize("replicas", [1, 2])
def test_small_networks_share(name: str, replicas: int) -> None:
    """Fewer arrays, each counted once: the layers' shares sum to them; values are the same."""
    network = NETWORKS[name]
    copies = f"mapping.replicas={replicas}"
    alone = compiled(network, *SHARED[1:], copies)
    shared = compiled(network, *SHARED, copies)
    disjoint(shared)
    assert alone.arrays == sum(layer.arrays for layer in alone.layers)
    assert shared.arrays < alone.arrays
    assert sum(shared.arrays_by_layer) == near(shared.arrays)
    assert min(shared.arrays_by_layer) > 0
    images = np.random.default_rng(4).normal(size=(5, *network.input_shape)).astype(np.float32)
    np.testing.assert_array_equal(integer_forward(shared, images), integer_forward(alone, images))


def test_sharing_makes_a_network_fit() -> None:
    """A chip with too few arrays for one layer each holds the network when they share."""
    small = ("tile.count={x: 1, y: 1}", "tile.arrays=3")
    with pytest.raises(InputError, match=r"needs 4 arrays and the chip has 3"):
        compiled(NETWORKS["residual"], *SHARED[1:], *small, "mapping.share_arrays=false")
    assert compiled(NETWORKS["residual"], *SHARED, *small).arrays <= 3


def test_balanced_copies_share_within_the_budget() -> None:
    """Shared arrays count once against the budget."""
    placement = compiled(NETWORKS["residual"], *SHARED, "mapping.replicas=balanced", "mapping.array_budget=12")
    disjoint(placement)
    assert placement.arrays <= 12
    assert max(len(layer.replicas) for layer in placement.layers) > 1


def test_solved_circuits_do_not_share() -> None:
    """Where positions matter for the values, sharing is refused by name."""
    with pytest.raises(InputError, match=r"mapping\.share_arrays: expected false with array\.circuit 'exact'"):
        compiled(NETWORKS["chain"], *SHARED, "array.circuit=exact")
    assert chip(*SHARED).mapping.share_arrays
