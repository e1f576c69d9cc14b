"""What digital operators and views make of values, in torch: the same in float32, float64 and, for views, integers."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.workloads.cell_response import NetworkError
from pillarsim.workloads.operators import (
    Activation,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Constant,
    Flatten,
    Layer,
    LayerNorm,
    MatMul,
    MaxPool2d,
    Multiply,
    Relu,
    Reshape,
    Slice,
    Softmax,
    Transpose,
    padding_of,
)

__all__ = ["apply_digital", "elementwise"]

Get = Callable[[str], Tensor]


def apply_digital(layer: Layer, inputs: Sequence[Tensor], get: Get) -> Tensor:
    """A digital operator on batches (b, *shape); `get` gives its parameters in the inputs' type."""
    if isinstance(layer, Constant):
        raise NetworkError(f"layer '{layer.name}': a constant needs the batch of the network's input")
    values = inputs[0]
    match layer:
        case Relu() | Activation():
            return elementwise(layer, values)
        case Affine():
            return values * get("scale") + get("shift")
        case LayerNorm():
            return functional.layer_norm(values, (layer.gamma.shape[0],), get("gamma"), get("beta"), layer.epsilon)
        case Softmax():
            return values.softmax(layer.axis if layer.axis < 0 else layer.axis + 1)
        case MaxPool2d():
            padded = _padded(values, layer, -torch.inf)
            return functional.max_pool2d(padded, layer.kernel, layer.stride)
        case AvgPool2d():
            return _average(layer, values)
        case Add():
            return values + inputs[1]
        case Multiply():
            second = inputs[1]
            missing = values.ndim - second.ndim
            return values * second.reshape(len(second), *(1,) * missing, *second.shape[1:])
        case MatMul():
            return (values @ inputs[1]) * layer.scale
    return _rearranged(layer, inputs)


def elementwise(layer: Relu | Activation, values: Tensor) -> Tensor:
    """An element-wise function of a tensor of any shape."""
    if isinstance(layer, Relu):
        return functional.relu(values)
    given = dict(layer.settings)
    match layer.function:
        case "clip":
            return values.clamp(given["low"], given["high"])
        case "leaky_relu":
            return functional.leaky_relu(values, given["slope"])
        case "elu":
            return functional.elu(values, given["alpha"])
        case "sign":
            return values.sign()
        case "sigmoid":
            return values.sigmoid()
        case "hard_sigmoid":
            return (given["scale"] * values + given["shift"]).clamp(0, 1)
        case "tanh":
            return values.tanh()
        case "gelu":
            return functional.gelu(values)
        case "gelu_tanh":
            return functional.gelu(values, approximate="tanh")
        case "silu":
            return functional.silu(values)
        case "hard_swish":
            return functional.hardswish(values)
    raise NetworkError(f"layer '{layer.name}': unknown function '{layer.function}'")


def _rearranged(layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
    values = inputs[0]
    match layer:
        case Concat():
            return torch.cat(list(inputs), layer.axis if layer.axis < 0 else layer.axis + 1)
        case Slice():
            axis = layer.axis if layer.axis < 0 else layer.axis + 1
            return values.narrow(axis, layer.start, layer.stop - layer.start)
        case Reshape():
            return values.reshape(len(values), *layer.shape)
        case Transpose():
            return values.permute(0, *(axis + 1 for axis in layer.axes))
        case Flatten():
            return values.flatten(1)
    raise NetworkError(f"layer '{layer.name}': no values for a {type(layer).__name__}")


def _padded(values: Tensor, layer: MaxPool2d | AvgPool2d, filling: float) -> Tensor:
    top, left, bottom, right = padding_of(layer)
    if not (top or left or bottom or right):
        return values
    return functional.pad(values, (left, right, top, bottom), value=filling)


def _average(layer: AvgPool2d, values: Tensor) -> Tensor:
    padded = functional.avg_pool2d(_padded(values, layer, 0.0), layer.kernel, layer.stride)
    if layer.count_padding or not any(padding_of(layer)):
        return padded
    ones = torch.ones((1, 1, *values.shape[2:]), dtype=values.dtype)
    return padded / functional.avg_pool2d(_padded(ones, layer, 0.0), layer.kernel, layer.stride)
