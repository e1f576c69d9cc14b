"""The compiler: Network + chip sections -> Placement.

fold batch norm -> quantise -> split over arrays and slices -> place on tiles. Layers are placed in order; the arrays
of a layer follow one another along the tiles in row or snake order. Left out here: balancing replicas, sharing an
array between layers, placement by traffic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Array, Input, Mapping, Tile, Weights
from pillarsim.arch.errors import FitError, InputError, nearest
from pillarsim.arch.placement import Codes, PlacedArray, PlacedLayer, Placement, QuantizedMatrix
from pillarsim.mapping.cell_law import check_responses
from pillarsim.mapping.fold import MatrixStage, matrix_stages
from pillarsim.mapping.partition import ArrayShape, arrays_needed, row_blocks, unit_blocks
from pillarsim.mapping.quantize import quantize
from pillarsim.workloads.network import Network


@dataclass(frozen=True)
class Coding:
    """How a weight becomes cells: slices a weight and columns a slice."""

    slices: int
    polarities: int


def compile_network(
    network: Network,
    calibration: NDArray[np.float32],
    *,
    array: Array,
    tile: Tile,
    weights: Weights,
    bits_per_cell: int,
    inputs: Input,
    mapping: Mapping,
) -> Placement:
    """Compile `network` for the chip, with scales from float `calibration` images (N, *input_shape).

    Raises FitError when arrays are missing (it says how many, and which settings would make the network fit) and
    InputError for an unsupported operator order, an unknown layer in `mapping.replicas`, or layers whose response is
    not what the chip's cells compute (`mapping.cell_law`).
    """
    try:
        stages = matrix_stages(network)
    except InputError as error:
        raise InputError(f"workload {network.name!r}: {error}") from None
    check_responses(stages, array, weights, bits_per_cell, inputs)
    _check_replicas(mapping, stages)
    coding = Coding(-(-weights.magnitude_bits // bits_per_cell), weights.polarities)
    check_fit(stages, array, tile, weights, bits_per_cell, mapping)
    codes, matrices = quantize(
        stages,
        calibration,
        weight_bits=weights.bits,
        per_channel=weights.quantization == "channel",
        activation_bits=inputs.bits,
        percentile=inputs.calibration_percentile,
    )
    slots = _slots(tile, mapping.placement)
    layers = tuple(
        place_layer(
            stage, matrix, array_shape(array), coding, mapping.replicas_of(stage.name), inputs.chunk_bits, slots
        )
        for stage, matrix in zip(stages, matrices, strict=True)
    )
    digest = _digest(codes, layers)
    return Placement(network.name, codes, stages[0].in_shape, layers, tile.count.total, digest)


def array_shape(array: Array) -> ArrayShape:
    """The partitioner's view of an array."""
    step = 1 if array.layer_by_layer else array.layers * array.sides
    span = array.rows if array.layer_by_layer else None
    return ArrayShape(array.inputs, array.active_inputs, array.columns, step, span)


def place_layer(
    stage: MatrixStage,
    matrix: QuantizedMatrix,
    shape: ArrayShape,
    coding: Coding,
    replicas: int,
    chunk_bits: int,
    slots: Iterator[tuple[int, int]],
) -> PlacedLayer:
    """Put every replica of one layer on the next free arrays of `slots` (tile, slot)."""
    rows, outputs = matrix.weight.shape
    blocks = row_blocks(rows, shape)
    units = unit_blocks(outputs, coding.slices, coding.polarities, shape)
    placed = tuple(
        tuple(PlacedArray(*next(slots), block, span) for block in range(len(blocks)) for span in units)
        for _ in range(replicas)
    )
    return PlacedLayer(
        name=stage.name,
        matrix=matrix,
        post=stage.post,
        final_shape=stage.final_shape,
        slices=coding.slices,
        polarities=coding.polarities,
        row_blocks=blocks,
        replicas=placed,
        chunks=matrix.input.reads(chunk_bits),
    )


def check_fit(
    stages: Sequence[MatrixStage],
    array: Array,
    tile: Tile,
    weights: Weights,
    bits_per_cell: int,
    mapping: Mapping,
) -> None:
    """Raise FitError where the chip has too few arrays, with the settings that would make the network fit."""

    def needed(shape: ArrayShape, bits: int, cell_bits: int, copies: bool = True) -> int:
        magnitude = bits - 1 if weights.scheme == "differential" else bits
        return sum(
            (mapping.replicas_of(stage.name) if copies else 1)
            * arrays_needed(
                stage.weight.shape[0],
                stage.weight.shape[1],
                -(-magnitude // cell_bits),
                weights.polarities,
                shape,
            )
            for stage in stages
        )

    shape, per_tile = array_shape(array), tile.arrays_per_level
    available = tile.count.total * per_tile
    need = needed(shape, weights.bits, bits_per_cell)
    if need <= available:
        return
    ways = [f"tile.count={{x: {tile.count.x}, y: {-(-need // (tile.count.x * per_tile))}}}"]
    if tile.macro is None:
        ways.append(f"tile.arrays={-(-need // tile.count.total)}")
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
    raise FitError(
        f"tile.count: the network needs {need} arrays and the chip has {available}: {need - available} missing; "
        f"any one of these would make it fit: {'; '.join(ways)}"
    )


def _check_replicas(mapping: Mapping, stages: Sequence[MatrixStage]) -> None:
    names = [stage.name for stage in stages]
    if isinstance(mapping.replicas, int):
        if mapping.replicas < 1:
            raise InputError(f"mapping.replicas: expected at least 1, found {mapping.replicas}")
        return
    for name, copies in mapping.replicas.items():
        if name not in names:
            listed = ", ".join(names)
            raise InputError(f"mapping.replicas.{name}: expected a matrix layer ({listed}){nearest(name, names)}")
        if copies < 1:
            raise InputError(f"mapping.replicas.{name}: expected at least 1, found {copies}")


def _slots(tile: Tile, order: str) -> Iterator[tuple[int, int]]:
    for y in range(tile.count.y):
        columns = range(tile.count.x)
        for x in reversed(columns) if order == "snake" and y % 2 else columns:
            for slot in range(tile.arrays_per_level):
                yield y * tile.count.x + x, slot


def _digest(codes: Codes, layers: Sequence[PlacedLayer]) -> str:
    hasher = hashlib.sha256(repr(codes).encode())
    for layer in layers:
        matrix = layer.matrix
        plain = (layer.name, layer.post, layer.slices, layer.polarities, layer.row_blocks, layer.replicas)
        hasher.update(repr((plain, matrix.input, matrix.output, matrix.stride, matrix.padding)).encode())
        response = matrix.response
        tables = () if response is None else (response.inputs, response.weights)
        for values in (matrix.weight, matrix.bias, matrix.multiplier, *tables):
            hasher.update(np.ascontiguousarray(values).tobytes())
    return hasher.hexdigest()
