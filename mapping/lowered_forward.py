"""The float forward pass of lowered nodes, in float64: what calibration sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.arch.placement import INPUT
from pillarsim.mapping.lower import Lowered, Node
from pillarsim.mapping.matrix import Matrix
from pillarsim.mapping.response import input_factors, weight_factors
from pillarsim.workloads.digital import apply_digital
from pillarsim.workloads.network import Layer, parameters

__all__ = ["apply_matrix", "forward_nodes"]

_MOST_WEIGHTS = 1 << 24  # weights that are float64 at once, 128 MiB (the project's own choice)


def forward_nodes(lowered: Lowered, inputs: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Of each node in order: its result and what leaves each operator fused behind it, (N, *shape) float64.

    An output is let go once no later node takes it.
    """
    left = Counter(edge.source for node in lowered.nodes for edge in node.edges)
    known = {INPUT: inputs}
    for number, node in enumerate(lowered.nodes):
        taken = []
        for edge in node.edges:
            values = known[edge.source]
            for view in edge.views:
                values = apply_digital(view, [values], no_parameters)
            taken.append(values)
            left[edge.source] -= 1
            if not left[edge.source]:
                del known[edge.source]
        steps = [_result(node, taken, len(inputs))]
        for operator in node.post:
            steps.append(apply_digital(operator, [steps[-1]], no_parameters))
        known[number] = steps[-1]
        yield tuple(steps)


def _result(node: Node, taken: Sequence[Tensor], count: int) -> Tensor:
    if node.matrix is not None:
        return apply_matrix(node.matrix, taken[0]).reshape(count, *node.result.shape)
    assert node.operator is not None
    operands = list(taken)
    for place, constant in node.constants:
        value = torch.from_numpy(constant.value.astype(np.float64))
        operands.insert(place, value.expand(count, *constant.value.shape))
    return apply_digital(node.operator, operands, parameters_of(node.operator))


def parameters_of(layer: Layer) -> Callable[[str], Tensor]:
    """The parameters of a layer in float64."""
    held = parameters(layer)
    return lambda name: torch.from_numpy(held[name].copy()).double()


def no_parameters(name: str) -> Tensor:
    """Views and functions have none."""
    raise KeyError(name)


def apply_matrix(matrix: Matrix, values: Tensor) -> Tensor:
    """The matrix with what is folded into it, on values (N, *shape) as the network sees them; float64.

    The result is (N, O, height, width), or (N, tokens, O) for a linear layer over tokens.
    """
    shaped = values.transpose(1, 2) if matrix.tokens else values
    shaped = shaped.reshape(len(values), *matrix.in_map)
    parts = [_convolve(matrix, shaped, first, last) for first, last in _pieces(matrix)]
    found = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
    return found.flatten(2).transpose(1, 2) if matrix.tokens else found


def _pieces(matrix: Matrix) -> list[tuple[int, int]]:
    """Outputs [first, last) that are computed at once: a large matrix by parts, for the sake of memory."""
    each = matrix.outputs if matrix.groups > 1 else max(1, _MOST_WEIGHTS // matrix.rows)
    return [(first, min(first + each, matrix.outputs)) for first in range(0, matrix.outputs, each)]


def _convolve(matrix: Matrix, values: Tensor, first: int, last: int) -> Tensor:
    """Outputs [first, last) of maps (N, *in_map)."""
    weights = torch.from_numpy(matrix.weights(first, last))
    bias = torch.from_numpy(matrix.bias()[first:last])
    if matrix.whole_map and matrix.groups == 1 and matrix.response is None and not any(matrix.padding):
        return functional.linear(values.flatten(1), weights, bias)[:, :, None, None]
    kernel = weights.reshape(last - first, -1, *matrix.kernel)
    if matrix.response is not None:
        values = torch.cat(input_factors(matrix.response, values), dim=1)
        kernel = torch.cat(weight_factors(matrix.response, kernel), dim=1)
        kernel = kernel * (matrix.response.input_scale * matrix.response.weight_scale)
    top, left, bottom, right = matrix.padding
    if (top, left) != (bottom, right):
        values = functional.pad(values, (left, right, top, bottom))
        top = left = 0
    return functional.conv2d(values, kernel, bias, matrix.stride, (top, left), matrix.dilation, matrix.groups)
