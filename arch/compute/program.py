"""Writing a placement's weights into cells: conductances for the values, pulses and energy for the events.

Replica 0 of each layer carries the values; every replica is written, with draws of its own.
Assumed: an erase pulse finds its cell at the mean conductance of all levels; half-selected cells sit at the array's
mean conductance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pillarsim.arch.activity import LayerProgramming
from pillarsim.arch.chip import Array, Weights, Write
from pillarsim.arch.compute.coding import weight_levels
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.placement import PlacedArray, PlacedLayer, Placement
from pillarsim.devices.cells import CellStates, WriteRule, WrittenCells, write_cells
from pillarsim.devices.halfselect import half_select_energy_j
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
        ProgrammedLayer(_write(layer.name, 0, coded.levels, states, rule, seed).conductance_s, coded.flipped)
        for layer, coded in zip(placement.layers, levels, strict=True)
    )


def programming(
    placement: Placement,
    levels: tuple[LayerLevels, ...],
    array: Array,
    write: Write,
    bits_per_cell: int,
    rail_voltages: dict[float, float],
    seed: int,
) -> tuple[LayerProgramming, ...]:
    """Pulses, group times and energies of writing every array once, for one device seed.

    rail_voltages: array voltage -> voltage of the rail that it is drawn from (equal where regulators are ideal).
    """
    states, rule = cell_states(array, bits_per_cell), write_rule(write)
    return tuple(
        _layer_programming(layer, coded.levels, states, rule, array, write, rail_voltages, seed)
        for layer, coded in zip(placement.layers, levels, strict=True)
    )


def _write(
    layer: str, replica: int, levels: torch.Tensor, states: CellStates, rule: WriteRule, seed: int
) -> WrittenCells:
    return write_cells(levels, states, rule, generator(seed, "program", layer, replica))


def _layer_programming(
    layer: PlacedLayer,
    levels: torch.Tensor,
    states: CellStates,
    rule: WriteRule,
    array: Array,
    write: Write,
    rail_voltages: dict[float, float],
    seed: int,
) -> LayerProgramming:
    group_pulses: list[int] = []
    groups: list[int] = []
    pulses = failed = 0
    set_j = reset_j = verify_j = half_j = 0.0
    mean_s = float(states.targets_s().mean())
    for replica, arrays in enumerate(layer.replicas):
        written = _write(layer.name, replica, levels, states, rule, seed)
        conductance, counts = (_physical(x) for x in (written.conductance_s, written.pulses))
        pulses += int(counts.sum())
        failed += int(written.failed.sum())
        charge_s = float((conductance.double() * counts).sum())
        set_j += write.voltage**2 * charge_s * write.pulse
        if write.verify is not None:
            verify_j += array.read_voltage**2 * charge_s * write.verify.read_time
        if write.reset is not None:
            reset_j += write.reset.voltage**2 * mean_s * write.reset.pulse * conductance.numel()
        for placed in arrays:
            part = _array_part(counts, layer, placed)
            total, number = group_maxima(part, write.cells_at_once)
            group_pulses.append(total)
            groups.append(number)
            half_j += _half_select(part, total, number, _array_part(conductance, layer, placed), array, write)
    rails = {volts: rail_voltages[volts] / volts for volts in rail_voltages}
    loss = (set_j + half_j) * (rails[write.voltage] - 1) + verify_j * (rails[array.read_voltage] - 1)
    if write.reset is not None:
        loss += reset_j * (rails[write.reset.voltage] - 1)
    cells = layer.cells
    return LayerProgramming(
        name=layer.name,
        cells=cells,
        pulses=pulses,
        resets=cells if write.reset is not None else 0,
        group_pulses=tuple(group_pulses),
        groups=tuple(groups),
        cell_energy_j=set_j + reset_j + verify_j,
        half_select_j=half_j,
        rail_loss_j=loss,
        failed=failed,
    )


def group_maxima(pulses: torch.Tensor, cells_at_once: int) -> tuple[int, int]:
    """Return (sum over write groups of the largest pulse count, groups) for pulses (rows, columns) of one array."""
    rows, columns = pulses.shape
    width = min(cells_at_once, columns)
    padded = torch.nn.functional.pad(pulses, (0, -columns % width))
    grouped = padded.reshape(rows, -1, width)
    return int(grouped.amax(dim=2).sum()), rows * grouped.shape[1]


def _half_select(
    pulses: torch.Tensor, total: int, groups: int, conductance: torch.Tensor, array: Array, write: Write
) -> float:
    mean_s = float(conductance.double().mean())
    column_cells = array.rows if array.geometry == "planar" else array.layers
    energy = half_select_energy_j(
        write.scheme,
        write.voltage,
        write.pulse,
        mean_s,
        row_cells=array.columns,
        column_cells=column_cells,
        cell_pulses=int(pulses.sum()),
        group_pulses=total,
    )
    if write.reset is not None:
        energy += half_select_energy_j(
            write.scheme,
            write.reset.voltage,
            write.reset.pulse,
            mean_s,
            row_cells=array.columns,
            column_cells=column_cells,
            cell_pulses=pulses.numel(),
            group_pulses=groups,
        )
    return energy


def _physical(values: torch.Tensor) -> torch.Tensor:
    """(P, R, O, S) -> (R, units * P), the order of physical columns."""
    polarities, rows, outputs, slices = values.shape
    return values.permute(1, 2, 3, 0).reshape(rows, outputs * slices * polarities)


def _array_part(values: torch.Tensor, layer: PlacedLayer, placed: PlacedArray) -> torch.Tensor:
    block = layer.row_blocks[placed.row_block]
    first, last = placed.units
    return values[block.start : block.stop, first * layer.polarities : last * layer.polarities]
