"""What writing a placement's arrays takes: pulses and times for the events, energy by where it goes, disturb.

Every replica is written once. Energy in closed form (ideal wires), or from write groups solved in full (`Solver`).
Cells that hold no weight are unformed and carry nothing. Assumed in closed form: an erase pulse finds its cell at the
mean conductance of all levels; half-selected cells sit at the array's mean conductance; the sources of partial
voltages (V/2, V/3, 2V/3) lose nothing of their own.
Cells are drawn a piece of a layer at a time and dropped: an outcome is counted array by array, and its sums do not
depend on pieces or threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from pillarsim.arch.activity import LayerProgramming
from pillarsim.arch.chip import Array, Write
from pillarsim.arch.compute.activities import ReadSums
from pillarsim.arch.compute.physical import physical
from pillarsim.arch.compute.pieces import Piece, in_order, pieces
from pillarsim.arch.compute.program import LayerLevels, Pulsing, cell_states, pulsing, write_rule, written_piece
from pillarsim.arch.placement import PlacedArray, PlacedLayer, Placement
from pillarsim.devices.cells import CellStates, WriteRule
from pillarsim.devices.halfselect import half_selected_pulses, partial_voltage


@dataclass(frozen=True)
class PulsePower:
    """Mean power (W) of a pulse of one write group, and the largest voltage (V) over a cell that it does not write.

    ideal: V^2 G of the cells that it writes; selected, half_select, wires: solved, in those cells, in all others, in
    wires with drivers and switches.
    """

    ideal: float
    selected: float
    half_select: float
    wires: float
    disturb_v: float


# (layer, conductances at the read voltage, pulses), both (R, units * P) of replica 0 -> (SET, RESET or None)
Solver = Callable[[PlacedLayer, torch.Tensor, torch.Tensor], tuple[PulsePower, PulsePower | None]]

# (layer, piece, conductances of replica 0 as written, float32 (P, rows, O, S)) -> sums that reads of them need
Look = Callable[[PlacedLayer, Piece, torch.Tensor], ReadSums]


@dataclass(frozen=True, eq=False)
class NetworkWritten:
    """Programming of every layer, and the sums of the cells that carry the values, piece by piece (None: unasked)."""

    layers: tuple[LayerProgramming, ...]
    reads: tuple[tuple[ReadSums, ...], ...] | None


@dataclass(frozen=True)
class _Energy:
    """Joules of SET or of RESET pulses in written cells, half-selected cells and wires."""

    cells: float = 0.0
    half_select: float = 0.0
    wires: float = 0.0

    @property
    def total(self) -> float:
        return self.cells + self.half_select + self.wires


@dataclass(frozen=True)
class _Pulses:
    """All pulses of one kind: voltage, width; summed I / V (S) of written and of half-selected cells, over pulses.

    groups_s: seconds of pulses, summed over write groups.
    """

    volts: float
    width_s: float
    written_s: float
    half_s: float
    groups_s: float


@dataclass(frozen=True, eq=False)
class _ArrayWritten:
    """One array written: pulses of its groups and groups; pulses of its cells, and cells.

    pulsed_s: summed I / V of cells times their pulses; half_set_s, half_reset_s: the same of half-selected cells.
    """

    group_pulses: int
    groups: int
    pulses: int
    cells: int
    pulsed_s: float
    half_set_s: float
    half_reset_s: float


@dataclass(frozen=True, eq=False)
class _PieceWritten:
    """A piece of a layer written: its arrays by (replica, place in it), failed cells, and what was kept of replica 0.

    first: conductances and pulses (rows, units * P) where a solver needs them; reads: where they are asked for.
    """

    arrays: dict[tuple[int, int], _ArrayWritten]
    failed: int
    first: tuple[torch.Tensor, torch.Tensor] | None
    reads: ReadSums | None


@dataclass(frozen=True)
class _Writing:
    """How every cell is written, for one device seed."""

    array: Array
    write: Write
    states: CellStates
    rule: WriteRule
    update: Pulsing | None
    seed: int


def programming(
    placement: Placement,
    levels: tuple[LayerLevels, ...],
    array: Array,
    write: Write,
    bits_per_cell: int,
    rail_voltages: dict[float, float],
    seed: int,
    solver: Solver | None = None,
    threads: int = 1,
) -> tuple[LayerProgramming, ...]:
    """Pulses, group times and energies of writing every array once, for one device seed.

    rail_voltages: array voltage -> voltage of the rail that it is drawn from (equal where regulators are ideal).
    """
    return write_network(
        placement, levels, array, write, bits_per_cell, rail_voltages, seed, solver=solver, threads=threads
    ).layers


def write_network(
    placement: Placement,
    levels: tuple[LayerLevels, ...],
    array: Array,
    write: Write,
    bits_per_cell: int,
    rail_voltages: dict[float, float],
    seed: int,
    *,
    solver: Solver | None = None,
    look: Look | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NetworkWritten:
    """As `programming`, with what `look` finds in the cells of each piece before they are dropped.

    `look` is called on several threads; progress as progress(pieces written, pieces in all).
    """
    writing = _Writing(array, write, cell_states(array, bits_per_cell), write_rule(write), pulsing(array), seed)
    solver = None if write.scheme == "isolated" else solver
    work = partial(_write_piece, writing, look, solver is not None)
    tasks = [(coded, piece) for coded in levels for piece in pieces(coded.layer)]
    written = iter(in_order(work, tasks, threads, progress))
    layers = [(layer, [next(written) for _ in pieces(layer)]) for layer in placement.layers]
    return NetworkWritten(
        tuple(_layer_programming(layer, parts, writing, rail_voltages, solver) for layer, parts in layers),
        None
        if look is None
        else tuple(tuple(one.reads for one in parts if one.reads is not None) for _, parts in layers),
    )


def _layer_programming(
    layer: PlacedLayer,
    parts: Sequence[_PieceWritten],
    writing: _Writing,
    rail_voltages: dict[float, float],
    solver: Solver | None,
) -> LayerProgramming:
    array, write = writing.array, writing.write
    by_place = {place: one for part in parts for place, one in part.arrays.items()}
    written = [by_place[place] for place in sorted(by_place)]
    group_pulses, groups = tuple(one.group_pulses for one in written), tuple(one.groups for one in written)
    set_power = reset_power = None
    if solver is not None:
        firsts = [part.first for part in parts if part.first is not None]
        set_power, reset_power = solver(layer, *(torch.cat(column) for column in zip(*firsts, strict=True)))
    pulsed_s = math.fsum(one.pulsed_s for one in written)
    half_s = math.fsum(one.half_set_s for one in written)
    set_s = sum(group_pulses) * write.pulse
    sets = _energy(array, write.scheme, _Pulses(write.voltage, write.pulse, pulsed_s, half_s, set_s), set_power)
    verify_j, resets = 0.0, _Energy()
    loss_j = sets.total * (rail_voltages[write.voltage] / write.voltage - 1)
    if write.verify is not None:
        verify_j = cells_power_w(array, array.read_voltage, pulsed_s) * write.verify.read_time
        loss_j += verify_j * (rail_voltages[array.read_voltage] / array.read_voltage - 1)
    if write.reset is not None:
        volts, pulse = write.reset.voltage, write.reset.pulse
        erased_s = float(writing.states.targets_s().mean()) * sum(one.cells for one in written)
        half_s = math.fsum(one.half_reset_s for one in written)
        reset_s = sum(groups) * pulse
        resets = _energy(array, write.scheme, _Pulses(volts, pulse, erased_s, half_s, reset_s), reset_power)
        loss_j += resets.total * (rail_voltages[volts] / volts - 1)
    disturbs = [power.disturb_v for power in (set_power, reset_power) if power is not None]
    return LayerProgramming(
        name=layer.name,
        cells=layer.cells,
        pulses=sum(one.pulses for one in written),
        resets=layer.cells if write.reset is not None else 0,
        group_pulses=group_pulses,
        groups=groups,
        cell_energy_j=sets.cells + resets.cells + verify_j,
        half_select_j=sets.half_select + resets.half_select,
        wires_j=sets.wires + resets.wires,
        rail_loss_j=loss_j,
        disturb_v=max(disturbs, default=_disturb_v(write)),
        failed=sum(part.failed for part in parts),
    )


def _write_piece(writing: _Writing, look: Look | None, keep: bool, task: tuple[LayerLevels, Piece]) -> _PieceWritten:
    """Draw one piece of every replica and count its pulses; `keep` what a solver needs."""
    coded, piece = task
    layer, (levels, _) = coded.layer, coded.part(piece)
    arrays, failed, first, reads = {}, 0, None, None
    for number, replica in enumerate(layer.replicas):
        cells = written_piece(
            layer, number, piece, levels, writing.states, writing.rule, writing.seed, update=writing.update
        )
        failed += int(np.count_nonzero(cells.failed.numpy()))
        columns = physical(cells.conductance_s), physical(cells.pulses)
        for place, placed in enumerate(replica):
            if piece.first <= placed.row_block < piece.last:
                arrays[number, place] = _array_written(*_array_parts(columns, layer, piece, placed), writing)
        if number == 0:
            first = columns if keep else None
            reads = None if look is None else look(layer, piece, cells.conductance_s)
    return _PieceWritten(arrays, failed, first, reads)


def _array_parts(
    columns: tuple[torch.Tensor, torch.Tensor], layer: PlacedLayer, piece: Piece, placed: PlacedArray
) -> tuple[torch.Tensor, torch.Tensor]:
    """The parts of the physical columns (rows, units * P) of a piece that one of its arrays holds; views."""
    block = layer.row_blocks[placed.row_block]
    first, last = (unit * layer.polarities for unit in placed.units)
    conductance_s, pulses = (
        column[block.start - piece.start : block.stop - piece.start, first:last] for column in columns
    )
    return conductance_s, pulses


def _array_written(conductance_s: torch.Tensor, pulses: torch.Tensor, writing: _Writing) -> _ArrayWritten:
    """Count what one array, (rows, columns), took."""
    array, write = writing.array, writing.write
    group_pulses, groups = group_maxima(pulses, write.cells_at_once)
    exact_s, given = conductance_s.double(), int(pulses.sum())
    mean_s = float(exact_s.mean())
    lines = (write.scheme, pulses.shape[1], cells_on_column(array, pulses.shape[0]))
    return _ArrayWritten(
        group_pulses=group_pulses,
        groups=groups,
        pulses=given,
        cells=pulses.numel(),
        pulsed_s=float((exact_s * pulses).sum()),
        half_set_s=mean_s * half_selected_pulses(*lines, cell_pulses=given, group_pulses=group_pulses),
        half_reset_s=mean_s * half_selected_pulses(*lines, cell_pulses=pulses.numel(), group_pulses=groups),
    )


def _energy(array: Array, scheme: str, pulses: _Pulses, power: PulsePower | None) -> _Energy:
    """Energy of all pulses of one kind: in closed form, or with the solved `power`."""
    cells_j = cells_power_w(array, pulses.volts, pulses.written_s) * pulses.width_s
    if power is None:
        half_w = cells_power_w(array, partial_voltage(scheme, pulses.volts), pulses.half_s)
        return _Energy(cells_j, half_w * pulses.width_s)
    share = cells_j / power.ideal
    return _Energy(share * power.selected, power.half_select * pulses.groups_s, share * power.wires)


def group_maxima(pulses: torch.Tensor, cells_at_once: int) -> tuple[int, int]:
    """Return (sum over write groups of the largest pulse count, groups) for pulses (rows, columns) of one array."""
    rows, columns = pulses.shape
    width = min(cells_at_once, columns)
    padded = torch.nn.functional.pad(pulses, (0, -columns % width))
    grouped = padded.reshape(rows, -1, width)
    return int(grouped.amax(dim=2).sum()), rows * grouped.shape[1]


def cells_on_column(array: Array, inputs: int) -> int:
    """Formed cells on a bit line, or on a pillar, of an array that `inputs` cells of each column fill."""
    if array.geometry == "planar":
        return inputs
    if array.layer_by_layer:
        return -(-inputs // array.rows)
    return min(inputs, array.layers * array.sides)


def cells_power_w(array: Array, volts: float, read_s: float) -> float:
    """V^2 G of cells whose I / V at the read voltage sum to `read_s` siemens."""
    iv = array.cell.iv
    return volts**2 * read_s * (iv.rise(volts) / iv.rise(array.read_voltage))


def _disturb_v(write: Write) -> float:
    """Largest voltage over a cell that is not written, ideal wires."""
    volts = max(write.voltage, 0.0 if write.reset is None else write.reset.voltage)
    return partial_voltage(write.scheme, volts)
