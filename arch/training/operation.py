"""Training steps event by event: the reference for `TrainingClock`.

One run of SimPy from the first to the last step: every access, word, flit, read, conversion, pulse slot and refresh
slot is an event, circuits and converters are queues, and the power states come from all uses of all units. Slow; it
does what the clock does with one schedule for each batch size and a recurrence over arrays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import simpy
from simpy.events import Event

from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.kernel import GRANT, Kernel
from pillarsim.arch.simulate.ports import Key, OnTime, Server, Service
from pillarsim.arch.trace import StateTimes
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.events import StepEvents
from pillarsim.arch.training.gating import Policy
from pillarsim.arch.training.parts import Parts, record_reading
from pillarsim.arch.training.plan import LayerPlan, Reading, TrainingPlan
from pillarsim.arch.training.schedule import GROUPS, group_policies, unit_counts, uses_of

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle

__all__ = ["ArraySteps", "SteppedTraining"]

Uses = list[tuple[int, int]]


class ArraySteps:
    """`parts.Arrays`: each read and each conversion of an image is an event; sample-and-hold is a SimPy resource."""

    def __init__(self, kernel: Kernel, parts: Parts, layer: LayerPlan) -> None:
        self._kernel, self._parts, self._layer = kernel, parts, layer
        self._gathering: defaultdict[int, list[tuple[Key, Reading, OnTime]]] = defaultdict(list)
        self._waiting: list[tuple[Key, Reading, OnTime]] = []
        self._busy = False
        self._holding = simpy.Resource(kernel, capacity=1)

    def request(self, at_ps: int, reading: Reading, key: Key, done: OnTime) -> None:
        """As `parts.Arrays.request`."""
        if at_ps not in self._gathering:
            self._kernel.at(at_ps, self._grant, at_ps, GRANT)
        self._gathering[at_ps].append((key, reading, done))

    def _grant(self, event: Event) -> None:
        self._waiting += sorted(self._gathering.pop(event._value), key=lambda job: job[0])
        self._start()

    def _start(self) -> None:
        if not self._busy and self._waiting:
            self._busy = True
            _, reading, done = self._waiting.pop(0)
            self._kernel.process(self._image(reading, done))

    def _image(self, reading: Reading, done: OnTime) -> Generator[Event, Any, None]:
        kernel, start, first = self._kernel, self._kernel.time_ps, -1
        for batch in range(reading.batches):
            for _ in range(reading.reads):
                yield kernel.timeout(reading.read_ps)
            if reading.sample_hold:
                held = self._holding.request()
                yield held
                first = kernel.time_ps if first < 0 else first
                last = batch == reading.batches - 1
                kernel.process(self._convert(reading, held, (start, first) if last else None, done))
            else:
                first = kernel.time_ps if first < 0 else first
                yield from self._conversions(reading)
        if not reading.sample_hold:
            self._converted(reading, (start, kernel.time_ps), first, done)
        self._busy = False
        self._start()

    def _conversions(self, reading: Reading) -> Generator[Event, Any, None]:
        for _ in range(reading.slots):
            yield self._kernel.timeout(reading.convert_ps)

    def _convert(
        self, reading: Reading, held: simpy.resources.resource.Request, began: tuple[int, int] | None, done: OnTime
    ) -> Generator[Event, Any, None]:
        """Conversions of one sampled batch; `began`: of the last one, when the image was begun and first sampled."""
        sampled = self._kernel.time_ps
        yield from self._conversions(reading)
        self._holding.release(held)
        if began is not None:
            self._converted(reading, (began[0], sampled), began[1], done)

    def _converted(self, reading: Reading, held: tuple[int, int], first: int, done: OnTime) -> None:
        now = self._kernel.time_ps
        end = now + reading.shift_add_ps
        record_reading(self._parts, self._layer, reading, held, (first, now), end)
        self._kernel.at(end, lambda _: done(end))


class SteppedTraining:
    """Programming (if any) and steps in one SimPy run.

    After `run`: span_ps, step_ends_ps, counts by (phase, role, action, layer) of the reading parts, busy_ps by (phase,
    layer), states.
    """

    def __init__(self, plan: TrainingPlan, idle: Idle, arrays_per_tile: int) -> None:
        self.kernel, self._plan = Kernel(), plan
        self._idle, self._arrays_per_tile = idle, arrays_per_tile
        base = plan.timing.base
        self.parts = Parts(self.kernel, base, plan.layers, Server, ArraySteps)
        places = [(array.tile, array.slot // plan.timing.writes) for array in plan.placement.arrays]
        made = {place: Server(self.kernel, Ledger(), None) for place in sorted(set(places))}
        self._circuits = [made[place] for place in places]
        self._layer_of = [number for number, layer in enumerate(plan.placement.layers) for _ in layer.arrays]
        self._pulsed: list[Uses] = [[] for _ in places]
        self.step_ends_ps: list[int] = []
        self.busy_ps: dict[tuple[str, str], int] = defaultdict(int)

    def run(self, counts: StepCounts, written: StepCounts | None = None) -> None:
        """Simulate all steps, behind the programming of `written`."""
        self.kernel.process(self._all(counts, written))
        self.kernel.run()
        for place, busy_ps in self.parts.busy_ps.items():
            self.busy_ps[place] += busy_ps

    @property
    def span_ps(self) -> int:
        """The end of the last step."""
        return self.step_ends_ps[-1]

    def _all(self, counts: StepCounts, written: StepCounts | None) -> Generator[Event, Any, None]:
        if written is not None:
            yield from self._refreshed(written, 0, "programming")
        for step in range(len(counts.images)):
            yield from self._step(counts, step)
            yield from self._refreshed(counts, step, "refresh")
            self.step_ends_ps.append(self.kernel.time_ps)

    def _step(self, counts: StepCounts, step: int) -> Generator[Event, Any, None]:
        """Reads, then pulses: of each layer when it is ready, or of one layer after the other when all are."""
        kernel, timing, begin = self.kernel, self._plan.timing, self.kernel.time_ps
        events = StepEvents(kernel, self.parts, self._plan, int(counts.images[step]))
        ready = [kernel.event() for _ in self._plan.layers]
        events.on_ready = lambda layer, time_ps: kernel.at(time_ps, _succeed, ready[layer])
        events.start(begin)
        layers = range(len(ready))
        if timing.order == "all_at_once":
            yield kernel.all_of([kernel.process(self._layer(counts, step, layer, ready[layer])) for layer in layers])
        else:
            yield kernel.all_of(ready)
            for layer in layers:
                yield kernel.process(self._layer(counts, step, layer, ready[layer]))

    def _layer(self, counts: StepCounts, step: int, layer: int, ready: Event) -> Generator[Event, Any, None]:
        timing = self._plan.timing
        yield ready
        parts = (("update", timing.slot_ps), ("verify", timing.verify_ps))
        own = [array for array, owner in enumerate(self._layer_of) if owner == layer]
        asked = [self._written(array, 0, int(counts.slots[step, array]), parts) for array in own]
        yield self.kernel.all_of([done for done in asked if done is not None])

    def _refreshed(self, counts: StepCounts, step: int, phase: str) -> Generator[Event, Any, None]:
        """RESET slots, then SET slots with their verify reads, array by array in each circuit."""
        timing = self._plan.timing
        asked = []
        for array in range(len(self._circuits)):
            resets, sets = int(counts.refresh_reset_slots[step, array]), int(counts.refresh_slots[step, array])
            asked.append(self._written(array, 0, resets, ((phase, timing.reset_ps),)))
            asked.append(self._written(array, 1, sets, ((phase, timing.set_ps + timing.refresh_verify_ps),)))
        yield self.kernel.all_of([done for done in asked if done is not None])

    def _written(self, array: int, place: int, slots: int, parts: tuple[tuple[str, int], ...]) -> Event | None:
        """An array asks its circuit for slots of some `parts` now, in order of arrays and places; None for none."""
        width, layer = sum(ps for _, ps in parts), self._layer_of[array]
        if not slots * width:
            return None
        done = self.kernel.event()
        tail = partial(self._pulses, array, slots, parts, done)
        key = (layer, array, place, 0, 0)
        self._circuits[array].request(self.kernel.time_ps, Service((), "", slots, 1, width), key, None, tail)
        return done

    def _pulses(self, array: int, count: int, parts: tuple[tuple[str, int], ...], done: Event, end_ps: int) -> None:
        name = self._plan.layers[self._layer_of[array]].name
        for phase, width in parts:
            if width:
                self.busy_ps[phase, name] += count * width
        self._pulsed[array].append((end_ps - count * sum(ps for _, ps in parts), end_ps))
        done.succeed()

    def states(self) -> tuple[StateTimes, ...]:
        """Time of every group in each state, unit by unit from its uses."""
        plan, base = self._plan, self._plan.timing.base
        policies, uses = dict(group_policies(base, self._idle)), uses_of(self.parts, plan)
        units = unit_counts(base, plan.placement.tiles, self._arrays_per_tile)
        made = []
        for group in GROUPS:
            own: list[Uses] = [list(each) for each in uses[group]]
            if group in ("arrays", "converters"):
                own = [list(uses[group][layer]) for layer in self._layer_of]
            if group == "arrays":
                own = [reads + pulses for reads, pulses in zip(own, self._pulsed, strict=True)]
            own += [[] for _ in range(units[group] - len(own))]
            rows = [_states(each, policies[group], self.span_ps) for each in own]
            made.append(StateTimes(group, units[group], *(sum(column) for column in zip(*rows, strict=True))))
        return tuple(made)


def _states(uses: Uses, policy: Policy, span_ps: int) -> tuple[int, int, int, int]:
    """(active, idle, gated, wakes) of one unit."""
    active = gated = wakes = last = 0
    for start, end in sorted(uses):
        asleep = start - last - policy.after_ps - policy.wake_ps
        if policy.gated and asleep > 0:
            gated, wakes = gated + asleep, wakes + 1
        active += max(0, end - max(start, last))
        last = max(last, end)
    if policy.gated:
        gated += max(0, span_ps - last - policy.after_ps)
    return active, span_ps - active - gated, gated, wakes


def _succeed(event: Event) -> None:
    event._value.succeed()
