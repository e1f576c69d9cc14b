"""The digital steps after the arrays: bias, scaling to codes, ReLU and pooling.

y = floor((sum + bias) * multiplier + 0.5), clipped to the output codes; the last layer gives float logits instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.placement import PlacedLayer, PostOperator
from pillarsim.devices.jit import compiled


def output_codes(layer: PlacedLayer, sums: NDArray[np.float64], images: int) -> NDArray[np.int32]:
    """Codes (N, C, H, W) that leave the layer, from accumulators (N * windows, O). Needs coded outputs."""
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
    result: NDArray[Any] = codes.reshape(images, channels, height, width)
    for operator in layer.post:
        result = _apply(operator, result)
    return result


def logits_of(layer: PlacedLayer, sums: NDArray[np.float64], images: int) -> NDArray[np.float64]:
    """Logits (N, outputs) of the last layer, (sum + bias) * multiplier, its operators applied to floats."""
    matrix = layer.matrix
    values = (sums + matrix.bias) * matrix.multiplier
    channels, height, width = matrix.out_shape
    result: NDArray[Any] = values.reshape(images, height, width, channels).transpose(0, 3, 1, 2)
    for operator in layer.post:
        result = _apply(operator, result)
    return np.ascontiguousarray(result).reshape(images, -1)


def _apply(operator: PostOperator, values: NDArray[Any]) -> NDArray[Any]:
    if operator.kind == "relu":
        return np.asarray(np.maximum(values, 0))
    if operator.kind == "flatten":
        return values
    if operator.kind not in ("max_pool", "avg_pool"):
        raise ValueError(f"{operator.name}: unknown operator {operator.kind!r}")
    parts = _kernel_parts(values, operator)
    if operator.kind == "max_pool":
        best = parts[0].copy()
        for part in parts[1:]:
            np.maximum(best, part, out=best)
        return best
    total = parts[0].astype(np.int64 if values.dtype.kind == "i" else np.float64)
    for part in parts[1:]:
        total += part
    if values.dtype.kind == "i":
        return ((total + len(parts) // 2) // len(parts)).astype(np.int32)
    return total / len(parts)


def _kernel_parts(values: NDArray[Any], operator: PostOperator) -> list[NDArray[Any]]:
    """The map seen from each kernel position; a last partial kernel is dropped."""
    (kernel_y, kernel_x), (step_y, step_x) = operator.kernel, operator.stride
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
