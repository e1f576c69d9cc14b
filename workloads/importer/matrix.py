"""Convolution, fully connected layers, products of activations and attention."""

import math
from collections.abc import Sequence

import numpy as np

from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.elementwise import binary, expand
from pillarsim.workloads.importer.norms import softmax
from pillarsim.workloads.importer.values import Array, Operand, Value, without_ones
from pillarsim.workloads.importer.views import drop_axes, transpose
from pillarsim.workloads.operators import Conv2d, Linear, MatMul

__all__ = [
    "attention",
    "convolution",
    "down_across",
    "linear",
    "matmul",
    "on_map",
    "same_padding",
    "short_padding",
    "weights_of",
]


def weights_of(b: Builder, operand: Operand | None, what: str) -> Array:
    """The numbers of a weight; InputError where they depend on the network's input or are absent."""
    if isinstance(operand, Value):
        raise b.error(f"its {what} depends on the network's input; only constant ones can be held in arrays")
    if operand is None:
        raise b.error(f"its {what} is missing")
    return operand


def down_across(sizes: Sequence[int], missing: int) -> tuple[int, int]:
    """One number an axis as (vertical, horizontal); `missing` is the vertical one of a single axis."""
    given = [int(size) for size in sizes]
    return (given[0], given[1]) if len(given) == 2 else (missing, given[0])


def short_padding(pads: tuple[int, ...]) -> tuple[int, ...]:
    """(top, left, bottom, right), as two numbers where both sides are alike."""
    return pads[:2] if pads[:2] == pads[2:] else pads


def same_padding(size: int, kernel: int, stride: int, dilation: int, lower: bool) -> tuple[int, int]:
    """(before, after) so that the output has ceil(size / stride) positions; an odd one goes last, or first if lower."""
    span = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return (total - total // 2, total // 2) if lower else (total // 2, total - total // 2)


def on_map(b: Builder, value: Value, dimensions: int, what: str) -> Value:
    """The value held as (C, H, W), or (C, 1, L) for one dimension."""
    if dimensions not in (1, 2):
        raise b.error(f"{what} in {dimensions} dimensions is not supported; 1 and 2 are")
    if len(value.shape) != dimensions + 2:
        raise b.error(f"{what} expected an input of {dimensions + 2} axes with the batch, got {value.shape}")
    if value.shape[0] != 1:
        raise b.error(f"{what} runs on {value.shape[0]} maps of one sample; merge them into the channels instead")
    channels, *size = value.shape[1:]
    return b.want(value, (channels, *(1,) * (2 - dimensions), *size))


def convolution(
    b: Builder,
    value: Value,
    weight: Array,
    bias: Array | None,
    stride: Sequence[int],
    padding: tuple[Sequence[int], Sequence[int]],
    dilation: Sequence[int],
    groups: int,
) -> Value:
    """Conv1d or Conv2d. weight: (O, I / groups, k...); padding: before and after, each a number an axis."""
    dimensions = weight.ndim - 2
    before, after = ([int(size) for size in side] for side in padding)
    found = b.padded.get(value.key)
    if found is not None and found[3] == 0 and not any((*found[1][:2], *found[2][:2])):
        value = found[0]
        before = [size + more for size, more in zip(before, found[1][2:], strict=True)]
        after = [size + more for size, more in zip(after, found[2][2:], strict=True)]
    held = on_map(b, value, dimensions, "a convolution")
    if dimensions == 1:
        weight = weight[:, :, None, :]
    numbers = np.zeros(weight.shape[0], np.float32) if bias is None else bias
    pads = (*down_across(before, 0), *down_across(after, 0))
    made = b.layer(
        lambda name: Conv2d(
            name, weight, numbers, down_across(stride, 1), short_padding(pads), down_across(dilation, 1), groups
        ),
        [held],
    )
    return b.view(made, (1, made.held[0], *made.held[3 - dimensions :]), 0)


def linear(b: Builder, value: Value, weight: Array, bias: Array | None) -> Value:
    """A fully connected layer on the last axis. weight: (O, I)."""
    outputs, inputs = weight.shape
    if not value.shape or value.shape[-1] != inputs:
        raise b.error(f"expected an input whose last axis is {inputs}, got {value.shape}")
    b.not_across_batch(value, [len(value.shape) - 1], "a product with weights")
    rows = math.prod(value.shape[:-1])
    if rows == 1 or value.held[-1] != inputs or len(value.held) > 2:
        value = b.want(value, (rows, inputs) if rows > 1 else (inputs,))
    numbers = np.zeros(outputs, np.float32) if bias is None else bias
    shape = (*value.shape[:-1], outputs)
    return b.layer(lambda name: Linear(name, weight, numbers), [value], shape, value.batch)


def matmul(b: Builder, left: Operand, right: Operand, scale: float = 1.0, suffix: str = "") -> Value:
    """left @ right: a fully connected layer where one is a constant matrix, else a product of activations."""
    if isinstance(left, Value) and not isinstance(right, Value) and without_ones(right.shape[:-2]) == ():
        column = right.ndim == 1
        weight = right[:, None] if column else right.reshape(right.shape[-2:])
        made = linear(b, left, weight.T * scale if scale != 1 else weight.T, None)
        return drop_axes(b, made, [-1]) if column else made
    if isinstance(right, Value) and not isinstance(left, Value) and left.ndim == 2 and len(right.shape) > 1:
        order = list(range(len(right.shape)))
        order[-2], order[-1] = order[-1], order[-2]
        made = linear(b, transpose(b, right, order), left * scale if scale != 1 else left, None)
        return transpose(b, made, order)
    if len(left.shape) < 2 or len(right.shape) < 2:
        raise b.error(f"a product of {left.shape} and {right.shape}: both need two axes")
    if isinstance(left, Value) and isinstance(right, Value):
        b.one_batch(left, right, "a product")
        b.not_across_batch(left, [len(left.shape) - 1, len(left.shape) - 2], "a product of activations")
    lead = b.broadcast(left.shape[:-2], right.shape[:-2])
    sides = []
    for operand in (left, right):
        axes = operand.shape[-2:]
        value = operand if isinstance(operand, Value) else b.want(operand)
        b.not_across_batch(value, [len(value.shape) - (1 if operand is left else 2)], "a product")
        value = expand(b, value, (*lead, *axes))
        sides.append(b.want(value, (*without_ones(lead), *axes)))
    shape = (*lead, left.shape[-2], right.shape[-1])
    return b.layer(lambda name: MatMul(name, scale), sides, shape, sides[0].batch, suffix)


def attention(
    b: Builder,
    query: Operand,
    key: Operand,
    value: Operand,
    mask: Operand | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Value:
    """softmax(query key^T scale + mask) value. mask: added, or where it is true and false what may be looked at."""
    if isinstance(key, Value):
        order = list(range(len(key.shape)))
        order[-2], order[-1] = order[-1], order[-2]
        turned: Operand = transpose(b, key, order, "keys")
    else:
        turned = np.swapaxes(key, -1, -2)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul(b, query, turned, factor, "scores")
    if causal:
        mask = np.tril(np.ones(scores.shape[-2:], np.bool_))
    if mask is not None and not isinstance(mask, Value) and mask.dtype == np.bool_:
        mask = np.where(mask, 0.0, -np.inf)
    if mask is not None:
        added = binary(b, "add", scores, mask)
        assert isinstance(added, Value)
        scores = added
    return matmul(b, softmax(b, scores, -1, "softmax"), value)
