"""The digital steps after and between arrays, on codes: rescaling, fused operators, digital operators.

A matrix' result is y = floor((sum + bias) * multiplier + 0.5), clipped to its codes. ReLU, clip and sign act on codes;
average pooling is floor((sum + n // 2) / n) of codes; other functions go by a table from code to code. A digital
operator computes with the values that codes stand for (matrix products exactly, in codes) and rounds once, to the
codes of its result. The last stage gives floats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.placement import Codes, PlacedLayer, Post, Stage
from pillarsim.devices.jit import compiled
from pillarsim.workloads.digital import apply_digital
from pillarsim.workloads.network import (
    Activation,
    AvgPool2d,
    Layer,
    MatMul,
    MaxPool2d,
    Relu,
    padding_of,
    parameters,
)

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
_LEAST = np.iinfo(np.int32).min  # below every code


def result_codes(layer: PlacedLayer, sums: Floats, images: int) -> Ints:
    """Codes (N, O, height, width) of a matrix, from its accumulators (N * windows, O). Needs coded outputs."""
    matrix = layer.matrix
    if matrix.output is None:
        raise ValueError(f"layer {layer.name}: the last layer has logits, not codes")
    channels, height, width = matrix.out_shape
    codes = np.empty((images, channels, height * width), np.int32)
    _scale(
        sums.reshape(images, height * width, channels),
        matrix.bias.astype(np.float64),
        matrix.multiplier,
        matrix.output.low,
        matrix.output.high,
        codes,
    )
    return codes.reshape(images, channels, height, width)


def result_floats(layer: PlacedLayer, sums: Floats, images: int) -> Floats:
    """Values (N, O, height, width) of the last matrix, (sum + bias) * multiplier."""
    matrix = layer.matrix
    channels, height, width = matrix.out_shape
    values: Floats = ((sums + matrix.bias) * matrix.multiplier).reshape(images, height, width, channels)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def fused(stage: Stage, values: NDArray[Any]) -> NDArray[Any]:
    """What leaves a stage whose result is `values` (N, *result): codes, or floats in the last stage."""
    before = stage.codes
    for post in stage.post:
        if before is None or post.output is None:
            values = as_floats(post.operator, [values])
        else:
            values = post_codes(post, values, before)
            before = post.output
    return values


def post_codes(post: Post, codes: Ints, before: Codes) -> Ints:
    """One fused operator on codes (N, ...) coded as `before`."""
    operator = post.operator
    assert post.output is not None
    if isinstance(operator, Relu):
        return np.maximum(codes, 0)
    if isinstance(operator, MaxPool2d):
        return _max_pool(operator, codes)
    if isinstance(operator, AvgPool2d):
        return _average_pool(operator, codes)
    assert isinstance(operator, Activation)
    if operator.function == "sign":
        return np.sign(codes)
    if operator.function == "clip":
        given = dict(operator.settings)
        low, high = (_coded(np.array(given[end]), before) for end in ("low", "high"))
        return np.asarray(np.clip(codes, low, high), dtype=np.int32)
    table = _coded(as_floats(operator, [np.arange(before.low, before.high + 1) * before.scale]), post.output)
    return table[codes - before.low]


def operator_codes(stage: Stage, inputs: Sequence[tuple[Ints, Codes]]) -> NDArray[Any]:
    """The result of a digital stage (N, *result): codes, or floats in the last stage."""
    operator, count = stage.operator, len(inputs[0][0])
    assert operator is not None
    if isinstance(operator, MatMul):
        (first, one), (second, other) = inputs
        scale = one.scale * other.scale * operator.scale
        values = (first.astype(np.float64) @ second.astype(np.float64)) * scale  # sums of codes: exact below 2^53
    elif isinstance(operator, MaxPool2d):
        codes, coding = inputs[0]
        largest = _max_pool(operator, codes)
        if stage.codes == coding:
            return largest
        values = largest.astype(np.float64) * coding.scale
    else:
        operands = [codes * coding.scale for codes, coding in inputs]
        for place, constant in stage.constants:
            operands.insert(place, np.broadcast_to(constant.value.astype(np.float64), (count, *constant.value.shape)))
        values = as_floats(operator, operands)
    return values if stage.codes is None else _coded(values, stage.codes)


def as_floats(operator: Layer, operands: Sequence[NDArray[Any]]) -> Floats:
    """A digital operator on values (N, ...) in float64."""
    tensors = [torch.from_numpy(np.array(values, dtype=np.float64)) for values in operands]
    found: Floats = apply_digital(operator, tensors, _parameters(operator)).numpy()
    return found


def _parameters(operator: Layer) -> Callable[[str], torch.Tensor]:
    held = parameters(operator)
    return lambda name: torch.from_numpy(held[name].astype(np.float64))


def _coded(values: Floats, codes: Codes) -> Ints:
    scaled = np.floor(values / codes.scale + 0.5)
    return np.clip(scaled, codes.low, codes.high).astype(np.int32)


def _max_pool(operator: MaxPool2d, codes: Ints) -> Ints:
    parts = _kernel_parts(codes, operator, _LEAST)
    best = parts[0].copy()
    for part in parts[1:]:
        np.maximum(best, part, out=best)
    return best


def _average_pool(operator: AvgPool2d, codes: Ints) -> Ints:
    parts = _kernel_parts(codes, operator, 0)
    total = _added(parts)
    count: Any = len(parts)
    if not operator.count_padding:
        count = _added(_kernel_parts(np.ones((1, 1, *codes.shape[2:]), np.int32), operator, 0))
    return np.asarray((total + count // 2) // count, dtype=np.int32)


def _added(parts: Sequence[Ints]) -> NDArray[np.int64]:
    total = parts[0].astype(np.int64)
    for part in parts[1:]:
        total += part
    return total


def _kernel_parts(values: Ints, operator: MaxPool2d | AvgPool2d, filling: int) -> list[Ints]:
    """The map seen from each kernel position; a last partial kernel is dropped."""
    (kernel_y, kernel_x), (step_y, step_x) = operator.kernel, operator.stride
    top, left, bottom, right = padding_of(operator)
    if top or left or bottom or right:
        values = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=filling)
    tall = (values.shape[2] - kernel_y) // step_y + 1
    wide = (values.shape[3] - kernel_x) // step_x + 1
    return [
        values[:, :, y : y + step_y * (tall - 1) + 1 : step_y, x : x + step_x * (wide - 1) + 1 : step_x]
        for y in range(kernel_y)
        for x in range(kernel_x)
    ]


@compiled
def _scale(
    sums: NDArray[np.float64],
    bias: NDArray[np.float64],
    multiplier: NDArray[np.float64],
    low: int,
    high: int,
    codes: NDArray[np.int32],
) -> None:
    for n in range(sums.shape[0]):
        for o in range(sums.shape[2]):
            for w in range(sums.shape[1]):
                value = np.floor((sums[n, w, o] + bias[o]) * multiplier[o] + 0.5)
                codes[n, o, w] = int(min(max(value, float(low)), float(high)))
