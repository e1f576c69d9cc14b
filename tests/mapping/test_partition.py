"""Partitioning covers every row and unit once, within the array."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.arch.errors import FitError
from pillarsim.mapping.partition import ArrayShape, arrays_needed, row_blocks, unit_blocks


@given(st.integers(1, 3000), st.integers(1, 300), st.integers(1, 300))
def test_row_blocks_cover_rows_once(rows: int, inputs: int, active: int) -> None:
    """Blocks and groups are contiguous, within limits, and the fewest possible."""
    shape = ArrayShape(inputs, min(active, inputs), 8)
    blocks = row_blocks(rows, shape)
    assert len(blocks) == -(-rows // inputs)
    position = 0
    for block in blocks:
        assert block.start == position
        assert 0 < block.stop - block.start <= inputs
        inner = block.start
        for start, stop in block.groups:
            assert start == inner
            assert 0 < stop - start <= shape.active_inputs
            inner = stop
        assert inner == block.stop
        position = block.stop
    assert position == rows


@given(st.integers(1, 200), st.integers(1, 16), st.integers(1, 2), st.integers(2, 300))
def test_unit_blocks_cover_units_once(outputs: int, slices: int, polarities: int, columns: int) -> None:
    """Unit ranges are contiguous, fit the columns, and keep an output whole where an array can hold it."""
    blocks = unit_blocks(outputs, slices, polarities, ArrayShape(8, 8, columns))
    assert blocks[0][0] == 0
    assert blocks[-1][1] == outputs * slices
    for (start, stop), following in zip(blocks, [*blocks[1:], (outputs * slices, 0)], strict=True):
        assert stop == following[0]
        assert (stop - start) * polarities <= columns
        if columns // polarities >= slices:
            assert start % slices == 0


def test_array_too_small_for_one_slice() -> None:
    """One column cannot hold a differential pair, and the message says what would."""
    with pytest.raises(FitError, match=r"too small for one weight slice.*at least 2"):
        unit_blocks(4, 4, 2, ArrayShape(8, 8, 1))


def test_isaac_weights_per_array() -> None:
    """A 128-column array of 2-bit cells holds 16 weights of 16 bits (ISAAC)."""
    assert unit_blocks(16, 8, 1, ArrayShape(128, 128, 128)) == ((0, 128),)
    assert arrays_needed(129, 17, 8, 1, ArrayShape(128, 128, 128)) == 4
