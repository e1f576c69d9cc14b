"""The two kernels: reads of one bit a row by look-up of partial sums, and reads of several bits by products.

Each works on one row group and one tile of columns, over many windows, and adds to the outputs' sums.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.bit_lists import ROWS_PER_TABLE, WINDOWS_SORTED
from pillarsim.arch.compute.convert import add_noise, add_noise_wide, convert_wide, fold, fold_block, integrate
from pillarsim.arch.compute.noise import read_key
from pillarsim.arch.compute.vectors import LANES, read_lists, sum_entries, tabulate
from pillarsim.devices.jit import compiled


@compiled
def read_bits(
    cells: NDArray[np.int32],
    variances: NDArray[np.int32],
    entries: NDArray[np.int32],
    lists: NDArray[np.int32],
    planes: int,
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
    scratch: NDArray[np.int32],
    sums: NDArray[np.float64],
    first_output: int,
) -> tuple[int, int]:
    """Read the bit planes of every window (`BitLists`) with one row group of one tile; return (clipped, spikes).

    cells, variances (rows, C): of the group. noise: (on, scale, shift); the reads of window w draw from key
    first_read + w * reads of the stream, a plane without a 1 none. converter: (spiking, low, high). spikes: (gain,
    dead, kept, bipolar). tile: (columns, outputs). scratch (2, `table_words` of the rows). sums (W, O) is added to
    from column first_output on.
    """
    table, spread = scratch[0].reshape(-1, LANES), scratch[1].reshape(-1, LANES)
    if converter[0]:
        return _count_spikes(
            cells, variances, table, entries, lists, planes, signed, noise, stream, first_read, reads, converter[2],
            spikes, place, tile, sums, first_output,
        )  # fmt: skip
    partial = np.empty((len(lists) // planes, LANES), np.int32)
    keys = np.empty(len(partial) if noise[0] else 0, np.uint64)
    for w in range(len(keys)):
        keys[w] = read_key(stream, first_read + w * reads)
    width, last = cells.shape[1], planes - 1 if signed else -1
    clipped = 0
    for column in range(0, tile[0] * tile[1], LANES):
        tabulate_block(cells, column, table)
        partial[:] = 0
        if noise[0]:
            tabulate_block(variances, column, spread)
            clipped += read_lists(
                table, spread, entries, lists, keys, width, noise[1], last, half, shift, converter[1], converter[2],
                column, partial,
            )  # fmt: skip
        else:
            clipped += read_lists(
                table, None, entries, lists, keys, width, noise[1], last, half, shift, converter[1], converter[2],
                column, partial,
            )  # fmt: skip
        fold_block(partial, place, column, tile[0], tile[1], sums, first_output)
    return clipped, 0


@compiled
def tabulate_block(cells: NDArray[np.int32], column: int, table: NDArray[np.int32]) -> None:
    """Fill table (tables * 16, LANES) with the sums of every subset of each 4 rows, for LANES columns."""
    for row in range(0, len(cells), ROWS_PER_TABLE):
        tabulate(cells, row, column, table)


@compiled
def _count_spikes(
    cells: NDArray[np.int32],
    variances: NDArray[np.int32],
    table: NDArray[np.int32],
    entries: NDArray[np.int32],
    lists: NDArray[np.int32],
    planes: int,
    signed: bool,
    noise: tuple[bool, np.float32, int],
    stream: np.uint64,
    first_read: int,
    reads: int,
    high: int,
    spikes: tuple[float, float, bool, bool],
    place: NDArray[np.float64],
    tile: tuple[int, int],
    sums: NDArray[np.float64],
    first_output: int,
) -> tuple[int, int]:
    """`read_bits` with neurons, which take the reads of a window in order: the sums of some windows first.

    A plane without a 1 is skipped.
    """
    windows, width = len(lists) // planes, cells.shape[1]
    at_once = min(windows, WINDOWS_SORTED)
    totals = np.empty((at_once, planes, width), np.int32)
    spreads = np.empty((at_once if noise[0] else 0, planes, width), np.int32)
    driven = np.empty((at_once, planes), np.int32)
    numbers = np.empty(at_once, np.int64)
    partial = np.empty(width, np.int32)
    charge = np.zeros((2, width))
    scratch = np.empty((3, planes * width), np.float32)
    last = planes - 1 if signed else -1
    clipped, fired = 0, 0
    for start in range(0, windows, at_once):
        count = min(at_once, windows - start)
        some = lists[start * planes : (start + count) * planes]
        numbers[:] = 0
        for i in range(len(some)):
            if some[i, 1] > some[i, 0]:
                w = some[i, 2] - start
                driven[w, some[i, 4]] = some[i, 3]
                numbers[w] += 1
        _sum_planes(cells, table, entries, some, start, totals)
        if noise[0]:
            _sum_planes(variances, table, entries, some, start, spreads)
        for w in range(count):
            if noise[0]:
                key = read_key(stream, first_read + (start + w) * reads)
                add_noise(totals[w, : numbers[w]], spreads[w, : numbers[w]], noise[1], key, scratch)
            partial[:] = 0
            for k in range(numbers[w]):
                t = driven[w, k]
                sign = -1 if t == last else 1
                shots, lost = integrate(totals[w, k], spikes, high, charge, partial, t, sign)
                fired += shots
                clipped += lost
            fold(partial, place, tile[0], tile[1], sums, start + w, first_output)
            if spikes[2]:
                charge[:] = 0.0
    return clipped, fired


@compiled
def _sum_planes(
    cells: NDArray[np.int32],
    table: NDArray[np.int32],
    entries: NDArray[np.int32],
    lists: NDArray[np.int32],
    first_window: int,
    totals: NDArray[np.int32],
) -> None:
    """Column sums of the driven planes, totals (W, T, C) by window and number of the plane; block by block."""
    planes, width = totals.shape[1:]
    for column in range(0, width, LANES):
        tabulate_block(cells, column, table)
        for i in range(len(lists)):
            if lists[i, 1] > lists[i, 0]:
                at = ((lists[i, 2] - first_window) * planes + lists[i, 4]) * width + column
                sum_entries(table, entries, lists[i, 0], lists[i, 1], totals, at)


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
    first_output: int,
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
        fold(partial, place, tile[0], tile[1], sums, w, first_output)
        partial[:] = 0
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
