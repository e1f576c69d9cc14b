"""Run the compiled engine and read the results out of its tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pillarsim.arch.errors import ModelError
from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.engine import EnginePlan, window_counts
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.loop import ENDED, FULL, MARKED, advance
from pillarsim.arch.simulate.fast.machine import Machine, enlarged
from pillarsim.arch.simulate.fast.steady import Steady
from pillarsim.arch.simulate.fast.tables import Built, build_machine
from pillarsim.arch.simulate.parts import Groups
from pillarsim.arch.simulate.pipeline import own_step_ps
from pillarsim.arch.simulate.plan_types import Plan
from pillarsim.arch.simulate.power import PowerTracker
from pillarsim.arch.timing import Timing
from pillarsim.arch.trace import LayerTrace

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle
    from pillarsim.arch.simulate.timeline import Recorder

__all__ = ["FastRun"]

_EVENTS_AT_ONCE = 1 << 20  # between two looks at the keyboard; assumed


class FastRun:
    """One run in detail `window`."""

    def __init__(
        self, plan: Plan, timing: Timing, idle: Idle, images: int, skip: bool, recorder: Recorder | None = None
    ) -> None:
        """`skip`: leave out images once the pipeline repeats itself, and `recorder` has what it wants."""
        self._plan, self._timing, self._images = plan, timing, images
        self._built: Built = build_machine(plan, timing, idle, images)
        self._machine: Machine = self._built.machine
        self.steady = Steady(plan, images, skip)
        self._recorder = recorder
        if recorder is not None:
            recorder.start(plan, timing, self._built, images)
        cpu, wall = time.process_time(), time.perf_counter()
        advance(self._machine.memory, 0)
        self.loading_s = time.process_time() - cpu, time.perf_counter() - wall

    def run(self, progress: Callable[[int], None] | None) -> None:
        """Process every event."""
        status, told, recording = FULL, 0, False
        while status != ENDED:
            if status == FULL:
                self._machine = enlarged(self._machine)
            elif status == MARKED and not recording:
                self.steady.look(self._machine)
            recording = self._recorder is not None and self._recorder.on
            if self._recorder is not None and recording:
                status = self._recorder.advance(self._machine, _EVENTS_AT_ONCE)
            else:
                status = advance(self._machine.memory, _EVENTS_AT_ONCE)
            done = int(self._machine.head[at.H_FINISHED]) + self.steady.skipped
            if progress is not None and done > told:
                for image in range(told, done):
                    progress(image + 1)
                told = done
        self._check()

    def _check(self) -> None:
        """Raise ModelError unless every window was done and every packet sent arrived."""
        m, plan = self._machine, self._plan
        for stage, row in zip(plan.stages, m.stages, strict=True):
            if row[at.T_NEXT] != row[at.T_TOTAL]:
                windows = self.steady.skipped * stage.windows
                raise ModelError(
                    f"layer {stage.name!r} stopped after {row[at.T_NEXT] + windows} of "
                    f"{row[at.T_TOTAL] + windows} windows"
                )
        images = self._images - self.steady.skipped
        for ring, row in zip(plan.rings, m.rings, strict=True):
            if not row[at.G_TAKEN] == row[at.G_ARRIVED] == row[at.G_FREED] == ring.fields.pixels * images:
                raise ModelError(f"layer {plan.stages[ring.stage].name!r} in tile {ring.tile}: pixels were lost")
        if m.head[at.H_PACKETS] != m.head[at.H_DELIVERED]:
            raise ModelError(f"mesh: {m.head[at.H_PACKETS]} packets were sent and {m.head[at.H_DELIVERED]} arrived")

    @property
    def events(self) -> int:
        """Events processed."""
        return int(self._machine.head[at.H_EVENTS])

    @property
    def skipped(self) -> int:
        """Images not simulated one by one."""
        return self.steady.skipped

    @property
    def span_ps(self) -> int:
        """The time of the last event."""
        return int(self._machine.head[at.H_NOW]) + self.steady.skipped_ps

    def finished_ps(self) -> tuple[int, ...]:
        """When each image's last output left the chip. Raises ModelError if one did not."""
        times = self.steady.finished(self._machine)
        if len(times) != self._images or min(times) < 0:
            raise ModelError(f"{sum(time_ps >= 0 for time_ps in times)} of {self._images} images left the chip")
        return times

    def groups(self) -> Groups:
        """Power trackers by group, with the units that each stands for."""
        rows = self.steady.trackers(self._machine)
        after_ps, wake_ps = self._timing.after_ps, self._timing.wake_ps
        return {
            name: [(PowerTracker.of(rows[number], after_ps, wake_ps), units) for number, units in members]
            for name, members in self._built.trackers.items()
        }

    def ledger(self) -> Ledger:
        """All counts and busy times."""
        ledger = Ledger()
        for service, done in zip(self._built.services, self.steady.services(self._machine).tolist(), strict=True):
            if done:
                service.record(ledger, service.amount * done, service.total_ps * done)
        rows = self.steady.replicas(self._machine)
        for replica, row in zip(self._plan.replicas, rows, strict=True):
            stage = self._plan.stages[replica.stage]
            windows = int(row[at.R_WINDOWS])
            plan = EnginePlan(stage.name, stage.layers, replica.arrays, replica.groups, replica.chunks, self._timing)
            for place, count in window_counts(plan).items():
                ledger.add(*place, count * windows)
            ledger.busy("array", stage.name, int(row[at.R_BUSY_PS]) * len(replica.arrays))
            ledger.busy("converter", stage.name, int(row[at.R_CONVERT_PS]) * len(replica.arrays))
            for role, bits in zip(("input_register", "output_register"), replica.register_bits, strict=True):
                for action in ("write", "read"):
                    ledger.add(role, action, stage.name, windows * bits)
        return ledger

    def layers(self) -> tuple[LayerTrace, ...]:
        """What each stage did."""
        rows = self.steady.replicas(self._machine)
        made = []
        for stage, own in zip(self._plan.stages, self._machine.stages, strict=True):
            members = rows[list(stage.replicas)]
            windows = int(members[:, at.R_WINDOWS].sum())
            starts = members[:, at.R_FIRST_PS]
            busy = int(members[:, at.R_BUSY_PS].sum()) if stage.layers else windows * own_step_ps(stage, self._timing)
            made.append(
                LayerTrace(
                    name=stage.name,
                    windows=windows,
                    first_start_ps=int(np.min(starts[starts >= 0])),
                    last_end_ps=int(own[at.T_LAST_END]) + self.steady.skipped_ps,
                    busy_ps=busy,
                    stalled_ps=int(members[:, at.R_STALLED_PS].sum()),
                )
            )
        return tuple(made)
