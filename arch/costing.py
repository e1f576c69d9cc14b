"""From counts and times to joules: the one multiplication of the ledger by the component library.

Data-dependent actions (array reads, driven lines, spikes) take their mean per window from `Activity`; every other
action is its integer count times the card's energy. Leakage is power by state times time by state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pillarsim.arch.activity import Activity, LayerActivity, LayerProgramming
from pillarsim.arch.array_power import array_read_energy_j, rail_voltage
from pillarsim.arch.chip import Array, Idle, Technology
from pillarsim.arch.component import Component, peak_dynamic_power_w
from pillarsim.arch.errors import ModelError
from pillarsim.arch.timing import Timing
from pillarsim.arch.trace import ProgrammingTrace, StateTimes, Trace

PS = 1e-12  # seconds in a picosecond, exact by definition
FROM_VALUES = (("array", "read"), ("array", "window"))  # charged from the activity of the values
POLICY_OF_GROUP = {"global_buffer": "buffers", "off_chip": "digital", "mesh": "digital"}


@dataclass(frozen=True)
class EnergyRow:
    """Energy of one action of one component in one layer ('' where it serves none); kind: dynamic or leakage."""

    role: str
    action: str
    layer: str
    count: int
    energy_j: float
    kind: str


@dataclass(frozen=True)
class Costs:
    """All energy from the first input to the last output, in rows that sum to every total."""

    rows: tuple[EnergyRow, ...]
    span_s: float

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
    components: Sequence[Component],
    activity: Activity,
    *,
    array: Array,
    technology: Technology,
    idle: Idle,
    timing: Timing,
) -> Costs:
    """Multiply the trace's ledger and power states by the components' energies and leakages."""
    by_role: dict[str, Component] = {component.role: component for component in components}
    activities = {layer.name: layer for layer in activity.layers}
    rows = _window_rows(trace, activities, by_role, array, technology, timing)
    charged: list[tuple[str, str, str, int]] = [
        (role, action, layer, count)
        for (role, action, layer), count in sorted(trace.ledger.counts.items())
        if (role, action) not in FROM_VALUES
    ]
    for component in components:
        if component.charged_with is not None:
            charged += _charged_along(component, component.charged_with, trace)
    for role, action, layer, count in charged:
        energy_j = by_role[role].cost.actions[action].energy_j
        if energy_j is not None:
            rows.append(EnergyRow(role, action, layer, count, count * energy_j, "dynamic"))
    rows += _static_rows(trace.states, components, idle)
    costs = Costs(tuple(rows), trace.span_ps * PS)
    _check_states(trace)
    return costs


def _charged_along(
    component: Component, charged_with: tuple[str, str], trace: Trace
) -> list[tuple[str, str, str, int]]:
    """Counts of a part whose actions go along with another part's."""
    return [
        (component.role, action, layer, count)
        for (role, other, layer), count in sorted(trace.ledger.counts.items())
        if (role, other) == charged_with
        for action in component.cost.actions
    ]


def unstated_energies(trace: Trace, components: Sequence[Component]) -> tuple[str, ...]:
    """Roles that acted in the run and whose energy no source states; totals leave them out."""
    acted = {(role, action) for role, action, _ in trace.ledger.counts}
    return tuple(
        sorted(
            {
                component.role
                for component in components
                for name, action in component.cost.actions.items()
                if action.energy_j is None and (component.role, name) in acted
            }
        )
    )


def _window_rows(
    trace: Trace,
    activities: Mapping[str, LayerActivity],
    by_role: Mapping[str, Component],
    array: Array,
    technology: Technology,
    timing: Timing,
) -> list[EnergyRow]:
    rows: list[EnergyRow] = []
    rail = rail_voltage(technology, array.read_voltage)
    held_ps = 0 if timing.sample_hold else timing.slots * timing.convert_ps
    read_s = (timing.read_ps + held_ps) * PS
    for (role, action, layer), windows in sorted(trace.ledger.counts.items()):
        if (role, action) != ("array", "window"):
            continue
        active = activities[layer]
        reads = trace.ledger.counts["array", "read", layer]
        window_j, drawn_j = array_read_energy_j(array, read_s, active)
        rows.append(EnergyRow("array", "read", layer, reads, windows * window_j, "dynamic"))
        if array.read_energy == "derived":
            loss_j = windows * (drawn_j * (rail / array.read_voltage) - window_j)
            rows.append(EnergyRow("regulator", "read", layer, reads, loss_j, "dynamic"))
        for role, action, each in (("driver", "drive", active.drives), ("converter", "spike", active.spikes)):
            energy_j = by_role[role].cost.actions[action].energy_j if action in by_role[role].cost.actions else None
            if energy_j is not None:
                rows.append(EnergyRow(role, action, layer, round(windows * each), windows * each * energy_j, "dynamic"))
        if array.access.off_current:
            off = (array.rows - array.active_inputs) * array.columns
            leak = off * array.access.off_current * array.read_voltage * read_s * reads
            rows.append(EnergyRow("array", "off transistors", layer, reads, leak, "leakage"))
    return rows


def _static_rows(states: Sequence[StateTimes], components: Sequence[Component], idle: Idle) -> list[EnergyRow]:
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
        if policy == "on" and idle.clock_power:
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
    """Writing every array once: time, energy by component, SET pulses, cells outside tolerance."""

    time_s: float
    energy_j: float
    by_component: dict[str, float]
    pulses: int
    cells: int
    failed: int


def programming_cost(
    trace: ProgrammingTrace, parts: Sequence[LayerProgramming], components: Sequence[Component]
) -> ProgrammingCosts:
    """Energy of programming: cells from the device model, peripheral overhead from the write circuit's card.

    Leakage during programming is left out.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    by_role = {component.role: component for component in components}
    for (role, action, _), count in sorted(trace.ledger.counts.items()):
        sums[role] += count * (by_role[role].cost.actions[action].energy_j or 0.0)
    sums["array"] += sum(part.cell_energy_j for part in parts)
    sums["half_select"] += sum(part.half_select_j for part in parts)
    sums["regulator"] += sum(part.rail_loss_j for part in parts)
    return ProgrammingCosts(
        time_s=trace.time_ps * PS,
        energy_j=sum(sums.values()),
        by_component=dict(sums),
        pulses=trace.pulses,
        cells=sum(part.cells for part in parts),
        failed=sum(part.failed for part in parts),
    )
