"""Writing a placement's weights into cells: the conductances that reads see.

Replica 0 of each layer carries the values; every replica is written, with draws of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pillarsim.arch.chip import Array, Weights, Write
from pillarsim.arch.compute.coding import weight_levels
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.placement import Placement
from pillarsim.devices.cells import CellStates, WriteRule, WrittenCells, write_cells
from pillarsim.devices.streams import generator


@dataclass(frozen=True, eq=False)
class LayerLevels:
    """Cell levels of one layer: uint8 (P, R, O, S), and which columns are complemented (offset_flip)."""

    levels: torch.Tensor
    flipped: torch.Tensor | None


def cell_states(array: Array, bits_per_cell: int) -> CellStates:
    """The levels in use, as a read sees them: in series with the access transistor."""
    low, high = array.conductance_range
    cell = array.cell
    return CellStates(
        low,
        high,
        1 << bits_per_cell,
        cell.programming_error.hrs,
        cell.programming_error.lrs,
        cell.stuck.hrs,
        cell.stuck.lrs,
    )


def write_rule(write: Write) -> WriteRule:
    """The pulse rule of a chip's write circuit."""
    if write.verify is None:
        return WriteRule(None, 1)
    return WriteRule(write.verify.tolerance, write.verify.max_pulses)


def placement_levels(placement: Placement, weights: Weights, bits_per_cell: int) -> tuple[LayerLevels, ...]:
    """Code every layer's weights into cell levels."""
    return tuple(
        LayerLevels(*weight_levels(layer.matrix.weight, weights.scheme, weights.bits, bits_per_cell, layer.row_blocks))
        for layer in placement.layers
    )


def ideal_layers(levels: tuple[LayerLevels, ...], array: Array, bits_per_cell: int) -> tuple[ProgrammedLayer, ...]:
    """Layers whose cells sit exactly on their targets."""
    targets = torch.from_numpy(cell_states(array, bits_per_cell).targets_s()).float()
    return tuple(ProgrammedLayer(targets[layer.levels.long()], layer.flipped) for layer in levels)


def program(
    placement: Placement,
    levels: tuple[LayerLevels, ...],
    array: Array,
    write: Write,
    bits_per_cell: int,
    seed: int,
) -> tuple[ProgrammedLayer, ...]:
    """Draw the conductances of replica 0 of every layer for one device seed."""
    states, rule = cell_states(array, bits_per_cell), write_rule(write)
    return tuple(
        ProgrammedLayer(written_cells(layer.name, 0, coded.levels, states, rule, seed).conductance_s, coded.flipped)
        for layer, coded in zip(placement.layers, levels, strict=True)
    )


def written_cells(
    layer: str, replica: int, levels: torch.Tensor, states: CellStates, rule: WriteRule, seed: int
) -> WrittenCells:
    """Draw what writing one replica of a layer leaves, the same for the values and for the programming."""
    return write_cells(levels, states, rule, generator(seed, "program", layer, replica))
