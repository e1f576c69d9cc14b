"""Cell levels in compiled code: they add up to the weights, and complemented columns never hold more."""

from __future__ import annotations

import numpy as np
import pytest

from pillarsim.arch.compute.coding_kernel import flip, split


@pytest.mark.parametrize("bits_per_cell", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("sides", [1, 2])
def test_slices_add_up_to_the_weight(bits_per_cell: int, sides: int) -> None:
    """Sum over slices of level 2^(c s), one side less the other, or less the offset; nothing on the idle side."""
    weight = np.random.default_rng(1).integers(-127, 128, (9, 5)).astype(np.int32)
    slices = -(-8 // bits_per_cell)
    levels = np.full((sides, 9, 5, slices), 255, np.uint8)
    split(weight, 0 if sides == 2 else 128, bits_per_cell, levels)
    assert levels.max() < 1 << bits_per_cell
    place = 2 ** (bits_per_cell * np.arange(slices, dtype=np.int64))
    values = (levels * place).sum(axis=3)
    np.testing.assert_array_equal(values[0] - (values[1] if sides == 2 else 128), weight)
    if sides == 2:
        assert not (values[0] * values[1]).any()


def test_columns_are_complemented_where_that_lowers_them() -> None:
    """Flags and levels by the column's sum; a sum of exactly half stays."""
    levels = np.array([[3, 0, 3, 1], [3, 0, 0, 2]], np.uint8)
    flipped = np.ones(4, np.bool_)
    flip(levels, 3, flipped)
    np.testing.assert_array_equal(flipped, [True, False, False, False])
    np.testing.assert_array_equal(levels, [[0, 0, 3, 1], [0, 0, 0, 2]])
