"""Writing a placement's weights into cells: the conductances that reads see.

Replica 0 of each layer carries the values; every replica is written, with draws of its own. Layers are coded and
written in pieces (`pieces.py`): what is held besides the conductances asked for does not grow with a layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pillarsim.arch.chip import Array, Weights, Write
from pillarsim.arch.compute.coding import weight_levels
from pillarsim.arch.compute.pieces import Piece, part_seed, pieces
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.device import programming_error
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PlacedLayer, Placement, RowBlock
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
    """Cell levels of one layer, coded each time that they are asked for: a network's are not held."""

    layer: PlacedLayer
    scheme: str
    bits: int
    bits_per_cell: int

    @property
    def levels(self) -> torch.Tensor:
        """Levels of all cells, uint8 (P, R, O, S)."""
        return torch.cat([self.part(piece)[0] for piece in pieces(self.layer)], dim=1)

    def part(self, piece: Piece) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Levels of a piece, uint8 (P, rows, O, S), and which of its columns are complemented (`ProgrammedLayer`)."""
        blocks = [
            RowBlock(block.start - piece.start, block.stop - piece.start, ()) for block in piece.row_blocks(self.layer)
        ]
        return weight_levels(self.layer.matrix.weight[piece.rows], self.scheme, self.bits, self.bits_per_cell, blocks)


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
    """How every layer's weights are coded into cell levels."""
    return tuple(LayerLevels(layer, weights.scheme, weights.bits, bits_per_cell) for layer in placement.layers)


def ideal_layers(levels: tuple[LayerLevels, ...], array: Array, bits_per_cell: int) -> tuple[ProgrammedLayer, ...]:
    """Layers whose cells sit exactly on their targets."""
    targets = torch.from_numpy(cell_states(array, bits_per_cell).targets_s()).float()
    return tuple(_filled(coded, lambda _, levels: targets[levels.long()]) for coded in levels)


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

    def layer_cells(coded: LayerLevels) -> ProgrammedLayer:
        def draw(piece: Piece, levels: torch.Tensor) -> torch.Tensor:
            return written_piece(coded.layer, 0, piece, levels, states, rule, seed, threads, update).conductance_s

        return _filled(coded, draw)

    return tuple(layer_cells(coded) for coded in levels)


def _filled(coded: LayerLevels, draw: Callable[[Piece, torch.Tensor], torch.Tensor]) -> ProgrammedLayer:
    """A layer of the conductances that `draw` gives for the levels of each piece."""
    layer = coded.layer
    rows, outputs = layer.matrix.weight.shape
    conductance_s = torch.empty((layer.polarities, rows, outputs, layer.slices), dtype=torch.float32)
    flipped = []
    for piece in pieces(layer):
        levels, flips = coded.part(piece)
        conductance_s[:, piece.rows] = draw(piece, levels)
        if flips is not None:
            flipped.append(flips)
    return ProgrammedLayer(conductance_s, torch.cat(flipped) if flipped else None)


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
    *,
    first_row: int = 0,
    rows: int | None = None,
) -> WrittenCells:
    """Draw what writing one replica of a layer leaves, the same for the values and for the programming.

    levels: of the whole layer, or (P, ., O, S) of its rows from `first_row` on, out of `rows`. Such a part gets the
    cells that the whole layer has there, save where pulses program them: draws of devices are those of the part.
    """
    stream = stream_seed(seed, "program", layer, replica)
    starts = [0]
    if rows is not None:
        row_cells = levels[0, 0].numel()
        starts = [(polarity * rows + first_row) * row_cells for polarity in range(len(levels))]
    try:
        if update is None:
            return write_cells(levels, states, rule, stream, threads, starts)
        return _pulsed_cells(levels, states, rule, part_seed(stream, first_row), update)
    except OutOfRange as error:
        raise InputError(f"array.cell: {error}") from None


def written_piece(
    layer: PlacedLayer,
    replica: int,
    piece: Piece,
    levels: torch.Tensor,
    states: CellStates,
    rule: WriteRule,
    seed: int,
    threads: int = 1,
    update: Pulsing | None = None,
) -> WrittenCells:
    """`written_cells` of a piece of a layer, whose levels are given."""
    rows = len(layer.matrix.weight)
    return written_cells(
        layer.name, replica, levels, states, rule, seed, threads, update, first_row=piece.start, rows=rows
    )


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
