"""What writing a placement's arrays takes: pulses and times for the events, energy by where it goes, disturb.

Every replica is written once. Energy in closed form (ideal wires), or from write groups solved in full (`Solver`).
Assumed in closed form: an erase pulse finds its cell at the mean conductance of all levels; half-selected cells sit
at the array's mean conductance; the sources of partial voltages (V/2, V/3, 2V/3) lose nothing of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pillarsim.arch.activity import LayerProgramming
from pillarsim.arch.chip import Array, Write
from pillarsim.arch.compute.physical import array_part, physical
from pillarsim.arch.compute.program import LayerLevels, cell_states, write_rule, written_cells
from pillarsim.arch.placement import PlacedLayer, Placement
from pillarsim.devices.halfselect import half_selected


@dataclass(frozen=True)
class PulsePower:
    """Mean power (W) of a pulse of one write group: in written cells, in all others, in wires; largest disturb (V)."""

    selected: float
    half_select: float
    wires: float
    disturb_v: float


# (layer, conductances at the read voltage, pulses), both (R, units * P) of replica 0 -> (SET, RESET or None)
Solver = Callable[[PlacedLayer, torch.Tensor, torch.Tensor], tuple[PulsePower, PulsePower | None]]


@dataclass
class _Energy:
    """Joules of SET and of RESET pulses, each in written cells, half-selected cells and wires."""

    cells: float = 0.0
    half_select: float = 0.0
    wires: float = 0.0

    @property
    def total(self) -> float:
        return self.cells + self.half_select + self.wires


@dataclass
class _Tally:
    """Counts over the arrays of a layer: pulses of groups in order, groups, and what the closed form needs."""

    group_pulses: list[int]
    groups: list[int]
    pulses: int = 0
    failed: int = 0
    pulsed_s: float = 0.0
    written: int = 0


def programming(
    placement: Placement,
    levels: tuple[LayerLevels, ...],
    array: Array,
    write: Write,
    bits_per_cell: int,
    rail_voltages: dict[float, float],
    seed: int,
    solver: Solver | None = None,
) -> tuple[LayerProgramming, ...]:
    """Pulses, group times and energies of writing every array once, for one device seed.

    rail_voltages: array voltage -> voltage of the rail that it is drawn from (equal where regulators are ideal).
    """
    return tuple(
        _layer_programming(layer, coded.levels, array, write, bits_per_cell, rail_voltages, seed, solver)
        for layer, coded in zip(placement.layers, levels, strict=True)
    )


def _layer_programming(
    layer: PlacedLayer,
    levels: torch.Tensor,
    array: Array,
    write: Write,
    bits_per_cell: int,
    rail_voltages: dict[float, float],
    seed: int,
    solver: Solver | None,
) -> LayerProgramming:
    states, rule = cell_states(array, bits_per_cell), write_rule(write)
    tally, sets, resets = _Tally([], []), _Energy(), _Energy()
    solved = None
    for replica, arrays in enumerate(layer.replicas):
        written = written_cells(layer.name, replica, levels, states, rule, seed)
        conductance, counts = (physical(x) for x in (written.conductance_s, written.pulses))
        if replica == 0 and solver is not None and write.scheme != "isolated":
            solved = solver(layer, conductance, counts)
        tally.pulses += int(counts.sum())
        tally.failed += int(written.failed.sum())
        tally.pulsed_s += float((conductance.double() * counts).sum())
        tally.written += conductance.numel()
        for placed in arrays:
            part = array_part(counts, layer, placed)
            total, number = group_maxima(part, write.cells_at_once)
            tally.group_pulses.append(total)
            tally.groups.append(number)
            if solved is None:
                mean_s = float(array_part(conductance, layer, placed).double().mean())
                pulses = int(part.sum())
                sets.half_select += _half_select_j(
                    array, write.scheme, write.voltage, write.pulse, mean_s, pulses, total
                )
                if write.reset is not None:
                    volts, pulse = write.reset.voltage, write.reset.pulse
                    resets.half_select += _half_select_j(
                        array, write.scheme, volts, pulse, mean_s, part.numel(), number
                    )
    if solved is None:
        mean_s = float(states.targets_s().mean())
        sets.cells = _cells_j(array, write.voltage, write.pulse, tally.pulsed_s)
        if write.reset is not None:
            resets.cells = _cells_j(array, write.reset.voltage, write.reset.pulse, mean_s * tally.written)
        disturb_v = _disturb_v(write)
    else:
        sets = _solved_j(solved[0], sum(tally.group_pulses) * write.pulse)
        if write.reset is not None and solved[1] is not None:
            resets = _solved_j(solved[1], sum(tally.groups) * write.reset.pulse)
        disturb_v = max(power.disturb_v for power in solved if power is not None)
    verify_j = 0.0
    if write.verify is not None:
        verify_j = array.read_voltage**2 * tally.pulsed_s * write.verify.read_time
    loss_j = sets.total * (rail_voltages[write.voltage] / write.voltage - 1)
    loss_j += verify_j * (rail_voltages[array.read_voltage] / array.read_voltage - 1)
    if write.reset is not None:
        loss_j += resets.total * (rail_voltages[write.reset.voltage] / write.reset.voltage - 1)
    return LayerProgramming(
        name=layer.name,
        cells=layer.cells,
        pulses=tally.pulses,
        resets=layer.cells if write.reset is not None else 0,
        group_pulses=tuple(tally.group_pulses),
        groups=tuple(tally.groups),
        cell_energy_j=sets.cells + resets.cells + verify_j,
        half_select_j=sets.half_select + resets.half_select,
        wires_j=sets.wires + resets.wires,
        rail_loss_j=loss_j,
        disturb_v=disturb_v,
        failed=tally.failed,
    )


def group_maxima(pulses: torch.Tensor, cells_at_once: int) -> tuple[int, int]:
    """Return (sum over write groups of the largest pulse count, groups) for pulses (rows, columns) of one array."""
    rows, columns = pulses.shape
    width = min(cells_at_once, columns)
    padded = torch.nn.functional.pad(pulses, (0, -columns % width))
    grouped = padded.reshape(rows, -1, width)
    return int(grouped.amax(dim=2).sum()), rows * grouped.shape[1]


def _half_select_j(
    array: Array, scheme: str, volts: float, pulse_s: float, mean_s: float, cell_pulses: int, group_pulses: int
) -> float:
    """Energy in half-selected cells of one array, at the mean I / V at the read voltage."""
    part = half_selected(
        scheme,
        volts,
        row_cells=array.columns,
        column_cells=array.rows if array.geometry == "planar" else array.layers * array.sides,
        cell_pulses=cell_pulses,
        group_pulses=group_pulses,
    )
    return _cells_j(array, part.volts, pulse_s, mean_s * part.cell_pulses)


def _cells_j(array: Array, volts: float, pulse_s: float, read_s: float) -> float:
    """V^2 G t of cells with summed I / V `read_s` at the read voltage."""
    iv = array.cell.iv
    return volts**2 * read_s * (iv.rise(volts) / iv.rise(array.read_voltage)) * pulse_s


def _solved_j(power: PulsePower, seconds: float) -> _Energy:
    return _Energy(power.selected * seconds, power.half_select * seconds, power.wires * seconds)


def _disturb_v(write: Write) -> float:
    """Largest voltage over a cell that is not written, ideal wires."""
    volts = [write.voltage] + ([write.reset.voltage] if write.reset is not None else [])
    none = {"row_cells": 1, "column_cells": 1, "cell_pulses": 0, "group_pulses": 0}
    return max(half_selected(write.scheme, one, **none).volts for one in volts)
