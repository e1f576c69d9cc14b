"""What flows between the nodes of a graph while it is read: activations, by shape and by the layer that makes them.

The graph is read for one sample, a batch of 1. An activation has the graph's shape, batch axis included, and the shape
in which its layer holds it; both are the same values in row-major order, so that a reshape costs nothing until a layer
needs the other shape.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pillarsim.workloads.operators import Shape

__all__ = [
    "Array",
    "Operand",
    "Samples",
    "Value",
    "axis_held",
    "batch_after_reshape",
    "constant_for",
    "held_for",
    "of_sample",
    "without_ones",
]

Array: TypeAlias = npt.NDArray[Any]
Samples: TypeAlias = Mapping[tuple[str, Shape], npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Value:
    """An activation.

    layer: name of what makes it, None where no operator of the set does (`missing` says which one stood there).
    held: its shape as that layer gives it, without the batch; shape: as the graph has it, with a batch of 1.
    batch: the axis of `shape` that is the batch, None once it is merged with another one.
    samples: (layer, shape) of an earlier activation -> what this one is where that one runs over a grid of numbers;
    only for activations that are a function of that one, element by element.
    moment: (kind, of whom, epsilon) for the steps of a layer norm that is written out.
    """

    layer: str | None
    held: Shape
    shape: Shape
    batch: int | None
    missing: str = ""
    samples: Samples = field(default_factory=dict)
    moment: tuple[str, "Value", float] | None = None

    @property
    def key(self) -> tuple[str, Shape]:
        """Equal for two views of one activation with one shape."""
        return (self.layer or f"missing {id(self)}", self.shape)


Operand: TypeAlias = Value | Array  # an activation, or numbers that depend on no input


def of_sample(shape: Shape) -> Shape:
    """The shape of one sample: without a first axis of 1, and with at least one axis."""
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape or (1,)


def without_ones(shape: Shape) -> Shape:
    """The axes longer than 1."""
    return tuple(size for size in shape if size > 1)


def axis_held(held: Shape, shape: Shape, axis: int) -> int | None:
    """The axis of `held` that is axis `axis` of `shape`, None where that one is merged with others."""
    before = math.prod(shape[:axis])
    found = [k for k in range(len(held)) if held[k] == shape[axis] and math.prod(held[:k]) == before]
    return found[0] if found else None


def batch_after_reshape(shape: Shape, batch: int | None, new: Shape) -> int | None:
    """Where the batch axis of `shape` goes, None if it merges or cannot be told from other axes of length 1."""
    if batch is None:
        return None
    before = math.prod(shape[:batch])
    found = [k for k, size in enumerate(new) if size == 1 and math.prod(new[:k]) == before]
    if batch == 0 and new and new[0] == 1:
        return 0
    return found[0] if len(found) == 1 else None


def held_for(small: Shape, shape: Shape, held: Shape) -> Shape | None:
    """How `small`, which broadcasts against `shape`, is held so that it broadcasts against `held`; None if it cannot.

    Both `small` and `shape` have all axes of the graph.
    """
    if held == of_sample(shape):
        return small[len(shape) - len(held) :]
    if without_ones(held) != without_ones(shape):
        return None
    sizes = [count for count, size in zip(small, shape, strict=True) if size > 1]
    return tuple(sizes.pop(0) if size > 1 else 1 for size in held)


def constant_for(constant: Array, shape: Shape, held: Shape) -> Array | None:
    """`constant`, which broadcasts against `shape`, as numbers that broadcast against `held`; None if they cannot."""
    if constant.size == 1:
        return constant.reshape(())
    found = held_for((1,) * (len(shape) - constant.ndim) + constant.shape, shape, held)
    if found is None:
        return None
    leading = next(k for k, size in enumerate(found) if size > 1)
    return constant.reshape(found[leading:])
