"""The arrays of one replica, every operation an event (detail `operation`): the reference for the closed form.

Each array drives its lines, reads and samples; each converter steps through its slots; each conversion is shifted
and added. The sample-and-hold circuits of a set of arrays are one SimPy resource, held from a batch's sampling to its
last conversion; arrays keep in step by waiting for one another.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeAlias

import simpy
from simpy.events import Event
from simpy.resources.resource import Request

from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.engine import EnginePlan, EnginePower
from pillarsim.arch.simulate.kernel import Kernel

__all__ = ["OperationEngine"]

Steps: TypeAlias = Generator[Event, Any, None]
Reading: TypeAlias = tuple[str, int]  # (layer, outputs) of what an array reads


class OperationEngine:
    """Every drive, read, conversion and shift-add of every array and converter is an event."""

    def __init__(
        self,
        kernel: Kernel,
        plan: EnginePlan,
        power: EnginePower,
        free: Callable[[int], None],
        done: Callable[[int, int], None],
        ledger: Ledger,
        holding: Sequence[simpy.Resource],
    ) -> None:
        """`free(time)`: the arrays can take the next window; `done(sequence, time)`: all is shifted and added.

        Counts go to `ledger` as they happen; `holding`: sample-and-hold of the sets of arrays.
        """
        self._kernel, self._plan, self._power, self._free, self._done = kernel, plan, power, free, done
        self._ledger, self._holding = ledger, holding
        self._groups = [
            [(layer, outputs) for layer, groups, outputs in array.parts for _ in range(groups)] for array in plan.arrays
        ]

    def run(self, sequence: int) -> None:
        """Start window `sequence` now."""
        self._kernel.process(self._window(sequence))

    def _window(self, sequence: int) -> Steps:
        kernel, plan, timing, power = self._kernel, self._plan, self._plan.timing, self._power
        start = kernel.time_ps
        for tracker in (*power.arrays, *power.digital):
            tracker.enter(start)
        batch = 0
        for group in range(plan.groups):
            readings = [groups[group] for groups in self._groups if len(groups) > group]
            for chunk in range(plan.chunks):
                yield kernel.all_of([kernel.process(self._read(layer)) for layer, _ in readings])
                if timing.analog_bits and chunk < plan.chunks - 1:
                    continue
                batch += 1
                position = (batch == 1, batch == plan.batches)
                if timing.sample_hold:
                    requests = [holding.request() for holding in self._holding]
                    yield kernel.all_of(requests)
                    samples = sum(outputs for _, outputs in readings)
                    self._ledger.add("sample_hold", "sample", plan.stage, samples)
                    kernel.process(self._convert(sequence, readings, position, requests))
                else:
                    yield kernel.process(self._convert(sequence, readings, position, []))
        for tracker in power.arrays:
            tracker.leave(kernel.time_ps)
        self._ledger.busy("array", plan.stage, (kernel.time_ps - start) * len(plan.arrays))
        self._free(kernel.time_ps)

    def _read(self, layer: str) -> Steps:
        """Drive the lines of one array and read it."""
        yield self._kernel.timeout(0)
        yield self._kernel.timeout(self._plan.timing.read_ps)
        self._ledger.add("array", "read", layer)

    def _convert(
        self, sequence: int, readings: list[Reading], position: tuple[bool, bool], held: list[Request]
    ) -> Steps:
        """Convert one batch; `position`: whether it is the window's first and whether it is its last."""
        kernel, plan, power = self._kernel, self._plan, self._power
        first, last = position
        if first:
            self._sampled_ps = kernel.time_ps
            for tracker in power.converters:
                tracker.hold(kernel.time_ps)
                tracker.enter(kernel.time_ps)
        slots = plan.timing.slots
        yield kernel.all_of(
            [
                kernel.process(self._step_through(min(slots, outputs - output)))
                for _, outputs in readings
                for output in range(0, outputs, slots)
            ]
        )
        for holding, request in zip(self._holding, held, strict=False):
            holding.release(request)
        if last:
            for tracker in power.converters:
                tracker.leave(kernel.time_ps)
            self._ledger.busy("converter", plan.stage, (kernel.time_ps - self._sampled_ps) * len(plan.arrays))
            kernel.at(kernel.time_ps + plan.timing.shift_add_ps, self._finish, sequence)

    def _finish(self, event: Event) -> None:
        """The last conversion of a window is shifted and added."""
        for layer in self._plan.layers:
            self._ledger.add("array", "window", layer)
        for digital in self._power.digital:
            digital.leave(self._kernel.time_ps)
        self._done(event._value, self._kernel.time_ps)

    def _step_through(self, used: int) -> Steps:
        """One converter steps through all its slots, of which the first `used` have an output to convert."""
        kernel, timing = self._kernel, self._plan.timing
        for slot in range(timing.slots):
            yield kernel.timeout(timing.convert_ps)
            if slot < used:
                self._ledger.add("converter", "convert", self._plan.stage)
                kernel.at(kernel.time_ps + timing.shift_add_ps, self._add)

    def _add(self, _: Event) -> None:
        self._ledger.add("shift_add", "add", self._plan.stage)
