"""Whether a network's arrays are there, and which settings would make it fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pillarsim.arch.chip import Array, Tile, Weights
from pillarsim.arch.errors import FitError
from pillarsim.mapping.matrix import Matrix
from pillarsim.mapping.partition import ArrayShape, arrays_needed, group_ranges, outputs_held

MOST_TILES = 1024  # along one side of the mesh, as the chip format has it

__all__ = ["Coding", "Replicated", "array_shape", "arrays_of", "check_fit", "tile_ways"]


@dataclass(frozen=True)
class Coding:
    """How a weight becomes cells: slices a weight and columns a slice."""

    slices: int
    polarities: int


@dataclass(frozen=True, eq=False)
class Replicated:
    """A matrix and its copies."""

    matrix: Matrix
    copies: int


def array_shape(array: Array) -> ArrayShape:
    """The partitioner's view of an array."""
    step = 1 if array.layer_by_layer else array.layers * array.sides
    span = array.rows if array.layer_by_layer else None
    return ArrayShape(array.inputs, array.active_inputs, array.columns, step, span)


def arrays_of(matrix: Matrix, shape: ArrayShape, coding: Coding) -> int:
    """Arrays of one copy of a matrix, its groups packed where several fit into an array."""
    outputs = matrix.outputs // matrix.groups
    held = outputs_held(coding.slices, coding.polarities, shape)
    ranges = group_ranges(matrix.groups, matrix.rows, outputs, held, shape)
    return sum(
        arrays_needed((last - first) * matrix.rows, (last - first) * outputs, coding.slices, coding.polarities, shape)
        for first, last in ranges
    )


def tile_ways(tile: Tile, need: int) -> list[str]:
    """Settings of the tiles with which a chip has `need` arrays."""
    tall = -(-need // (tile.count.x * tile.arrays_per_level))
    ways = [f"tile.count={{x: {tile.count.x}, y: {tall}}}"] if tall <= MOST_TILES else []
    if tile.macro is None:
        ways.append(f"tile.arrays={-(-need // tile.count.total)}")
    return ways


def check_fit(parts: Sequence[Replicated], array: Array, tile: Tile, weights: Weights, bits_per_cell: int) -> None:
    """Raise FitError where the chip has too few arrays, with the settings that would make the network fit."""

    def needed(shape: ArrayShape, bits: int, cell_bits: int, copies: bool = True) -> int:
        magnitude = bits - 1 if weights.scheme == "differential" else bits
        coding = Coding(-(-magnitude // cell_bits), weights.polarities)
        return sum((part.copies if copies else 1) * arrays_of(part.matrix, shape, coding) for part in parts)

    shape, per_tile = array_shape(array), tile.arrays_per_level
    coding = Coding(-(-weights.magnitude_bits // bits_per_cell), weights.polarities)
    available = tile.count.total * per_tile
    need = needed(shape, weights.bits, bits_per_cell)
    if need <= available:
        return
    ways = tile_ways(tile, need)
    for factor in (2, 4, 8):
        larger = replace(shape, inputs=shape.inputs * factor, columns=shape.columns * factor)
        if needed(larger, weights.bits, bits_per_cell) <= available:
            ways.append(f"array.rows={array.rows * factor} with array.columns={array.columns * factor}")
            break
    for cell_bits in range(bits_per_cell + 1, weights.bits + 1):
        if needed(shape, weights.bits, cell_bits) <= available:
            ways.append(f"weights.bits_per_cell={cell_bits} with array.cell.levels={1 << cell_bits}")
            break
    for bits in range(weights.bits - 1, 1, -1):
        if needed(shape, bits, bits_per_cell) <= available:
            ways.append(f"weights.bits={bits}")
            break
    if needed(shape, weights.bits, bits_per_cell, copies=False) <= available:
        ways.append("mapping.replicas=1")
    if all(arrays_of(part.matrix, shape, coding) * part.copies <= available for part in parts):
        ways.append("mapping.reload=true (in parts, programmed one after another)")
    raise FitError(
        f"tile.count: the network needs {need} arrays and the chip has {available}: {need - available} missing; "
        f"any one of these would make it fit: {'; '.join(ways)}"
    )
