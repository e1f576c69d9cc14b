"""From a chain of layers to matrix stages: batch norm folded, digital operators attached to the layer before them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PostOperator
from pillarsim.workloads.network import (
    AvgPool2d,
    BatchNorm,
    CellResponse,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    Relu,
)

Shape3 = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class MatrixStage:
    """One matrix layer as a convolution in floats, with the operators that follow it.

    weight (R, O) in im2col order (channel, kernel row, kernel column); bias (O,).
    A linear layer over a (C, H, W) map is a convolution whose kernel is the whole map.
    """

    name: str
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    in_shape: Shape3
    out_shape: Shape3
    post: tuple[PostOperator, ...]
    final_shape: Shape3
    response: CellResponse | None = None


def matrix_stages(network: Network) -> tuple[MatrixStage, ...]:
    """Return the network's matrix stages in order.

    Raises InputError for an operator before the first matrix layer (flatten apart), for a batch norm that does not
    directly follow a matrix layer, and for one behind a layer with a response, whose weight range it would change.
    """
    shape = as_map(network.input_shape)
    stages: list[MatrixStage] = []
    groups = _groups(network)
    for matrix, followers in groups:
        norms = [layer for layer in followers if isinstance(layer, BatchNorm)]
        if norms and (len(norms) > 1 or followers[0] is not norms[0]):
            raise InputError(f"layer '{norms[-1].name}': batch norm is supported directly after a matrix layer only")
        stage = _stage(matrix, norms[0] if norms else None, shape, [x for x in followers if x not in norms])
        stages.append(stage)
        shape = stage.final_shape
    return tuple(stages)


def as_map(shape: tuple[int, ...]) -> Shape3:
    """Return (C, H, W); a flat shape is C channels of one pixel."""
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (math.prod(shape), 1, 1)


def _groups(network: Network) -> list[tuple[Conv2d | Linear, list[Layer]]]:
    groups: list[tuple[Conv2d | Linear, list[Layer]]] = []
    for layer in network.layers:
        if isinstance(layer, Conv2d | Linear):
            groups.append((layer, []))
        elif groups:
            groups[-1][1].append(layer)
        elif not isinstance(layer, Flatten):
            raise InputError(f"layer '{layer.name}': expected a convolution or linear layer first, found this operator")
    return groups


def _stage(layer: Conv2d | Linear, norm: BatchNorm | None, shape: Shape3, followers: list[Layer]) -> MatrixStage:
    kernel, stride, padding = (shape[1], shape[2]), (1, 1), (0, 0)
    if isinstance(layer, Conv2d):
        kernel, stride, padding = (layer.weight.shape[2], layer.weight.shape[3]), layer.stride, layer.padding
    weight = layer.weight.reshape(layer.weight.shape[0], -1).T.astype(np.float64)
    bias = layer.bias.astype(np.float64)
    if norm is not None:
        if layer.response is not None:
            raise InputError(f"layer '{norm.name}': batch norm behind '{layer.name}' with a response is not supported")
        gain = norm.gamma.astype(np.float64) / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
        weight, bias = weight * gain, (bias - norm.mean) * gain + norm.beta
    height, width = ((shape[axis + 1] + 2 * padding[axis] - kernel[axis]) // stride[axis] + 1 for axis in (0, 1))
    out_shape = (weight.shape[1], height, width)
    final, post = out_shape, []
    for follower in followers:
        operator = _operator(follower)
        post.append(operator)
        if operator.kind.endswith("pool"):
            pooled = ((final[a + 1] - operator.kernel[a]) // operator.stride[a] + 1 for a in (0, 1))
            final = (final[0], *pooled)  # type: ignore[assignment]
    return MatrixStage(
        layer.name, weight, bias, kernel, stride, padding, shape, out_shape, tuple(post), final, layer.response
    )


def _operator(layer: Layer) -> PostOperator:
    match layer:
        case Relu():
            return PostOperator("relu", layer.name)
        case MaxPool2d():
            return PostOperator("max_pool", layer.name, layer.kernel, layer.stride)
        case AvgPool2d():
            return PostOperator("avg_pool", layer.name, layer.kernel, layer.stride)
        case Flatten():
            return PostOperator("flatten", layer.name)
    raise InputError(f"layer '{layer.name}': operator {type(layer).__name__} is not supported")
