"""A network in parts: each is programmed, runs all images, and makes room for the next one.

A batch is all images of the run. Between parts its values leave the chip through the global buffer and the off-chip
link, and come back the same way as the next part's input. A batch starts and ends with the chip to be programmed, so
that batch follows batch. While arrays are programmed the rest of the chip is idle, or gated where its policy says so.
Left out: programming a tile while others still compute, and bringing the weights to the tiles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pillarsim.arch.activity import LayerProgramming
from pillarsim.arch.chip import CellCard, Idle, Write
from pillarsim.arch.components.component import Component
from pillarsim.arch.costing import POLICY_OF_GROUP, Costs, EnergyRow, ProgrammingCosts, programming_cost
from pillarsim.arch.ledger import Ledger
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate_programming
from pillarsim.arch.timing import PS, Timing
from pillarsim.arch.trace import LayerTrace, ProgrammingTrace, StateTimes, Trace
from pillarsim.mapping.parts import parted

__all__ = ["PartRun", "joined", "reload_cautions", "reload_section", "run_parts", "with_programming", "written_traces"]

ROLE = "programming"  # of the energy rows of writing arrays during the run
_NEVER_GATED = ("off_chip",)


@dataclass(frozen=True, eq=False)
class PartRun:
    """One part: what it holds, the writing of its arrays, and the run of all images through it."""

    placement: Placement
    writing: ProgrammingTrace
    written: tuple[LayerProgramming, ...]
    trace: Trace


def run_parts(
    placement: Placement,
    timing: Timing,
    written: Sequence[LayerProgramming],
    detail: str,
    simulate: Callable[[Placement], Trace],
) -> tuple[PartRun, ...]:
    """Program and run every part of `placement`; written: of every layer; simulate: all images through one part."""
    runs, first = [], 0
    for part in parted(placement):
        own = tuple(written[first : first + len(part.layers)])
        first += len(part.layers)
        runs.append(PartRun(part, simulate_programming(part, timing, own, detail), own, simulate(part)))
    return tuple(runs)


def written_traces(runs: Sequence[PartRun]) -> ProgrammingTrace:
    """Writing every part once, one after another."""
    ledger = Ledger()
    for run in runs:
        _add(ledger, run.writing.ledger)
    return ProgrammingTrace(
        time_ps=sum(run.writing.time_ps for run in runs),
        pulses=sum(run.writing.pulses for run in runs),
        ledger=ledger,
        events=sum(run.writing.events for run in runs),
        cpu_s=sum(run.writing.cpu_s for run in runs),
        wall_s=sum(run.writing.wall_s for run in runs),
    )


def joined(runs: Sequence[PartRun], idle: Idle) -> Trace:
    """The batch as one trace: time 0 is the start of the first part's programming; of a single part its own trace.

    An image is finished when its last output leaves the last part.
    """
    if len(runs) == 1:
        return runs[0].trace
    ledger, layers, now = Ledger(), [], 0
    for run in runs:
        now += run.writing.time_ps
        _add(ledger, run.trace.ledger)
        layers += [_shifted(layer, now) for layer in run.trace.layers]
        now += run.trace.span_ps
    last = runs[-1].trace
    offset = now - last.span_ps
    writing = sum(run.writing.time_ps for run in runs)
    return Trace(
        detail=last.detail,
        images=last.images,
        finished_ps=tuple(offset + time_ps for time_ps in last.finished_ps),
        span_ps=now,
        ledger=ledger,
        states=_states([run.trace.states for run in runs], idle, writing),
        layers=tuple(layers),
        events=sum(run.trace.events for run in runs),
        cpu_s=sum(run.trace.cpu_s for run in runs),
        wall_s=sum(run.trace.wall_s for run in runs),
        skipped=max(run.trace.skipped for run in runs),
        exact=all(run.trace.exact for run in runs),
        contended=tuple(part for run in runs for part in run.trace.contended),
    )


def _add(ledger: Ledger, other: Ledger) -> None:
    for (role, action, layer), count in other.counts.items():
        ledger.add(role, action, layer, count)
    for (role, layer), time_ps in other.busy_ps.items():
        ledger.busy(role, layer, time_ps)


def _shifted(layer: LayerTrace, by_ps: int) -> LayerTrace:
    return replace(layer, first_start_ps=layer.first_start_ps + by_ps, last_end_ps=layer.last_end_ps + by_ps)


def _states(parts: Sequence[tuple[StateTimes, ...]], idle: Idle, writing_ps: int) -> tuple[StateTimes, ...]:
    """The parts' power states summed, and those of the chip while it is programmed."""
    found = []
    for states in zip(*parts, strict=True):
        first = states[0]
        policy = getattr(idle, POLICY_OF_GROUP.get(first.group, first.group))
        gated = policy == "gated" and first.group not in _NEVER_GATED
        found.append(
            StateTimes(
                group=first.group,
                units=first.units,
                active_ps=sum(state.active_ps for state in states),
                idle_ps=sum(state.idle_ps for state in states) + (0 if gated else first.units * writing_ps),
                gated_ps=sum(state.gated_ps for state in states) + (first.units * writing_ps if gated else 0),
                wakes=sum(state.wakes for state in states),
            )
        )
    return tuple(found)


def with_programming(costs: Costs, programming: ProgrammingCosts, runs: Sequence[PartRun]) -> Costs:
    """The run's costs with those of programming every part, as rows of their own (role `programming`).

    A single part is programmed once, before the run, which does not pay for it.
    """
    if len(runs) == 1:
        return costs
    rows = [
        EnergyRow(ROLE, what, "", 0, joules, "dynamic") for what, joules in sorted(programming.by_component.items())
    ]
    unstated = tuple(sorted({*costs.unstated, *programming.unstated}))
    return Costs((*costs.rows, *rows), costs.span_s, unstated)


def reload_cautions(runs: Sequence[PartRun], write: Write) -> tuple[str, ...]:
    """What reprogramming leaves out on this chip."""
    if len(runs) == 1 or write.reset is not None:
        return ()
    return (
        "mapping.reload: cells are written again for every part, and write.reset states no erase pulse: "
        "time, energy and wear of erasing are not charged",
    )


def reload_section(
    runs: Sequence[PartRun], components: Sequence[Component], cell: CellCard, cycles_done: float, energy_j: float
) -> dict[str, Any] | None:
    """The `reload` object of a report; None of a single part. energy_j: of the whole batch, programming included.

    Endurance: every batch writes an array once for each part that uses it; the card says how many cycles its cells
    take (None: it does not).
    """
    if len(runs) == 1:
        return None
    images = runs[0].trace.images
    costs = [programming_cost(run.writing, run.written, components) for run in runs]
    batch_ps = sum(run.writing.time_ps + run.trace.span_ps for run in runs)
    writing_ps = sum(run.writing.time_ps for run in runs)
    loads = Counter(place[1:] for run in runs for place in run.placement.sharers)
    most = max(loads.values())
    limit = None if cell.endurance is None else cell.endurance.cycles
    left = None if limit is None else int((limit - cycles_done) // most)
    return {
        "parts": [
            {
                "first": run.placement.stages[0].name,
                "last": run.placement.stages[-1].name,
                "arrays": run.placement.arrays,
                "programming_s": cost.time_s,
                "programming_j": cost.energy_j,
                "run_s": run.trace.span_ps * PS,
            }
            for run, cost in zip(runs, costs, strict=True)
        ],
        "images_a_batch": images,
        "batch_s": batch_ps * PS,
        "programming_s": writing_ps * PS,
        "programming_share": writing_ps / batch_ps,
        "programming_j": sum(cost.energy_j for cost in costs),
        "programming_energy_share": sum(cost.energy_j for cost in costs) / energy_j,
        "writes_a_batch": most,
        "endurance_cycles": limit,
        "batches_until_endurance": left,
        "images_until_endurance": None if left is None else left * images,
    }
