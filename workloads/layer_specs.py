"""From one entry of a topology file to a layer: its options read, its tensors fetched."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pillarsim.arch.errors import nearest
from pillarsim.workloads.fields import Fields
from pillarsim.workloads.network import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    NetworkError,
    Relu,
    output_shape,
)
from pillarsim.workloads.response_fields import read_response

__all__ = ["Fetch", "read_layer"]

Shape = tuple[int, ...]
Floats = npt.NDArray[np.float32]
# (tensor name, shape) -> the tensor, of exactly that shape.
Fetch = Callable[[str, Shape], Floats]


@dataclass(frozen=True)
class _Entry:
    """What the reader of one kind needs: its keys, its name, the input shape and where tensors come from."""

    fields: Fields
    name: str
    shape: Shape
    fetch: Fetch

    def tensor(self, part: str, shape: Shape) -> Floats:
        return self.fetch(f"{self.name}.{part}", shape)

    def bias(self, outputs: int) -> Floats:
        if self.fields.flag("bias", True):
            return self.tensor("bias", (outputs,))
        return np.zeros(outputs, np.float32)

    def image_shape(self) -> Shape:
        if len(self.shape) != 3:
            self.fields.fail(None, f"a {self.fields.values['kind']} layer takes (C, H, W), its input is {self.shape}")
        return self.shape


def _conv2d(entry: _Entry) -> Layer:
    fields = entry.fields
    outputs, kernel = fields.integer("channels"), fields.pair("kernel")
    stride, padding = fields.pair("stride", (1, 1)), fields.pair("padding", (0, 0), least=0)
    weight = entry.tensor("weight", (outputs, entry.image_shape()[0], *kernel))
    return Conv2d(entry.name, weight, entry.bias(outputs), stride, padding, read_response(fields))


def _linear(entry: _Entry) -> Layer:
    outputs = entry.fields.integer("features")
    if len(entry.shape) != 1:
        entry.fields.fail(None, f"a linear layer takes a flat input, not {entry.shape}: put a flatten layer before it")
    weight = entry.tensor("weight", (outputs, entry.shape[0]))
    return Linear(entry.name, weight, entry.bias(outputs), read_response(entry.fields))


def _batch_norm(entry: _Entry) -> Layer:
    channels = (entry.shape[0],)
    parts = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, variance = (entry.tensor(part, channels) for part in parts)
    return BatchNorm(entry.name, gamma, beta, mean, variance, entry.fields.number("epsilon", 1e-5))


def _pool(make: type[MaxPool2d] | type[AvgPool2d]) -> Callable[[_Entry], Layer]:
    def read(entry: _Entry) -> Layer:
        entry.image_shape()
        kernel = entry.fields.pair("kernel")
        return make(entry.name, kernel, entry.fields.pair("stride", kernel))

    return read


# kind -> (reader, its keys besides name and kind, whether it has tensors and thus needs a name)
_KINDS: dict[str, tuple[Callable[[_Entry], Layer], tuple[str, ...], bool]] = {
    "conv2d": (_conv2d, ("channels", "kernel", "stride", "padding", "bias", "response"), True),
    "linear": (_linear, ("features", "bias", "response"), True),
    "batch_norm": (_batch_norm, ("epsilon",), True),
    "relu": (lambda entry: Relu(entry.name), (), False),
    "max_pool2d": (_pool(MaxPool2d), ("kernel", "stride"), False),
    "avg_pool2d": (_pool(AvgPool2d), ("kernel", "stride"), False),
    "flatten": (lambda entry: Flatten(entry.name), (), False),
}


def read_layer(fields: Fields, position: int, shape: Shape, fetch: Fetch) -> tuple[Layer, Shape]:
    """The layer that `fields` describes and its output shape, for an input of `shape`.

    position: counted from 1, for the name of a layer that has none. Raises InputError for an unknown kind or
    key, a wrong value, or a layer that cannot take its input; `fetch` raises for a tensor.
    """
    kind = fields.text("kind")
    if kind not in _KINDS:
        fields.fail("kind", f"unknown layer kind '{kind}'{nearest(kind, _KINDS)}; known: {', '.join(_KINDS)}")
    read, keys, has_tensors = _KINDS[kind]
    fields.only(("name", "kind", *keys))
    name = fields.text("name", None if has_tensors else f"{kind}{position}")
    try:
        layer = read(_Entry(fields, name, shape, fetch))
        return layer, output_shape(layer, shape)
    except NetworkError as error:
        fields.fail(None, str(error))
