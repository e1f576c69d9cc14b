"""What the compiler gives to the two halves of the machine: quantised layers and where their cells sit.

Index conventions: a matrix layer has R inputs (im2col order: channel, kernel row, kernel column) and O outputs;
a *slice* is the part of a weight that one cell (or one differential pair) holds, S slices a weight, slice 0 lowest;
a *unit* is one slice of one output (unit index u = output * S + slice) and takes 1 or 2 physical columns.
A row block is the part of R inside one array; its *groups* are rows that are on together in one read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


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


@dataclass(frozen=True)
class PostOperator:
    """A digital operator on output codes, in order after a matrix layer.

    kind: relu | max_pool | avg_pool | flatten; kernel and stride (rows, columns) for pools. Average pooling of
    codes is floor((sum + n // 2) / n).
    """

    kind: str
    name: str
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)


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
    padding: tuple[int, int]
    in_shape: tuple[int, int, int]
    """(channels, height, width) of the input map"""
    out_shape: tuple[int, int, int]
    """(O, height, width) of the accumulator map, before `PlacedLayer.post`"""
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
    """One array: its tile (index y * grid.x + x), its slot in the tile, and the part of the layer it holds."""

    tile: int
    slot: int
    row_block: int
    units: tuple[int, int]
    """unit range [start, stop) in its columns"""


@dataclass(frozen=True, eq=False)
class PlacedLayer:
    """A matrix layer on arrays, with the digital operators that follow it up to the next matrix layer."""

    name: str
    matrix: QuantizedMatrix
    post: tuple[PostOperator, ...]
    final_shape: tuple[int, int, int]
    """(channels, height, width) of the codes that leave after `post` (flatten keeps the map's shape here)"""
    slices: int
    polarities: int
    row_blocks: tuple[RowBlock, ...]
    replicas: tuple[tuple[PlacedArray, ...], ...]
    """arrays of each replica; every replica holds the whole layer"""
    chunks: int
    """reads that an input takes, for each row group"""

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


@dataclass(frozen=True, eq=False)
class Placement:
    """The compiled network: layers in order, and the input's coding. `digest` names it for reports and caches."""

    network: str
    input: Codes
    input_shape: tuple[int, int, int]
    layers: tuple[PlacedLayer, ...]
    tiles: int
    digest: str = field(default="")
