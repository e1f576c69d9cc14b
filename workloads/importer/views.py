"""Where values stand: reshape, transpose, slices, concatenation and padding."""

import math
from collections.abc import Sequence

import numpy as np

from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.elementwise import LOWEST
from pillarsim.workloads.importer.values import Array, Operand, Value, without_ones
from pillarsim.workloads.operators import Concat, Slice, Transpose

__all__ = ["concat", "drop_axes", "new_axes", "pad", "reshape", "select", "slice_axis", "split", "take", "transpose"]

MOST_PIECES = 64  # assumed: a selection in more pieces is not one that a chip would move piece by piece


def reshape(b: Builder, value: Value, target: Sequence[int]) -> Value:
    """The values in another shape; one -1 stands for what is left, the graph's own batch in front for 1."""
    sizes = [int(size) for size in target]
    count = math.prod(value.shape)
    if (
        b.declared_batch > 1
        and sizes
        and sizes[0] == b.declared_batch
        and (-1 in sizes or math.prod(sizes) == count * b.declared_batch)
    ):
        sizes[0] = 1
    known = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and known > 0 and count % known == 0:
        sizes[sizes.index(-1)] = count // known
    if math.prod(sizes) != count or min(sizes, default=1) < 1:
        hint = ""
        if b.declared_batch > 1:
            hint = f"; the graph is fixed to a batch of {b.declared_batch}: export it with a batch of 1"
        raise b.error(f"a shape of {tuple(target)} does not fit an input of {value.shape} for one sample{hint}")
    return b.view(value, tuple(sizes))


def new_axes(b: Builder, value: Value, axes: Sequence[int]) -> Value:
    """Axes of length 1 put in, at places counted in the result."""
    rank = len(value.shape) + len(axes)
    places = {axis % rank for axis in axes}
    old = iter(range(len(value.shape)))
    order = [None if k in places else next(old) for k in range(rank)]
    shape = tuple(1 if k is None else value.shape[k] for k in order)
    return b.view(value, shape, None if value.batch is None else order.index(value.batch))


def drop_axes(b: Builder, value: Value, axes: Sequence[int] | None) -> Value:
    """Axes of length 1 taken out (None: all of them but the batch); others stay."""
    rank = range(len(value.shape))
    chosen = set(rank) - {value.batch} if axes is None else {b.axis(value, axis) for axis in axes}
    kept = [k for k in rank if k not in chosen or value.shape[k] != 1]
    batch = kept.index(value.batch) if value.batch in kept else None
    return b.view(value, tuple(value.shape[k] for k in kept), batch)


def transpose(b: Builder, value: Value, order: Sequence[int], suffix: str = "") -> Value:
    """Axis k of the result is axis order[k] of the value; axes of length 1 move for nothing."""
    axes = [b.axis(value, axis) for axis in order]
    if sorted(axes) != list(range(len(value.shape))):
        raise b.error(f"expected an order of {len(value.shape)} axes, found {tuple(order)}")
    shape = tuple(value.shape[axis] for axis in axes)
    batch = None if value.batch is None else axes.index(value.batch)
    moved = [axis for axis in axes if value.shape[axis] > 1]
    if moved == sorted(moved):
        return b.view(value, shape, batch)
    short = without_ones(value.shape)
    if value.shape[0] == 1 and axes[0] == 0 and value.held != short:
        held, places = b.want(value), [axis - 1 for axis in axes[1:]]
    else:
        held, places = b.want(value, short), [sorted(moved).index(axis) for axis in moved]
    return b.layer(lambda name: Transpose(name, tuple(places)), [held], shape, batch, suffix)


def slice_axis(b: Builder, value: Value, axis: int, start: int, stop: int) -> Value:
    """Positions [start, stop) of an axis; negative ones count from its end, those beyond it are cut."""
    axis = b.axis(value, axis)
    size = value.shape[axis]
    first = min(max(start + size if start < 0 else start, 0), size)
    last = min(max(stop + size if stop < 0 else stop, 0), size)
    if (first, last) == (0, size):
        return value
    b.not_across_batch(value, [axis], "a slice")
    if first >= last:
        raise b.error(f"the slice [{start}, {stop}) of axis {axis} of {value.shape} is empty")
    value, held = b.along(value, axis)
    shape = (*value.shape[:axis], last - first, *value.shape[axis + 1 :])
    return b.layer(lambda name: Slice(name, held, first, last), [value], shape, value.batch)


def select(b: Builder, value: Value, axis: int, index: int) -> Value:
    """One position of an axis, which goes."""
    axis = b.axis(value, axis)
    size = value.shape[axis]
    if not -size <= index < size:
        raise b.error(f"position {index} does not exist on axis {axis} of {value.shape}")
    b.not_across_batch(value, [axis], "a selection")
    return drop_axes(b, slice_axis(b, value, axis, index % size, index % size + 1), [axis])


def take(b: Builder, value: Value, axis: int, indices: Array) -> Value:
    """The positions `indices` of an axis, in that order: one number (the axis goes) or a row of them."""
    if indices.ndim == 0:
        return select(b, value, axis, int(indices))
    axis = b.axis(value, axis)
    size = value.shape[axis]
    if indices.ndim > 1 or not indices.size or np.any(indices < -size) or np.any(indices >= size):
        raise b.error(f"expected positions on axis {axis} of {value.shape}, found an array of shape {indices.shape}")
    places = [int(index) % size for index in indices]
    pieces: list[list[int]] = []
    for place in places:
        if pieces and pieces[-1][1] == place:
            pieces[-1][1] = place + 1
        else:
            pieces.append([place, place + 1])
    if len(pieces) > MOST_PIECES:
        raise b.error(f"it picks positions of axis {axis} in {len(pieces)} pieces; supported are {MOST_PIECES} at most")
    return concat(b, [slice_axis(b, value, axis, start, stop) for start, stop in pieces], axis)


def split(b: Builder, value: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
    """Slices of the given sizes side by side."""
    axis = b.axis(value, axis)
    if sum(sizes) != value.shape[axis] or min(sizes, default=0) < 1:
        raise b.error(f"parts of {tuple(sizes)} do not fit axis {axis} of {value.shape}")
    ends = np.cumsum(sizes).tolist()
    return [slice_axis(b, value, axis, end - size, end) for end, size in zip(ends, sizes, strict=True)]


def concat(b: Builder, operands: Sequence[Operand], axis: int) -> Value:
    """Activations and constants side by side along an axis."""
    parts = [part for part in operands if math.prod(part.shape)]
    first = next(part for part in parts if isinstance(part, Value))
    axis = b.axis(first, axis)
    if len(parts) == 1:
        return first
    for part in parts:
        if isinstance(part, Value):
            b.not_across_batch(part, [axis], "a concatenation")
            b.one_batch(first, part, "a concatenation")
        if [*part.shape[:axis], *part.shape[axis + 1 :]] != [*first.shape[:axis], *first.shape[axis + 1 :]]:
            raise b.error(f"inputs of {first.shape} and {part.shape} differ in more than axis {axis}")
    shape = (*first.shape[:axis], sum(part.shape[axis] for part in parts), *first.shape[axis + 1 :])
    place = _common_axis(parts, axis)
    if place is None:
        dropped = axis > 0 and shape[0] == 1
        place = axis - dropped
        parts = [b.want(part, part.shape[1:] if dropped else part.shape) for part in parts]
    values = [part for part in parts if isinstance(part, Value)]
    return b.layer(lambda name: Concat(name, place), values, shape, first.batch)


def pad(b: Builder, value: Value, before: Sequence[int], after: Sequence[int], filling: float) -> Value:
    """Constants around the values (negative: values cut off); a convolution or pool behind it takes them over."""
    result = value
    for axis, (low, high) in enumerate(zip(before, after, strict=True)):
        if low < 0 or high < 0:
            result = slice_axis(b, result, axis, max(-low, 0), result.shape[axis] - max(-high, 0))
        parts: list[Operand] = [result]
        if low > 0:
            parts.insert(0, _filled(b, result, axis, low, filling))
        if high > 0:
            parts.append(_filled(b, result, axis, high, filling))
        if len(parts) > 1:
            result = concat(b, parts, axis)
    if result is not value and min(*before, *after) >= 0:
        b.padded[result.key] = (value, tuple(before), tuple(after), filling)
    return result


def _filled(b: Builder, value: Value, axis: int, size: int, filling: float) -> Array:
    """`size` positions of an axis of the value, all of one number."""
    b.not_across_batch(value, [axis], "padding")
    shape = (*value.shape[:axis], size, *value.shape[axis + 1 :])
    return np.full(shape, max(filling, LOWEST), np.float32)


def _common_axis(parts: Sequence[Operand], axis: int) -> int | None:
    """The axis along which all parts, as they are held, can be joined; None if there is none."""
    held = [part.held if isinstance(part, Value) else () for part in parts]
    if len({len(shape) for shape in held}) > 1 or not held[0]:
        return None
    before = math.prod(parts[0].shape[:axis])
    for place in range(len(held[0])):
        rest = {(*shape[:place], *shape[place + 1 :]) for shape in held}
        fits = all(
            shape[place] == part.shape[axis] and math.prod(shape[:place]) == before
            for shape, part in zip(held, parts, strict=True)
        )
        if fits and len(rest) == 1:
            return place
    return None
