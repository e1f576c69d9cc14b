"""What each ONNX operator becomes: arithmetic, activation functions and moves of values."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from onnx import TensorProto

from pillarsim.workloads.importer import elementwise as each
from pillarsim.workloads.importer import norms, pools, views
from pillarsim.workloads.importer.curves import pointwise
from pillarsim.workloads.importer.onnx_node import Node
from pillarsim.workloads.importer.values import Operand, Value

__all__ = ["MORE", "Handler", "Results"]

Results: TypeAlias = Operand | Sequence[Operand]
Handler: TypeAlias = Callable[[Node], Results]


def _same(node: Node) -> Results:
    if node.kind == "Dropout" and node.opset >= 12:
        training = node.constant(2, "training_mode")
        if training is not None and bool(training.reshape(-1)[0]):
            raise node.b.error("dropout is in training mode; export the model in evaluation mode")
    return node.operand(0)


def _cast(node: Node) -> Results:
    kind = int(node.attribute("to", TensorProto.FLOAT))
    if kind not in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16):
        raise node.b.error(f"activations cannot become {TensorProto.DataType.Name(kind)}; only float types")
    return node.value()


def _shape(node: Node) -> Results:
    shape = node.value().shape
    if node.kind == "Size":
        return np.array(math.prod(shape), np.int64)
    start, end = int(node.attribute("start", 0)), node.attribute("end")
    return np.array(shape[start : None if end is None else int(end)], np.int64)


def _pair(operation: str) -> Handler:
    return lambda node: each.binary(node.b, operation, node.operand(0), node.operand(1))


def _sum(node: Node) -> Results:
    total = node.operand(0)
    for index in range(1, len(node.inputs)):
        total = each.binary(node.b, "add", total, node.operand(index))
    return total


def _limit(node: Node) -> Results:
    """Max or Min of an activation and one number."""
    values = [given for given in node.inputs if isinstance(given, Value)]
    numbers = [given for given in node.inputs if given is not None and not isinstance(given, Value)]
    if len(values) != 1 or any(number.size != 1 for number in numbers):
        raise node.b.error(f"'{node.kind}' is supported for one activation and single numbers only")
    bounds = [float(number.reshape(())) for number in numbers]
    low, high = (max(bounds), None) if node.kind == "Max" else (None, min(bounds))
    if low == 0:
        return each.relu(node.b, values[0])
    return each.clip(node.b, values[0], low, high)


def _clip(node: Node) -> Results:
    low, high = node.number(1, "min", 11, None), node.number(2, "max", 11, None)
    if low == 0 and (high is None or math.isinf(high)):
        return each.relu(node.b, node.value())
    return each.clip(node.b, node.value(), low, high)


def _power(node: Node) -> Results:
    exponent = node.constant(1, "exponent")
    if exponent is None or exponent.size != 1:
        raise node.b.error("expected a single number as exponent")
    return each.power(node.b, node.value(), float(exponent.reshape(())))


def _function(name: str) -> Handler:
    return lambda node: each.activation(node.b, node.value(), name)


def _elu(node: Node) -> Results:
    alpha = float(node.attribute("alpha", 1.6732632 if node.kind == "Selu" else 1.0))
    one, zero = np.array(1.0), np.array(0.0)
    if node.kind == "Celu":
        scaled = each.affine(node.b, node.value(), one / alpha, zero)
        return each.affine(node.b, each.activation(node.b, scaled, "elu", alpha=1.0), one * alpha, zero)
    made = each.activation(node.b, node.value(), "elu", alpha=alpha)
    gamma = float(node.attribute("gamma", 1.0507010)) if node.kind == "Selu" else 1.0
    return each.affine(node.b, made, one * gamma, zero)


def _leaky(node: Node) -> Results:
    if node.kind == "LeakyRelu":
        return each.leaky(node.b, node.value(), np.array(float(node.attribute("alpha", 0.01))))
    slope = node.constant(1, "slope")
    assert slope is not None
    return each.leaky(node.b, node.value(), slope)


def _hard_sigmoid(node: Node) -> Results:
    scale, shift = float(node.attribute("alpha", 0.2)), float(node.attribute("beta", 0.5))
    return each.activation(node.b, node.value(), "hard_sigmoid", scale=scale, shift=shift)


def _gelu(node: Node) -> Results:
    tanh = node.attribute("approximate", "none") == "tanh"
    return each.activation(node.b, node.value(), "gelu_tanh" if tanh else "gelu")


def _swish(node: Node) -> Results:
    if float(node.attribute("alpha", 1.0)) != 1:
        raise node.b.error("'Swish' is supported with alpha 1 only (SiLU)")
    return each.activation(node.b, node.value(), "silu")


def _softmax(node: Node) -> Results:
    value = node.value()
    if node.opset >= 13:
        return norms.softmax(node.b, value, int(node.attribute("axis", -1)))
    axis = node.b.axis(value, int(node.attribute("axis", 1)))
    rows = math.prod(value.shape[:axis])
    flat = node.b.view(value, (rows, math.prod(value.shape) // rows))
    return node.b.view(norms.softmax(node.b, flat, 1), value.shape, value.batch)


def _layer_norm(node: Node) -> Results:
    value = node.value()
    axes = len(value.shape) - node.b.axis(value, int(node.attribute("axis", -1)))
    gamma, beta = node.constant(1, "scale"), node.constant(2, "bias")
    return norms.layer_norm(node.b, value, axes, gamma, beta, float(node.attribute("epsilon", 1e-5)))


def _batch_norm(node: Node) -> Results:
    if int(node.attribute("training_mode", 0)):
        raise node.b.error("batch norm is in training mode; export the model in evaluation mode")
    if not int(node.attribute("spatial", 1)):
        raise node.b.error("batch norm with statistics of every position (spatial 0) is not supported")
    gamma, beta, mean, variance = (
        node.constant(index, what) for index, what in enumerate(("scale", "bias", "mean", "variance"), start=1)
    )
    assert mean is not None
    assert variance is not None
    epsilon = float(node.attribute("epsilon", 1e-5))
    return norms.batch_norm(node.b, node.value(), gamma, beta, mean, variance, epsilon)


def _reduce(kind: str, since: int) -> Handler:
    def handler(node: Node) -> Results:
        value = node.value()
        axes = node.integers(1, "axes", since)
        if not axes:
            if int(node.attribute("noop_with_empty_axes", 0)):
                return value
            axes = list(range(len(value.shape)))
        return pools.reduce(node.b, value, kind, axes, bool(node.attribute("keepdims", 1)))

    return handler


def _reshape(node: Node) -> Results:
    value, target = node.value(), node.integers(1, "shape", 5)
    assert target is not None
    if not int(node.attribute("allowzero", 0)):
        target = [value.shape[k] if size == 0 and k < len(value.shape) else size for k, size in enumerate(target)]
    return views.reshape(node.b, value, target)


def _flatten(node: Node) -> Results:
    value = node.value()
    axis = int(node.attribute("axis", 1))
    before = math.prod(value.shape[: axis + len(value.shape) if axis < 0 else axis])
    return node.b.view(value, (before, math.prod(value.shape) // before))


def _squeeze(node: Node) -> Results:
    axes = node.integers(1, "axes", 13)
    if node.kind == "Squeeze":
        return views.drop_axes(node.b, node.value(), axes)
    return views.new_axes(node.b, node.value(), axes or [])


def _transpose(node: Node) -> Results:
    value = node.value()
    return views.transpose(node.b, value, node.attribute("perm") or list(reversed(range(len(value.shape)))))


def _expand(node: Node) -> Results:
    value, target = node.value(), node.integers(1, "shape", 8)
    assert target is not None
    if node.b.declared_batch > 1 and target and target[0] == node.b.declared_batch:
        target[0] = 1
    return each.expand(node.b, value, node.b.broadcast(value.shape, tuple(target)))


def _slice(node: Node) -> Results:
    value = node.value()
    starts, ends = node.integers(1, "starts", 10), node.integers(2, "ends", 10)
    assert starts is not None
    assert ends is not None
    axes = node.integers(3, "axes", 10) or list(range(len(starts)))
    steps = (node.integers(4, "steps", 10) if node.opset >= 10 else None) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = value.shape[node.b.axis(value, axis)]
        places = range(size)[start:end:step]
        if step == 1:
            value = views.slice_axis(node.b, value, axis, places.start, max(places.stop, places.start))
        else:
            value = views.take(node.b, value, axis, np.array(places, np.int64))
    return value


def _gather(node: Node) -> Results:
    indices = node.constant(1, "indices")
    assert indices is not None
    return views.take(node.b, node.value(), int(node.attribute("axis", 0)), indices)


def _split(node: Node) -> Results:
    value = node.value()
    axis = node.b.axis(value, int(node.attribute("axis", 0)))
    sizes = node.integers(1, "split", 13)
    if sizes is None:
        size, count = value.shape[axis], int(node.attribute("num_outputs", node.outputs))
        part = -(-size // count)
        sizes = [min(part, size - k * part) for k in range(count)]
    return views.split(node.b, value, axis, sizes)


def _concat(node: Node) -> Results:
    return views.concat(node.b, [given for given in node.inputs if given is not None], int(node.attribute("axis", 1)))


def _pad(node: Node) -> Results:
    value = node.value()
    mode = node.attribute("mode", "constant")
    if mode != "constant":
        raise node.b.error(f"padding by '{mode}' is not supported; only by a constant")
    pads = node.integers(1, "pads", 11)
    assert pads is not None
    axes = (node.integers(3, "axes", 11) if node.opset >= 18 else None) or list(range(len(value.shape)))
    before, after = [0] * len(value.shape), [0] * len(value.shape)
    for axis, low, high in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        before[node.b.axis(value, axis)], after[node.b.axis(value, axis)] = low, high
    filling = node.number(2, "value", 11, 0.0)
    return views.pad(node.b, value, before, after, 0.0 if filling is None else filling)


def _where(node: Node) -> Results:
    return each.select_where(node.b, node.operand(0), node.operand(1), node.operand(2))


def _negative(node: Node) -> Results:
    return each.affine(node.b, node.value(), np.array(-1.0), np.array(0.0))


MORE: dict[str, Handler] = {
    "Identity": _same, "Dropout": _same, "Cast": _cast, "Shape": _shape, "Size": _shape,
    "Add": _pair("add"), "Sub": _pair("subtract"), "Mul": _pair("multiply"), "Div": _pair("divide"),
    "Sum": _sum, "Max": _limit, "Min": _limit, "Neg": _negative, "Pow": _power, "Where": _where,
    "Erf": lambda node: pointwise(node.b, node.value(), "erf"),
    "Exp": lambda node: pointwise(node.b, node.value(), "exp"),
    "Sqrt": lambda node: each.root(node.b, node.value(), inverse=False),
    "Reciprocal": lambda node: each.binary(node.b, "divide", np.array(1.0), node.value()),
    "Relu": lambda node: each.relu(node.b, node.value()), "Clip": _clip, "LeakyRelu": _leaky, "PRelu": _leaky,
    "Elu": _elu, "Selu": _elu, "Celu": _elu, "Sigmoid": _function("sigmoid"), "Tanh": _function("tanh"),
    "Sign": _function("sign"), "HardSigmoid": _hard_sigmoid, "HardSwish": _function("hard_swish"), "Gelu": _gelu,
    "Swish": _swish, "Softmax": _softmax, "LayerNormalization": _layer_norm, "BatchNormalization": _batch_norm,
    "ReduceMean": _reduce("mean", 18), "ReduceSum": _reduce("sum", 13), "ReduceMax": _reduce("max", 18),
    "Reshape": _reshape, "Flatten": _flatten, "Squeeze": _squeeze, "Unsqueeze": _squeeze, "Transpose": _transpose,
    "Expand": _expand, "Slice": _slice, "Gather": _gather, "Split": _split, "Concat": _concat, "Pad": _pad,
}  # fmt: skip
