"""From maps of input codes to the rows of each window: im2col, bit planes and chunk values.

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

ROWS_PER_TABLE = 4  # rows whose 16 partial sums are looked up at once


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
    (pad_y, pad_x), (step_y, step_x), (kernel_y, kernel_x) = matrix.padding, matrix.stride, matrix.kernel
    shaped = codes.reshape(count, channels, height, width)
    padded = np.pad(shaped, ((0, 0), (0, 0), (pad_y, pad_y), (pad_x, pad_x))) if pad_y or pad_x else shaped
    tall, wide = height + 2 * pad_y, width + 2 * pad_x
    images = np.arange(count)[:, None, None] * (channels * tall * wide)
    down = np.arange(matrix.out_shape[1])[:, None] * (step_y * wide)
    across = np.arange(matrix.out_shape[2]) * step_x
    planes = np.arange(channels)[:, None, None] * (tall * wide)
    offsets = planes + np.arange(kernel_y)[:, None] * wide + np.arange(kernel_x)
    flat = np.ascontiguousarray(padded, dtype=np.int32).ravel()
    return Windows(flat, (images + down + across).ravel().astype(np.int64), offsets.ravel().astype(np.int64))


def gather_windows(codes: NDArray[np.int32], matrix: QuantizedMatrix) -> NDArray[np.int32]:
    """Rows of every window, (N * windows, R)."""
    placed = place_windows(codes, matrix)
    rows: NDArray[np.int32] = placed.codes[placed.bases[:, None] + placed.offsets]
    return rows


@dataclass(frozen=True, eq=False)
class BitLists:
    """Which partial sums each bit plane of each window needs, for one row group.

    entries (W, T, L) int32: numbers of table entries (table * 16 + pattern of 4 rows), patterns of zeros left out,
    filled up with entry 0 (a zero) to a multiple of 4; counts (W, T): how many; ones (W, T): driven rows, or
    (W, 0) where nobody asked; tables: tables of 4 rows in use.
    """

    entries: NDArray[np.int32]
    counts: NDArray[np.int32]
    ones: NDArray[np.int32]
    tables: int


def bit_lists(windows: Windows, group: tuple[int, int], bits: int, want_ones: bool) -> BitLists:
    """Bit planes (two's complement patterns, lowest first) of the rows `group` of all windows."""
    rows = windows.offsets[group[0] : group[1]]
    count = len(windows.bases)
    room = 2 * -(-len(rows) // 8) + 4  # every pattern of 4 rows, and filling
    lists = BitLists(
        np.empty((count, bits, room), np.int32),
        np.empty((count, bits), np.int32),
        np.zeros((count, bits if want_ones else 0), np.int32),
        -(-len(rows) // ROWS_PER_TABLE),
    )
    _fill_bit_lists(windows.codes, windows.bases, rows, lists.entries, lists.counts, lists.ones)
    return lists


@compiled
def _transpose(x: np.uint64) -> np.uint64:
    """Transpose an 8 x 8 bit matrix: bit t of byte i becomes bit i of byte t."""
    t = (x ^ (x >> np.uint64(7))) & np.uint64(0x00AA00AA00AA00AA)
    x = x ^ t ^ (t << np.uint64(7))
    t = (x ^ (x >> np.uint64(14))) & np.uint64(0x0000CCCC0000CCCC)
    x = x ^ t ^ (t << np.uint64(14))
    t = (x ^ (x >> np.uint64(28))) & np.uint64(0x00000000F0F0F0F0)
    return x ^ t ^ (t << np.uint64(28))


@compiled
def _ones(mask: np.uint64) -> np.uint64:
    """Bits that are 1 in a byte."""
    mask = mask - ((mask >> np.uint64(1)) & np.uint64(0x55))
    mask = (mask & np.uint64(0x33)) + ((mask >> np.uint64(2)) & np.uint64(0x33))
    return (mask + (mask >> np.uint64(4))) & np.uint64(0x0F)


@compiled
def _fill_bit_lists(
    codes: NDArray[np.int32],
    bases: NDArray[np.int64],
    rows: NDArray[np.int64],
    entries: NDArray[np.int32],
    counts: NDArray[np.int32],
    ones: NDArray[np.int32],
) -> None:
    planes, number = entries.shape[1], len(rows)
    blocks = (number + 7) // 8
    turned = np.empty(blocks, np.uint64)
    for w in range(len(bases)):
        here = codes[bases[w] :]
        for low in range(0, planes, 8):
            for block in range(blocks):
                packed = np.uint64(0)
                for r in range(8 * block, min(8 * block + 8, number)):
                    byte = np.uint64((here[rows[r]] >> low) & 255)
                    packed = (packed >> np.uint64(8)) | (byte << np.uint64(56))
                packed >>= np.uint64(8 * max(8 * block + 8 - number, 0))
                turned[block] = _transpose(packed) if packed else packed
            for t in range(low, min(low + 8, planes)):
                row, n = entries[w, t], 0
                for block in range(blocks):
                    mask = (turned[block] >> np.uint64(8 * (t - low))) & np.uint64(255)
                    first, second = np.int64(mask & np.uint64(15)), np.int64(mask >> np.uint64(4))
                    row[n] = 32 * block + first
                    n += first != 0
                    row[n] = 32 * block + 16 + second
                    n += second != 0
                counts[w, t] = n
                row[n : n + 3] = 0
                if ones.shape[1] > 0:
                    for block in range(blocks):
                        ones[w, t] += _ones((turned[block] >> np.uint64(8 * (t - low))) & np.uint64(255))


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
    maps = np.zeros((3, codes.shape[1]), np.int64)
    for chunk in plan:
        _add_drive(codes, np.int32(chunk.shift), np.int32(chunk.high), *maps)
    first_image = windows.bases[: len(windows.bases) // images]
    return _sum_windows(maps, first_image, windows.offsets)


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
