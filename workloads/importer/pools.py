"""Pooling windows, and means, sums and largest values over whole axes."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.elementwise import affine
from pillarsim.workloads.importer.matrix import down_across, on_map, short_padding
from pillarsim.workloads.importer.values import Value
from pillarsim.workloads.operators import AvgPool2d, MaxPool2d

__all__ = ["adaptive", "pool", "reduce"]


def pool(
    b: Builder,
    value: Value,
    kind: str,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: tuple[Sequence[int], Sequence[int]],
    ceil_mode: bool = False,
    count_padding: bool = True,
    divisor: int | None = None,
) -> Value:
    """Windows in one or two dimensions; kind: max or average. ceil_mode keeps a last partial window.

    A partial window that ceil_mode adds becomes padding behind the map, which no mean counts.
    """
    dimensions = len(kernel)
    before, after = ([int(size) for size in side] for side in padding)
    value, before, after, count_padding = _with_padding(b, value, kind, kernel, before, after, count_padding)
    held = on_map(b, value, dimensions, "a pool")
    sizes = value.shape[2:]
    more = []
    for size, k, step, low, high in zip(sizes, kernel, stride, before, after, strict=True):
        more.append(_beyond(size, k, step, low, high) if ceil_mode else 0)
    pads = (*down_across(before, 0), *down_across([high + extra for high, extra in zip(after, more, strict=True)], 0))
    size_, step_ = down_across(kernel, 1), down_across(stride, 1)
    padded = any((*before, *after))
    counted = not any(pads) or (padded and count_padding) or divisor is not None
    made = b.layer(
        lambda name: (
            MaxPool2d(name, size_, step_, short_padding(pads))
            if kind == "max"
            else AvgPool2d(name, size_, step_, short_padding(pads), counted)
        ),
        [held],
    )
    if kind == "average" and (divisor is not None or (counted and any(more))):
        made = affine(b, made, _divided(made.held, value, kernel, stride, before, after, divisor), np.array(0.0))
    return b.view(made, (1, made.held[0], *made.held[3 - dimensions :]), 0)


def adaptive(b: Builder, value: Value, kind: str, target: Sequence[int | None]) -> Value:
    """Pooling to a size that divides the map's (None: the map's own)."""
    sizes = value.shape[2:]
    if len(sizes) != len(target):
        raise b.error(f"a size of {tuple(target)} does not fit an input of {value.shape}")
    wanted = [size if want is None else int(want) for size, want in zip(sizes, target, strict=True)]
    if any(want < 1 or size % want for size, want in zip(sizes, wanted, strict=True)):
        raise b.error(
            f"adaptive pooling of {sizes} to {tuple(wanted)} has windows of different sizes; "
            "supported are sizes that divide the map's"
        )
    kernel = [size // want for size, want in zip(sizes, wanted, strict=True)]
    if set(kernel) == {1}:
        return value
    zeros = [0] * len(kernel)
    return pool(b, value, kind, kernel, kernel, (zeros, zeros))


def reduce(b: Builder, value: Value, kind: str, axes: Sequence[int], keep: bool) -> Value:
    """mean, sum or max over axes of the graph's shape that stand side by side; `keep`: as axes of length 1."""
    chosen = sorted({b.axis(value, axis) for axis in axes})
    b.not_across_batch(value, chosen, f"a {kind}")
    shape, rank = value.shape, len(value.shape)
    kept = tuple(1 if k in chosen else size for k, size in enumerate(shape))
    left = [k for k in range(rank) if k not in chosen]
    final = kept if keep else tuple(shape[k] for k in left)
    batch = value.batch if keep or value.batch is None else left.index(value.batch)
    long = [k for k in chosen if shape[k] > 1]
    if not long:
        return b.view(value, final, batch)
    first, last = long[0], long[-1]
    if any(shape[k] > 1 and k not in chosen for k in range(first, last)):
        raise b.error(f"a {kind} over axes {tuple(chosen)} of {shape}: only axes side by side are supported")
    groups, count = math.prod(shape[:first]), math.prod(shape[first : last + 1])
    behind = math.prod(shape[last + 1 :])
    if behind == 1 and len(value.held) == 3 and value.held[0] == groups:
        held, kernel = value, (value.held[1], value.held[2])
    else:
        held, kernel = b.want(value, (groups, count, behind)), (count, 1)
    made = b.layer(
        lambda name: MaxPool2d(name, kernel, kernel) if kind == "max" else AvgPool2d(name, kernel, kernel), [held]
    )
    if kind == "sum":
        made = affine(b, made, np.array(float(count)), np.array(0.0))
    result = b.view(made, final, batch)
    if kind != "mean" or chosen != [rank - 1] or not keep:
        return result
    if value.moment is not None and value.moment[0] == "squared":
        return replace(result, moment=("variance", *value.moment[1:]))
    return replace(result, moment=("mean", value, 0.0))


def _with_padding(
    b: Builder, value: Value, kind: str, kernel: Sequence[int], before: list[int], after: list[int], counts: bool
) -> tuple[Value, list[int], list[int], bool]:
    """The value without the padding in front of the pool, where the pool can do it itself."""
    found = b.padded.get(value.key)
    if found is None or any((*found[1][:2], *found[2][:2])):
        return value, before, after, counts
    source, low, high, filling = found
    fits = max(*low[2:], *high[2:]) < min(kernel)
    neutral = filling == -np.inf if kind == "max" else filling == 0
    if not fits or not neutral or any((*before, *after)):
        return value, before, after, counts
    return source, list(low[2:]), list(high[2:]), True


def _beyond(size: int, kernel: int, stride: int, low: int, high: int) -> int:
    """Positions behind the padded map that its last window takes; a window never starts behind the map."""
    windows = -(-(size + low + high - kernel) // stride) + 1
    if (windows - 1) * stride >= size + low:
        windows -= 1
    return max((windows - 1) * stride + kernel - (size + low + high), 0)


def _divided(
    held: tuple[int, ...],
    value: Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    before: Sequence[int],
    after: Sequence[int],
    divisor: int | None,
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What turns a mean over whole windows into one over the map and its padding alone, or over `divisor`."""
    whole = float(math.prod(kernel))
    if divisor is not None:
        return np.array(whole / divisor)
    counts = []
    for windows, size, k, step, low, high in zip(
        held[3 - len(kernel) :], value.shape[2:], kernel, stride, before, after, strict=True
    ):
        starts = np.arange(windows) * step
        counts.append(np.minimum(starts + k, size + low + high) - starts)
    number = np.ones((1, 1), np.int64)
    for axis, count in enumerate(counts, start=2 - len(counts)):
        number = number * (count[:, None] if axis == 0 else count[None, :])
    return (whole / number)[None]
