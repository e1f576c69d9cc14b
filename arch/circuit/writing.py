"""Write groups drawn from the programming, each solved in full: written and half-selected cells, wires, disturb.

A group is the cells of one row that are written at once; a pulse of it selects those that still need one. The array
holds its programmed conductances, biased by the write circuit's scheme. Pulses are drawn as often as they are given;
an erase pulse selects a whole group, with V reversed. Half-selected cells: the mean power of the drawn pulses stands
for all. Written cells and wires: the ratio to V^2 G of the same cells does, since it varies less than the power.
Left out: how a selected cell's conductance changes within its pulse. The sources of V/2, V/3 and 2V/3 are taken as
ideal: their own losses are not charged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.chip import Array, Write
from pillarsim.arch.circuit.effective import ArrayTask, array_tasks
from pillarsim.arch.circuit.spec import slopes_s
from pillarsim.arch.compute.physical import array_part
from pillarsim.arch.compute.programming import PulsePower, Solver, cells_power_w, group_maxima
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PlacedLayer
from pillarsim.devices.circuits import CircuitError, WritePulse, solve_write
from pillarsim.devices.streams import stream_seed

GROUPS_PER_LAYER = 4  # write groups, each of one array, that are solved in full

Floats = NDArray[np.float64]
Pulses = tuple[PulsePower, PulsePower | None]


def write_solver(array: Array, write: Write, temperature_k: float, seed: int) -> Solver:
    """Return what `programming` asks for: the mean power of SET and RESET pulses of a layer's groups, and disturb."""

    def solve(layer: PlacedLayer, conductance_s: torch.Tensor, pulses: torch.Tensor) -> Pulses:
        tasks = list(array_tasks(layer, array, temperature_k))
        generator = np.random.default_rng(stream_seed(seed, "sampled writes", layer.name))
        return sample_writes(tasks, conductance_s, pulses, array, write, generator)

    return solve


def sample_writes(
    tasks: Sequence[ArrayTask],
    conductance_s: torch.Tensor,
    pulses: torch.Tensor,
    array: Array,
    write: Write,
    generator: np.random.Generator,
) -> Pulses:
    """Draw and solve write groups of one replica; conductances at the read voltage and pulses (R, units * P).

    Raises InputError where a circuit has no solution.
    """
    sets = _sampled(tasks, conductance_s, pulses, array, write, write.voltage, generator)
    if write.reset is None:
        return sets, None
    once = torch.ones_like(pulses)  # an erase pulse for every group, and all of its cells
    return sets, _sampled(tasks, conductance_s, once, array, write, -write.reset.voltage, generator)


def _sampled(
    tasks: Sequence[ArrayTask],
    conductance_s: torch.Tensor,
    pulses: torch.Tensor,
    array: Array,
    write: Write,
    volts: float,
    generator: np.random.Generator,
) -> PulsePower:
    found: list[WritePulse] = []
    ideal_w = 0.0
    parts = [array_part(pulses, task.layer, task.placed) for task in tasks]
    weights = np.array([group_maxima(part, write.cells_at_once)[0] for part in parts])
    for number in generator.choice(len(tasks), size=GROUPS_PER_LAYER, p=weights / weights.sum()):
        task = tasks[number]
        row, columns = _pulse(parts[number].numpy(), write.cells_at_once, generator)
        cells_s = array_part(conductance_s, task.layer, task.placed).double().numpy()
        ideal_w += cells_power_w(array, abs(volts), float(cells_s[row, columns].sum()))
        try:
            found.append(_solve(task, slopes_s(array, cells_s), row, columns, write.scheme, volts))
        except CircuitError as error:
            raise InputError(f"write.scheme: layer '{task.layer.name}', a sampled write: {error}") from None
    return PulsePower(
        ideal=ideal_w / len(found),
        selected=sum(pulse.selected_w for pulse in found) / len(found),
        half_select=sum(pulse.other_w for pulse in found) / len(found),
        wires=sum(pulse.wires_w for pulse in found) / len(found),
        disturb_v=max(pulse.disturb_v for pulse in found),
    )


def _pulse(
    counts: NDArray[np.integer], cells_at_once: int, generator: np.random.Generator
) -> tuple[int, NDArray[np.intp]]:
    """Draw one pulse among all of an array: its row, and the columns of its group that still need it."""
    rows, columns = counts.shape
    width = min(cells_at_once, columns)
    padded = np.pad(counts, ((0, 0), (0, -columns % width)))
    longest = padded.reshape(rows, -1, width).max(axis=2)
    pick = int(generator.integers(longest.sum()))
    flat = int(np.searchsorted(np.cumsum(longest), pick, side="right"))
    row, group = divmod(flat, longest.shape[1])
    number = int(generator.integers(longest[row, group]))
    members = np.arange(group * width, min((group + 1) * width, columns))
    return row, members[counts[row, members] > number]


def _solve(
    task: ArrayTask, slopes: Floats, row: int, columns: NDArray[np.intp], scheme: str, volts: float
) -> WritePulse:
    block = task.block
    place = [int(axis[row]) for axis in block.cells]
    chosen = {"sel_cols": [int(column) for column in columns]}
    if block.array.geometry == "planar":
        spec = block.spec | chosen | {"sel_rows": [place[0]]}
    else:
        spec = block.spec | chosen | {"sel_layers": [place[0]], "sel_row": place[1]}
        if len(place) > 2:
            spec["sel_side"] = place[2]
    return solve_write(spec | {"mode": "memory", "scheme": scheme, "v": volts}, block.circuit_cells(slopes))
