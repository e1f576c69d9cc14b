"""Which input pixels a window needs, which it is the last to need, and which output pixels it completes.

A stream is the map of pixels that reaches a layer, (channels, height, width), numbered in raster order within an
image. A layer behind a flattening takes the whole map as the one pixel of its input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from pillarsim.arch.errors import ModelError
from pillarsim.arch.placement import PlacedArray, PlacedLayer, PostOperator

__all__ = ["Windows", "values_needed", "windows_of"]

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Windows:
    """Per window of one image, in raster order, for a layer fed by a stream of `pixels` pixels an image.

    need         pixels of the stream, counted from its start, that must have arrived (0: padding only)
    keep         pixels below this number are needed by no window from this one on
    activations  values that activation units handle when the window is done
    poolings     values that pooling units compare or add when the window is done
    emits        whether the window completes a pixel that leaves the layer
    span         pixels that a buffer must hold for the most demanding window
    """

    pixels: int
    row: int
    need: tuple[int, ...]
    keep: tuple[int, ...]
    activations: tuple[int, ...]
    poolings: tuple[int, ...]
    emits: tuple[bool, ...]
    span: int

    @property
    def count(self) -> int:
        """Windows of one image."""
        return len(self.need)

    def keep_from(self, sequence: int) -> int:
        """Pixels below this number (over all images) are needed by no window from `sequence` on."""
        image, window = divmod(sequence, len(self.keep))
        return image * self.pixels + self.keep[window]


def windows_of(layer: PlacedLayer, stream: Shape) -> Windows:
    """Return the window tables of `layer` behind `stream`. Raises ModelError where their shapes do not fit."""
    matrix = layer.matrix
    if stream == matrix.in_shape:
        need, first = _receptive_fields(layer)
    elif prod(stream) == prod(matrix.in_shape) and matrix.windows == 1:
        need, first = [stream[1] * stream[2]], [0]
    else:
        raise ModelError(f"layer {layer.name!r}: a map of {stream} does not feed an input of {matrix.in_shape}")
    keep = _suffix_minimum(first)
    activations, poolings, emits = _post_tables(layer)
    span = max(after - before for after, before in zip(need, keep, strict=True))
    return Windows(
        pixels=stream[1] * stream[2],
        row=stream[2],
        need=tuple(need),
        keep=tuple(keep),
        activations=tuple(activations),
        poolings=tuple(poolings),
        emits=tuple(emits),
        span=span,
    )


def values_needed(layer: PlacedLayer, stream: Shape, arrays: Sequence[PlacedArray]) -> tuple[int, ...]:
    """Values of each pixel of the stream that some arrays need, pixels in raster order.

    A layer of one window takes each value in one row; else a row's channel is needed of every pixel.
    """
    matrix, pixels = layer.matrix, stream[1] * stream[2]
    taps = prod(matrix.kernel)
    blocks = (layer.row_blocks[number] for number in {array.row_block for array in arrays})
    rows = [row for block in blocks for row in range(block.start, block.stop)]
    if matrix.in_shape != stream:  # flattened, channel-major
        counts = Counter(row % pixels for row in rows)
    elif matrix.windows == 1 and matrix.padding == (0, 0):
        counts = Counter(row % taps // matrix.kernel[1] * stream[2] + row % matrix.kernel[1] for row in rows)
    else:
        return (len({row // taps for row in rows}),) * pixels
    return tuple(counts[pixel] for pixel in range(pixels))


def _receptive_fields(layer: PlacedLayer) -> tuple[list[int], list[int]]:
    """(pixels that must have arrived, first pixel needed) of each window."""
    matrix = layer.matrix
    _, height, width = matrix.in_shape
    rows = _extents(matrix.out_shape[1], matrix.kernel[0], matrix.stride[0], matrix.padding[0], height)
    columns = _extents(matrix.out_shape[2], matrix.kernel[1], matrix.stride[1], matrix.padding[1], width)
    need, first = [], []
    for top, bottom in rows:
        for left, right in columns:
            empty = top > bottom or left > right
            need.append(0 if empty else bottom * width + right + 1)
            first.append(height * width if empty else top * width + left)
    return need, first


def _extents(outputs: int, kernel: int, stride: int, padding: int, size: int) -> list[tuple[int, int]]:
    """(first, last) input position of each output position along one axis, padding cut off."""
    starts = (position * stride - padding for position in range(outputs))
    return [(max(0, start), min(size - 1, start + kernel - 1)) for start in starts]


def _suffix_minimum(values: list[int]) -> list[int]:
    found, low = [], values[-1]
    for value in reversed(values):
        low = min(low, value)
        found.append(low)
    return found[::-1]


def _post_tables(layer: PlacedLayer) -> tuple[list[int], list[int], list[bool]]:
    """(activation values, pooling values, completes a pixel) of each window, through the operators in order."""
    channels, height, width = layer.matrix.out_shape
    activations, poolings = [0] * (height * width), [0] * (height * width)
    # the window that completes each pixel of the map so far; a pixel is complete with its last window
    last = list(range(height * width))
    for operator in layer.post:
        if operator.kind == "relu":
            for window in last:
                activations[window] += channels
        elif operator.kind in ("max_pool", "avg_pool"):
            last, height, width = _pool(operator, last, height, width, poolings, channels)
        elif operator.kind != "flatten":
            raise ModelError(f"layer {layer.name!r}: no timing for the operator {operator.kind!r}")
    if (channels, height, width) != layer.final_shape:
        raise ModelError(f"layer {layer.name!r}: {(channels, height, width)} leaves, not {layer.final_shape}")
    completing = set(last)
    return activations, poolings, [window in completing for window in range(len(activations))]


def _pool(
    operator: PostOperator, last: list[int], height: int, width: int, poolings: list[int], channels: int
) -> tuple[list[int], int, int]:
    rows = (height - operator.kernel[0]) // operator.stride[0] + 1
    columns = (width - operator.kernel[1]) // operator.stride[1] + 1
    pooled = []
    for row in range(rows):
        for column in range(columns):
            top, left = row * operator.stride[0], column * operator.stride[1]
            members = [
                last[y * width + x]
                for y in range(top, top + operator.kernel[0])
                for x in range(left, left + operator.kernel[1])
            ]
            for window in members:
                poolings[window] += channels
            pooled.append(max(members))
    return pooled, rows, columns
