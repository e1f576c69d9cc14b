"""Small random layers, rules and devices for the tests of the value model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.compute.coding import slice_count, weight_levels
from pillarsim.arch.compute.integer import visit_layers
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule, SpikeRule
from pillarsim.arch.placement import (
    Codes,
    Edge,
    PlacedArray,
    PlacedLayer,
    Placement,
    Post,
    QuantizedMatrix,
    RowBlock,
    Stage,
)
from pillarsim.workloads.network import AvgPool2d, Flatten, Layer, MaxPool2d, Relu

RULE = ReadRule(
    scheme="differential",
    weight_bits=8,
    bits_per_cell=2,
    analog_subtract=True,
    analog_accumulate=False,
    chunk_bits=1,
    pulse_width=False,
    bits=16,
    calibrated=False,
    percentile=100.0,
    spikes=None,
    g_min_s=1.7e-6,
    g_max_s=1.0e-4,
    read_noise=0.0,
)
NEURON = SpikeRule(gain=1.0, dead=0.0, kept=False, bipolar=False)


@dataclass(frozen=True)
class Shape:
    """Convolution or linear layer: input map, kernel, outputs."""

    in_shape: tuple[int, int, int] = (2, 5, 5)
    outputs: int = 3
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    @property
    def rows(self) -> int:
        """Inputs of one window."""
        return self.in_shape[0] * self.kernel[0] * self.kernel[1]

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """(outputs, height, width)."""
        size = ((self.in_shape[1 + d] + 2 * self.padding[d] - self.kernel[d]) // self.stride[d] + 1 for d in (0, 1))
        return (self.outputs, *size)  # type: ignore[return-value]


def linear(rows: int, outputs: int) -> Shape:
    """A linear layer as a 1x1 convolution."""
    return Shape((rows, 1, 1), outputs, (1, 1))


def blocks(rows: int, array_rows: int, active: int) -> tuple[RowBlock, ...]:
    """Row blocks of at most `array_rows`, in groups of at most `active`."""
    found = []
    for start in range(0, rows, array_rows):
        stop = min(start + array_rows, rows)
        groups = tuple((a, min(a + active, stop)) for a in range(start, stop, active))
        found.append(RowBlock(start, stop, groups))
    return tuple(found)


def layer(
    rule: ReadRule,
    shape: Shape,
    random: np.random.Generator,
    *,
    inputs: Codes | None = None,
    output: Codes | None = None,
    array_rows: int = 128,
    active: int = 128,
    name: str = "layer",
) -> PlacedLayer:
    """A layer with random weights, placed on arrays of `array_rows` rows."""
    top = (1 << (rule.weight_bits - 1)) - 1
    weight = random.integers(-top, top + 1, (shape.rows, shape.outputs)).astype(np.int32)
    inputs = inputs or Codes(8, False, 1 / 255)
    reach = float(np.abs(weight).sum(axis=0).max() * inputs.high)
    matrix = QuantizedMatrix(
        weight=weight,
        bias=random.integers(-50, 51, shape.outputs).astype(np.int64),
        multiplier=np.full(shape.outputs, (output.high if output else 1) / max(reach, 1.0) * 4),
        input=inputs,
        output=output,
        kernel=shape.kernel,
        stride=shape.stride,
        padding=(*shape.padding, *shape.padding),
        in_shape=shape.in_shape,
        out_shape=shape.out_shape,
    )
    return placed(rule, matrix, blocks(shape.rows, array_rows, active), name)


def placed(
    rule: ReadRule,
    matrix: QuantizedMatrix,
    row_blocks: tuple[RowBlock, ...],
    name: str = "layer",
) -> PlacedLayer:
    """`matrix` on one replica, one array a row block."""
    slices = slice_count(rule.scheme, rule.weight_bits, rule.bits_per_cell)
    units = matrix.weight.shape[1] * slices
    arrays = tuple(PlacedArray(0, k, k, (0, units)) for k in range(len(row_blocks)))
    return PlacedLayer(
        name,
        matrix,
        slices,
        2 if rule.scheme == "differential" else 1,
        row_blocks,
        (arrays,),
        chunks=matrix.input.reads(rule.chunk_bits),
        channels=(0, matrix.in_shape[0]),
    )


def device(rule: ReadRule, one: PlacedLayer, sigma: float = 0.0, seed: int = 0) -> ProgrammedLayer:
    """Cells on target, or spread log-normally by `sigma`."""
    levels, flipped = weight_levels(
        one.matrix.weight, rule.scheme, rule.weight_bits, rule.bits_per_cell, one.row_blocks
    )
    conductance = rule.g_min_s + levels.double() * rule.step_s
    if sigma:
        random = torch.Generator().manual_seed(seed)
        conductance = conductance * torch.exp(
            sigma * torch.randn(conductance.shape, generator=random, dtype=torch.float64)
        )
    return ProgrammedLayer(conductance.float(), flipped)


def codes(one: PlacedLayer, images: int, random: np.random.Generator, density: float = 1.0) -> NDArray[np.int32]:
    """Random input codes of a layer, the share `density` of them not zero."""
    limits = one.matrix.input
    drawn = random.integers(limits.low, limits.high + 1, (images, *one.matrix.in_shape))
    return (drawn * (random.random(drawn.shape) < density)).astype(np.int32)


def network(rule: ReadRule, random: np.random.Generator, *, array_rows: int = 20, active: int = 12) -> Placement:
    """Convolution, ReLU, pooling, convolution, average pooling, linear: a small network of every operator."""
    first, hidden = Codes(8, False, 1 / 255), Codes(8, False, 0.1)
    relu = Post(Relu("relu"), hidden)
    pool = Post(MaxPool2d("pool", (2, 2), (2, 2)), hidden)
    mean = Post(AvgPool2d("mean", (2, 2), (1, 1)), hidden)
    shapes = (Shape((1, 9, 9), 4, (3, 3), padding=(1, 1)), Shape((4, 4, 4), 5, (3, 3), padding=(1, 1)))
    parts = (
        layer(rule, shapes[0], random, inputs=first, output=hidden, array_rows=array_rows, active=active, name="conv1"),
        layer(
            rule, shapes[1], random, inputs=hidden, output=hidden, array_rows=array_rows, active=active, name="conv2"
        ),
        layer(rule, linear(45, 6), random, inputs=hidden, array_rows=array_rows, active=active, name="fc"),
    )
    stages = (
        matrix_stage(0, parts[0], (relu, pool), (4, 4, 4)),
        matrix_stage(1, parts[1], (relu, mean), (5, 3, 3)),
        matrix_stage(2, parts[2], (), (6,), (Flatten("flat"),)),
    )
    return Placement("made", first, (1, 9, 9), (1, 9, 9), parts, stages, 1, "made")


def matrix_stage(
    number: int, one: PlacedLayer, post: tuple[Post, ...], shape: tuple[int, ...], views: tuple[Layer, ...] = ()
) -> Stage:
    """A matrix that takes the output of the stage before it."""
    matrix = one.matrix
    edge = Edge(number - 1, views, (math.prod(matrix.in_shape),) if views else matrix.in_shape, "window", 1)
    stream: Any = shape if len(shape) == 3 else (*shape, 1, 1)
    result = matrix.out_shape if len(shape) == 3 else shape
    return Stage(
        one.name, (edge,), (number,), None, (), matrix.output, post, shape, stream, result, matrix.out_shape
    )  # fmt: skip


def alone(one: PlacedLayer) -> Placement:
    """A network of one layer, its output floats."""
    stage = matrix_stage(0, one, (), one.matrix.out_shape)
    shape = one.matrix.in_shape
    return Placement("made", one.matrix.input, shape, shape, (one,), (stage,), 1, "made")


def layer_codes(placement: Placement, pictures: NDArray[np.float32]) -> list[NDArray[np.int32]]:
    """Input codes (N, C, H, W) of each layer in order."""
    found: list[NDArray[np.int32]] = []
    visit_layers(placement, pictures, lambda _, given: found.append(given))
    return found


def images(placement: Placement, count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Random float images in [0, 1]."""
    return random.random((count, *placement.input_shape), dtype=np.float32)


def with_rule(**changes: object) -> ReadRule:
    """RULE with changes."""
    return replace(RULE, **changes)  # type: ignore[arg-type]
