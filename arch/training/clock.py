"""The clock of a training run: steps come in chunks, time and counts add up, memory does not grow.

Of a step, the reading part (`events`) is simulated once for each batch size; pulses, verify reads and refresh enter as
the step's counts say (`updates`). A step begins when all arrays of the last one are done: a barrier. Refresh follows
the update, programming comes before the first step; both write all layers at once, RESET slots before verified SETs.
Parts that are gated wake up ahead of their use and delay nothing (`gating`).
Left out: evaluation of test images, checks of which devices need refresh (beyond the reads that are counted), and
traffic of the pulses themselves to the write circuits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.ledger import Ledger
from pillarsim.arch.trace import StateTimes
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.gating import UnitTimes, UnitUses
from pillarsim.arch.training.placement import TrainingPlacement
from pillarsim.arch.training.plan import make_plan
from pillarsim.arch.training.schedule import GROUPS, Schedule, group_policies, simulate_schedule, unit_counts
from pillarsim.arch.training.timing import TrainingTiming
from pillarsim.arch.training.trace import PHASES, TrainingTrace, no_counts, value_actions, with_counts
from pillarsim.arch.training.updates import circuits_of, in_turn, update_pulses

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle

__all__ = ["TrainingClock"]

Ints = NDArray[np.int64]
State = dict[str, NDArray[np.generic]]

_BLOCK = 1 << 18  # steps x units (arrays or tiles) handled at once: bounds the memory of a chunk
_LONGEST_PS = 1 << 62  # picoseconds that the integers of numpy hold, 53 days


class TrainingClock:
    """Time of a training run so far.

    Everything follows from placement, timing and policies, but for `state`, which a checkpoint holds.
    """

    def __init__(self, placement: TrainingPlacement, timing: TrainingTiming, idle: Idle, arrays_per_tile: int) -> None:
        """Raises InputError for a digital unit that the chip lacks."""
        self._placement, self._timing, self._arrays_per_tile = placement, timing, arrays_per_tile
        self._plan = make_plan(placement, timing)
        self._policies = group_policies(timing.base, idle)
        self._circuits = circuits_of(placement, timing.writes)
        self._schedules: dict[int, Schedule] = {}
        self._steps: dict[int, int] = {}  # images of a step -> steps done
        self._phase_ps = dict.fromkeys(PHASES, 0)
        arrays = len(placement.arrays)
        units = unit_counts(timing.base, placement.tiles, arrays_per_tile)
        used = {**units, "arrays": arrays, "converters": arrays}
        self._units = {group: UnitTimes(used[group], policy) for group, policy in self._policies}
        self._totals = no_counts(len(placement.layers), arrays)
        self._written = no_counts(len(placement.layers), arrays)

    @property
    def now_ps(self) -> int:
        """The end of the last step."""
        return sum(self._phase_ps.values())

    def program(self, counts: StepCounts) -> None:
        """Write the first weights: the refresh counts of one step without images."""
        pulses = in_turn(self._circuits, self._refresh_ps(counts), *self._all_at_once(counts))
        self._use_arrays(np.array([self.now_ps]), pulses.starts[:, None], pulses.ends[:, None])
        self._phase_ps["programming"] += int(pulses.done.sum())
        self._written = with_counts(self._written, counts)

    def add(self, counts: StepCounts) -> None:
        """Do some more steps. Raises ModelError for counts of another placement, InputError beyond 53 days."""
        shapes = counts.slots.shape[1:], counts.sets.shape[1:]
        if shapes != (self._totals.slots.shape[1:], self._totals.sets.shape[1:]):
            raise ModelError(f"counts of {shapes[0]} arrays and {shapes[1]} layers are not of this placement")
        steps, units = len(counts.images), max(len(times.state[0]) for times in self._units.values())
        block = max(1, _BLOCK // units)
        for first in range(0, steps, block):
            self._add_block(counts.part(first, min(first + block, steps)))
        self._totals = with_counts(self._totals, counts)

    def _add_block(self, counts: StepCounts) -> None:
        timing, steps, arrays = self._timing, len(counts.images), len(self._placement.arrays)
        schedules = [self._schedule(images) for images in counts.images.tolist()]
        pulsed = np.zeros((2, steps, arrays), np.int64)
        ends = np.zeros((2, steps), np.int64)  # of the update, and as if nothing were verified
        for images in sorted(set(counts.images.tolist())):
            chosen, ready = counts.images == images, self._schedule(images).ready_ps
            for place, slot_ps in enumerate((timing.slot_ps + timing.verify_ps, timing.slot_ps)):
                made = update_pulses(self._circuits, counts.slots[chosen] * slot_ps, ready, timing.order)
                ends[place, chosen] = made.done
                if place == 0:
                    pulsed[0, chosen], pulsed[1, chosen] = made.starts, made.ends
        refresh = in_turn(self._circuits, self._refresh_ps(counts), *self._all_at_once(counts))
        spans = ends[0] + refresh.done
        now = self.now_ps
        if now + sum(spans.tolist()) > _LONGEST_PS:
            raise InputError(
                "training takes more than 53 days of the chip's time, the most that is counted: expected fewer epochs "
                "or images, or shorter pulses (write.pulse, write.reset.pulse)"
            )
        begin = now + np.concatenate([[0], np.cumsum(spans)[:-1]])
        after = ends[0][:, None]
        self._use_groups(begin, schedules)
        self._use_arrays(
            begin,
            np.stack([pulsed[0], refresh.starts + after], axis=1),
            np.stack([pulsed[1], refresh.ends + after], axis=1),
            schedules,
        )
        loss = np.array([schedule.loss_ps for schedule in schedules])
        errors = np.array([schedule.errors_ps for schedule in schedules])
        parts = (loss, errors - loss, ends[1] - errors, ends[0] - ends[1], refresh.done)
        for phase, part in zip(PHASES, parts, strict=False):
            self._phase_ps[phase] += int(part.sum())
        for images in counts.images.tolist():
            self._steps[images] = self._steps.get(images, 0) + 1

    def _schedule(self, images: int) -> Schedule:
        if images not in self._schedules:
            self._schedules[images] = simulate_schedule(self._plan, images, self._policies)
        return self._schedules[images]

    def _refresh_ps(self, counts: StepCounts) -> Ints:
        """Time of each array's refresh (or programming), (S, A)."""
        timing = self._timing
        made = counts.refresh_reset_slots * timing.reset_ps
        return made + counts.refresh_slots * (timing.set_ps + timing.refresh_verify_ps)

    def _all_at_once(self, counts: StepCounts) -> tuple[Ints, Ints]:
        """(begin, order) of writing all arrays at once."""
        return np.zeros_like(counts.slots), np.arange(counts.slots.shape[1])

    def _use_groups(self, begin: Ints, schedules: list[Schedule]) -> None:
        """All groups but arrays are used while a step reads, and not while it writes."""
        for group in GROUPS[1:]:
            times = self._units[group]
            uses = [schedule.uses[group] for schedule in schedules]
            rows = _rows(uses)
            if group == "converters":
                rows = [value[:, self._circuits.layer] for value in rows]
            times.add(rows[0] >= 0, begin[:, None] + rows[0], begin[:, None] + rows[1], rows[2:])

    def _use_arrays(self, begin: Ints, starts: Ints, ends: Ints, schedules: list[Schedule] | None = None) -> None:
        """Arrays are read, then pulsed in [starts, ends), (S, pieces, A) from each step's `begin`."""
        layer = self._circuits.layer
        active, nothing = ends - starts, np.zeros_like(starts)
        parts: list[Ints] = [starts, ends, active, nothing, nothing]
        if schedules is not None:
            reads = _rows([schedule.uses["arrays"] for schedule in schedules])
            parts = [
                np.concatenate([read[:, None, layer], part], axis=1) for read, part in zip(reads, parts, strict=True)
            ]
        offset = begin[:, None, None]
        self._units["arrays"].add(parts[1] > parts[0], parts[0] + offset, parts[1] + offset, parts[2:])

    def trace(self) -> TrainingTrace:
        """All that was done so far. Raises ModelError where busy times are not the arrays' active time."""
        placement, span_ps = self._placement, self.now_ps
        units = unit_counts(self._timing.base, placement.tiles, self._arrays_per_tile)
        states = []
        for group, times in self._units.items():
            active, idle, gated, wakes = times.totals(span_ps, units[group])
            states.append(StateTimes(group, units[group], active, idle, gated, wakes))
        busy = self._busy_ps()
        if sum(busy.values()) != states[0].active_ps:
            raise ModelError(f"arrays: held for {sum(busy.values())} ps, active for {states[0].active_ps} ps")
        done = self._steps.items()
        return TrainingTrace(
            span_ps=span_ps,
            phase_ps=dict(self._phase_ps),
            busy_ps=busy,
            ledgers=self._ledgers(),
            states=tuple(states),
            totals=self._totals,
            written=self._written,
            steps=sum(steps for _, steps in done),
            images=sum(images * steps for images, steps in done),
            kept_bits=self._plan.kept_bits * max((images for images, _ in done), default=0),
            events=sum(self._schedule(images).events for images, _ in done),
            schedules=len(self._steps),
        )

    def _busy_ps(self) -> dict[tuple[str, str], int]:
        """Array-picoseconds by (phase, layer)."""
        timing = self._timing
        by_layer: dict[tuple[str, str], int] = {}
        for images, steps in sorted(self._steps.items()):
            for place, busy_ps in self._schedule(images).busy_ps.items():
                by_layer[place] = by_layer.get(place, 0) + steps * busy_ps
        writes = {
            "update": self._totals.slots[0] * timing.slot_ps,
            "verify": self._totals.slots[0] * timing.verify_ps,
            "refresh": self._refresh_ps(self._totals)[0],
            "programming": self._refresh_ps(self._written)[0],
        }
        for phase, per_array in writes.items():
            for number, layer in enumerate(self._placement.layers):
                total = sum(per_array[self._circuits.layer == number].tolist())
                if total:
                    by_layer[phase, layer.name] = total
        return by_layer

    def _ledgers(self) -> dict[str, Ledger]:
        """Actions by phase: those of the schedules, and those that the values decided."""
        ledgers = {phase: Ledger() for phase in PHASES}
        for images, steps in sorted(self._steps.items()):
            for (phase, *place), count in self._schedule(images).counts.items():
                role, action, layer = place
                ledgers[phase].add(role, action, layer, steps * count)
        images = sum(images * steps for images, steps in self._steps.items())
        timing = self._timing
        slots, steps = images * timing.pulse_train, timing.counter_steps
        actions = value_actions(self._placement, self._totals, self._written, slots, steps)
        for (phase, role, action, name), count in actions.items():
            if count:
                ledgers[phase].add(role, action, name, count)
        return ledgers

    def state(self) -> State:
        """All that changes, as arrays."""
        made: State = {
            "phase_ps": np.array([self._phase_ps[phase] for phase in PHASES]),
            "steps": np.array(sorted(self._steps.items()), np.int64).reshape(-1, 2),
        }
        made |= {f"units/{group}": times.state for group, times in self._units.items()}
        for name, counts in (("totals", self._totals), ("written", self._written)):
            made |= {f"{name}/{field}": value for field, value in counts.arrays().items()}
        return made

    def restore(self, state: State) -> None:
        """Go on from a state; raises InputError where it is of another placement."""
        mine = self.state()
        for name, value in mine.items():
            found = state.get(name)
            if found is None or (found.shape != value.shape and name != "steps"):
                shape = "nothing" if found is None else f"an array of shape {found.shape}"
                raise InputError(f"checkpoint: clock/{name}: expected an array of shape {value.shape}, found {shape}")
        self._phase_ps = dict(zip(PHASES, state["phase_ps"].tolist(), strict=True))
        self._steps = {int(images): int(steps) for images, steps in state["steps"].tolist()}
        for group, times in self._units.items():
            times.state = state[f"units/{group}"].astype(np.int64)
        self._totals, self._written = (
            StepCounts(**{field: state[f"{name}/{field}"] for field in mine_counts.arrays()})  # type: ignore[arg-type]
            for name, mine_counts in (("totals", self._totals), ("written", self._written))
        )


def _rows(uses: list[UnitUses]) -> list[Ints]:
    """Uses of a group step by step: first start, last end, active, gated, wakes, (S, U) each."""
    names = ("first_ps", "last_ps", "active_ps", "gated_ps", "wakes")
    return [np.stack([np.asarray(getattr(one, name), np.int64) for one in uses]) for name in names]
