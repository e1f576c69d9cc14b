"""What digital operators cost: actions of a tile's units, for one pixel of an operator's output.

    adder        add: sums, differences, rescaling of codes
    activation   apply: a comparison (ReLU, clip, sign, largest of a softmax)
    pooling      apply: a comparison or addition of a pooling window
    lookup       apply: a table look-up (sigmoid, tanh, GELU, exponential, reciprocal, inverse root)
    multiplier   multiply: a product of two codes

Views (reshape, transpose, slice, flatten) move nothing and cost nothing. Left out: control, and operands kept in
registers between the steps of one pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from pillarsim.arch.errors import InputError
from pillarsim.workloads.operators import (
    Activation,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Layer,
    LayerNorm,
    MatMul,
    MaxPool2d,
    Multiply,
    Relu,
    Softmax,
)

__all__ = ["COMPARED", "UNITS", "Step", "element_unit", "operator_steps"]

Step: TypeAlias = tuple[str, int]  # (unit, actions)

UNITS: dict[str, str] = {
    "adder": "add", "activation": "apply", "pooling": "apply", "lookup": "apply", "multiplier": "multiply",
}  # fmt: skip
COMPARED = ("clip", "leaky_relu", "sign")  # functions that compare; all others look up a table


def element_unit(operator: Relu | Activation) -> str:
    """The unit that applies an element-wise function, one action a value."""
    compared = isinstance(operator, Relu) or operator.function in COMPARED
    return "activation" if compared else "lookup"


def operator_steps(operator: Layer, channels: int, in_shapes: Sequence[tuple[int, ...]]) -> tuple[Step, ...]:
    """Steps of one output pixel of `channels` values, in order; `in_shapes`: of the inputs, behind their views."""
    match operator:
        case Relu() | Activation():
            return ((element_unit(operator), channels),)
        case Add() | Concat():
            return (("adder", channels),)
        case Multiply():
            return (("multiplier", channels),)
        case Affine():
            scaled, shifted = bool(np.any(operator.scale != 1)), bool(np.any(operator.shift != 0))
            steps = (("multiplier", channels * scaled), ("adder", channels * shifted))
            return tuple(step for step in steps if step[1])
        case MatMul():
            products = channels * in_shapes[0][-1]
            return (("multiplier", products), ("adder", products))
        case Softmax():
            sums = max(1, channels // in_shapes[0][operator.axis])
            return (
                ("activation", channels),  # the largest value
                ("adder", channels),  # distance from it
                ("lookup", channels),  # exponentials
                ("adder", channels),  # their sum
                ("lookup", sums),  # its reciprocal
                ("multiplier", channels),
            )
        case LayerNorm():
            groups = max(1, channels // in_shapes[0][-1])
            return (
                ("adder", channels),  # mean
                ("adder", channels),  # distance from it
                ("multiplier", channels),  # squares
                ("adder", channels),  # variance
                ("lookup", groups),  # inverse root
                ("multiplier", 2 * channels),  # times it, times gamma
                ("adder", channels),  # plus beta
            )
        case MaxPool2d() | AvgPool2d():
            return (("pooling", channels * math.prod(operator.kernel)),)
    raise InputError(f"layer '{operator.name}': no digital unit computes a {type(operator).__name__}")
