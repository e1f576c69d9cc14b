"""The network type: a chain of layers with their parameters, free of any framework.

Modelled: a straight chain of matrix layers (convolution, fully connected) and the few digital operators
between them. Left out: branches, groups, dilation, padding of pooling layers, recurrent layers.
Shapes are those of one image, without the batch: (C, H, W) or (features,). Parameters are float32, read-only.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "AvgPool2d",
    "BatchNorm",
    "CellLaw",
    "CellResponse",
    "Conv2d",
    "Flatten",
    "Layer",
    "Linear",
    "MaxPool2d",
    "Network",
    "NetworkError",
    "Relu",
    "output_shape",
    "parameters",
]

Floats: TypeAlias = npt.NDArray[np.float32]
Shape: TypeAlias = tuple[int, ...]


class NetworkError(ValueError):
    """A network that makes no sense: the message names the layer and what was expected."""


def _frozen_parameters(layer: "Layer", ranks: dict[str, int]) -> None:
    """Replace the named arrays by read-only float32 copies, after checking rank and finiteness."""
    for name, rank in ranks.items():
        given = np.asarray(getattr(layer, name))
        if given.ndim != rank:
            raise NetworkError(f"layer '{layer.name}': {name} needs {rank} dimension(s), not shape {given.shape}")
        if given.size == 0:
            raise NetworkError(f"layer '{layer.name}': {name} is empty, shape {given.shape}")
        with np.errstate(over="ignore"):
            array = np.array(given, dtype=np.float32, order="C")
        bad = int(np.count_nonzero(~np.isfinite(array)))
        if bad:
            raise NetworkError(f"layer '{layer.name}': {name} holds {bad} value(s) that are not finite numbers")
        array.flags.writeable = False
        object.__setattr__(layer, name, array)


def _same_length(layer: "Layer", lengths: dict[str, int]) -> None:
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise NetworkError(f"layer '{layer.name}': lengths differ: {listed}")


def _at_least(layer: "Layer", name: str, pair: tuple[int, int], least: int) -> None:
    if len(pair) != 2 or min(pair) < least:
        raise NetworkError(f"layer '{layer.name}': {name} must be two integers of at least {least}, not {pair}")


@dataclass(frozen=True)
class CellLaw:
    """How the current of a memory cell follows voltage and state, in plain numbers.

    name: linear | sinh | polynomial | poole_frenkel, with its parameters as (name, value) pairs (SI units);
    g_min_s, g_max_s: I / V of the lowest and the highest level at the read voltage read_voltage_v.
    Raises NetworkError for numbers that are not finite or not in order; the laws are known to `mapping.response`.
    """

    name: str
    parameters: tuple[tuple[str, float], ...]
    read_voltage_v: float
    g_min_s: float
    g_max_s: float

    def __post_init__(self) -> None:
        if not (0 < self.read_voltage_v < math.inf and 0 < self.g_min_s < self.g_max_s < math.inf):
            raise NetworkError(
                f"cell law '{self.name}': expected a read voltage above 0 V and 0 < g_min < g_max, found "
                f"{self.read_voltage_v} V, {self.g_min_s} S and {self.g_max_s} S"
            )
        if not all(math.isfinite(value) for _, value in self.parameters):
            raise NetworkError(f"cell law '{self.name}': parameters must be finite, found {dict(self.parameters)}")


@dataclass(frozen=True)
class CellResponse:
    """What a pair of cells makes of input x and weight w instead of the product w x.

    s_w s_x [I(V_r x / s_x, G+(w)) - I(V_r x / s_x, G-(w))] / (V_r (g_max - g_min)), with x clipped to
    [0, s_x = input_scale] and w to +-(s_w = weight_scale). |w| raises one cell of the pair from g_min towards g_max,
    I / V at the read voltage, linearly. A linear law gives w x back, and so does x = s_x with any law.
    """

    law: CellLaw
    input_scale: float
    weight_scale: float

    def __post_init__(self) -> None:
        for name in ("input_scale", "weight_scale"):
            if not 0 < getattr(self, name) < math.inf:
                raise NetworkError(f"response: {name} must be a finite number above 0, found {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Conv2d:
    """A two-dimensional convolution (cross-correlation, as in the frameworks) with zero padding.

    weight: (O, I, kh, kw); bias: (O,); stride and padding: (vertical, horizontal).
    response: what takes the place of each product; None: the product.
    Raises NetworkError for arrays of the wrong rank or length, or with NaN or infinite values.
    """

    name: str
    weight: Floats
    bias: Floats
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    response: CellResponse | None = None

    def __post_init__(self) -> None:
        _frozen_parameters(self, {"weight": 4, "bias": 1})
        _same_length(self, {"output channels of weight": self.weight.shape[0], "bias": self.bias.shape[0]})
        _at_least(self, "stride", self.stride, 1)
        _at_least(self, "padding", self.padding, 0)


@dataclass(frozen=True, eq=False)
class Linear:
    """A fully connected layer. weight: (O, I); bias: (O,); response and NetworkError as of Conv2d."""

    name: str
    weight: Floats
    bias: Floats
    response: CellResponse | None = None

    def __post_init__(self) -> None:
        _frozen_parameters(self, {"weight": 2, "bias": 1})
        _same_length(self, {"outputs of weight": self.weight.shape[0], "bias": self.bias.shape[0]})


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
        _frozen_parameters(self, dict.fromkeys(names, 1))
        _same_length(self, {name: getattr(self, name).shape[0] for name in names})
        if float(self.variance.min()) < 0 or not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise NetworkError(f"layer '{self.name}': variance and epsilon must not be negative")
        if float(self.variance.min()) + self.epsilon == 0:
            raise NetworkError(f"layer '{self.name}': variance plus epsilon is zero, which divides by zero")


@dataclass(frozen=True, eq=False)
class Relu:
    """max(x, 0)."""

    name: str


@dataclass(frozen=True, eq=False)
class MaxPool2d:
    """The largest value of each kernel; no padding, a last partial kernel is dropped."""

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]

    def __post_init__(self) -> None:
        _at_least(self, "kernel", self.kernel, 1)
        _at_least(self, "stride", self.stride, 1)


@dataclass(frozen=True, eq=False)
class AvgPool2d:
    """The mean of each kernel; no padding, a last partial kernel is dropped."""

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]

    def __post_init__(self) -> None:
        _at_least(self, "kernel", self.kernel, 1)
        _at_least(self, "stride", self.stride, 1)


@dataclass(frozen=True, eq=False)
class Flatten:
    """(C, H, W) -> (C H W,), channel-major; a flat input passes unchanged."""

    name: str


Layer: TypeAlias = Conv2d | Linear | BatchNorm | Relu | MaxPool2d | AvgPool2d | Flatten

# The arrays of each kind, in the order in which the digest takes them.
_PARAMETERS: dict[type, tuple[str, ...]] = {
    Conv2d: ("weight", "bias"),
    Linear: ("weight", "bias"),
    BatchNorm: ("gamma", "beta", "mean", "variance"),
}


def parameters(layer: Layer) -> dict[str, Floats]:
    """The arrays of a layer by name; empty for a layer without parameters."""
    return {name: getattr(layer, name) for name in _PARAMETERS.get(type(layer), ())}


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """The shape that `layer` makes of an input of `shape`; NetworkError, naming the layer, if it cannot."""
    match layer:
        case Conv2d():
            outputs, inputs, *kernel = layer.weight.shape
            _expect(layer, len(shape) == 3 and shape[0] == inputs, f"an input of ({inputs}, H, W)", shape)
            padded = tuple(size + 2 * pad for size, pad in zip(shape[1:], layer.padding, strict=True))
            return (outputs, *_positions(layer, padded, (kernel[0], kernel[1]), layer.stride, shape))
        case Linear():
            inputs = layer.weight.shape[1]
            hint = " (is a flatten layer missing?)" if math.prod(shape) == inputs else ""
            _expect(layer, shape == (inputs,), f"an input of ({inputs},)", shape, hint)
            return (layer.weight.shape[0],)
        case BatchNorm():
            channels = layer.gamma.shape[0]
            _expect(layer, shape[0] == channels, f"an input of {channels} channels", shape)
            return shape
        case MaxPool2d() | AvgPool2d():
            _expect(layer, len(shape) == 3, "an input of (C, H, W)", shape)
            return (shape[0], *_positions(layer, shape[1:], layer.kernel, layer.stride, shape))
        case Flatten():
            return (math.prod(shape),)
        case Relu():
            return shape


def _expect(layer: Layer, good: bool, expected: str, shape: Shape, hint: str = "") -> None:
    if not good:
        raise NetworkError(f"layer '{layer.name}': expected {expected}, got {shape}{hint}")


def _positions(
    layer: Layer, size: Shape, kernel: tuple[int, int], stride: tuple[int, int], shape: Shape
) -> tuple[int, ...]:
    """How many kernels fit down and across an input of `size`, padding included."""
    fits = all(k <= s for k, s in zip(kernel, size, strict=True))
    _expect(layer, fits, f"an input no smaller than its kernel {kernel}", shape)
    return tuple((s - k) // step + 1 for s, k, step in zip(size, kernel, stride, strict=True))


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network: layers in order, with the shape of one input image.

    dataset: name of the dataset that it was trained on, or None; metric: what its accuracy means.
    Raises NetworkError if a layer cannot take what the one before it gives, if two layers share a name, or if
    no layer holds weights.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    dataset: str | None
    metric: str = "top-1 accuracy"

    def __post_init__(self) -> None:
        if len(self.input_shape) not in (1, 3) or min(self.input_shape) < 1:
            raise NetworkError(f"input shape must be (C, H, W) or (features,), not {self.input_shape}")
        seen: set[str] = set()
        for layer in self.layers:
            if layer.name in seen:
                raise NetworkError(f"layer '{layer.name}': the name is used twice")
            seen.add(layer.name)
        if not any(isinstance(layer, Conv2d | Linear) for layer in self.layers):
            raise NetworkError(f"network '{self.name}' has no convolution and no linear layer")
        _ = self.shapes

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The output shape of every layer, in order."""
        shape, found = self.input_shape, []
        for layer in self.layers:
            shape = output_shape(layer, shape)
            found.append(shape)
        return tuple(found)

    @property
    def weights(self) -> int:
        """Weights and biases of the convolution and linear layers, without batch norm."""
        return sum(layer.weight.size + layer.bias.size for layer in self.layers if isinstance(layer, Conv2d | Linear))

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image; biases, pooling and batch norm are not counted."""
        return sum(
            layer.weight.size * math.prod(shape[1:])
            for layer, shape in zip(self.layers, self.shapes, strict=True)
            if isinstance(layer, Conv2d | Linear)
        )

    @property
    def digest(self) -> str:
        """sha256 (hex) of topology and parameters; the network's name, dataset and metric do not count."""
        hasher = hashlib.sha256(json.dumps({"input_shape": list(self.input_shape)}).encode())
        for layer in self.layers:
            arrays = parameters(layer)
            plain = {key: value for key, value in vars(layer).items() if key not in arrays}
            response = plain.pop("response", None)
            if response is not None:
                plain["response"] = asdict(response)
            shapes = {name: list(array.shape) for name, array in arrays.items()}
            hasher.update(json.dumps([type(layer).__name__, plain, shapes], sort_keys=True).encode())
            for array in arrays.values():
                hasher.update(array.astype("<f4", copy=False).tobytes())
        return hasher.hexdigest()
