"""What writing a placement's arrays takes: pulses and times for the events, energy by where it goes, disturb.

Every replica is written once. Energy in closed form (ideal wires), or from write groups solved in full (`Solver`).
Cells that hold no weight are unformed and carry nothing. Assumed in closed form: an erase pulse finds its cell at the
mean conductance of all levels; half-selected cells sit at the array's mean conductance; the sources of partial
voltages (V/2, V/3, 2V/3) lose nothing of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pillarsim.arch.activity import LayerProgramming
from pillarsim.arch.chip import Array, Write
from pillarsim.arch.compute.physical import array_part, physical
from pillarsim.arch.compute.program import LayerLevels, cell_states, pulsing, write_rule, written_cells
from pillarsim.arch.placement import PlacedLayer, Placement
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
class _Written:
    """One layer written: pulses of groups and groups, array by array; and what replica 0 was solved from.

    pulsed_s: summed I / V of cells times their pulses; half_set_s, half_reset_s: the same of half-selected cells.
    """

    group_pulses: tuple[int, ...]
    groups: tuple[int, ...]
    pulses: int
    failed: int
    cells: int
    pulsed_s: float
    half_set_s: float
    half_reset_s: float
    first: tuple[torch.Tensor, torch.Tensor]


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
    written = _write_layer(layer, levels, array, write, bits_per_cell, seed)
    set_power = reset_power = None
    if solver is not None and write.scheme != "isolated":
        set_power, reset_power = solver(layer, *written.first)
    set_s = sum(written.group_pulses) * write.pulse
    sets = _energy(
        array, write.scheme, _Pulses(write.voltage, write.pulse, written.pulsed_s, written.half_set_s, set_s), set_power
    )
    verify_j, resets = 0.0, _Energy()
    loss_j = sets.total * (rail_voltages[write.voltage] / write.voltage - 1)
    if write.verify is not None:
        verify_j = cells_power_w(array, array.read_voltage, written.pulsed_s) * write.verify.read_time
        loss_j += verify_j * (rail_voltages[array.read_voltage] / array.read_voltage - 1)
    if write.reset is not None:
        volts, pulse = write.reset.voltage, write.reset.pulse
        erased_s = float(cell_states(array, bits_per_cell).targets_s().mean()) * written.cells
        reset_s = sum(written.groups) * pulse
        resets = _energy(
            array, write.scheme, _Pulses(volts, pulse, erased_s, written.half_reset_s, reset_s), reset_power
        )
        loss_j += resets.total * (rail_voltages[volts] / volts - 1)
    disturbs = [power.disturb_v for power in (set_power, reset_power) if power is not None]
    return LayerProgramming(
        name=layer.name,
        cells=layer.cells,
        pulses=written.pulses,
        resets=layer.cells if write.reset is not None else 0,
        group_pulses=written.group_pulses,
        groups=written.groups,
        cell_energy_j=sets.cells + resets.cells + verify_j,
        half_select_j=sets.half_select + resets.half_select,
        wires_j=sets.wires + resets.wires,
        rail_loss_j=loss_j,
        disturb_v=max(disturbs, default=_disturb_v(write)),
        failed=written.failed,
    )


def _write_layer(
    layer: PlacedLayer, levels: torch.Tensor, array: Array, write: Write, bits_per_cell: int, seed: int
) -> _Written:
    """Draw the pulses of every replica and count them."""
    states, rule, update = cell_states(array, bits_per_cell), write_rule(write), pulsing(array)
    drawn = [
        written_cells(layer.name, number, levels, states, rule, seed, update=update)
        for number in range(len(layer.replicas))
    ]
    columns = [(physical(one.conductance_s), physical(one.pulses)) for one in drawn]
    group_pulses, groups, half_set_s, half_reset_s = [], [], 0.0, 0.0
    for (conductance, counts), arrays in zip(columns, layer.replicas, strict=True):
        for placed in arrays:
            part = array_part(counts, layer, placed)
            total, number = group_maxima(part, write.cells_at_once)
            group_pulses.append(total)
            groups.append(number)
            mean_s = float(array_part(conductance, layer, placed).double().mean())
            lines = (write.scheme, part.shape[1], cells_on_column(array, part.shape[0]))
            half_set_s += mean_s * half_selected_pulses(*lines, cell_pulses=int(part.sum()), group_pulses=total)
            half_reset_s += mean_s * half_selected_pulses(*lines, cell_pulses=part.numel(), group_pulses=number)
    return _Written(
        group_pulses=tuple(group_pulses),
        groups=tuple(groups),
        pulses=sum(int(counts.sum()) for _, counts in columns),
        failed=sum(int(one.failed.sum()) for one in drawn),
        cells=sum(conductance.numel() for conductance, _ in columns),
        pulsed_s=sum(float((conductance.double() * counts).sum()) for conductance, counts in columns),
        half_set_s=half_set_s,
        half_reset_s=half_reset_s,
        first=columns[0],
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
