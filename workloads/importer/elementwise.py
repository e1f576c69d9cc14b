"""Element by element: activation functions, sums and products, scale and shift, and what broadcasts."""

from dataclasses import replace

import numpy as np

from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.curves import CURVES, pointwise, recognised, sampled, samples_of, unknown
from pillarsim.workloads.importer.norms import layer_norm
from pillarsim.workloads.importer.values import Array, Operand, Samples, Value, constant_for, held_for
from pillarsim.workloads.operators import Activation, Add, Affine, Multiply, Relu, Shape

__all__ = ["activation", "affine", "binary", "clip", "expand", "leaky", "power", "relu", "root", "select_where"]

LOWEST = -1e30  # assumed: takes the place of minus infinity in masks; e^LOWEST is 0 in single precision as well


def relu(b: Builder, value: Value) -> Value:
    """max(x, 0)."""
    made = b.layer(Relu, [value], value.shape, value.batch)
    return replace(made, samples=sampled(samples_of(b, value), lambda x: np.maximum(x, 0)))


def activation(b: Builder, value: Value, function: str, **settings: float) -> Value:
    """An activation function of the set."""
    given = tuple((key, float(number)) for key, number in settings.items())
    made = b.layer(lambda name: Activation(name, function, given), [value], value.shape, value.batch)
    if function in CURVES:
        return replace(made, samples=sampled(samples_of(b, value), CURVES[function]))
    if function == "clip":
        curve = sampled(samples_of(b, value), lambda x: np.clip(x, settings["low"], settings["high"]))
        return replace(made, samples=curve)
    if function == "hard_sigmoid":
        curve = sampled(samples_of(b, value), lambda x: np.clip(settings["scale"] * x + settings["shift"], 0, 1))
        return replace(made, samples=curve)
    return made


def clip(b: Builder, value: Value, low: float | None, high: float | None) -> Value:
    """min(max(x, low), high), either limit may be missing or infinite."""
    lower = None if low is None or low <= np.finfo(np.float32).min else float(low)
    upper = None if high is None or high >= np.finfo(np.float32).max else float(high)
    if lower is not None and upper is not None:
        return activation(b, value, "clip", low=lower, high=upper)
    if lower is not None:
        raised = relu(b, affine(b, value, np.array(1.0), np.array(-lower)))
        return affine(b, raised, np.array(1.0), np.array(lower))
    if upper is not None:
        below = relu(b, affine(b, value, np.array(-1.0), np.array(upper)))
        return affine(b, below, np.array(-1.0), np.array(upper))
    return value


def leaky(b: Builder, value: Value, slope: Array) -> Value:
    """x where x > 0, else slope x; slope: one number, or one a channel, with the axes that broadcasting needs."""
    if slope.size == 1:
        return activation(b, value, "leaky_relu", slope=float(slope.reshape(())))
    straight = affine(b, value, slope, np.array(0.0))
    bent = affine(b, relu(b, value), 1 - slope, np.array(0.0))
    return _sum(b, straight, bent, value.shape)


def affine(b: Builder, value: Value, scale: Array, shift: Array) -> Value:
    """scale x + shift; both arrays broadcast against the value's shape without enlarging it."""
    if np.all(scale == 1) and not np.any(shift):
        return value
    shift = np.where(np.isneginf(shift), LOWEST, shift)
    single = scale.size == 1 and shift.size == 1
    samples: Samples = {}
    if single:
        factor, offset = float(scale.reshape(())), float(shift.reshape(()))
        samples = sampled(samples_of(b, value), lambda x: factor * x + offset)
        known = recognised(b, samples, value.shape)
        if known is not None:
            return known
    if value.layer is None:
        return unknown(b, value, "", samples)
    arrays = [constant_for(array, value.shape, value.held) for array in (scale, shift)]
    if any(array is None for array in arrays):
        value = b.want(value)
        arrays = [constant_for(array, value.shape, value.held) for array in (scale, shift)]
    by, plus = (np.asarray(array) for array in arrays)
    made = replace(b.layer(lambda name: Affine(name, by, plus), [value], value.shape, value.batch), samples=samples)
    if single and value.moment is not None and value.moment[0] == "variance" and np.all(scale == 1):
        kind, whose, epsilon = value.moment
        return replace(made, moment=(kind, whose, epsilon + float(shift.reshape(()))))
    return made


def binary(b: Builder, operation: str, left: Operand, right: Operand) -> Operand:
    """left + right, left - right, left * right or left / right (add, subtract, multiply, divide), broadcast."""
    if not isinstance(left, Value):
        if not isinstance(right, Value):
            return np.asarray(getattr(np, operation)(left, right))
        return _with_constant(b, operation, right, left, first=True)
    if not isinstance(right, Value):
        return _with_constant(b, operation, left, right, first=False)
    return _of_two(b, operation, left, right)


def power(b: Builder, value: Value, exponent: float) -> Operand:
    """x to the power of 1, 2, 3 or 1/2; others are an error where they are used."""
    if exponent == 0.5:
        return root(b, value, inverse=False)
    if exponent == -0.5:
        return root(b, value, inverse=True)
    if exponent not in (1, 2, 3):
        curve = sampled(samples_of(b, value), lambda x: np.power(x, exponent))
        return unknown(b, value, f"a power of {exponent:g}", curve)
    result: Operand = value
    for _ in range(int(exponent) - 1):
        result = binary(b, "multiply", result, value)
    return result


def root(b: Builder, value: Value, inverse: bool) -> Value:
    """sqrt(x) or 1 / sqrt(x): no operator by itself, but a step of a layer norm."""
    result = pointwise(b, value, "sqrt")
    if inverse:
        result = pointwise(b, result, "reciprocal")
    if value.moment is None or value.moment[0] != "variance":
        return result
    return replace(result, moment=("inverse" if inverse else "deviation", value.moment[1], value.moment[2]))


def expand(b: Builder, value: Value, shape: Shape) -> Value:
    """The value repeated along its axes of length 1, or along new axes in front, to a shape."""
    padded = (1,) * (len(shape) - len(value.shape)) + value.shape
    if b.broadcast(padded, shape) != shape:
        raise b.error(f"an input of {value.shape} cannot be repeated to {shape}")
    value = _padded(b, value, len(shape))
    if padded == shape:
        return value
    repeated = [k for k, (old, new) in enumerate(zip(padded, shape, strict=True)) if old != new]
    b.not_across_batch(value, repeated, "repeating values")
    ones = b.want(np.ones(shape, np.float32))
    return _product(b, ones, value, shape, value.batch)


def select_where(b: Builder, condition: Operand, left: Operand, right: Operand) -> Operand:
    """left where a constant condition holds, else right."""
    if isinstance(condition, Value):
        raise b.error("a choice that depends on the values has no counterpart; use sign, ReLU or a product instead")
    mask = condition.astype(np.float64)
    parts: list[Operand] = []
    for operand, share in ((left, mask), (right, 1 - mask)):
        if isinstance(operand, Value):
            parts.append(binary(b, "multiply", operand, share))
        else:
            parts.append(np.where(share > 0, operand, 0.0))
    return binary(b, "add", *parts)


def _with_constant(b: Builder, operation: str, value: Value, constant: Array, first: bool) -> Value:
    """`value operation constant`, or the other way round where the constant stands first."""
    shape = b.broadcast(value.shape, constant.shape)
    if operation == "divide" and first:
        inverse = pointwise(b, value, "reciprocal")
        if value.moment is not None and value.moment[0] == "deviation":
            inverse = replace(inverse, moment=("inverse", *value.moment[1:]))
        return inverse if np.all(constant == 1) else affine(b, inverse, constant, np.array(0.0))
    if value.shape != shape:
        value = expand(b, value, shape)
    numbers = constant.astype(np.float64)
    zero, one = np.array(0.0), np.array(1.0)
    match operation:
        case "add":
            return affine(b, value, one, numbers)
        case "subtract":
            return affine(b, value, -one, numbers) if first else affine(b, value, one, -numbers)
        case "divide":
            if not np.all(numbers):
                raise b.error("it divides by a constant that is zero")
            return affine(b, value, 1 / numbers, zero)
    return affine(b, value, numbers, zero)


def _of_two(b: Builder, operation: str, left: Value, right: Value) -> Value:
    shape = b.broadcast(left.shape, right.shape)
    b.one_batch(left, right, f"a '{operation}'")
    norm = _normalised(b, operation, left, right)
    if norm is not None:
        return norm
    first, second = samples_of(b, left), samples_of(b, right)
    samples: Samples = {}
    if left.shape == right.shape:
        with np.errstate(all="ignore"):
            samples = {key: getattr(np, operation)(first[key], second[key]) for key in first if key in second}
    known = recognised(b, samples, shape)
    if known is not None:
        return known
    if operation == "divide":
        return unknown(b, replace(left, shape=shape), "a quotient of two activations", samples)
    for value in (left, right):
        if value.layer is None:
            return unknown(b, replace(value, shape=shape), "", samples)
    moment = _moment(operation, left, right)
    if operation == "subtract":
        right = affine(b, right, np.array(-1.0), np.array(0.0))
    if operation == "multiply":
        batch = left.batch if left.shape == shape else right.batch
        made = _product(b, left, right, shape, batch)
    else:
        made = _sum(b, left, right, shape)
    return replace(made, samples=samples, moment=moment)


def _normalised(b: Builder, operation: str, left: Value, right: Value) -> Value | None:
    """The layer norm that a quotient of deviations ends, None for anything else."""
    if operation == "multiply" and left.moment is not None and left.moment[0] == "inverse":
        left, right = right, left
    if left.moment is None or right.moment is None or left.moment[0] != "centred":
        return None
    wanted = {"divide": "deviation", "multiply": "inverse"}.get(operation)
    if right.moment[0] != wanted or right.moment[1].key != left.moment[1].key:
        return None
    return layer_norm(b, left.moment[1], 1, None, None, right.moment[2])


def _moment(operation: str, left: Value, right: Value) -> tuple[str, Value, float] | None:
    """What a difference or a product is on the way to a layer norm."""
    if operation == "subtract" and right.moment is not None and right.moment[0] == "mean":
        return ("centred", left, 0.0) if right.moment[1].key == left.key else None
    if operation == "multiply" and left.moment is not None and left.moment[0] == "centred" and left.key == right.key:
        return ("squared", left.moment[1], 0.0)
    return None


def _padded(b: Builder, value: Value, rank: int) -> Value:
    """The value with axes of length 1 in front, up to `rank` of them."""
    more = rank - len(value.shape)
    return b.view(value, (1,) * more + value.shape, None if value.batch is None else value.batch + more)


def _sum(b: Builder, left: Value, right: Value, shape: Shape) -> Value:
    left, right = expand(b, left, shape), expand(b, right, shape)
    if left.held != right.held:
        left, right = b.want(left), b.want(right)
    batch = left.batch if left.batch is not None else right.batch
    return b.layer(Add, [left, right], shape, batch)


def _product(b: Builder, left: Value, right: Value, shape: Shape, batch: int | None) -> Value:
    if left.shape != shape:
        left, right = right, left
    if left.shape != shape:
        left = expand(b, left, shape)
    right = _padded(b, right, len(shape))
    held = held_for(right.shape, shape, left.held)
    if held is None:
        left = b.want(left)
        held = held_for(right.shape, shape, left.held)
    return b.layer(Multiply, [left, b.want(right, held)], shape, batch)
