"""Columns whose conversions change nothing, summed up as one exact product of codes and weights.

A column's code is its sum itself where its cells hold whole levels, the LSB is one unit step, and no input can take a
sum out of the converter's codes: floor(s + 0.5) = s, and with the HRS part h of driven rows floor(s + h + 0.5) is s
plus what is taken off again. Shift-add then gives back the product of input codes and levels, and nothing was clipped.
The bound over all inputs is the sum of a column's positive, and of its negative, contributions. Columns that do not
keep to it are read one by one. Never of use with read noise, neurons, or cells that answer voltages nonlinearly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.converters import ConverterRange
from pillarsim.arch.compute.fixed_point import FixedLayer
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.compute.vectors import LANES, WINDOWS, add_products
from pillarsim.arch.compute.windows import Windows
from pillarsim.arch.placement import PlacedLayer
from pillarsim.devices.jit import compiled

_FLOAT32_EXACT = 1 << 24  # integers up to here are exact in float32, so every order of additions gives the same sum
_LEAST_SHARE = 0.5  # of the columns: with fewer that keep to the bound all are read


@dataclass(frozen=True, eq=False)
class RestReads:
    """Columns of one row group that are read all the same, n of them, laid out as a tile of their own.

    cells (rows, C); shift, half, place (C,): as of `FixedLayer`; outputs (n,): where each adds to; base_place (O,):
    what one unit step of the HRS sum, taken off digitally, adds to an output.
    """

    cells: NDArray[Any]
    shift: NDArray[Any]
    half: NDArray[Any]
    place: NDArray[np.float64]
    outputs: NDArray[np.int64]
    base_place: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExactReads:
    """weights (blocks of LANES outputs, R, LANES): what one unit of a row's input code adds by way of exact columns.

    parts: row ranges within which sums are exact in float32; rest: one for each row group of the layer, in order.
    """

    weights: NDArray[np.float32]
    parts: tuple[tuple[int, int], ...]
    rest: tuple[RestReads, ...]


def exact_reads(layer: PlacedLayer, rule: ReadRule, converter: ConverterRange, fixed: FixedLayer) -> ExactReads | None:
    """Find the columns whose conversions change nothing; None where a row group has few, or where none can be."""
    if rule.spikes is not None or rule.response is not None or fixed.noise.shape[1] > 0:
        return None
    rows, outputs = layer.matrix.weight.shape
    owner = _owners(fixed, outputs)
    weights = np.zeros((-(-outputs // LANES), rows, LANES), np.float32)
    rest = []
    for number, block in enumerate(layer.row_blocks):
        _lay_out(fixed.input_place[number], block.start, block.stop, weights)
        for start, stop in block.groups:
            bounds = (*_drive_range(layer, rule), converter.low, converter.high)
            exact = _unchanged(
                fixed.cells, start, stop, (fixed.base, fixed.fraction), bounds, fixed.half, fixed.shift, owner
            )
            if np.count_nonzero(exact) < _LEAST_SHARE * np.count_nonzero(owner >= 0):
                return None
            worth = np.zeros(outputs)
            _add_columns(
                fixed.cells,
                start,
                stop,
                (fixed.base, fixed.fraction),
                exact,
                fixed.place[number],
                owner,
                worth,
                weights,
            )
            base_place = fixed.base_place[number] + worth
            rest.append(_rest(fixed, number, slice(start, stop), ~exact & (owner >= 0), owner, base_place))
    codes = layer.matrix.input
    parts = _exact_parts(weights, max(codes.high, -codes.low))
    return None if parts is None else ExactReads(weights, parts, tuple(rest))


def add_exact(reads: ExactReads, windows: Windows, sums: NDArray[np.float64]) -> None:
    """Add the products of all windows to sums (W, O)."""
    codes = windows.codes.astype(np.float32)
    for start, stop in reads.parts:
        _add_products(codes, windows.bases, windows.offsets[start:stop], reads.weights[:, start:stop], sums)


def _drive_range(layer: PlacedLayer, rule: ReadRule) -> tuple[int, int]:
    """Least and largest value that drives a row in a converted read."""
    codes = layer.matrix.input
    return (codes.low, codes.high) if rule.analog_accumulate else (0, max(c.high for c in rule.chunks(codes)))


def _owners(fixed: FixedLayer, outputs: int) -> NDArray[np.int64]:
    """The output of each column, (tiles, C); -1 for columns that only fill a tile."""
    tiles, _, width = fixed.cells.shape
    column = np.arange(width)
    owner = np.arange(tiles)[:, None] * fixed.tile_outputs + column % fixed.tile_outputs
    return np.where((column < fixed.columns * fixed.tile_outputs) & (owner < outputs), owner, -1)


def _rest(
    fixed: FixedLayer,
    block: int,
    rows: slice,
    chosen: NDArray[np.bool_],
    owner: NDArray[np.int64],
    base_place: NDArray[np.float64],
) -> RestReads:
    tile, column = np.nonzero(chosen)
    spare = (0, -len(tile) % LANES)
    return RestReads(
        cells=np.ascontiguousarray(np.pad(fixed.cells[tile, rows, column].T, ((0, 0), spare))),
        shift=np.pad(fixed.shift[column], spare),
        half=np.pad(fixed.half[column], spare),
        place=np.pad(fixed.place[block][tile, column], spare),
        outputs=owner[tile, column],
        base_place=base_place,
    )


def _exact_parts(weights: NDArray[np.float32], largest: int) -> tuple[tuple[int, int], ...] | None:
    """Row ranges in which no sum of products' sizes passes what float32 holds; None where a row's does alone."""
    parts, start = [], 0
    while start < weights.shape[1]:
        stop = _exact_until(weights, start, float(largest))
        if stop == start:
            return None
        parts.append((start, stop))
        start = stop
    return tuple(parts)


@compiled
def _exact_until(weights: NDArray[np.float32], start: int, largest: float) -> int:
    sizes = np.zeros((len(weights), LANES))
    for row in range(start, weights.shape[1]):
        for block in range(len(weights)):
            for c in range(LANES):
                sizes[block, c] += abs(float(weights[block, row, c])) * largest
                if sizes[block, c] > _FLOAT32_EXACT:
                    return row
    return int(weights.shape[1])


@compiled
def _unchanged(
    cells: NDArray[Any],
    start: int,
    stop: int,
    unit: tuple[int, int],
    bounds: tuple[int, int, int, int],
    half: NDArray[Any],
    shift: NDArray[Any],
    owner: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Which columns (tiles, C) no conversion changes, of rows start to stop - 1.

    unit: (HRS part of a cell, bits of fraction); bounds: least and largest drive of a row, lowest and highest code.
    """
    tiles, _, width = cells.shape
    exact = np.zeros((tiles, width), np.bool_)
    least, most, broken = np.empty(width, np.int64), np.empty(width, np.int64), np.empty(width, np.int64)
    mask = np.int64((1 << unit[1]) - 1)
    for tile in range(tiles):
        least[:], most[:], broken[:] = 0, 0, 0
        for row in range(start, stop):
            for c in range(width):
                cell = np.int64(cells[tile, row, c])
                one, other = cell * bounds[0], cell * bounds[1]
                least[c] += min(one, other)
                most[c] += max(one, other)
                broken[c] |= (cell - unit[0]) & mask
        for c in range(width):
            fits = (least[c] + half[c]) >> shift[c] >= bounds[2] and (most[c] + half[c]) >> shift[c] <= bounds[3]
            exact[tile, c] = fits and broken[c] == 0 and shift[c] == unit[1] and owner[tile, c] >= 0
    return exact


@compiled
def _add_columns(
    cells: NDArray[Any],
    start: int,
    stop: int,
    unit: tuple[int, int],
    exact: NDArray[np.bool_],
    place: NDArray[np.float64],
    owner: NDArray[np.int64],
    worth: NDArray[np.float64],
    weights: NDArray[np.float32],
) -> None:
    """Add the levels of exact columns, times their place, to weights, and their places to worth (O,)."""
    for tile in range(len(cells)):
        for c in range(cells.shape[2]):
            if exact[tile, c]:
                worth[owner[tile, c]] += place[tile, c]
        for row in range(start, stop):
            for c in range(cells.shape[2]):
                if exact[tile, c]:
                    level = (np.int64(cells[tile, row, c]) - unit[0]) >> unit[1]
                    block, lane = owner[tile, c] // LANES, owner[tile, c] % LANES
                    weights[block, row, lane] += np.float32(float(level) * place[tile, c])


@compiled
def _lay_out(values: NDArray[np.float64], start: int, stop: int, weights: NDArray[np.float32]) -> None:
    """Write values (O,) to every row from start to stop - 1."""
    for o in range(len(values)):
        for row in range(start, stop):
            weights[o // LANES, row, o % LANES] = values[o]


@compiled
def _add_products(
    codes: NDArray[np.float32],
    bases: NDArray[np.int64],
    offsets: NDArray[np.int64],
    weights: NDArray[np.float32],
    sums: NDArray[np.float64],
) -> None:
    products = np.empty((WINDOWS, LANES), np.float32)
    places = np.empty(WINDOWS, np.int64)
    for first in range(0, len(bases), WINDOWS):
        count = min(WINDOWS, len(bases) - first)
        for i in range(WINDOWS):
            places[i] = bases[first + min(i, count - 1)]
        for block in range(len(weights)):
            add_products(codes, places, offsets, weights[block], products)
            width = min(LANES, sums.shape[1] - block * LANES)
            for i in range(count):
                line = sums[first + i, block * LANES : block * LANES + width]
                for c in range(width):
                    line[c] += float(products[i, c])
