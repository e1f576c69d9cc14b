"""Placing of synapses that learn: each matrix of a chain on arrays of its own, N devices a weight side by side.

A layer's matrix (inputs and a bias row, outputs) is cut into balanced blocks of rows and of outputs, as large as an
array holds. Arrays go to tiles along the snake; a layer that one tile holds is not split between two while tiles
suffice. Weights are those that training will find, so that nothing is quantised and nothing folded.
Left out: copies of a layer (each weight has one place where it learns), small layers sharing an array, what tile
buffers must hold (the event model spills what does not fit).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pillarsim.arch.chip import Array, Hardware, Tile
from pillarsim.arch.digital_work import operator_steps
from pillarsim.arch.errors import FitError, InputError
from pillarsim.arch.training.placement import SynapseArray, SynapseLayer, TrainingPlacement
from pillarsim.mapping.arrange import regular_order
from pillarsim.mapping.fit import array_shape, tile_ways
from pillarsim.mapping.partition import ArrayShape, balanced, row_blocks
from pillarsim.mapping.traffic import Grid
from pillarsim.workloads.network import (
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    Network,
    NetworkError,
    Reshape,
)

__all__ = ["place_synapses"]

# Batch norm with the batch's own statistics, actions a value: sum, distance from the mean and its square, sum of the
# squares, scale, shift. Its inverse roots, one a channel and batch, are left out.
_BATCH_NORM = (("adder", 2), ("multiplier", 1), ("adder", 1), ("multiplier", 1), ("adder", 1))


@dataclass(frozen=True)
class _Block:
    """What one array will hold of a layer, [start, stop)."""

    inputs: tuple[int, int]
    outputs: tuple[int, int]


def place_synapses(network: Network, hardware: Hardware) -> TrainingPlacement:
    """The places of all synapses of `network` on a chip that learns.

    A layer with a bias has a row for it; those of rule 'binary' have none, but batch norm behind each matrix whether or
    not the network lists it (a bias before it would change nothing). Raises InputError for a chip without `learning`,
    NetworkError, which names the layer, for a network that is no chain of dense and plain convolution layers, and
    FitError, which says how many arrays are missing and what would make the network fit.
    """
    learning = hardware.learning
    if learning is None:
        raise InputError("learning: expected a section `learning` in the chip that is to be trained, found none")
    shape, columns = array_shape(hardware.array), learning.devices_per_synapse
    if shape.columns < columns:
        raise FitError(_too_narrow(shape.columns, columns))
    drafts = list(_layers(network, columns, shape, binary=learning.rule == "binary"))
    blocks = [_blocks(layer.inputs, layer.outputs, columns, shape) for layer in drafts]
    _check_fit([(layer.inputs, layer.outputs) for layer in drafts], hardware.array, hardware.tile, columns)
    count = hardware.tile.count
    order = regular_order(Grid(count.x, count.y), snake=True)
    places = _slots([len(arrays) for arrays in blocks], hardware.tile.arrays_per_level, len(order))
    layers = tuple(
        replace(
            layer,
            arrays=tuple(
                SynapseArray(order[tile], slot, block.inputs, block.outputs)
                for (tile, slot), block in zip(slots, arrays, strict=True)
            ),
        )
        for layer, slots, arrays in zip(drafts, places, blocks, strict=True)
    )
    found = TrainingPlacement(network.name, layers, math.prod(network.input_shape), len(order))
    return replace(found, digest=hashlib.sha256(repr(found).encode()).hexdigest())


def _layers(network: Network, columns: int, shape: ArrayShape, binary: bool) -> Iterator[SynapseLayer]:
    """Layers without arrays, in order, each with the digital work behind it (work before the first is left out)."""
    if not network.is_chain:
        raise NetworkError(f"network '{network.name}': on-chip learning takes a chain of layers, found branches")
    groups: list[tuple[Linear | Conv2d, tuple[int, ...], list[tuple[Layer, tuple[int, ...]]]]] = []
    for layer, given in zip(network.layers, network.shapes, strict=True):
        if isinstance(layer, Linear | Conv2d):
            if isinstance(layer, Conv2d) and layer.groups != 1:
                raise NetworkError(f"layer '{layer.name}': on-chip learning takes convolutions of one group")
            groups.append((layer, given, []))
        elif groups:
            groups[-1][2].append((layer, given))
    for layer, given, after in groups:
        bias = layer.has_bias and not binary
        outputs, inputs = layer.weight.shape[0], math.prod(layer.weight.shape[1:]) + bias
        digital = [step for one, shaped in after for step in _steps(one, math.prod(shaped))]
        values = math.prod(after[-1][1] if after else given)
        if binary and not any(isinstance(one, BatchNorm) for one, _ in after):
            # behind a pool, in front of the sign
            place = next((at for at, (unit, _) in enumerate(digital) if unit == "activation"), len(digital))
            digital[place:place] = [(unit, count * values) for unit, count in _BATCH_NORM]
        yield SynapseLayer(
            name=layer.name,
            inputs=inputs,
            outputs=outputs,
            windows=math.prod(given) // outputs,
            columns=columns,
            bias=bias,
            reads=max(len(block.groups) for block in row_blocks(inputs, shape)),
            arrays=(),
            digital=tuple(digital),
            values=values,
        )


def _steps(layer: Layer, values: int) -> Iterator[tuple[str, int]]:
    """(unit, actions) of one image behind a matrix; values: that the operator gives."""
    if isinstance(layer, BatchNorm):
        yield from ((unit, count * values) for unit, count in _BATCH_NORM)
    elif not isinstance(layer, Flatten | Reshape):
        yield from operator_steps(layer, values, [(values,)])


def _blocks(inputs: int, outputs: int, columns: int, shape: ArrayShape) -> list[_Block]:
    """The parts of a matrix, row block by row block."""
    rows = balanced(0, inputs, shape.inputs)
    parts = balanced(0, outputs, shape.columns // columns)
    return [_Block(row, part) for row in rows for part in parts]


def _slots(counts: Sequence[int], per_tile: int, tiles: int) -> list[list[tuple[int, int]]]:
    """(number of the tile, slot) of each layer's arrays; loose where tiles suffice, else without gaps."""
    for together in (True, False):
        place, found = 0, []
        for count in counts:
            left = -place % per_tile
            if together and left < count <= per_tile:
                place += left
            found.append([divmod(number, per_tile) for number in range(place, place + count)])
            place += count
        if place <= tiles * per_tile:
            return found
    raise FitError(f"tile.count: the layers need {place} arrays and the chip has {tiles * per_tile}")


def _check_fit(matrices: Sequence[tuple[int, int]], array: Array, tile: Tile, columns: int) -> None:
    """Raise FitError where the chip has too few arrays, with the settings that would make the network fit."""

    def needed(factor: int, devices: int) -> int:
        width, height = array.columns * factor // devices, array_shape(array).inputs * factor
        return sum(-(-inputs // height) * -(-outputs // width) for inputs, outputs in matrices)

    available, need = tile.count.total * tile.arrays_per_level, needed(1, columns)
    if need <= available:
        return
    ways = tile_ways(tile, need)
    for factor in (2, 4, 8):
        if needed(factor, columns) <= available:
            ways.append(f"array.rows={array.rows * factor} with array.columns={array.columns * factor}")
            break
    for devices in range(columns - 1, 0, -1):
        if needed(1, devices) <= available:
            ways.append(f"learning.devices_per_synapse of at most {devices}")
            break
    raise FitError(
        f"tile.count: the network's synapses of {columns} device(s) need {need} arrays and the chip has {available}: "
        f"{need - available} missing; any one of these would make it fit: {'; '.join(ways)}"
    )


def _too_narrow(found: int, columns: int) -> str:
    return (
        f"learning.devices_per_synapse: a synapse takes {columns} neighbouring columns of an array, which has {found}; "
        f"expected at most {found}, or array.columns of at least {columns}"
    )
