"""From one entry of a topology file to a layer: its options read, its tensors fetched."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pillarsim.arch.errors import nearest
from pillarsim.workloads.fields import Fields
from pillarsim.workloads.layer_checks import Floats
from pillarsim.workloads.network import (
    INPUT,
    Activation,
    Add,
    Affine,
    AvgPool2d,
    BatchNorm,
    Concat,
    Constant,
    Conv2d,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool2d,
    Multiply,
    NetworkError,
    Relu,
    Reshape,
    Shape,
    Slice,
    Softmax,
    Transpose,
    output_shape,
)
from pillarsim.workloads.operators import FUNCTIONS
from pillarsim.workloads.response_fields import read_response

__all__ = ["Fetch", "kinds", "read_layer"]

# (tensor name, shape) -> the tensor, of exactly that shape.
Fetch = Callable[[str, Shape], Floats]

# Names for `clip` with the bounds of the frameworks.
_CLIPS = {"relu6": (0.0, 6.0), "hardtanh": (-1.0, 1.0)}
_LARGEST = 2**31  # numbers in one tensor, 8 GiB in float32, assumed: 20 times the largest layer shipped
_RANKS = (1, 2, 3, 4, 5, 6)  # axes that a tensor inside a network may have, ours


@dataclass(frozen=True)
class _Entry:
    """What the reader of one kind needs: its keys, its name, the shapes of its inputs and where tensors come from."""

    fields: Fields
    name: str
    shapes: tuple[Shape, ...]
    fetch: Fetch

    @property
    def shape(self) -> Shape:
        """The shape of the first input."""
        return self.shapes[0]

    def tensor(self, part: str, shape: Shape) -> Floats:
        if math.prod(shape) > _LARGEST:
            self.fields.fail(
                None, f"{part} of {self.name} would hold {math.prod(shape):.3g} numbers; expected at most 2^31"
            )
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
    groups, inputs = fields.integer("groups", default=1), entry.image_shape()[0]
    if inputs % groups or outputs % groups:
        fields.fail("groups", f"expected a divisor of {inputs} input and {outputs} output channels, got {groups}")
    return Conv2d(
        entry.name,
        entry.tensor("weight", (outputs, inputs // groups, *kernel)),
        entry.bias(outputs),
        fields.pair("stride", (1, 1)),
        fields.padding("padding"),
        fields.pair("dilation", (1, 1)),
        groups,
        read_response(fields),
        fields.flag("bias", True),
    )


def _linear(entry: _Entry) -> Layer:
    outputs = entry.fields.integer("features")
    if len(entry.shape) > 2:
        entry.fields.fail(
            None,
            f"a linear layer takes a flat input or (tokens, features), not {entry.shape}: put a flatten layer before",
        )
    weight = entry.tensor("weight", (outputs, entry.shape[-1]))
    has_bias = entry.fields.flag("bias", True)
    return Linear(entry.name, weight, entry.bias(outputs), read_response(entry.fields), has_bias)


def _batch_norm(entry: _Entry) -> Layer:
    channels = (entry.shape[0],)
    parts = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, variance = (entry.tensor(part, channels) for part in parts)
    return BatchNorm(entry.name, gamma, beta, mean, variance, entry.fields.number("epsilon", 1e-5))


def _layer_norm(entry: _Entry) -> Layer:
    features = (entry.shape[-1],)
    gamma, beta = (entry.tensor(part, features) for part in ("weight", "bias"))
    return LayerNorm(entry.name, gamma, beta, entry.fields.number("epsilon", 1e-5))


def _affine(entry: _Entry) -> Layer:
    lengths = tuple(range(len(entry.shape) + 1))
    scale, shift = (
        entry.tensor(part, entry.fields.integers(f"{part}_shape", lengths, default=())) for part in ("scale", "shift")
    )
    return Affine(entry.name, scale, shift)


def _max_pool(entry: _Entry) -> Layer:
    entry.image_shape()
    kernel = entry.fields.pair("kernel")
    return MaxPool2d(entry.name, kernel, entry.fields.pair("stride", kernel), entry.fields.padding("padding"))


def _avg_pool(entry: _Entry) -> Layer:
    entry.image_shape()
    fields, kernel = entry.fields, entry.fields.pair("kernel")
    counted = fields.flag("count_padding", True)
    return AvgPool2d(entry.name, kernel, fields.pair("stride", kernel), fields.padding("padding"), counted)


def _constant(entry: _Entry) -> Layer:
    return Constant(entry.name, entry.tensor("value", entry.fields.integers("shape", _RANKS)))


def _slice(entry: _Entry) -> Layer:
    fields = entry.fields
    start = fields.integer("start", least=0, default=0)
    return Slice(entry.name, fields.integer("axis", least=None), start, fields.integer("stop"))


def _transpose(entry: _Entry) -> Layer:
    return Transpose(entry.name, entry.fields.integers("axes", _RANKS, least=0))


def _activation(function: str) -> Callable[[_Entry], Layer]:
    def read(entry: _Entry) -> Layer:
        settings = tuple((key, entry.fields.real(key)) for key in FUNCTIONS[function])
        return Activation(entry.name, function, settings)

    return read


def _clip(low: float, high: float) -> Callable[[_Entry], Layer]:
    return lambda entry: Activation(entry.name, "clip", (("low", low), ("high", high)))


# kind -> (reader, its keys besides name, kind and inputs, whether it has tensors and thus needs a name)
_KINDS: dict[str, tuple[Callable[[_Entry], Layer], tuple[str, ...], bool]] = {
    "conv2d": (
        _conv2d,
        ("channels", "kernel", "stride", "padding", "dilation", "groups", "bias", "response"),
        True,
    ),
    "linear": (_linear, ("features", "bias", "response"), True),
    "batch_norm": (_batch_norm, ("epsilon",), True),
    "layer_norm": (_layer_norm, ("epsilon",), True),
    "affine": (_affine, ("scale_shape", "shift_shape"), True),
    "constant": (_constant, ("shape",), True),
    "relu": (lambda entry: Relu(entry.name), (), False),
    **{function: (_activation(function), keys, False) for function, keys in FUNCTIONS.items()},
    **{name: (_clip(*bounds), (), False) for name, bounds in _CLIPS.items()},
    "softmax": (lambda e: Softmax(e.name, e.fields.integer("axis", least=None, default=-1)), ("axis",), False),
    "max_pool2d": (_max_pool, ("kernel", "stride", "padding"), False),
    "avg_pool2d": (_avg_pool, ("kernel", "stride", "padding", "count_padding"), False),
    "add": (lambda entry: Add(entry.name), (), False),
    "multiply": (lambda entry: Multiply(entry.name), (), False),
    "matmul": (lambda e: MatMul(e.name, e.fields.real("scale", 1.0)), ("scale",), False),
    "concat": (lambda e: Concat(e.name, e.fields.integer("axis", least=None, default=0)), ("axis",), False),
    "slice": (_slice, ("axis", "start", "stop"), False),
    "reshape": (lambda e: Reshape(e.name, e.fields.integers("shape", _RANKS)), ("shape",), False),
    "transpose": (_transpose, ("axes",), False),
    "flatten": (lambda entry: Flatten(entry.name), (), False),
}
_INPUTS: dict[str, tuple[int, int | None]] = {
    "add": (2, 2), "multiply": (2, 2), "matmul": (2, 2), "concat": (1, None), "constant": (0, 0),
}  # fmt: skip


def kinds() -> tuple[str, ...]:
    """The names of all kinds of layers."""
    return tuple(_KINDS)


def read_layer(
    fields: Fields, position: int, before: str, known: Mapping[str, Shape], fetch: Fetch
) -> tuple[Layer, tuple[str, ...], Shape]:
    """The layer that `fields` describes, the names of what it takes, and its output shape.

    position: counted from 1, for the name of a layer that has none; before: name of the layer before it, or INPUT;
    known: shapes by name, of the network's input and of the layers so far.
    Raises InputError for an unknown kind or key, a wrong value, an input that is not there, or a layer that cannot
    take its inputs; `fetch` raises for a tensor.
    """
    kind = fields.text("kind")
    if kind not in _KINDS:
        fields.fail("kind", f"unknown layer kind '{kind}'{nearest(kind, _KINDS)}; known: {', '.join(_KINDS)}")
    read, keys, has_tensors = _KINDS[kind]
    fields.only(("name", "kind", "inputs", *keys))
    name = fields.text("name", None if has_tensors else f"{kind}{position}")
    if name in known:
        what = "that of the network's input" if name == INPUT else "used twice"
        fields.fail("name" if "name" in fields.values else None, f"the layer name '{name}' is {what}")
    sources = _sources(fields, kind, before, known)
    shapes = tuple(known[source] for source in sources)
    try:
        layer = read(_Entry(fields, name, shapes, fetch))
        return layer, sources, output_shape(layer, *shapes)
    except NetworkError as error:
        fields.fail(None, str(error))


def _sources(fields: Fields, kind: str, before: str, known: Mapping[str, Shape]) -> tuple[str, ...]:
    least, most = _INPUTS.get(kind, (1, 1))
    wanted = f"{least}" if least == most else f"at least {least}"
    if "inputs" not in fields.values:
        if least > 1 or most is None:
            fields.fail(None, f"key 'inputs' is missing: expected {wanted} names of layers that '{kind}' takes")
        return (before,) if least else ()
    names = fields.texts("inputs")
    for name in names:
        if name not in known:
            fields.fail("inputs", f"no layer '{name}' before this one{nearest(name, known)}")
    if len(names) < least or (most is not None and len(names) > most):
        fields.fail("inputs", f"'{kind}' takes {wanted} input(s), found {len(names)}")
    return names
