"""Weights as levels, inputs as chunks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.arch.compute.coding import (
    chunk_plan,
    input_codes,
    top_levels,
    weight_levels,
    weights_from_levels,
)
from pillarsim.arch.placement import Codes
from tests.arch.compute import made


@given(
    st.sampled_from(["differential", "offset", "offset_flip"]),
    st.integers(2, 16),
    st.integers(1, 8),
    st.integers(0, 2**32),
)
def test_levels_hold_the_weights(scheme: str, bits: int, bits_per_cell: int, seed: int) -> None:
    """Decoding the levels gives every weight back, and no level exceeds its slice."""
    random = np.random.default_rng(seed)
    low = -(1 << (bits - 1)) + (scheme == "differential")
    weight = random.integers(low, 1 << (bits - 1), (11, 3)).astype(np.int32)
    rows = made.blocks(11, 5, 3)
    levels, flipped = weight_levels(weight, scheme, bits, bits_per_cell, rows)
    assert (flipped is not None) == (scheme == "offset_flip")
    np.testing.assert_array_equal(weights_from_levels(levels, flipped, scheme, bits, bits_per_cell, rows), weight)
    if flipped is None:
        assert (levels.amax(dim=(0, 1, 2)).numpy() <= top_levels(scheme, bits, bits_per_cell)).all()


def test_levels_by_hand() -> None:
    """Weights 6 and -5 of 4 bits: 6 = 2 + 4 * 1 on the positive column, 5 = 1 + 4 * 1 on the negative one."""
    levels, _ = weight_levels(np.array([[6, -5]], np.int32), "differential", 4, 2, made.blocks(1, 1, 1))
    np.testing.assert_array_equal(levels[:, 0], [[[2, 1], [0, 0]], [[0, 0], [1, 1]]])
    levels, _ = weight_levels(np.array([[6, -5]], np.int32), "offset", 4, 2, made.blocks(1, 1, 1))
    np.testing.assert_array_equal(levels[0, 0], [[2, 3], [3, 0]])


def test_flip_lowers_the_column_sum() -> None:
    """A complemented column holds at most half of the largest level sum, and only where that is lower."""
    random = np.random.default_rng(1)
    weight = random.integers(-128, 128, (40, 30)).astype(np.int32)
    rows = made.blocks(40, 16, 16)
    plain, _ = weight_levels(weight, "offset", 8, 2, rows)
    levels, flipped = weight_levels(weight, "offset_flip", 8, 2, rows)
    assert flipped is not None
    assert flipped.any()
    assert not flipped.all()
    for number, block in enumerate(rows):
        part = slice(block.start, block.stop)
        before, after = (x[0, part].long().sum(dim=0) for x in (plain, levels))
        assert (after <= before).all()
        assert (2 * after <= 3 * (block.stop - block.start)).all()
        assert bool(((after < before) == flipped[number]).all())


@pytest.mark.parametrize(("scheme", "weight"), [("differential", -8), ("offset", 8), ("offset_flip", -9)])
def test_too_large_weights_are_refused(scheme: str, weight: int) -> None:
    """A weight that the bits cannot hold raises ValueError with the range expected."""
    with pytest.raises(ValueError, match="expected -"):
        weight_levels(np.array([[weight]], np.int32), scheme, 4, 2, made.blocks(1, 1, 1))


def test_unknown_scheme_is_refused() -> None:
    """A scheme that does not exist raises ValueError with the valid names."""
    with pytest.raises(ValueError, match="offset_flip"):
        weight_levels(np.zeros((1, 1), np.int32), "ternary", 4, 2, made.blocks(1, 1, 1))


@given(st.integers(1, 16), st.booleans(), st.integers(1, 16))
def test_chunks_add_up_to_the_code(bits: int, signed: bool, chunk_bits: int) -> None:
    """Summing chunk values by weight gives every code back; only a sign plane is negative."""
    if signed and bits == 1:
        bits = 2
    codes = Codes(bits, signed, 1.0)
    plan = chunk_plan(bits, signed, chunk_bits)
    values = np.unique(np.linspace(codes.low, codes.high, 200).astype(int))
    pattern = values & ((1 << bits) - 1)
    total = sum(((pattern >> chunk.shift) & chunk.high) * chunk.weight for chunk in plan)
    np.testing.assert_array_equal(total, values)
    assert [chunk.negative for chunk in plan] == [False] * (len(plan) - 1) + [signed]
    assert len(plan) == codes.reads(chunk_bits)


def test_input_codes_round_half_up_and_clip() -> None:
    """Codes are floor(value / scale + 0.5) within the coding's limits."""
    codes = input_codes(np.array([-1.0, 0.0, 0.25, 0.75, 1.2, 99.0]), Codes(2, False, 0.5))
    np.testing.assert_array_equal(codes, [0, 0, 1, 2, 2, 3])
