"""How many values move: of each pixel into a tile, of each window into the arrays or units, of partial sums home."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.placement import INPUT, Edge, PlacedArray, PlacedLayer, Placement, RowBlock, Stage
from pillarsim.arch.simulate.geometry import extents, grid_of, stream_of
from pillarsim.workloads.operators import Flatten, Reshape

__all__ = ["LOGIT_BITS", "array_inputs", "edge_values", "fetched_values", "held_outputs", "tile_values", "value_bits"]

LOGIT_BITS = 32  # bits of an output without codes (the last stage's): a float32

Counts = NDArray[np.int64]
Held = tuple[PlacedLayer, tuple[PlacedArray, ...]]  # a layer and some of its arrays


def value_bits(placement: Placement, source: int) -> int:
    """Bits of one value of the stream that stage `source`, or the network's input, gives."""
    codes = placement.input if source == INPUT else placement.stages[source].output
    return LOGIT_BITS if codes is None else codes.bits


def edge_values(placement: Placement, edge: Edge) -> Counts:
    """Values of each pixel of the stream that the stage takes."""
    _, height, width = stream_of(placement, edge.source)
    return np.broadcast_to(np.asarray(edge.values, np.int64), (height * width,))


def tile_values(placement: Placement, stage: Stage, held: Iterable[Held]) -> Counts:
    """Values of each pixel of its stream that a matrix stage's arrays in one tile need.

    Of a window that is the whole map each value goes to one row; else a row's channel is needed of every pixel. Behind
    views that change the order of the values the tile takes all that the stage takes.
    """
    edge = stage.inputs[0]
    taken = edge_values(placement, edge)
    _, height, width = stream_of(placement, edge.source)
    values = np.zeros(height * width, np.int64)
    for layer, arrays in held:
        matrix = layer.matrix
        rows = np.concatenate([np.arange(block.start, block.stop) for block in _blocks(layer, arrays)])
        taps = prod(matrix.kernel)
        if edge.access == "map":
            plain = all(isinstance(view, Flatten | Reshape) for view in edge.views)
            if matrix.windows > 1 or not plain or matrix.weight.shape[0] != prod(stream_of(placement, edge.source)):
                return taken
            values += np.bincount(rows % len(values), minlength=len(values))
        elif matrix.windows == 1 and matrix.padding == (0, 0, 0, 0):
            tap_y, tap_x = np.divmod(rows % taps, matrix.kernel[1])
            pixel = tap_y * matrix.dilation[0] * width + tap_x * matrix.dilation[1]
            values += np.bincount(pixel, minlength=len(values))
        else:
            values += len(np.unique(rows // taps))
    return np.minimum(values, taken)


def fetched_values(placement: Placement, stage: Stage, edge: Edge) -> Counts:
    """Values that each window of a digital stage takes of one input; a whole map is read with its first window."""
    values = edge_values(placement, edge)
    if edge.access == "pixel":
        return values
    if edge.access == "map":
        first = np.zeros(stage.windows, np.int64)
        first[0] = values.sum()
        return first
    grid = grid_of(placement, stage)
    assert grid is not None  # `fields_of` has refused it
    _, height, width = stream_of(placement, edge.source)
    sums = np.zeros((height + 1, width + 1), np.int64)  # of all values above and to the left
    sums[1:, 1:] = values.reshape(height, width).cumsum(0).cumsum(1)
    top, bottom = extents(stage.before[1], grid, 0, height)
    left, right = extents(stage.before[2], grid, 1, width)
    ends = np.ix_(bottom + 1, right + 1), np.ix_(top, right + 1), np.ix_(bottom + 1, left), np.ix_(top, left)
    inside = sums[ends[0]] - sums[ends[1]] - sums[ends[2]] + sums[ends[3]]
    return inside.reshape(-1)


def array_inputs(layer: PlacedLayer, arrays: Iterable[PlacedArray]) -> int:
    """Values of a window that go to some arrays, rows that they share once."""
    return sum(block.stop - block.start for block in _blocks(layer, arrays))


def held_outputs(layer: PlacedLayer, arrays: Iterable[PlacedArray]) -> int:
    """Different outputs that some arrays hold a slice of."""
    ranges = sorted({(array.units[0] // layer.slices, -(-array.units[1] // layer.slices)) for array in arrays})
    count = end = 0
    for first, stop in ranges:
        count += max(0, stop - max(first, end))
        end = max(end, stop)
    return count


def _blocks(layer: PlacedLayer, arrays: Iterable[PlacedArray]) -> list[RowBlock]:
    return [layer.row_blocks[number] for number in sorted({array.row_block for array in arrays})]
