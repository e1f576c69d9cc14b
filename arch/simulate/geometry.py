"""Which pixels of its input streams a window needs, which it is the last to need, and which output pixels it completes.

A window of a stage is a pixel of its result before the operators fused behind it, in raster order. A stream is the
map of pixels, (channels, height, width), that a stage or the network's input gives, numbered in raster order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.digital_work import element_unit
from pillarsim.arch.errors import ModelError
from pillarsim.arch.placement import INPUT, Edge, Placement, Stage
from pillarsim.workloads.operators import Activation, AvgPool2d, MaxPool2d, Relu, padding_of

__all__ = ["Fields", "Finish", "Grid", "fields_of", "finish_of", "grid_of", "stream_of"]

Shape = tuple[int, int, int]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """How windows slide over a map; padding: (top, left, bottom, right)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int] = (1, 1)


@dataclass(frozen=True, eq=False)
class Fields:
    """What the windows of one image need of one input stream of `pixels` pixels.

    need  pixels of the stream, counted from its start, that must have arrived (0: padding only)
    keep  pixels below this number are needed by no window from this one on
    row   pixels that the source sends at once if it feeds this stream
    """

    pixels: int
    row: int
    need: Counts
    keep: Counts

    def keep_from(self, sequence: int) -> int:
        """Pixels below this number (over all images) are needed by no window from `sequence` on."""
        image, window = divmod(sequence, len(self.keep))
        return image * self.pixels + int(self.keep[window])


@dataclass(frozen=True, eq=False)
class Finish:
    """What happens to the windows of one image behind the stage's own result.

    steps    (unit, actions of each window) of each operator fused behind, in order
    emitted  output pixels that can leave in raster order once a window is done
    """

    steps: tuple[tuple[str, Counts], ...]
    emitted: Counts


def stream_of(placement: Placement, source: int) -> Shape:
    """The stream that stage `source`, or the network's input, gives."""
    return placement.input_stream if source == INPUT else placement.stages[source].stream


def grid_of(placement: Placement, stage: Stage) -> Grid | None:
    """The geometry of a stage's windows: of its matrix or of its pool; None for any other operator."""
    if stage.layers:
        matrix = placement.layers[stage.layers[0]].matrix
        return Grid(matrix.kernel, matrix.stride, matrix.padding, matrix.dilation)
    if isinstance(stage.operator, MaxPool2d | AvgPool2d):
        return Grid(stage.operator.kernel, stage.operator.stride, padding_of(stage.operator))
    return None


def fields_of(placement: Placement, stage: Stage, edge: Edge) -> Fields:
    """Return the window tables of one input of a stage. Raises ModelError where the shapes do not fit."""
    _, height, width = stream_of(placement, edge.source)
    pixels, windows = height * width, stage.windows
    if edge.access == "map":
        need, first = np.full(windows, pixels), np.zeros(windows, np.int64)
    elif edge.access == "pixel":
        if pixels != windows:
            raise ModelError(f"stage {stage.name!r}: {pixels} pixels do not feed {windows} windows one by one")
        first = np.arange(windows)
        need = first + 1
    else:
        need, first = _receptive_fields(placement, stage, height, width)
    keep = np.minimum.accumulate(first[::-1])[::-1]
    return Fields(pixels, width, need.astype(np.int64), keep.astype(np.int64))


def _receptive_fields(placement: Placement, stage: Stage, height: int, width: int) -> tuple[Counts, Counts]:
    """(pixels that must have arrived, first pixel needed) of each window."""
    grid = grid_of(placement, stage)
    if grid is None:
        raise ModelError(f"stage {stage.name!r}: its operator has no windows")
    top, bottom = extents(stage.before[1], grid, 0, height)
    left, right = extents(stage.before[2], grid, 1, width)
    for count, size, axis in ((stage.before[1], height, 0), (stage.before[2], width, 1)):
        reach = (grid.kernel[axis] - 1) * grid.dilation[axis] + 1
        if (size + grid.padding[axis] + grid.padding[axis + 2] - reach) // grid.stride[axis] + 1 != count:
            raise ModelError(f"stage {stage.name!r}: a map of {height} x {width} does not give {stage.before}")
    empty = (top > bottom)[:, None] | (left > right)[None, :]
    need = np.where(empty, 0, bottom[:, None] * width + right[None, :] + 1)
    first = np.where(empty, height * width, top[:, None] * width + left[None, :])
    return need.reshape(-1), first.reshape(-1)


def extents(count: int, grid: Grid, axis: int, size: int) -> tuple[Counts, Counts]:
    """First and last input position of each of `count` windows along one axis, padding cut off; first > last: none."""
    kernel, dilation = grid.kernel[axis], grid.dilation[axis]
    start = np.arange(count) * grid.stride[axis] - grid.padding[axis]
    skipped = np.maximum(0, -(start // dilation))  # taps above the map: ceil(-start / dilation)
    last = np.minimum(kernel - 1, (size - 1 - start) // dilation)
    return start + skipped * dilation, np.where(last < skipped, -1, start + last * dilation)


def finish_of(stage: Stage) -> Finish:
    """Return what the operators fused behind a stage do. Raises ModelError where the shapes do not fit."""
    channels, height, width = stage.before
    windows = height * width
    last = np.arange(windows).reshape(height, width)  # the window that completes each pixel of the map so far
    steps: list[tuple[str, Counts]] = []
    for post in stage.post:
        operator = post.operator
        if isinstance(operator, Relu | Activation):
            steps.append((element_unit(operator), np.bincount(last.reshape(-1), minlength=windows) * channels))
        elif isinstance(operator, MaxPool2d | AvgPool2d):
            last, poolings = _pool(operator, last, windows)
            steps.append(("pooling", poolings * channels))
        else:
            raise ModelError(f"stage {stage.name!r}: no timing for a fused {type(operator).__name__}")
    if (channels, *last.shape) != stage.stream:
        raise ModelError(f"stage {stage.name!r}: {(channels, *last.shape)} leaves, not {stage.stream}")
    complete = np.maximum.accumulate(last.reshape(-1))
    emitted = np.searchsorted(complete, np.arange(windows), side="right")
    return Finish(tuple(steps), emitted.astype(np.int64))


def _pool(operator: MaxPool2d | AvgPool2d, last: Counts, windows: int) -> tuple[Counts, Counts]:
    """The windows that complete the pooled pixels, and the values of a channel that each window gives to be pooled."""
    top, left, bottom, right = padding_of(operator)
    height, width = last.shape
    rows = (height + top + bottom - operator.kernel[0]) // operator.stride[0] + 1
    columns = (width + left + right - operator.kernel[1]) // operator.stride[1] + 1
    pooled = np.full((rows, columns), -1)
    poolings = np.zeros(windows, np.int64)
    for tap_y in range(operator.kernel[0]):
        y = np.arange(rows) * operator.stride[0] - top + tap_y
        row_in = (y >= 0) & (y < height)
        for tap_x in range(operator.kernel[1]):
            x = np.arange(columns) * operator.stride[1] - left + tap_x
            column_in = (x >= 0) & (x < width)
            members = last[np.ix_(y[row_in], x[column_in])]
            poolings += np.bincount(members.reshape(-1), minlength=windows)
            place = np.ix_(row_in, column_in)
            pooled[place] = np.maximum(pooled[place], members)
    return pooled, poolings
