"""From maps of input codes to the rows of each window: im2col and chunk values. Bit planes stand in `bit_lists`.

Rows are in im2col order (channel, kernel row, kernel column); windows go image by image, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.coding import Chunk
from pillarsim.arch.compute.response import Drives
from pillarsim.arch.placement import QuantizedMatrix
from pillarsim.devices.jit import compiled

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Windows:
    """Padded codes of some images, flat, and where each window and each row lies in them.

    codes (N * C * Hp * Wp,) int32; bases (N * windows,) int64; offsets (R,) int64: row r of window w is
    codes[bases[w] + offsets[r]].
    """

    codes: NDArray[np.int32]
    bases: NDArray[np.int64]
    offsets: NDArray[np.int64]


def place_windows(codes: NDArray[np.int32], matrix: QuantizedMatrix) -> Windows:
    """Pad codes (N, C, H, W) and find the windows of `matrix`."""
    count = len(codes)
    channels, height, width = matrix.in_shape
    top, left, bottom, right = matrix.padding
    (step_y, step_x), (kernel_y, kernel_x), (wide_y, wide_x) = matrix.stride, matrix.kernel, matrix.dilation
    padded = codes.reshape(count, channels, height, width)
    if any(matrix.padding):
        padded = np.pad(padded, ((0, 0), (0, 0), (top, bottom), (left, right)))
    tall, wide = padded.shape[2:]
    images = np.arange(count)[:, None, None] * (channels * tall * wide)
    down = np.arange(matrix.out_shape[1])[:, None] * (step_y * wide)
    across = np.arange(matrix.out_shape[2]) * step_x
    planes = np.arange(channels)[:, None, None] * (tall * wide)
    offsets = planes + np.arange(kernel_y)[:, None] * (wide_y * wide) + np.arange(kernel_x) * wide_x
    flat = np.ascontiguousarray(padded, dtype=np.int32).ravel()
    return Windows(flat, (images + down + across).ravel().astype(np.int64), offsets.ravel().astype(np.int64))


def gather_windows(codes: NDArray[np.int32], matrix: QuantizedMatrix) -> NDArray[np.int32]:
    """Rows of every window, (N * windows, R)."""
    placed = place_windows(codes, matrix)
    rows: NDArray[np.int32] = placed.codes[placed.bases[:, None] + placed.offsets]
    return rows


@dataclass(frozen=True, eq=False)
class ChunkValues:
    """What drives the rows of one group, converted read by converted read.

    drive (W, T, rows) int64: chunk values, or whole signed codes where chunks add up before the conversion;
    power (W, T, rows): the squares that scale read noise (sum of 4^shift x^2 over chunks that add up before);
    sums (W, T): drive summed over rows. Of nonlinear cells drive and power are looked up, rows times terms.
    """

    drive: NDArray[np.int64]
    power: NDArray[np.int64]
    sums: NDArray[np.int64]


def chunk_values(windows: Windows, group: tuple[int, int], plan: Sequence[Chunk], together: bool) -> ChunkValues:
    """Chunk values of the rows `group`; `together` gives one read of whole codes instead of one a chunk."""
    rows = windows.offsets[group[0] : group[1]]
    codes = windows.codes[windows.bases[:, None] + rows].astype(np.int64)[:, None]
    shifts = np.array([chunk.shift for chunk in plan])[:, None]
    values = (codes >> shifts) & np.array([chunk.high for chunk in plan])[:, None]
    if together:
        power = (values**2 << 2 * shifts).sum(axis=1, keepdims=True)
        return ChunkValues(codes, power, codes.sum(axis=2))
    return ChunkValues(values, values**2, values.sum(axis=2))


def looked_up(
    windows: Windows, group: tuple[int, int], plan: Sequence[Chunk], together: bool, tables: Drives
) -> ChunkValues:
    """`chunk_values` with each chunk's drive and power looked up in `tables`: (W, T, rows * terms) and so on."""
    values = chunk_values(windows, group, plan, False)
    drive, power = tables.drive[values.drive], tables.power[values.drive]  # (W, chunks, rows, terms)
    sums = values.sums
    if together:
        weights = np.array([chunk.weight for chunk in plan])
        drive = np.einsum("t,wtrk->wrk", weights, drive)[:, None]
        power = np.einsum("t,wtrk->wrk", weights**2, power)[:, None]
        sums = (sums @ weights)[:, None]
    shape = (*drive.shape[:2], -1)
    return ChunkValues(drive.reshape(shape), power.reshape(shape), sums)


def response_drive(windows: Windows, images: int, plan: Sequence[Chunk], drives: NDArray[np.float64]) -> Floats:
    """Per row, over all windows and chunks (1 + 2 terms, R), for drives (2^d, terms) of each chunk value x.

    Chunks that are not 0; the summed drives of each term; the summed x times drives.
    """
    codes = windows.codes.reshape(images, -1)
    table = np.concatenate([np.arange(len(drives))[:, None] > 0, drives, np.arange(len(drives))[:, None] * drives], 1)
    maps = np.zeros((table.shape[1], codes.shape[1]))
    for chunk in plan:
        _add_looked_up(codes, np.int32(chunk.shift), np.int32(chunk.high), table, maps)
    first_image = windows.bases[: len(windows.bases) // images]
    return _sum_map_windows(maps, first_image, windows.offsets)


def row_drive(windows: Windows, images: int, plan: Sequence[Chunk]) -> NDArray[np.int64]:
    """Per row, over all windows and chunks (3, R): chunks that are not 0, their sum, and the sum of their squares."""
    codes = windows.codes.reshape(images, -1)
    first_image = windows.bases[: len(windows.bases) // images]
    if all(chunk.bits == 1 for chunk in plan):  # the three are one number, the bits that are 1
        bits = np.zeros((1, codes.shape[1]), np.int64)
        _add_ones(codes, np.uint32((1 << len(plan)) - 1), bits[0])
        return np.repeat(_sum_windows(bits, first_image, windows.offsets), 3, axis=0)
    maps = np.zeros((3, codes.shape[1]), np.int64)
    for chunk in plan:
        _add_drive(codes, np.int32(chunk.shift), np.int32(chunk.high), *maps)
    return _sum_windows(maps, first_image, windows.offsets)


@compiled
def _add_ones(codes: NDArray[np.int32], pattern: np.uint32, ones: NDArray[np.int64]) -> None:
    """Add the bits that are 1 in each code, two's complement within `pattern`."""
    for n in range(codes.shape[0]):
        image = codes[n]
        for i in range(len(image)):
            x = np.uint32(np.uint32(image[i]) & pattern)
            x = np.uint32(x - (np.uint32(x >> np.uint32(1)) & np.uint32(0x55555555)))
            x = np.uint32((x & np.uint32(0x33333333)) + (np.uint32(x >> np.uint32(2)) & np.uint32(0x33333333)))
            x = np.uint32((x + np.uint32(x >> np.uint32(4))) & np.uint32(0x0F0F0F0F))
            ones[i] += np.int64(np.uint32(x * np.uint32(0x01010101)) >> np.uint32(24))


@compiled
def _add_drive(
    codes: NDArray[np.int32],
    shift: np.int32,
    high: np.int32,
    driven: NDArray[np.int64],
    total: NDArray[np.int64],
    squares: NDArray[np.int64],
) -> None:
    for n in range(codes.shape[0]):
        image = codes[n]
        for i in range(len(image)):
            value = np.int32(np.int32(image[i] >> shift) & high)
            driven[i] += value != 0
            total[i] += value
            squares[i] += np.int64(value) * np.int64(value)


@compiled
def _add_looked_up(codes: NDArray[np.int32], shift: np.int32, high: np.int32, table: Floats, maps: Floats) -> None:
    for n in range(codes.shape[0]):
        image = codes[n]
        for i in range(len(image)):
            value = np.int32(np.int32(image[i] >> shift) & high)
            for k in range(maps.shape[0]):
                maps[k, i] += table[value, k]


@compiled
def _sum_map_windows(maps: Floats, bases: NDArray[np.int64], offsets: NDArray[np.int64]) -> Floats:
    sums = np.zeros((maps.shape[0], len(offsets)))
    for k in range(maps.shape[0]):
        for base in bases:
            for r in range(len(offsets)):
                sums[k, r] += maps[k, base + offsets[r]]
    return sums


@compiled
def _sum_windows(maps: NDArray[np.int64], bases: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    sums = np.zeros((maps.shape[0], len(offsets)), np.int64)
    for k in range(maps.shape[0]):
        for base in bases:
            for r in range(len(offsets)):
                sums[k, r] += maps[k, base + offsets[r]]
    return sums
