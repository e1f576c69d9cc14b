"""From maps of input codes to the rows of each window: im2col, bit planes and chunk values.

Rows are in im2col order (channel, kernel row, kernel column); windows go image by image, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.jit import compiled
from pillarsim.arch.placement import QuantizedMatrix

ROWS_PER_TABLE = 4  # rows whose 16 partial sums are looked up at once
_POPCOUNT = np.array([bin(value).count("1") for value in range(256)], np.int32)


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
    filled up with entry 0 (a zero) to a multiple of 4; counts (W, T): how many; ones (W, T): driven rows;
    row_ones (rows,): bits that are 1, over all windows and planes; tables: tables of 4 rows in use.
    """

    entries: NDArray[np.int32]
    counts: NDArray[np.int32]
    ones: NDArray[np.int64]
    row_ones: NDArray[np.int64]
    tables: int


def bit_lists(windows: Windows, group: tuple[int, int], bits: int) -> BitLists:
    """Bit planes (two's complement patterns, lowest first) of the rows `group` of all windows."""
    rows = windows.offsets[group[0] : group[1]]
    count = len(windows.bases)
    tables = 2 * -(-len(rows) // 8)
    lists = BitLists(
        np.empty((count, bits, -(-tables // 4) * 4), np.int32),
        np.empty((count, bits), np.int32),
        np.empty((count, bits), np.int64),
        np.zeros(len(rows), np.int64),
        -(-len(rows) // ROWS_PER_TABLE),
    )
    _fill_bit_lists(
        windows.codes, windows.bases, rows, _POPCOUNT, lists.entries, lists.counts, lists.ones, lists.row_ones
    )
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
def _fill_bit_lists(
    codes: NDArray[np.int32],
    bases: NDArray[np.int64],
    rows: NDArray[np.int64],
    popcount: NDArray[np.int32],
    entries: NDArray[np.int32],
    counts: NDArray[np.int32],
    ones: NDArray[np.int64],
    row_ones: NDArray[np.int64],
) -> None:
    planes, number = entries.shape[1], len(rows)
    for w in range(len(bases)):
        base = bases[w]
        for t in range(planes):
            counts[w, t] = 0
            ones[w, t] = 0
        for first in range(0, number, 8):
            last = min(first + 8, number)
            for low in range(0, planes, 8):
                packed = np.uint64(0)
                for r in range(first, last):
                    byte = (codes[base + rows[r]] >> low) & 255
                    packed |= np.uint64(byte) << np.uint64(8 * (r - first))
                if packed == 0:
                    continue
                kept = (1 << min(8, planes - low)) - 1
                for r in range(first, last):
                    row_ones[r] += popcount[(packed >> np.uint64(8 * (r - first))) & np.uint64(kept)]
                turned = _transpose(packed)
                for t in range(low, min(low + 8, planes)):
                    mask = np.int64((turned >> np.uint64(8 * (t - low))) & np.uint64(255))
                    n = counts[w, t]
                    entries[w, t, n] = 4 * first + (mask & 15)
                    n += (mask & 15) != 0
                    if mask >> 4:
                        entries[w, t, n] = 4 * first + 16 + (mask >> 4)
                        n += 1
                    counts[w, t] = n
                    ones[w, t] += popcount[mask]
        for t in range(planes):
            for n in range(counts[w, t], (counts[w, t] + 3) // 4 * 4):
                entries[w, t, n] = 0


@dataclass(frozen=True, eq=False)
class ChunkValues:
    """What drives the rows of one group, converted read by converted read.

    drive (W, T, rows) int64: chunk values, or whole signed codes where chunks add up before the conversion;
    power (W, T, rows): the squares that scale read noise (sum of 4^shift x^2 over chunks that add up before);
    sums (W, T): drive summed over rows; per row over all windows and chunks: driven (chunks that are not 0),
    total (sum of chunk values), squares (sum of their squares).
    """

    drive: NDArray[np.int64]
    power: NDArray[np.int64]
    sums: NDArray[np.int64]
    driven: NDArray[np.int64]
    total: NDArray[np.int64]
    squares: NDArray[np.int64]


def chunk_values(
    windows: Windows,
    group: tuple[int, int],
    bits: int,
    shifts: NDArray[np.int64],
    highs: NDArray[np.int64],
    together: bool,
) -> ChunkValues:
    """Chunk values of the rows `group`; `together` gives one read of whole codes instead of one a chunk."""
    rows = windows.offsets[group[0] : group[1]]
    reads = 1 if together else len(shifts)
    shape = (len(windows.bases), reads, len(rows))
    values = ChunkValues(
        np.empty(shape, np.int64),
        np.empty(shape, np.int64),
        np.zeros(shape[:2], np.int64),
        *(np.zeros(len(rows), np.int64) for _ in range(3)),
    )
    _fill_chunk_values(
        windows.codes,
        windows.bases,
        rows,
        (1 << bits) - 1,
        shifts,
        highs,
        together,
        values.drive,
        values.power,
        values.sums,
        values.driven,
        values.total,
        values.squares,
    )
    return values


@compiled
def _fill_chunk_values(
    codes: NDArray[np.int32],
    bases: NDArray[np.int64],
    rows: NDArray[np.int64],
    mask: int,
    shifts: NDArray[np.int64],
    highs: NDArray[np.int64],
    together: bool,
    drive: NDArray[np.int64],
    power: NDArray[np.int64],
    sums: NDArray[np.int64],
    driven: NDArray[np.int64],
    total: NDArray[np.int64],
    squares: NDArray[np.int64],
) -> None:
    for w in range(len(bases)):
        for r in range(len(rows)):
            code = np.int64(codes[bases[w] + rows[r]])
            if together:
                drive[w, 0, r] = code
                power[w, 0, r] = 0
                sums[w, 0] += code
            for t in range(len(shifts)):
                value = ((code & mask) >> shifts[t]) & highs[t]
                driven[r] += value != 0
                total[r] += value
                squares[r] += value * value
                if together:
                    power[w, 0, r] += (value * value) << (2 * shifts[t])
                else:
                    drive[w, t, r] = value
                    power[w, t, r] = value * value
                    sums[w, t] += value
