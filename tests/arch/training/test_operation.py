"""The clock of a training run against whole runs simulated event by event."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, example, given, settings

from pillarsim.arch.timing import WriteTiming
from pillarsim.arch.training.clock import TrainingClock
from pillarsim.arch.training.operation import SteppedTraining
from pillarsim.arch.training.plan import make_plan
from tests.arch.training.builders import ARRAYS_PER_TILE, GATED, TIMING, Case, cases, counts, layer, placement

_NET = placement(
    layer("a", 5, 4, [(0, 0), (1, 0)], rows=2, digital=(("lookup", 4),)),
    layer("b", 5, 3, [(0, 1)], digital=(("activation", 3),)),
    layer("c", 4, 2, [(1, 1), (0, 2)], columns=2),
)
_CONVERT = replace(TIMING, order="all_at_once", base=replace(TIMING.base, convert_ps=300))
# converters that hold back the next image, forward and transposed, which take turns on the same arrays
SLOW_CONVERTERS = Case(_NET, replace(_CONVERT, error_slots=9), GATED, (4, 3, 4), 5)
# one write circuit a tile for arrays of several layers
TIES = Case(_NET, replace(_CONVERT, base=replace(_CONVERT.base, write=WriteTiming(90, 40, 0, 1, 8))), GATED, (2,), 7)


def _clock(case: Case) -> TrainingClock:
    return TrainingClock(case.placement, case.timing, case.idle, ARRAYS_PER_TILE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
@example(SLOW_CONVERTERS)
@example(TIES)
def test_clock_is_what_all_events_give(case: Case) -> None:
    """Ends of all steps, counts, busy times and power states of the clock are those of one run of single events."""
    steps, written = counts(case.images, case.placement, case.seed), counts([0], case.placement, case.seed + 1)
    stepped = SteppedTraining(make_plan(case.placement, case.timing), case.idle, ARRAYS_PER_TILE)
    stepped.run(steps, written)
    clock, ends = _clock(case), []
    clock.program(written)
    for step in range(len(case.images)):
        clock.add(steps.part(step, step + 1))
        ends.append(clock.now_ps)
    assert ends == stepped.step_ends_ps
    trace = clock.trace()
    assert trace.span_ps == stepped.span_ps == sum(trace.phase_ps.values())
    assert trace.states == stepped.states()
    assert trace.busy_ps == dict(stepped.busy_ps)
    found = {
        (phase, *place): count for phase, ledger in trace.ledgers.items() for place, count in ledger.counts.items()
    }
    events = stepped.parts.counts()
    assert events == {place: count for place, count in found.items() if place in events}


@settings(max_examples=15, deadline=None)
@given(cases())
def test_chunks_do_not_matter(case: Case) -> None:
    """Steps in one chunk, one by one, or cut by a checkpoint give the same trace and the same state, bit for bit."""
    images = (*case.images, *case.images)
    steps = counts(images, case.placement, case.seed)
    whole, cut, resumed = _clock(case), _clock(case), _clock(case)
    whole.add(steps)
    half = len(case.images)
    for step in range(half):
        cut.add(steps.part(step, step + 1))
    resumed.restore(cut.state())
    resumed.add(steps.part(half, len(images)))
    expected, found = whole.state(), resumed.state()
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert np.array_equal(value, found[name]), name
    one, other = whole.trace(), resumed.trace()
    assert (one.span_ps, one.phase_ps, one.busy_ps, one.ledgers, one.states) == (
        other.span_ps,
        other.phase_ps,
        other.busy_ps,
        other.ledgers,
        other.states,
    )
    assert list(one.busy_ps) == list(other.busy_ps)  # reports list them in this order
    assert (one.steps, one.images, one.events) == (other.steps, other.images, other.events)
