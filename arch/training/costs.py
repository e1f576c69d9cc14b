"""From a training trace to joules, by phase: the one multiplication of its ledgers by the component library.

    reads      V^2 x S x bias time, S the summed conductance of driven cells (`StepCounts.read_s`), charging of lines,
               off transistors of rows that are off (forward)
    pulses     V^2 x S x width of pulsed cells, half-selected ones at their part of V, charging of lines
    verify     V_read^2 x read time at the mean conductance of the layer's pulsed cells
    regulator  what a linear regulator loses from the rail down to each of these voltages
    parts      every other action of the ledgers x its energy; leakage and idle clocks from the power states

Where SET and RESET pulses differ, their conductance is split by their numbers (one sum is counted for both).
Left out: sneak currents and wires of reads (ideal wires), half-selected cells of refresh and of programming, energy of
sources of partial voltages, amplitudes below the read voltage in the regulator's loss.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pillarsim.arch.chip import Array, Idle, Technology, Write
from pillarsim.arch.components.array_power import array_lines, rail_voltage
from pillarsim.arch.components.component import Component
from pillarsim.arch.costing import EnergyRow, static_rows
from pillarsim.arch.errors import ModelError
from pillarsim.arch.timing import PS, mean_bias_ps
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.placement import SynapseLayer, TrainingPlacement
from pillarsim.arch.training.timing import TrainingTiming
from pillarsim.arch.training.trace import TrainingTrace
from pillarsim.devices.halfselect import partial_voltage

__all__ = ["TrainingCosts", "TrainingRow", "endurance_used", "training_costs"]

STATIC = ""  # phase of rows that belong to the whole run
_SWING = {"half": 1 / 2, "third": 2 / 3, "ground": 1.0, "isolated": 1.0}  # of V, from a line's rest to its pulse


@dataclass(frozen=True)
class TrainingRow:
    """An energy row of one phase; '' where it belongs to the whole run (leakage, idle clocks, wake-ups)."""

    phase: str
    row: EnergyRow


@dataclass(frozen=True)
class TrainingCosts:
    """All energy of a training run. unstated: roles that acted and whose energy no source states."""

    rows: tuple[TrainingRow, ...]
    span_s: float
    unstated: tuple[str, ...]

    def total(self, kind: str | None = None) -> float:
        """Joules of all rows, or of kind 'dynamic' or 'leakage'."""
        return math.fsum(each.row.energy_j for each in self.rows if kind in (None, each.row.kind))

    def by(self, key: str, kind: str | None = None) -> dict[str, float]:
        """Joules by 'phase', or by 'role', 'layer' or 'action' of the rows."""
        sums: defaultdict[str, list[float]] = defaultdict(list)
        for each in self.rows:
            if kind in (None, each.row.kind):
                sums[each.phase if key == "phase" else getattr(each.row, key)].append(each.row.energy_j)
        return {name: math.fsum(values) for name, values in sums.items()}

    @property
    def leakage_w(self) -> float:
        """Mean leakage power over the run."""
        return self.total("leakage") / self.span_s if self.span_s else 0.0


@dataclass(frozen=True)
class _Circuit:
    """What reads and pulses are charged from."""

    array: Array
    write: Write
    technology: Technology
    timing: TrainingTiming

    def regulated(self, volts: float, row: EnergyRow) -> Iterator[EnergyRow]:
        """A row of energy drawn at `volts`, and what the regulator loses for it."""
        if row.energy_j:
            yield row
            rail_v = rail_voltage(self.technology, volts)
            if rail_v > volts > 0:
                lost_j = row.energy_j * (rail_v / volts - 1)
                yield EnergyRow("regulator", row.action, row.layer, row.count, lost_j, row.kind)


def training_costs(
    trace: TrainingTrace,
    placement: TrainingPlacement,
    components: Sequence[Component],
    *,
    array: Array,
    write: Write,
    technology: Technology,
    idle: Idle,
    timing: TrainingTiming,
) -> TrainingCosts:
    """All energy of a run. Raises ModelError for actions of parts that the chip lacks, or power states that do not
    fill the span."""
    for state in trace.states:
        if state.active_ps + state.idle_ps + state.gated_ps != state.units * trace.span_ps:
            raise ModelError(f"power states of {state.group} do not fill {state.units} x {trace.span_ps} ps")
    circuit = _Circuit(array, write, technology, timing)
    rows: list[TrainingRow] = []
    for number, layer in enumerate(placement.layers):
        rows += _read_rows(circuit, layer, number, trace)
        rows += _pulse_rows(circuit, layer, number, trace)
    parts, unstated = _part_rows(trace, components)
    rows += parts
    rows += [TrainingRow(STATIC, row) for row in static_rows(trace.states, components, idle)]
    return TrainingCosts(tuple(rows), trace.span_ps * PS, unstated)


def endurance_used(pulses_max: int, endurance_cycles: float) -> float:
    """Share of a device's endurance that its pulses consumed: a cycle is one SET and one RESET, hence two pulses.

    Left out: that a pulse which moves the state little may wear less than a full switching.
    """
    if endurance_cycles <= 0:
        raise ValueError(f"endurance_cycles: expected above 0, found {endurance_cycles:g}")
    return pulses_max / (2 * endurance_cycles)


def _read_rows(circuit: _Circuit, layer: SynapseLayer, number: int, trace: TrainingTrace) -> Iterator[TrainingRow]:
    array, timing = circuit.array, circuit.timing
    lines = array_lines(array, circuit.technology.temperature)
    line_f = lines.word_line_f * array.columns, lines.bit_line_f * array.rows
    for place, phase in enumerate(("forward", "backward")):
        reads = trace.ledgers[phase].counts.get(("array", "read", layer.name), 0)
        if not reads:
            continue
        drives = int(trace.totals.drives[0, number, place])
        if array.read_energy != "derived":
            energy_j = array.read_energy * drives / (array.columns if place else array.active_inputs)
            yield TrainingRow(phase, EnergyRow("array", "read", layer.name, reads, energy_j, "dynamic"))
        else:
            cells_j = array.read_voltage**2 * float(trace.totals.read_s[0, number, place]) * _bias_s(timing, place)
            lines_j = drives * line_f[place] * array.read_voltage**2
            row = EnergyRow("array", "read", layer.name, reads, cells_j + lines_j, "dynamic")
            yield from (TrainingRow(phase, each) for each in circuit.regulated(array.read_voltage, row))
        if place == 0 and array.access.off_current:
            off = trace.images * layer.windows * timing.chunks * _off_cells(layer, array.rows)
            leak_j = off * array.access.off_current * array.read_voltage * _bias_s(timing, place)
            row = EnergyRow("array", "off transistors", layer.name, reads, leak_j, "leakage")
            yield from (TrainingRow(phase, each) for each in circuit.regulated(array.read_voltage, row))


def _bias_s(timing: TrainingTiming, transposed: int) -> float:
    """Mean time that an array stays biased for one read."""
    base = timing.base
    slots, chunks = (timing.error_slots, timing.error_chunks) if transposed else (base.slots, timing.chunks)
    held = {"sample_hold": base.sample_hold, "analog_bits": base.analog_bits}
    return mean_bias_ps(base.read_ps, slots * base.convert_ps, chunks, **held) * PS


def _off_cells(layer: SynapseLayer, rows: int) -> int:
    """Off transistors on the columns in use, over the row groups of one forward read of one chunk."""
    count = 0
    for array in layer.arrays:
        used = array.inputs[1] - array.inputs[0]
        count += (layer.reads * rows - used) * (array.outputs[1] - array.outputs[0]) * layer.columns
    return count


def _pulse_rows(circuit: _Circuit, layer: SynapseLayer, number: int, trace: TrainingTrace) -> Iterator[TrainingRow]:
    """Update, verify, refresh and programming of one layer."""

    def of(counts: StepCounts, name: str) -> float:
        return float(getattr(counts, name)[0, number])

    totals, written, scheme = trace.totals, trace.written, circuit.write.scheme
    sets, resets = of(totals, "sets"), of(totals, "resets")
    pulsed_s, half_s = of(totals, "pulse_s"), of(totals, "half_s")
    capacitance = circuit.array.capacitance
    line_f = (
        capacitance.word_line_segment * circuit.array.columns + capacitance.bit_line_segment * circuit.array.rows
    ) / 2
    for volts, width_s, share, count in _kinds(circuit.write, sets, resets):
        part_v, swing_v = partial_voltage(scheme, volts), _SWING[scheme] * volts
        for role, action, number_of, at_v, energy_j in (
            ("array", "pulse", count, volts, volts**2 * share * pulsed_s * width_s),
            ("half_select", "pulse", share * of(totals, "half_selected"), volts, part_v**2 * share * half_s * width_s),
            ("array", "lines", share * of(totals, "lines"), volts, share * of(totals, "lines") * line_f * swing_v**2),
        ):
            row = EnergyRow(role, action, layer.name, number_of, energy_j, "dynamic")
            yield from (TrainingRow("update", each) for each in circuit.regulated(at_v, row))
    mean_s = pulsed_s / (sets + resets) if sets + resets else 0.0
    yield from _verify_rows(circuit, "verify", layer.name, of(totals, "verifies"), mean_s)
    for phase, counts in (("refresh", totals), ("programming", written)):
        sets, resets = of(counts, "refresh_sets"), of(counts, "refresh_resets")
        pulsed_s = of(counts, "refresh_s")
        for volts, width_s, share, count in _kinds(circuit.write, sets, resets):
            energy_j = volts**2 * share * pulsed_s * width_s
            row = EnergyRow("array", "pulse", layer.name, count, energy_j, "dynamic")
            yield from (TrainingRow(phase, each) for each in circuit.regulated(volts, row))
        mean_s = pulsed_s / (sets + resets) if sets + resets else 0.0
        yield from _verify_rows(circuit, phase, layer.name, of(counts, "refresh_verifies"), mean_s)


def _kinds(write: Write, sets: float, resets: float) -> Iterator[tuple[float, float, float, float]]:
    """(voltage, width in seconds, share of all pulses, pulses) of SET and of RESET pulses."""
    if sets:
        yield write.voltage, write.pulse, sets / (sets + resets), sets
    if resets:
        if write.reset is None:
            raise ModelError("RESET pulses on a chip without write.reset")
        yield write.reset.voltage, write.reset.pulse, resets / (sets + resets), resets


def _verify_rows(circuit: _Circuit, phase: str, layer: str, count: float, mean_s: float) -> Iterator[TrainingRow]:
    verify, volts = circuit.write.verify, circuit.array.read_voltage
    if count and verify is not None:
        row = EnergyRow("array", "verify", layer, count, count * volts**2 * mean_s * verify.read_time, "dynamic")
        yield from (TrainingRow(phase, each) for each in circuit.regulated(volts, row))


def _part_rows(trace: TrainingTrace, components: Sequence[Component]) -> tuple[list[TrainingRow], tuple[str, ...]]:
    """Actions of all parts x their energies; an extra part acts along with the part that it is charged with."""
    rows: list[TrainingRow] = []
    unstated = set()
    charged: defaultdict[tuple[str, str], list[tuple[Component, str]]] = defaultdict(list)
    for component in components:
        for action in component.cost.actions:
            charged[component.charged_with or (component.role, action)].append((component, action))
    for phase, ledger in trace.ledgers.items():
        for (role, action, layer), count in sorted(ledger.counts.items()):
            if (role, action) not in charged:
                raise ModelError(f"{role}: {count} actions {action!r}, but the chip has no such part")
            for component, own in charged[role, action]:
                energy_j = component.cost.actions[own].energy_j
                if energy_j is None:
                    unstated.add(component.role)
                elif component.role != "array":  # its reads are charged from the values
                    row = EnergyRow(component.role, own, layer, count, count * energy_j, "dynamic")
                    rows.append(TrainingRow(phase, row))
    return rows, tuple(sorted(unstated))
