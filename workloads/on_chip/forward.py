"""Networks that learn on the chip: a chain of matrix layers on arrays with digital operators between them.

Modelled: fully connected layers and convolutions (every output position is a window, an input vector of its own), any
digital operator that has a gradient: ReLU, sigmoid, tanh and the other element-wise functions, pools, views.
Left out: branches, batch norm, grouped convolutions, layers with a cell's response.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from pillarsim.workloads.digital import apply_digital
from pillarsim.workloads.network import (
    Activation,
    AvgPool2d,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    NetworkError,
    Relu,
    Reshape,
    padding_of,
)

__all__ = ["Stage", "digital", "input_errors", "output_errors", "outputs_of", "stages_of", "vectors_of"]

_DIGITAL = (Relu, Activation, MaxPool2d, AvgPool2d, Flatten, Reshape)
_NEVER_NEGATIVE = ("sigmoid", "hard_sigmoid")


@dataclass(frozen=True, eq=False)
class Stage:
    """A matrix layer with the digital operators in front of it (the first only) and behind it.

    taken, given: shapes of one image that the matrix takes and gives; inputs, outputs: of the matrix, without the bias;
    windows: input vectors an image; unsigned: whether its inputs are never negative, as far as the network says
    (None: they are the images, after pools and views).
    """

    layer: Linear | Conv2d
    before: tuple[Layer, ...]
    after: tuple[Layer, ...]
    taken: tuple[int, ...]
    given: tuple[int, ...]
    inputs: int
    outputs: int
    windows: int
    unsigned: bool | None

    @property
    def name(self) -> str:
        """The matrix layer's."""
        return self.layer.name


def stages_of(network: Network) -> tuple[Stage, ...]:
    """The stages of a chain, in order.

    Raises NetworkError, which names the layer, for a network that is no chain of what is modelled.
    """
    if not network.is_chain:
        raise NetworkError(f"network '{network.name}': on-chip learning takes a chain of layers, found branches")
    shapes = dict(zip((layer.name for layer in network.layers), network.shapes, strict=True))
    before: list[Layer] = []
    groups: list[tuple[Linear | Conv2d, tuple[int, ...], list[Layer]]] = []
    shape: tuple[int, ...] = network.input_shape
    for layer in network.layers:
        if isinstance(layer, Linear | Conv2d):
            _check_matrix(layer)
            groups.append((layer, shape, []))
        else:
            _check_digital(layer)
            (groups[-1][2] if groups else before).append(layer)
        shape = shapes[layer.name]
    stages: list[Stage] = []
    unsigned = _unsigned(before, None)
    for number, (layer, taken, after) in enumerate(groups):
        given = shapes[layer.name]
        outputs, inputs = layer.weight.shape[0], math.prod(layer.weight.shape[1:])
        first = tuple(before) if number == 0 else ()
        windows = math.prod(given) // outputs
        stages.append(Stage(layer, first, tuple(after), taken, given, inputs, outputs, windows, unsigned))
        unsigned = _unsigned(after, False)
    return tuple(stages)


def _check_matrix(layer: Linear | Conv2d) -> None:
    if layer.response is not None:
        raise NetworkError(f"layer '{layer.name}': on-chip learning takes layers without a cell's response")
    if isinstance(layer, Conv2d) and layer.groups != 1:
        raise NetworkError(f"layer '{layer.name}': on-chip learning takes convolutions of one group")


def _check_digital(layer: Layer) -> None:
    if not isinstance(layer, _DIGITAL) or (isinstance(layer, Activation) and layer.function == "sign"):
        what = "sign" if isinstance(layer, Activation) else type(layer).__name__
        raise NetworkError(
            f"layer '{layer.name}': on-chip learning takes linear, conv2d, ReLU, element-wise functions with a "
            f"gradient, pools, flatten and reshape, found {what}"
        )


def _unsigned(layers: Sequence[Layer], start: bool | None) -> bool | None:
    """Whether values behind these operators are never negative, given it in front of them."""
    for layer in layers:
        if isinstance(layer, Relu):
            start = True
        elif isinstance(layer, Activation):
            clipped = layer.function == "clip" and dict(layer.settings)["low"] >= 0
            start = layer.function in _NEVER_NEGATIVE or clipped
    return start


def digital(layers: Sequence[Layer], values: Tensor) -> Tensor:
    """What digital operators make of a batch (b, *shape); gradients pass."""
    for layer in layers:
        values = apply_digital(layer, [values], _no_parameters)
    return values


def _no_parameters(name: str) -> Tensor:
    raise KeyError(name)


def vectors_of(stage: Stage, values: Tensor) -> Tensor:
    """The input vectors of a batch (b, *taken): (b, windows, inputs)."""
    if isinstance(stage.layer, Linear):
        return values.reshape(len(values), stage.windows, stage.inputs)
    layer = stage.layer
    top, left, bottom, right = padding_of(layer)
    padded = functional.pad(values, (left, right, top, bottom))
    columns = functional.unfold(padded, layer.weight.shape[2:], dilation=layer.dilation, stride=layer.stride)
    return columns.transpose(1, 2)


def outputs_of(stage: Stage, sums: Tensor) -> Tensor:
    """Results (b, windows, outputs) as the next operators take them: (b, *given)."""
    if isinstance(stage.layer, Linear):
        return sums.reshape(len(sums), *stage.given)
    return sums.transpose(1, 2).reshape(len(sums), *stage.given)


def output_errors(stage: Stage, errors: Tensor) -> Tensor:
    """Errors of the results, (b, *given), as vectors (b, windows, outputs): the reverse of `outputs_of`."""
    if isinstance(stage.layer, Linear):
        return errors.reshape(len(errors), stage.windows, stage.outputs)
    return errors.reshape(len(errors), stage.outputs, stage.windows).transpose(1, 2)


def input_errors(stage: Stage, errors: Tensor) -> Tensor:
    """Errors (b, windows, inputs) of the input vectors, added where windows overlap: (b, *taken)."""
    if isinstance(stage.layer, Linear):
        return errors.reshape(len(errors), *stage.taken)
    layer = stage.layer
    top, left, bottom, right = padding_of(layer)
    height, width = stage.taken[1:]
    padded = functional.fold(
        errors.transpose(1, 2),
        (height + top + bottom, width + left + right),
        layer.weight.shape[2:],
        dilation=layer.dilation,
        stride=layer.stride,
    )
    return padded[:, :, top : top + height, left : left + width]
