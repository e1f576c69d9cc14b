"""The two kernels: reads of one bit a row by look-up of partial sums, and reads of several bits by products.

Each works on one row group and one tile of columns, over many windows, and adds to the outputs' sums.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.convert import add_noise, convert, fold, integrate
from pillarsim.arch.compute.fixed_point import Integers
from pillarsim.arch.compute.jit import compiled
from pillarsim.arch.compute.noise import read_key


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
    reads: tuple[int, int],
    converter: tuple[bool, int, int],
    spikes: tuple[float, float, bool, bool],
    half: NDArray[np.int32],
    shift: NDArray[np.int32],
    place: NDArray[np.float64],
    tile: tuple[int, int, int],
    sums: NDArray[np.float64],
) -> tuple[int, int]:
    """Read the bit planes of every window (`BitLists`) with one row group of one tile; return (clipped, spikes).

    table: of `partial_sums`. noise: (on, scale, shift). Reads are numbered first_read + w * reads[0] + t * reads[1].
    converter: (spiking, low, high). spikes: (gain, dead, kept, bipolar). tile: (columns, outputs, first column's
    number). sums (W, outputs of this tile) is added to. A plane without a 1 gives code 0 and is skipped.
    """
    windows, planes = counts.shape
    width = len(half)
    line = table.shape[1]
    flat = table.reshape(-1)
    total = np.empty(line, np.int32)
    partial = np.zeros(width, np.int32)
    charge = np.zeros((2, width))
    scratch = np.empty((3, width), np.float32)
    clipped, fired = 0, 0
    for w in range(windows):
        driven = False
        for t in range(planes):
            if counts[w, t] == 0:
                continue
            driven = True
            total[:] = 0
            for n in range(0, counts[w, t], 4):
                a, b = entries[w, t, n] * line, entries[w, t, n + 1] * line
                c, d = entries[w, t, n + 2] * line, entries[w, t, n + 3] * line
                one, two, three, four = flat[a : a + line], flat[b : b + line], flat[c : c + line], flat[d : d + line]
                for i in range(line):
                    total[i] += one[i] + two[i] + three[i] + four[i]
            column = total[:width]
            if noise[0]:
                key = read_key(stream, first_read + w * reads[0] + t * reads[1])
                add_noise(column, total[width:], noise[1], noise[2], key ^ np.uint64(tile[2]), scratch)
            negative = signed and t == planes - 1
            if converter[0]:
                shots, lost = integrate(
                    column, spikes[0], spikes[1], spikes[2], spikes[3], converter[2], charge, partial, t, negative
                )
                fired += shots
                clipped += lost
            else:
                clipped += convert(column, half, shift, converter[1], converter[2], partial, t, negative)
        if driven:
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
    reads: tuple[int, int],
    converter: tuple[bool, int, int],
    spikes: tuple[float, float, bool, bool],
    half: NDArray[np.int64],
    shift: NDArray[np.int64],
    place: NDArray[np.float64],
    tile: tuple[int, int, int],
    sums: NDArray[np.float64],
) -> tuple[int, int]:
    """As `read_bits`, for reads of several bits a row (`ChunkValues`); chunk_shift (T,) of each converted read."""
    windows, number, rows = drive.shape
    width = len(half)
    total, variance = np.empty(width, np.int64), np.empty(width, np.int64)
    partial = np.zeros(width, np.int64)
    charge = np.zeros((2, width))
    scratch = np.empty((3, width), np.float32)
    clipped, fired = 0, 0
    for w in range(windows):
        for t in range(number):
            total[:] = 0
            variance[:] = 0
            for r in range(rows):
                x = drive[w, t, r]
                if x == 0:
                    continue
                row = cells[r]
                for c in range(width):
                    total[c] += x * row[c]
                if noise[0]:
                    x2, spread = power[w, t, r], variances[r]
                    for c in range(width):
                        variance[c] += x2 * spread[c]
            if noise[0]:
                key = read_key(stream, first_read + w * reads[0] + t * reads[1])
                add_noise(total, variance, noise[1], noise[2], key ^ np.uint64(tile[2]), scratch)
            negative = signed and t == number - 1
            if converter[0]:
                shots, lost = integrate(
                    total,
                    spikes[0],
                    spikes[1],
                    spikes[2],
                    spikes[3],
                    converter[2],
                    charge,
                    partial,
                    chunk_shift[t],
                    negative,
                )
                fired += shots
                clipped += lost
            else:
                clipped += convert(
                    total, half, shift, converter[1], converter[2], partial, chunk_shift[t], negative
                )
        fold(partial, place, tile[0], tile[1], sums[w])
        if spikes[2]:
            charge[:] = 0.0
    return clipped, fired
