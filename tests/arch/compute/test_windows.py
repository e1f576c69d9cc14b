"""Windows and bit lists against torch's convolution and against the codes' own bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pillarsim.arch.compute.bit_lists import bit_lists
from pillarsim.arch.compute.coding import chunk_plan
from pillarsim.arch.compute.vectors import LANES, UNROLL
from pillarsim.arch.compute.windows import Windows, gather_windows, place_windows, row_drive
from pillarsim.arch.placement import Codes, QuantizedMatrix


def matrix(
    padding: tuple[int, int, int, int], dilation: tuple[int, int], stride: tuple[int, int], kernel: tuple[int, int]
) -> QuantizedMatrix:
    """A convolution of 2 x 9 x 8 maps with random weights."""
    top, left, bottom, right = padding
    room = (9 + top + bottom, 8 + left + right)
    size = [(room[d] - dilation[d] * (kernel[d] - 1) - 1) // stride[d] + 1 for d in (0, 1)]
    return QuantizedMatrix(
        weight=np.random.default_rng(3).integers(-9, 10, (2 * kernel[0] * kernel[1], 4)).astype(np.int32),
        bias=np.zeros(4, np.int64),
        multiplier=np.ones(4),
        input=Codes(6, True, 1.0),
        output=None,
        kernel=kernel,
        stride=stride,
        padding=padding,
        in_shape=(2, 9, 8),
        out_shape=(4, size[0], size[1]),
        dilation=dilation,
    )


@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 2, 3), (3, 0, 0, 1)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (3, 2)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 4)])
def test_windows_times_weights_are_a_convolution(
    padding: tuple[int, int, int, int], dilation: tuple[int, int], stride: tuple[int, int], kernel: tuple[int, int]
) -> None:
    """Gathered rows times the matrix equal torch's conv2d for any side's padding, dilation and stride."""
    layer = matrix(padding, dilation, stride, kernel)
    codes = np.random.default_rng(1).integers(-32, 32, (3, 2, 9, 8)).astype(np.int32)
    found = gather_windows(codes, layer) @ layer.weight
    top, left, bottom, right = padding
    padded = torch.nn.functional.pad(torch.from_numpy(codes).double(), (left, right, top, bottom))
    weight = torch.from_numpy(layer.weight.T.reshape(4, 2, *kernel)).double()
    expected = torch.nn.functional.conv2d(padded, weight, stride=stride, dilation=dilation)
    assert expected.shape[1:] == layer.out_shape
    np.testing.assert_array_equal(found, expected.permute(0, 2, 3, 1).reshape(-1, 4).numpy())


@pytest.mark.parametrize("rows", [1, 4, 31, 33, 64, 100, 130])
@pytest.mark.parametrize("bits", [1, 5, 8, 11])
def test_bit_lists_name_every_bit_once(rows: int, bits: int) -> None:
    """From its entries each list gives back the rows that its bit plane drives, and the windows' planes their order."""
    random = np.random.default_rng(rows)
    count = 70  # more than are sorted at once
    codes = (random.integers(-(1 << 15), 1 << 15, (count, rows)) * (random.random((count, rows)) < 0.3)).astype(
        np.int32
    )
    windows = Windows(codes.ravel(), np.arange(count) * rows, np.arange(rows))
    lists = bit_lists(windows, (0, rows), bits, True)
    planes = (codes[:, None] >> np.arange(bits)[:, None]) & 1
    np.testing.assert_array_equal(lists.ones, planes.sum(axis=2))
    seen = np.zeros((count, bits), int)
    for start, stop, window, plane, rank in lists.lists:
        seen[window, plane] += 1
        entries, words = np.divmod(lists.entries[start:stop], LANES)
        assert (stop - start) % UNROLL == 0
        assert not words.any()
        driven = np.zeros(4 * -(-rows // 4), int)
        for table, pattern in zip(*np.divmod(entries, 16), strict=True):
            driven[4 * table : 4 * table + 4] += (pattern >> np.arange(4)) & 1
        np.testing.assert_array_equal(driven[:rows], planes[window, plane])
        assert not driven[rows:].any()
        assert rank == planes[window, :plane].any(axis=1).sum()
    assert (seen == 1).all()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("chunk_bits", [1, 3])
def test_row_drive_counts_every_window(signed: bool, chunk_bits: int) -> None:
    """Driven chunks, their sum and squares, summed over the gathered windows."""
    layer = matrix((0, 1, 2, 0), (2, 1), (1, 2), (3, 3))
    codes = np.random.default_rng(1).integers(-32 if signed else 0, 32, (3, 2, 9, 8)).astype(np.int32)
    plan = chunk_plan(6, signed, chunk_bits)
    rows = gather_windows(codes, layer)
    chunks = np.stack([(rows >> chunk.shift) & chunk.high for chunk in plan])
    expected = [(chunks > 0).sum(axis=(0, 1)), chunks.sum(axis=(0, 1)), (chunks**2).sum(axis=(0, 1))]
    np.testing.assert_array_equal(row_drive(place_windows(codes, layer), 3, plan), expected)
