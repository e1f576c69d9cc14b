"""The operators of a network: frozen data with their parameters, free of any framework.

Matrix layers (convolution, fully connected) hold the weights that arrays compute with; the others are digital.
Shapes are those of one sample, without the batch: (C, H, W) maps, (features,), or (tokens, features).
Parameters are float32, read-only. What each makes of a shape stands in `shapes`, of values in `forward`.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from pillarsim.workloads.cell_response import CellResponse, NetworkError
from pillarsim.workloads.layer_checks import Floats, at_least, check_padding, frozen_parameters, same_length

__all__ = [
    "FUNCTIONS",
    "Activation",
    "Add",
    "Affine",
    "AvgPool2d",
    "BatchNorm",
    "Concat",
    "Constant",
    "Conv2d",
    "Flatten",
    "Layer",
    "LayerNorm",
    "Linear",
    "MatMul",
    "MaxPool2d",
    "Multiply",
    "Relu",
    "Reshape",
    "Slice",
    "Softmax",
    "Transpose",
    "arity",
    "padding_of",
    "parameters",
]

Shape: TypeAlias = tuple[int, ...]

# element-wise functions of `Activation` and the names of their parameters
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "clip": ("low", "high"),  # min(max(x, low), high): ReLU6 is 0 and 6, hardtanh -1 and 1
    "leaky_relu": ("slope",),  # x where x > 0, else slope x
    "elu": ("alpha",),  # x where x > 0, else alpha (e^x - 1)
    "sign": (),  # -1, 0 or 1
    "sigmoid": (),  # 1 / (1 + e^-x)
    "hard_sigmoid": ("scale", "shift"),  # min(max(scale x + shift, 0), 1)
    "tanh": (),
    "gelu": (),  # x Phi(x), by the error function
    "gelu_tanh": (),  # its tanh approximation
    "silu": (),  # x sigmoid(x)
    "hard_swish": (),  # x min(max(x / 6 + 1/2, 0), 1)
}


def _pool(layer: "MaxPool2d | AvgPool2d") -> None:
    at_least(layer, "kernel", layer.kernel, 1)
    at_least(layer, "stride", layer.stride, 1)
    check_padding(layer, layer.padding)
    if any(pad >= size for pad, size in zip(padding_of(layer), layer.kernel * 2, strict=True)):
        raise NetworkError(
            f"layer '{layer.name}': padding must be below the kernel {layer.kernel}, found {layer.padding}"
        )


@dataclass(frozen=True, eq=False)
class Conv2d:
    """A two-dimensional convolution (cross-correlation, as in the frameworks) with zero padding.

    weight: (O, I / groups, kh, kw); bias: (O,); stride, dilation: (vertical, horizontal); padding: the same, or
    (top, left, bottom, right). A one-dimensional convolution is one over maps of height 1.
    response: what takes the place of each product; None: the product.
    has_bias: whether the bias is a parameter, which may be zero; an array that is not zero always is one.
    Raises NetworkError for arrays of the wrong rank or length, or with NaN or infinite values.
    """

    name: str
    weight: Floats
    bias: Floats
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, ...] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    response: CellResponse | None = None
    has_bias: bool = True

    def __post_init__(self) -> None:
        frozen_parameters(self, {"weight": 4, "bias": 1})
        object.__setattr__(self, "has_bias", self.has_bias or bool(self.bias.any()))
        outputs = self.weight.shape[0]
        same_length(self, {"output channels of weight": outputs, "bias": self.bias.shape[0]})
        at_least(self, "stride", self.stride, 1)
        at_least(self, "dilation", self.dilation, 1)
        check_padding(self, self.padding)
        if self.groups < 1 or outputs % self.groups:
            raise NetworkError(
                f"layer '{self.name}': groups must divide its {outputs} output channels, found {self.groups}"
            )


@dataclass(frozen=True, eq=False)
class Linear:
    """A fully connected layer, on the last axis. weight: (O, I); bias: (O,); the rest and NetworkError as of Conv2d."""

    name: str
    weight: Floats
    bias: Floats
    response: CellResponse | None = None
    has_bias: bool = True

    def __post_init__(self) -> None:
        frozen_parameters(self, {"weight": 2, "bias": 1})
        object.__setattr__(self, "has_bias", self.has_bias or bool(self.bias.any()))
        same_length(self, {"outputs of weight": self.weight.shape[0], "bias": self.bias.shape[0]})


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """Batch normalisation with fixed statistics: gamma (x - mean) / sqrt(variance + epsilon) + beta.

    gamma, beta, mean, variance: (C,), along the first axis. Raises NetworkError for a negative variance.
    """

    name: str
    gamma: Floats
    beta: Floats
    mean: Floats
    variance: Floats
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        names = ("gamma", "beta", "mean", "variance")
        frozen_parameters(self, dict.fromkeys(names, 1))
        same_length(self, {name: getattr(self, name).shape[0] for name in names})
        if float(self.variance.min()) < 0 or not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise NetworkError(f"layer '{self.name}': variance and epsilon must not be negative")
        if float(self.variance.min()) + self.epsilon == 0:
            raise NetworkError(f"layer '{self.name}': variance plus epsilon is zero, which divides by zero")


@dataclass(frozen=True, eq=False)
class Relu:
    """max(x, 0)."""

    name: str


@dataclass(frozen=True, eq=False)
class Activation:
    """An element-wise function of FUNCTIONS with its parameters as (name, value) pairs.

    Raises NetworkError for an unknown function, or parameters that are not its own, not finite, or out of order.
    """

    name: str
    function: str
    settings: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise NetworkError(
                f"layer '{self.name}': unknown function '{self.function}'; known: {', '.join(FUNCTIONS)}"
            )
        expected, found = FUNCTIONS[self.function], tuple(key for key, _ in self.settings)
        if found != expected:
            raise NetworkError(f"layer '{self.name}': '{self.function}' takes {expected or 'nothing'}, found {found}")
        values = dict(self.settings)
        if not all(math.isfinite(value) for value in values.values()):
            raise NetworkError(f"layer '{self.name}': parameters must be finite numbers, found {values}")
        if self.function == "clip" and not values["low"] < values["high"]:
            raise NetworkError(f"layer '{self.name}': clip expects low below high, found {values}")


@dataclass(frozen=True, eq=False)
class Affine:
    """scale x + shift; both arrays broadcast against the input's shape (scalars as shape ()). May enlarge no axis."""

    name: str
    scale: Floats
    shift: Floats

    def __post_init__(self) -> None:
        ranks = {key: np.asarray(getattr(self, key)).ndim for key in ("scale", "shift")}
        frozen_parameters(self, ranks)


@dataclass(frozen=True, eq=False)
class MaxPool2d:
    """The largest value of each kernel; a last partial kernel is dropped.

    padding: (top, left, bottom, right), never the largest value.
    """

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, ...] = (0, 0)

    def __post_init__(self) -> None:
        _pool(self)


@dataclass(frozen=True, eq=False)
class AvgPool2d:
    """The mean of each kernel; a last partial kernel is dropped.

    padding: (top, left, bottom, right), zeros; count_padding: whether they count in the divisor.
    """

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, ...] = (0, 0)
    count_padding: bool = True

    def __post_init__(self) -> None:
        _pool(self)


@dataclass(frozen=True, eq=False)
class Softmax:
    """e^x / sum of e^x along one axis of a sample (negative: from the last)."""

    name: str
    axis: int = -1


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """(x - mean) / sqrt(variance + epsilon) gamma + beta over the last axis; gamma, beta: (features,)."""

    name: str
    gamma: Floats
    beta: Floats
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        frozen_parameters(self, {"gamma": 1, "beta": 1})
        same_length(self, {name: getattr(self, name).shape[0] for name in ("gamma", "beta")})
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise NetworkError(f"layer '{self.name}': epsilon must not be negative")


@dataclass(frozen=True, eq=False)
class Add:
    """The sum of two inputs of one shape (a residual connection)."""

    name: str


@dataclass(frozen=True, eq=False)
class Multiply:
    """The product of two inputs, element by element; the second may have axes of length 1 (a gate of channels)."""

    name: str


@dataclass(frozen=True, eq=False)
class MatMul:
    """The matrix product of two activations, (..., m, k) x (..., k, n), times `scale` (attention)."""

    name: str
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Concat:
    """Two or more inputs side by side along an axis of a sample."""

    name: str
    axis: int = 0


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that depends on no input, such as a class token. value: any shape of at least one axis."""

    name: str
    value: Floats

    def __post_init__(self) -> None:
        frozen_parameters(self, {"value": max(1, np.asarray(self.value).ndim)})


@dataclass(frozen=True, eq=False)
class Slice:
    """Positions [start, stop) of an axis."""

    name: str
    axis: int
    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise NetworkError(f"layer '{self.name}': expected 0 <= start < stop, found {self.start} and {self.stop}")


@dataclass(frozen=True, eq=False)
class Reshape:
    """The same values, in row-major order, as another shape."""

    name: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.shape or min(self.shape) < 1:
            raise NetworkError(f"layer '{self.name}': a shape needs axes of at least 1, found {self.shape}")


@dataclass(frozen=True, eq=False)
class Transpose:
    """The axes in another order: axis k of the output is axis axes[k] of the input."""

    name: str
    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.axes) != list(range(len(self.axes))):
            raise NetworkError(f"layer '{self.name}': expected an order of axes, found {self.axes}")


@dataclass(frozen=True, eq=False)
class Flatten:
    """All axes as one, row-major (a map: channel by channel); a flat input passes unchanged."""

    name: str


Layer: TypeAlias = (
    Conv2d | Linear | BatchNorm | Relu | Activation | Affine | MaxPool2d | AvgPool2d | Softmax | LayerNorm | Add
    | Multiply | MatMul | Concat | Constant | Slice | Reshape | Transpose | Flatten
)  # fmt: skip

# The arrays of each kind, in the order in which the digest takes them.
_PARAMETERS: dict[type, tuple[str, ...]] = {
    Conv2d: ("weight", "bias"),
    Linear: ("weight", "bias"),
    BatchNorm: ("gamma", "beta", "mean", "variance"),
    LayerNorm: ("gamma", "beta"),
    Affine: ("scale", "shift"),
    Constant: ("value",),
}
_ARITY: dict[type, tuple[int, int | None]] = {
    Add: (2, 2), Multiply: (2, 2), MatMul: (2, 2), Concat: (1, None), Constant: (0, 0),
}  # fmt: skip


def parameters(layer: Layer) -> dict[str, Floats]:
    """The arrays of a layer by name; empty for a layer without parameters."""
    return {name: getattr(layer, name) for name in _PARAMETERS.get(type(layer), ())}


def arity(layer: Layer) -> tuple[int, int | None]:
    """The least and the largest number of inputs (None: any number)."""
    return _ARITY.get(type(layer), (1, 1))


def padding_of(layer: Conv2d | MaxPool2d | AvgPool2d) -> tuple[int, int, int, int]:
    """Padding as (top, left, bottom, right)."""
    given = layer.padding
    return (given[0], given[1], given[-2], given[-1])
