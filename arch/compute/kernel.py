"""The two kernels: reads of one bit a row by look-up of partial sums, and reads of several bits by products.

Each works on one row group and one tile of columns, over many windows, and adds to the outputs' sums.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.convert import add_noise, add_noise_wide, convert_wide, fold, integrate
from pillarsim.arch.compute.noise import read_key
from pillarsim.arch.compute.vectors import convert_sums, sum_entries
from pillarsim.devices.jit import compiled


@compiled
def partial_sums(cells: NDArray[np.int32], noise: NDArray[np.int32], table: NDArray[np.int32]) -> None:
    """Fill table (tables * 16, C or 2 C) with the sums of every subset of each 4 rows; noise in the second half."""
    rows, width = cells.shape
    for first in range(0, rows, 4):
        table[4 * first] = 0
        for pattern in range(1, 16):
            bit = 0
            while not (pattern >> bit) & 1:
                bit += 1
            before, entry = table[4 * first + (pattern & (pattern - 1))], table[4 * first + pattern]
            row = first + bit
            if row >= rows:
                entry[:] = before
                continue
            for c in range(width):
                entry[c] = before[c] + cells[row, c]
            if len(noise) > 0:
                for c in range(width):
                    entry[width + c] = before[width + c] + noise[row, c]


@compiled
def read_bits(
    table: NDArray[np.int32],
    entries: NDArray[np.int32],
    counts: NDArray[np.int32],
    signed: bool,
    noise: tuple[bool, np.float32, int],
    stream: np.uint64,
    first_read: int,
    reads: int,
    converter: tuple[bool, int, int],
    spikes: tuple[float, float, bool, bool],
    half: NDArray[np.int32],
    shift: NDArray[np.int32],
    place: NDArray[np.float64],
    tile: tuple[int, int],
    sums: NDArray[np.float64],
) -> tuple[int, int]:
    """Read the bit planes of every window (`BitLists`) with one row group of one tile; return (clipped, spikes).

    table: of `partial_sums`. noise: (on, scale, shift); the reads of window w draw from key first_read + w * reads
    of the stream. converter: (spiking, low, high). spikes: (gain, dead, kept, bipolar). tile: (columns, outputs).
    sums (W, outputs of this tile) is added to. A plane without a 1 gives code 0 and is skipped.
    """
    windows, planes = counts.shape
    width = len(half)
    totals, spreads = np.empty((planes, width), np.int32), np.empty((planes, width), np.int32)
    driven = np.empty(planes, np.int32)
    partial = np.zeros(width, np.int32)
    charge = np.zeros((2, width))
    scratch = np.empty((3, planes * width), np.float32)
    clipped, fired = 0, 0
    for w in range(windows):
        number = 0
        for t in range(planes):
            if counts[w, t] > 0:
                sum_entries(totals[number], table, entries[w, t], counts[w, t], 0)
                if noise[0]:
                    sum_entries(spreads[number], table, entries[w, t], counts[w, t], width)
                driven[number] = t
                number += 1
        if number == 0:
            continue
        if noise[0]:
            key = read_key(stream, first_read + w * reads)
            add_noise(totals[:number], spreads[:number], noise[1], key, scratch)
        for k in range(number):
            t = driven[k]
            sign = -1 if signed and t == planes - 1 else 1
            if converter[0]:
                shots, lost = integrate(totals[k], spikes, converter[2], charge, partial, t, sign)
                fired += shots
                clipped += lost
            else:
                clipped += convert_sums(totals[k], half, shift, converter[1], converter[2], partial, t, sign < 0)
        fold(partial, place, tile[0], tile[1], sums[w])
        if spikes[2]:
            charge[:] = 0.0
    return clipped, fired


@compiled
def read_values(
    cells: NDArray[np.int64],
    variances: NDArray[np.int64],
    drive: NDArray[np.int64],
    power: NDArray[np.int64],
    chunk_shift: NDArray[np.int64],
    signed: bool,
    noise: tuple[bool, np.float32, int],
    stream: np.uint64,
    first_read: int,
    reads: int,
    converter: tuple[bool, int, int],
    spikes: tuple[float, float, bool, bool],
    half: NDArray[np.int64],
    shift: NDArray[np.int64],
    place: NDArray[np.float64],
    tile: tuple[int, int],
    sums: NDArray[np.float64],
) -> tuple[int, int]:
    """As `read_bits`, for reads of several bits a row (`ChunkValues`); chunk_shift (T,) of each converted read."""
    windows, number, _ = drive.shape
    width = len(half)
    totals, spreads = np.empty((number, width), np.int64), np.empty((number, width), np.int64)
    partial = np.zeros(width, np.int64)
    charge = np.zeros((2, width))
    scratch = np.empty((3, number * width), np.float32)
    clipped, fired = 0, 0
    for w in range(windows):
        for t in range(number):
            sum_products(cells, drive[w, t], totals[t])
            if noise[0]:
                sum_products(variances, power[w, t], spreads[t])
        if noise[0]:
            key = read_key(stream, first_read + w * reads)
            add_noise_wide(totals, spreads, noise[1], noise[2], key, scratch)
        for t in range(number):
            sign = -1 if signed and t == number - 1 else 1
            if converter[0]:
                shots, lost = integrate(totals[t], spikes, converter[2], charge, partial, chunk_shift[t], sign)
                fired += shots
                clipped += lost
            else:
                clipped += convert_wide(
                    totals[t], half, shift, converter[1], converter[2], partial, chunk_shift[t], sign
                )
        fold(partial, place, tile[0], tile[1], sums[w])
        if spikes[2]:
            charge[:] = 0.0
    return clipped, fired


@compiled
def sum_products(cells: NDArray[np.int64], drive: NDArray[np.int64], total: NDArray[np.int64]) -> None:
    """Set total (C,) to drive (rows,) times cells (rows, C)."""
    total[:] = 0
    for r in range(len(drive)):
        x, row = drive[r], cells[r]
        if x != 0:
            for c in range(len(total)):
                total[c] += x * row[c]
