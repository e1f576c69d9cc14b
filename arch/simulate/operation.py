"""The arrays of one replica, every operation an event (detail `operation`): the reference for the closed form.

Each array drives its lines, reads and samples; each converter steps through its slots; each conversion is shifted
and added. The sample-and-hold circuits are one SimPy resource of the replica, held from a batch's sampling to its
last conversion; arrays keep in step by waiting for one another.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

import simpy
from simpy.events import Event
from simpy.resources.resource import Request

from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.engine import ArrayPlan, EnginePlan, EnginePower
from pillarsim.arch.simulate.kernel import Kernel

__all__ = ["OperationEngine"]

Steps: TypeAlias = Generator[Event, Any, None]


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
    ) -> None:
        """As `WindowEngine`; counts go to `ledger` as they happen."""
        self._kernel, self._plan, self._power, self._free, self._done = kernel, plan, power, free, done
        self._ledger = ledger
        self._holding = simpy.Resource(kernel, capacity=1)

    def run(self, sequence: int) -> None:
        """Start window `sequence` now."""
        self._kernel.process(self._window(sequence))

    def settle(self, ledger: Ledger) -> None:
        """Nothing is left to enter."""

    def _window(self, sequence: int) -> Steps:
        kernel, plan, timing, power = self._kernel, self._plan, self._plan.timing, self._power
        power.arrays.enter(kernel.time_ps)
        for digital in power.digital:
            digital.enter(kernel.time_ps)
        batch = 0
        for group in range(plan.groups):
            arrays = [array for array in plan.arrays if array.groups > group]
            for chunk in range(plan.chunks):
                yield kernel.all_of([kernel.process(self._read()) for _ in arrays])
                if timing.analog_bits and chunk < plan.chunks - 1:
                    continue
                batch += 1
                position = (batch == 1, batch == plan.batches)
                if timing.sample_hold:
                    request = self._holding.request()
                    yield request
                    self._ledger.add("sample_hold", "sample", plan.layer, sum(array.outputs for array in arrays))
                    kernel.process(self._convert(sequence, arrays, position, request))
                else:
                    yield kernel.process(self._convert(sequence, arrays, position, None))
        power.arrays.leave(kernel.time_ps)
        self._free(kernel.time_ps)

    def _read(self) -> Steps:
        """Drive the lines of one array and read it."""
        yield self._kernel.timeout(0)
        yield self._kernel.timeout(self._plan.timing.read_ps)
        self._ledger.add("array", "read", self._plan.layer)

    def _convert(
        self, sequence: int, arrays: list[ArrayPlan], position: tuple[bool, bool], held: Request | None
    ) -> Steps:
        """Convert one batch; `position`: whether it is the window's first and whether it is its last."""
        kernel, plan, power = self._kernel, self._plan, self._power
        first, last = position
        if first:
            power.converters.hold(kernel.time_ps)
            power.converters.enter(kernel.time_ps)
        slots = plan.timing.slots
        yield kernel.all_of(
            [
                kernel.process(self._step_through(min(slots, array.outputs - output)))
                for array in arrays
                for output in range(0, array.outputs, slots)
            ]
        )
        if held is not None:
            self._holding.release(held)
        if last:
            power.converters.leave(kernel.time_ps)
            kernel.at(kernel.time_ps + plan.timing.shift_add_ps, self._finish, sequence)

    def _finish(self, event: Event) -> None:
        """The last conversion of a window is shifted and added."""
        self._ledger.add("array", "window", self._plan.layer)
        for digital in self._power.digital:
            digital.leave(self._kernel.time_ps)
        self._done(event._value, self._kernel.time_ps)

    def _step_through(self, used: int) -> Steps:
        """One converter steps through all its slots, of which the first `used` have an output to convert."""
        kernel, timing = self._kernel, self._plan.timing
        for slot in range(timing.slots):
            yield kernel.timeout(timing.convert_ps)
            if slot < used:
                self._ledger.add("converter", "convert", self._plan.layer)
                kernel.at(kernel.time_ps + timing.shift_add_ps, self._add)

    def _add(self, _: Event) -> None:
        self._ledger.add("shift_add", "add", self._plan.layer)
