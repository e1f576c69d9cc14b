"""Writing a placement's weights into cells: the conductances that reads see.

Replica 0 of each layer carries the values; every replica is written, with draws of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pillarsim.arch.chip import Array, Weights, Write
from pillarsim.arch.compute.coding import weight_levels
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.device import programming_error
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import Placement
from pillarsim.arch.pulse_models import pulse_model
from pillarsim.devices.cells import CellStates, WriteRule, WrittenCells, write_cells
from pillarsim.devices.programming_error import InSeries
from pillarsim.devices.pulses.batch import Batch
from pillarsim.devices.pulses.interface import Model
from pillarsim.devices.pulses.program import program as program_by_pulses
from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.streams import stream_seed


@dataclass(frozen=True, eq=False)
class LayerLevels:
    """Cell levels of one layer: uint8 (P, R, O, S), and which columns are complemented (offset_flip)."""

    levels: torch.Tensor
    flipped: torch.Tensor | None


def cell_states(array: Array, bits_per_cell: int) -> CellStates:
    """The levels in use, as a read sees them: in series with the access transistor."""
    low, high = array.conductance_range
    cell, ohm = array.cell, array.series_resistance
    error = programming_error(cell, *array.cell_range)
    seen = InSeries(error, ohm) if ohm else error
    return CellStates(low, high, 1 << bits_per_cell, seen, cell.stuck.hrs, cell.stuck.lrs)


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
    threads: int = 1,
) -> tuple[ProgrammedLayer, ...]:
    """Draw the conductances of replica 0 of every layer for one device seed; the same for any number of threads.

    Raises InputError where a level lies outside what the cell's card covers.
    """
    states, rule, update = cell_states(array, bits_per_cell), write_rule(write), pulsing(array)
    written = (
        written_cells(layer.name, 0, coded.levels, states, rule, seed, threads, update).conductance_s
        for layer, coded in zip(placement.layers, levels, strict=True)
    )
    return tuple(ProgrammedLayer(cells, coded.flipped) for cells, coded in zip(written, levels, strict=True))


@dataclass(frozen=True)
class Pulsing:
    """The pulse model by which cells are programmed, and the access resistance (ohm) that its verify reads see."""

    model: Model[Batch]
    series_ohm: float


def pulsing(array: Array) -> Pulsing | None:
    """How pulses program the cells; None where each write pulse is a new trial.

    Raises InputError for parameters of the card that make no model.
    """
    if array.cell.programming == "trials" or array.cell.pulse_update is None:
        return None
    try:
        model = pulse_model(array.cell.pulse_update, *array.cell_range, read_v=array.read_voltage)
    except ValueError as error:
        raise InputError(f"array.cell.pulse_update: {error}") from None
    return Pulsing(model, array.series_resistance)


def written_cells(
    layer: str,
    replica: int,
    levels: torch.Tensor,
    states: CellStates,
    rule: WriteRule,
    seed: int,
    threads: int = 1,
    update: Pulsing | None = None,
) -> WrittenCells:
    """Draw what writing one replica of a layer leaves, the same for the values and for the programming."""
    stream = stream_seed(seed, "program", layer, replica)
    try:
        if update is None:
            return write_cells(levels, states, rule, stream, threads)
        return _pulsed_cells(levels, states, rule, stream, update)
    except OutOfRange as error:
        raise InputError(f"array.cell: {error}") from None


def _pulsed_cells(
    levels: torch.Tensor, states: CellStates, rule: WriteRule, seed: int, update: Pulsing
) -> WrittenCells:
    """Fresh devices brought to their targets by single pulses, verified after each."""
    targets = torch.from_numpy(states.targets_s())[levels.flatten().long()]
    devices = update.model.fresh(levels.numel(), update.model.imperfections, seed)
    tolerance = 0.0 if rule.tolerance_s is None else rule.tolerance_s
    ohm = update.series_ohm
    _, conductance, pulses, failed = program_by_pulses(devices, targets, tolerance, rule.max_pulses, ohm)
    return WrittenCells(*(part.reshape(levels.shape) for part in (conductance.float(), pulses, failed)))
