"""From counts and times to joules: the one multiplication of the ledger by the component library.

Data-dependent actions (array reads, driven lines, spikes) take their mean per window from `Activity`; every other
action is its integer count times the card's energy. Leakage is power by state times time by state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pillarsim.arch.activity import Activity, LayerProgramming
from pillarsim.arch.chip import Array, Idle, Technology
from pillarsim.arch.components.array_power import array_read_energy, rail_voltage
from pillarsim.arch.components.component import Component, peak_dynamic_power_w
from pillarsim.arch.errors import ModelError
from pillarsim.arch.placement import PlacedLayer, Placement
from pillarsim.arch.timing import PS, Timing, mean_bias_ps
from pillarsim.arch.trace import ProgrammingTrace, StateTimes, Trace

UNCLOCKED = (  # no clock to draw idle power
    "array", "sample_hold", "row_sample_hold", "write_circuit", "bus", "link", "off_chip",
)  # fmt: skip
POLICY_OF_GROUP = {"global_buffer": "buffers", "off_chip": "digital", "mesh": "digital"}


@dataclass(frozen=True)
class EnergyRow:
    """Energy of one action of one component in one layer ('' where it serves none); kind: dynamic or leakage."""

    role: str
    action: str
    layer: str
    count: float
    energy_j: float
    kind: str


@dataclass(frozen=True)
class Costs:
    """All energy from the first input to the last output, in rows that sum to every total.

    unstated: roles that acted and whose energy no source states; totals leave them out.
    """

    rows: tuple[EnergyRow, ...]
    span_s: float
    unstated: tuple[str, ...]

    def total(self, kind: str | None = None) -> float:
        """Joules of all rows, or of one kind."""
        return sum(row.energy_j for row in self.rows if kind is None or row.kind == kind)

    def by(self, key: str, kind: str | None = None) -> dict[str, float]:
        """Joules by 'role', 'layer' or 'action'."""
        sums: defaultdict[str, float] = defaultdict(float)
        for row in self.rows:
            if kind is None or row.kind == kind:
                sums[getattr(row, key)] += row.energy_j
        return dict(sums)


def cost(
    trace: Trace,
    placement: Placement,
    components: Sequence[Component],
    activity: Activity,
    *,
    array: Array,
    technology: Technology,
    idle: Idle,
    timing: Timing,
) -> Costs:
    """Multiply the trace's ledger and power states by the components' energies and leakages."""
    _check_states(trace)
    counts = action_counts(trace, activity)
    rows = _array_rows(trace, placement, activity, array, technology, timing)
    unstated = set()
    for component in components:
        for action, layer, count in _acts(component, counts):
            energy_j = component.cost.actions[action].energy_j
            if energy_j is None:
                unstated.add(component.role)
            else:
                rows.append(EnergyRow(component.role, action, layer, count, count * energy_j, "dynamic"))
    rows += static_rows(trace.states, components, idle)
    return Costs(tuple(rows), trace.span_ps * PS, tuple(sorted(unstated)))


def action_counts(trace: Trace, activity: Activity) -> dict[tuple[str, str, str], float]:
    """Actions by (role, action, layer): the ledger's integers, and what the values drive a window times windows."""
    counts: dict[tuple[str, str, str], float] = dict(trace.ledger.counts)
    for active in activity.layers:
        windows = counts.pop(("array", "window", active.name))
        counts["driver", "drive", active.name] = windows * active.drives
        counts["converter", "spike", active.name] = windows * active.spikes
    return counts


def _acts(component: Component, counts: Mapping[tuple[str, str, str], float]) -> Iterator[tuple[str, str, float]]:
    """(action, layer, count) of one component; an extra part acts along with the part that it is charged with."""
    if component.role == "array":
        return  # charged from the values
    for action in component.cost.actions:
        wanted = component.charged_with or (component.role, action)
        for (role, other, layer), count in sorted(counts.items()):
            if (role, other) == wanted and count:
                yield action, layer, count


def _array_rows(
    trace: Trace, placement: Placement, activity: Activity, array: Array, technology: Technology, timing: Timing
) -> list[EnergyRow]:
    """Reads of each layer's arrays, the regulator's loss, and what leaks while arrays are biased.

    `read` is the cells that are driven and the charging of lines; sneak currents and off transistors are leakage.
    """
    rows: list[EnergyRow] = []
    rail_v = rail_voltage(technology, array.read_voltage)
    for layer, active in zip(placement.layers, activity.layers, strict=True):
        windows = trace.ledger.counts["array", "window", active.name]
        reads = trace.ledger.counts["array", "read", active.name]
        batch_ps = timing.slots * timing.convert_ps
        held = {"sample_hold": timing.sample_hold, "analog_bits": timing.analog_bits}
        read_s = mean_bias_ps(timing.read_ps, batch_ps, active.chunks, **held) * PS
        energy = array_read_energy(array, read_s, active, reads_a_window(layer))
        rows.append(EnergyRow("array", "read", active.name, reads, windows * (energy.signal + energy.lines), "dynamic"))
        if energy.wires:
            rows.append(EnergyRow("array", "wires", active.name, reads, windows * energy.wires, "dynamic"))
        if energy.sneak:
            rows.append(EnergyRow("array", "sneak", active.name, reads, windows * energy.sneak, "leakage"))
        if array.read_energy == "derived" and technology.regulator == "linear":
            sneak_j = windows * energy.sneak * (rail_v / array.read_voltage - 1)
            loss_j = windows * (energy.drawn * (rail_v / array.read_voltage) - energy.total) - sneak_j
            rows.append(EnergyRow("regulator", "read", active.name, reads, loss_j, "dynamic"))
            if sneak_j:
                rows.append(EnergyRow("regulator", "sneak", active.name, reads, sneak_j, "leakage"))
        off = windows * off_cells(layer, array.rows)
        if array.access.off_current and off:
            leak_j = off * array.access.off_current * array.read_voltage * read_s
            rows.append(EnergyRow("array", "off transistors", active.name, reads, leak_j, "leakage"))
            if technology.regulator == "linear":
                loss_j = leak_j * (rail_v / array.read_voltage - 1)
                rows.append(EnergyRow("regulator", "off transistors", active.name, reads, loss_j, "leakage"))
    return rows


def reads_a_window(layer: PlacedLayer) -> int:
    """Array reads of one window, over the arrays of a replica."""
    return layer.chunks * sum(len(layer.row_blocks[placed.row_block].groups) for placed in layer.replicas[0])


def off_cells(layer: PlacedLayer, rows: int) -> int:
    """Off transistors on the columns in use, summed over the reads of a window: rows of no group that is on."""
    count = 0
    for placed in layer.replicas[0]:
        for start, stop in layer.row_blocks[placed.row_block].groups:
            count += (rows - (stop - start)) * (placed.units[1] - placed.units[0]) * layer.polarities
    return count * layer.chunks


def static_rows(states: Sequence[StateTimes], components: Sequence[Component], idle: Idle) -> list[EnergyRow]:
    """Leakage, idle clocks and wake-ups: all that follows from power states."""
    rows = []
    times = {state.group: state for state in states}
    for component in components:
        if component.group not in times:
            continue
        state = times[component.group]
        policy = getattr(idle, POLICY_OF_GROUP.get(component.group, component.group))
        share = component.instances / state.units * PS
        if component.cost.leakage_w is not None:
            powered = state.active_ps + state.idle_ps + idle.residual * state.gated_ps
            energy = share * component.cost.leakage_w * powered
            rows.append(EnergyRow(component.role, "leakage", "", 0, energy, "leakage"))
        if policy == "on" and idle.clock_power and component.role not in UNCLOCKED:
            clock = share * idle.clock_power * peak_dynamic_power_w(component) * state.idle_ps
            rows.append(EnergyRow(component.role, "idle clock", "", 0, clock, "dynamic"))
    wakes = sum(state.wakes for state in states)
    if wakes:
        rows.append(EnergyRow("wake_up", "wake", "", wakes, wakes * idle.wake_up.energy, "dynamic"))
    return rows


def _check_states(trace: Trace) -> None:
    for state in trace.states:
        told = state.active_ps + state.idle_ps + state.gated_ps
        if told != state.units * trace.span_ps:
            raise ModelError(f"power states of {state.group} cover {told} ps of {state.units} x {trace.span_ps} ps")


@dataclass(frozen=True)
class ProgrammingCosts:
    """Writing every array once: time, energy by component, SET pulses, cells outside tolerance, largest disturb."""

    time_s: float
    energy_j: float
    by_component: dict[str, float]
    unstated: tuple[str, ...]
    pulses: int
    cells: int
    failed: int
    disturb_v: float


def programming_cost(
    trace: ProgrammingTrace, parts: Sequence[LayerProgramming], components: Sequence[Component]
) -> ProgrammingCosts:
    """Energy of programming: cells from the device model, peripheral overhead from the write circuit's card.

    Leakage during programming is left out.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    by_role = {component.role: component for component in components}
    unstated = set()
    for (role, action, _), count in sorted(trace.ledger.counts.items()):
        energy_j = by_role[role].cost.actions[action].energy_j
        if energy_j is None:
            unstated.add(role)
        else:
            sums[role] += count * energy_j
    sums["array"] += sum(part.cell_energy_j for part in parts)
    sums["half_select"] += sum(part.half_select_j for part in parts)
    if any(part.wires_j for part in parts):
        sums["wires"] += sum(part.wires_j for part in parts)
    sums["regulator"] += sum(part.rail_loss_j for part in parts)
    return ProgrammingCosts(
        time_s=trace.time_ps * PS,
        energy_j=sum(sums.values()),
        by_component=dict(sums),
        unstated=tuple(sorted(unstated)),
        pulses=trace.pulses,
        cells=sum(part.cells for part in parts),
        failed=sum(part.failed for part in parts),
        disturb_v=max(part.disturb_v for part in parts),
    )
