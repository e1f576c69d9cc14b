"""Stream images through the pipeline of stages: when things happen and how often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.ledger import Ledger
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate.closed.engine import NAMED, ClosedRun
from pillarsim.arch.simulate.details import check_detail
from pillarsim.arch.simulate.fast.engine import FastRun
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.parts import Groups, Parts, chip_states
from pillarsim.arch.simulate.pipeline import Pipeline
from pillarsim.arch.simulate.plan import make_plan
from pillarsim.arch.simulate.plan_types import Plan
from pillarsim.arch.timing import Timing
from pillarsim.arch.trace import LayerTrace, Trace

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle
    from pillarsim.arch.simulate.timeline import Recorder

__all__ = ["simulate"]


def simulate(
    placement: Placement,
    timing: Timing,
    idle: Idle,
    images: int,
    detail: str,
    *,
    arrays_per_tile: int,
    conversions_per_unit: int = 1,
    progress: Callable[[int], None] | None = None,
    skip: bool = True,
    recorder: Recorder | None = None,
) -> Trace:
    """Stream `images` images through the stages of `placement` without pause; return times, counts and power states.

    placement.tiles and arrays_per_tile say how many units the chip has, used or not. conversions_per_unit is 2 where
    the columns of a differential pair are converted apart. `progress` is called with the number of finished images.
    Details window and operation return the same Trace but for `detail`, `skipped`, `events`, `cpu_s` and `wall_s`; row
    and layer too where the trace says that it is `exact`. `skip`: all details but operation do not simulate images one
    by one once the pipeline repeats itself, which changes no time and no count (`fast.steady`). cpu_s and wall_s leave
    out loading, and the first time making, compiled code. `recorder`: records what happens in the first images of
    detail `window` (`timeline`), and changes no time and no count.

    Raises FitError where a buffer cannot hold what its stages need, InputError for an unknown detail, one that cannot
    be recorded, no image or a unit that the chip lacks, ModelError where a conservation law fails.
    """
    check_detail(detail)
    if images < 1:
        raise InputError(f"images: expected at least 1, found {images}")
    if recorder is not None and detail != "window":
        raise InputError(f"detail: expected 'window' for a run that is recorded, found {detail!r}")
    cpu, wall = time.process_time(), time.perf_counter()
    plan = make_plan(placement, timing, conversions_per_unit)
    made: FastRun | SteppedRun
    if detail == "operation":
        made = SteppedRun(plan, timing, idle, images)
    else:
        if detail == "window":
            made = FastRun(plan, timing, idle, images, skip, recorder)
        else:
            made = ClosedRun(plan, timing, idle, images, detail, skip)
        cpu, wall = cpu + made.loading_s[0], wall + made.loading_s[1]
    made.run(progress)
    contended = made.contended() if isinstance(made, ClosedRun) else ()
    span_ps = made.span_ps
    return Trace(
        detail=detail,
        images=images,
        finished_ps=made.finished_ps(),
        span_ps=span_ps,
        ledger=_without_zeros(made.ledger()),
        states=chip_states(timing, idle, made.groups(), placement.tiles, arrays_per_tile, span_ps),
        layers=made.layers(),
        events=made.events,
        skipped=made.skipped,
        cpu_s=time.process_time() - cpu,
        wall_s=time.perf_counter() - wall,
        exact=not contended,
        contended=contended[:NAMED],
    )


class SteppedRun:
    """One run in detail `operation`."""

    skipped = 0

    def __init__(self, plan: Plan, timing: Timing, idle: Idle, images: int) -> None:
        self._images, self._timing = images, timing
        self._kernel = Kernel()
        self._parts = Parts(self._kernel, timing, idle)
        self._finished: dict[int, int] = {}
        self._progress: Callable[[int], None] | None = None
        self._pipeline = Pipeline(self._parts, plan, images, self._finish)

    def _finish(self, image: int, time_ps: int) -> None:
        self._finished[image] = time_ps
        if self._progress is not None:
            self._progress(len(self._finished))

    def run(self, progress: Callable[[int], None] | None) -> None:
        """Process every event. Raises ModelError unless all that was sent arrived."""
        self._progress = progress
        self._pipeline.start()
        self._kernel.run()
        self._pipeline.check((self._parts.mesh.sent_flits, self._parts.mesh.arrived_flits))

    @property
    def events(self) -> int:
        """Events processed."""
        return self._kernel.processed()

    @property
    def span_ps(self) -> int:
        """The time of the last event."""
        return self._kernel.time_ps

    def finished_ps(self) -> tuple[int, ...]:
        """When each image's last output left the chip. Raises ModelError if one did not."""
        if len(self._finished) != self._images:
            raise ModelError(f"{len(self._finished)} of {self._images} images left the chip")
        return tuple(self._finished[image] for image in range(self._images))

    def groups(self) -> Groups:
        """Power trackers by group, with the units that each stands for."""
        return self._parts.groups()

    def ledger(self) -> Ledger:
        """All counts and busy times."""
        ledger = self._parts.ledger
        for stage in self._pipeline.stages:
            for replica in stage.replicas:
                for role, bits in zip(("input_register", "output_register"), replica.plan.register_bits, strict=True):
                    for action in ("write", "read"):
                        ledger.add(role, action, stage.plan.name, replica.windows * bits)
        return ledger

    def layers(self) -> tuple[LayerTrace, ...]:
        """What each stage did."""
        return tuple(stage.trace(self._timing) for stage in self._pipeline.stages)


def _without_zeros(ledger: Ledger) -> Ledger:
    """Nothing done is no entry."""
    made = Ledger()
    made.counts.update((place, count) for place, count in sorted(ledger.counts.items()) if count)
    made.busy_ps.update((place, time_ps) for place, time_ps in sorted(ledger.busy_ps.items()) if time_ps)
    return made
