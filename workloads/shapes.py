"""What each operator makes of the shapes of its inputs (those of one sample, without the batch)."""

import math
from collections.abc import Sequence

from pillarsim.workloads.cell_response import NetworkError
from pillarsim.workloads.operators import (
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
    Reshape,
    Shape,
    Slice,
    Softmax,
    Transpose,
    padding_of,
)

__all__ = ["axis_of", "output_shape"]


def output_shape(layer: Layer, *shapes: Shape) -> Shape:
    """The shape that `layer` makes of inputs of `shapes`; NetworkError, naming the layer, if it cannot."""
    if len(shapes) > 1 or isinstance(layer, Concat):
        return _of_several(layer, shapes)
    if isinstance(layer, Constant):
        return layer.value.shape or (1,)
    shape = shapes[0]
    match layer:
        case Conv2d():
            outputs, inputs = layer.weight.shape[0], layer.weight.shape[1] * layer.groups
            _expect(layer, len(shape) == 3 and shape[0] == inputs, f"an input of ({inputs}, H, W)", shape)
            spans = [(k - 1) * step + 1 for k, step in zip(layer.weight.shape[2:], layer.dilation, strict=True)]
            return (outputs, *_positions(layer, shape, spans))
        case Linear():
            inputs = layer.weight.shape[1]
            hint = " (is a flatten layer missing?)" if math.prod(shape) == inputs else ""
            _expect(layer, shape[-1] == inputs and len(shape) < 3, f"an input of ({inputs},)", shape, hint)
            return (*shape[:-1], layer.weight.shape[0])
        case BatchNorm():
            channels = layer.gamma.shape[0]
            _expect(layer, shape[0] == channels, f"an input of {channels} channels", shape)
        case LayerNorm():
            features = layer.gamma.shape[0]
            _expect(layer, shape[-1] == features, f"an input whose last axis is {features}", shape)
        case Affine():
            for name in ("scale", "shift"):
                _expect(layer, _broadcasts(getattr(layer, name).shape, shape), f"an input that {name} fits", shape)
        case MaxPool2d() | AvgPool2d():
            _expect(layer, len(shape) == 3, "an input of (C, H, W)", shape)
            return (shape[0], *_positions(layer, shape, layer.kernel))
        case Softmax():
            axis_of(layer, layer.axis, shape)
        case Slice():
            axis = axis_of(layer, layer.axis, shape)
            _expect(layer, layer.stop <= shape[axis], f"at least {layer.stop} positions on axis {axis}", shape)
            return (*shape[:axis], layer.stop - layer.start, *shape[axis + 1 :])
        case Reshape():
            expected = f"an input of {math.prod(layer.shape)} values for a shape of {layer.shape}"
            _expect(layer, math.prod(shape) == math.prod(layer.shape), expected, shape)
            return layer.shape
        case Transpose():
            _expect(layer, len(shape) == len(layer.axes), f"an input of {len(layer.axes)} axes", shape)
            return tuple(shape[axis] for axis in layer.axes)
        case Flatten():
            return (math.prod(shape),)
    return shape


def axis_of(layer: Layer, axis: int, shape: Shape) -> int:
    """`axis` counted from the front; NetworkError if the shape has no such axis."""
    _expect(layer, -len(shape) <= axis < len(shape), f"an input with an axis {axis}", shape)
    return axis % len(shape)


def _of_several(layer: Layer, shapes: Sequence[Shape]) -> Shape:
    first = shapes[0]
    match layer:
        case Add():
            _expect(layer, first == shapes[1], f"two inputs of one shape, {first}", shapes[1])
        case Multiply():
            _expect(layer, _broadcasts(shapes[1], first), f"a second input that fits {first}", shapes[1])
        case MatMul():
            second = shapes[1]
            good = len(first) == len(second) >= 2 and first[:-2] == second[:-2] and first[-1] == second[-2]
            _expect(layer, good, f"a second input of {(*first[:-2], first[-1], 'n')}", second)
            return (*first[:-1], second[-1])
        case Concat():
            axis = axis_of(layer, layer.axis, first)
            for other in shapes:
                good = len(other) == len(first) and all(
                    a == b for k, (a, b) in enumerate(zip(first, other, strict=True)) if k != axis
                )
                _expect(layer, good, f"inputs like {first} but for axis {axis}", other)
            return (*first[:axis], sum(other[axis] for other in shapes), *first[axis + 1 :])
    return first


def _broadcasts(small: Shape, large: Shape) -> bool:
    """Whether `small` can be repeated to `large`."""
    if len(small) > len(large):
        return False
    return all(a in (1, b) for a, b in zip(reversed(small), reversed(large), strict=False))


def _expect(layer: Layer, good: bool, expected: str, shape: Shape, hint: str = "") -> None:
    if not good:
        raise NetworkError(f"layer '{layer.name}': expected {expected}, got {shape}{hint}")


def _positions(layer: Conv2d | MaxPool2d | AvgPool2d, shape: Shape, spans: Sequence[int]) -> tuple[int, ...]:
    """How many kernels of `spans` fit down and across an input, padding included."""
    top, left, bottom, right = padding_of(layer)
    size = (shape[1] + top + bottom, shape[2] + left + right)
    fits = all(k <= s for k, s in zip(spans, size, strict=True))
    _expect(layer, fits, f"an input no smaller than its kernel {tuple(spans)}", shape)
    return tuple((s - k) // step + 1 for s, k, step in zip(size, spans, layer.stride, strict=True))
