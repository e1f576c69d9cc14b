"""A run in detail `row` or `layer`, with results read out of the tables of the compiled engine.

All stages finish an image before one begins the next: that an image needs nothing of a later one is why
`capacity.least_pixels` is enough. Only the order of computing is meant; in time, images overlap as they do on the chip.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pillarsim.arch.errors import ModelError
from pillarsim.arch.simulate.closed import columns as to
from pillarsim.arch.simulate.closed.clients import make_clients
from pillarsim.arch.simulate.closed.overlap import close_uses, contended, enlarged, look
from pillarsim.arch.simulate.closed.repeat import Repeats
from pillarsim.arch.simulate.closed.rows import DONE, FULL, advance
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.engine import FastRun
from pillarsim.arch.simulate.fast.tables import build_machine
from pillarsim.arch.simulate.parts import Groups
from pillarsim.arch.simulate.plan import Plan
from pillarsim.arch.timing import Timing

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle

__all__ = ["NAMED", "ClosedRun"]

NAMED = 16  # names of contended parts in a trace, at most; a choice of ours


class ClosedRun(FastRun):
    """One run in detail `row` or `layer`."""

    def __init__(self, plan: Plan, timing: Timing, idle: Idle, images: int, detail: str, skip: bool) -> None:
        """`skip`: leave out images once the pipeline repeats itself."""
        self._plan, self._timing, self._images = plan, timing, images
        self._built = build_machine(plan, timing, idle, images)
        self._machine = self._built.machine
        self._clients = make_clients(plan, timing, self._machine, images, detail)
        self._work = self._clients.work
        self.steady: Repeats = Repeats(plan, images, skip)
        cpu, wall = time.process_time(), time.perf_counter()
        advance(self._machine.memory, self._work.memory, 0)
        close_uses(self._work.memory)
        look(self._work, timing.after_ps)
        self.loading_s = time.process_time() - cpu, time.perf_counter() - wall

    def run(self, progress: Callable[[int], None] | None) -> None:
        """Compute every image. Raises ModelError unless every window was done and every pixel arrived."""
        m, after_ps, done = self._machine, self._timing.after_ps, 0
        while done + self.steady.skipped < self._images:
            self._image(done + 1)
            done += 1
            close_uses(self._work.memory)
            look(self._work, after_ps)
            before = done - 1 + self.steady.skipped
            self.steady.look_at(m, self._work, done, self._images - self.steady.skipped)
            if progress is not None:
                for image in range(before, done + self.steady.skipped):
                    progress(image + 1)
        look(self._work, after_ps, last=True)
        self._states()
        self._check_all()

    def _image(self, images: int) -> None:
        """Go on until so many images are through every stage."""
        while (status := advance(self._machine.memory, self._work.memory, images)) != DONE:
            if status != FULL:
                raise ModelError(f"image {images} stopped: its windows wait for one another")
            look(self._work, self._timing.after_ps)
            if 2 * self._work.head[to.Z_LOGGED] > len(self._work.log):
                self._work = enlarged(self._work)

    def _states(self) -> None:
        """Bring what the channels know into the power trackers."""
        for channel, tracker in self._clients.tracker_of.items():
            row, known = self._machine.trackers[tracker], self._work.channels[channel]
            row[at.P_ACTIVE], row[at.P_GATED_PS] = known[to.C_ACTIVE], known[to.C_GATED_PS]
            row[at.P_WAKES], row[at.P_END] = known[to.C_WAKES], known[to.C_LAST]
            self.steady.told(tracker, channel)

    def _check_all(self) -> None:
        m, images = self._machine, self._images - self.steady.skipped
        for stage, row in zip(self._plan.stages, m.stages, strict=True):
            if row[at.T_NEXT] != row[at.T_TOTAL] or row[at.T_SENT] != stage.pixels * images:
                raise ModelError(f"layer {stage.name!r} stopped after {row[at.T_NEXT]} of {row[at.T_TOTAL]} windows")
        for ring, row in zip(self._plan.rings, m.rings, strict=True):
            keep = m.keep[row[at.G_KEEP] : row[at.G_KEEP_END]].min()
            if not row[at.G_ARRIVED] == keep == ring.fields.pixels * images:
                name = self._plan.stages[ring.stage].name
                raise ModelError(f"layer {name!r} in tile {ring.tile}: pixels were lost")

    @property
    def events(self) -> int:
        """Calls: rows, or images, of stages."""
        return int(self._work.head[to.Z_CALLS])

    @property
    def span_ps(self) -> int:
        """The time of the last event."""
        return int(self._work.head[to.Z_SPAN]) + self.steady.skipped_ps

    def groups(self) -> Groups:
        """Power trackers by group, with the units that each stands for; none is active for longer than the run."""
        made = super().groups()
        for members in made.values():
            for tracker, _ in members:
                # clients of a server that is contended want it for more time than there is
                tracker.active_ps = min(tracker.active_ps, self.span_ps - tracker.gated_ps)
        return made

    @property
    def memory_bytes(self) -> int:
        """Bytes of the tables that this detail adds."""
        return self._work.memory.nbytes

    def contended(self) -> tuple[str, ...]:
        """Parts that make the result other than that of detail `window`, or may do so; none: it is the same."""
        return tuple(contended(self._clients, self._work, self._machine))
