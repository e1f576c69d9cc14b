"""What the compiler gives to the two halves of the machine: quantised layers and where their cells sit.

Index conventions: a matrix layer has R inputs (im2col order: channel, kernel row, kernel column) and O outputs;
a *slice* is the part of a weight that one cell (or one differential pair) holds, S slices a weight, slice 0 lowest;
a *unit* is one slice of one output (unit index u = output * S + slice) and takes 1 or 2 physical columns.
A row block is the part of R inside one array; its *groups* are rows that are on together in one read.

A *stage* is a node of the compiled network: a matrix on arrays, or a digital operator, with the element-wise operators
and pools fused behind it. A grouped convolution is one stage of several layers, each a dense matrix of its own.
What a stage gives travels as a stream of pixels in raster order, each with all its channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pillarsim.workloads.operators import Constant, Layer

Access: TypeAlias = Literal["window", "pixel", "map"]


@dataclass(frozen=True)
class Codes:
    """Integer coding of a tensor: value = scale * code, code in [low, high]."""

    bits: int
    signed: bool
    scale: float

    @property
    def low(self) -> int:
        """Smallest code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest code."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    def reads(self, chunk_bits: int) -> int:
        """Chunks of `chunk_bits` that a code takes; a sign plane is a chunk of its own."""
        return -(-(self.bits - 1) // chunk_bits) + 1 if self.signed else -(-self.bits // chunk_bits)


@dataclass(frozen=True, eq=False)
class Post:
    """An operator fused behind a stage: element-wise (Relu, Activation) or a pool; `output`: codes after it.

    On codes: ReLU and clip keep the coding, as max pooling does; average pooling is floor((sum + n // 2) / n); other
    functions go by a table from code to code. `output` is None in the last stage, whose values are floats.
    """

    operator: Layer
    output: Codes | None


@dataclass(frozen=True, eq=False)
class CodedResponse:
    """What cells compute instead of weight code times input code: sum over k of inputs[k, x] weights[k, r, o].

    inputs (K, high + 1), weights (K, R, O): float64, multiples of 2^-F with F such that the sum over all rows is exact
    in float64 in any order.
    """

    inputs: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class QuantizedMatrix:
    """A convolution or linear layer in integers, y = round((W x + b) * multiplier) clipped to `output` codes.

    weight (R, O) int32; bias (O,) int64 in accumulator steps; multiplier (O,) float64. With a `response` its sums take
    the place of W x.
    With `output` None (the last matrix layer) the logits are accumulator * multiplier, floats.
    round is floor(x + 0.5). A linear layer is a convolution with a 1x1 kernel over a 1x1 map of R channels.
    """

    weight: NDArray[np.int32]
    bias: NDArray[np.int64]
    multiplier: NDArray[np.float64]
    input: Codes
    output: Codes | None
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    """(top, left, bottom, right)"""
    in_shape: tuple[int, int, int]
    """(channels, height, width) of the input map"""
    out_shape: tuple[int, int, int]
    """(O, height, width) of the accumulator map, before `Stage.post`"""
    dilation: tuple[int, int] = (1, 1)
    response: CodedResponse | None = None

    @property
    def windows(self) -> int:
        """Output positions."""
        return self.out_shape[1] * self.out_shape[2]


@dataclass(frozen=True)
class RowBlock:
    """Rows [start, stop) of a layer inside one array, read in groups of row ranges (absolute row numbers)."""

    start: int
    stop: int
    groups: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PlacedArray:
    """One array: its tile (index y * grid.x + x), its slot in the tile, and the part of the layer it holds.

    Layers that share an array are on rows and columns of their own, from the input `row` and the column `column` on.
    """

    tile: int
    slot: int
    row_block: int
    units: tuple[int, int]
    """unit range [start, stop) in its columns"""
    row: int = 0
    column: int = 0


@dataclass(frozen=True, eq=False)
class PlacedLayer:
    """A dense matrix on arrays; `channels`: the channels [start, stop) of its stage's input map that it takes."""

    name: str
    matrix: QuantizedMatrix
    slices: int
    polarities: int
    row_blocks: tuple[RowBlock, ...]
    replicas: tuple[tuple[PlacedArray, ...], ...]
    """arrays of each replica; every replica holds the whole layer"""
    chunks: int
    """reads that an input takes, for each row group"""
    channels: tuple[int, int]

    @property
    def units(self) -> int:
        """Slices of all outputs."""
        return int(self.matrix.weight.shape[1]) * self.slices

    @property
    def arrays(self) -> int:
        """Arrays of all replicas."""
        return sum(len(arrays) for arrays in self.replicas)

    @property
    def cells(self) -> int:
        """Cells that hold weights, all replicas."""
        return int(self.matrix.weight.shape[0]) * self.units * self.polarities * len(self.replicas)

    @property
    def reads_per_chunk(self) -> int:
        """Array reads of one input chunk, one after another inside an array (its row groups)."""
        return max(len(block.groups) for block in self.row_blocks)


INPUT = -1  # the network's input as the source of an edge


@dataclass(frozen=True, eq=False)
class Edge:
    """What a stage takes from another one, or from the network's input (`source` INPUT).

    views: Reshape, Transpose, Slice and Flatten on the way, which move no values; shape: behind them, as the stage
    sees it; access: which pixels of the source's stream an output pixel of the stage needs: those of its `window`,
    the `pixel` of the same number, or the whole `map` of the image; values: of each pixel of the stream that the
    stage takes at all (one number: of every pixel).
    """

    source: int
    views: tuple[Layer, ...]
    shape: tuple[int, ...]
    access: Access
    values: int | tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Stage:
    """A node of the compiled network, in an order in which each comes after its sources.

    layers     numbers of its matrices in `Placement.layers`, by output channels; () for a digital operator
    operator   the digital operator; None for a matrix
    constants  (place among the operator's inputs, operator) of inputs that depend on nothing
    codes      of the matrix' or operator's result, before `post`; None in the last stage (floats)
    post       operators fused behind, in order
    shape      of the output as the network sees it; stream: the same as (channels, height, width) pixels
    result     shape of the result before `post`; before: its stream, one window of the stage a pixel
    tokens     a matrix over (tokens, features), which sees them as a map (features, 1, tokens)
    home       tile of a digital operator's units; None for a matrix, whose home is where most of its arrays are
    """

    name: str
    inputs: tuple[Edge, ...]
    layers: tuple[int, ...]
    operator: Layer | None
    constants: tuple[tuple[int, Constant], ...]
    codes: Codes | None
    post: tuple[Post, ...]
    shape: tuple[int, ...]
    stream: tuple[int, int, int]
    result: tuple[int, ...]
    before: tuple[int, int, int]
    tokens: bool = False
    home: int | None = None

    @property
    def output(self) -> Codes | None:
        """Codes of what leaves the stage; None: floats."""
        return self.post[-1].output if self.post else self.codes

    @property
    def windows(self) -> int:
        """Output positions of an image, before pooling."""
        return self.before[1] * self.before[2]


@dataclass(frozen=True, eq=False)
class Placement:
    """The compiled network: stages in order over the layers on arrays. `digest` names it for reports and caches.

    input: coding of the network's input; input_shape: as the network sees it; input_stream: as pixels. The last
    stage gives the output. parts: first stage of each part that is on the arrays at a time; several parts are
    programmed one after another and use the same tiles and slots.
    """

    network: str
    input: Codes
    input_shape: tuple[int, ...]
    input_stream: tuple[int, int, int]
    layers: tuple[PlacedLayer, ...]
    stages: tuple[Stage, ...]
    tiles: int
    digest: str = field(default="")
    parts: tuple[int, ...] = (0,)

    @property
    def sharers(self) -> dict[tuple[int, int, int], tuple[int, ...]]:
        """(part, tile, slot) of every array in use -> numbers of the layers in it."""
        found: dict[tuple[int, int, int], list[int]] = {}
        part = 0
        for number, stage in enumerate(self.stages):
            part += number in self.parts[1:]
            for layer in stage.layers:
                for arrays in self.layers[layer].replicas:
                    for array in arrays:
                        found.setdefault((part, array.tile, array.slot), []).append(layer)
        return {place: tuple(layers) for place, layers in found.items()}

    @property
    def arrays(self) -> int:
        """Arrays in use, one that layers share once; those of all parts."""
        return len(self.sharers)

    @property
    def arrays_by_layer(self) -> tuple[float, ...]:
        """Arrays of each layer: one that k layers share counts 1 / k in each, so that the sum is `arrays`."""
        sums = [Fraction(0)] * len(self.layers)
        for layers in self.sharers.values():
            for layer in layers:
                sums[layer] += Fraction(1, len(layers))
        return tuple(int(each) if each.denominator == 1 else float(each) for each in sums)

    def consumers(self, source: int) -> tuple[tuple[int, int], ...]:
        """(stage, number of its input) of everything that takes the output of stage `source` (INPUT: the input)."""
        return tuple(
            (number, place)
            for number, stage in enumerate(self.stages)
            for place, edge in enumerate(stage.inputs)
            if edge.source == source
        )
