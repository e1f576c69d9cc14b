"""Long streams of images: what is not simulated one by one changes no number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.chip import Idle
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.timing import Port, Timing
from pillarsim.arch.trace import Trace
from pillarsim.workloads.operators import Add
from tests.arch.simulate.builders import ARRAYS_PER_TILE, FAST, RELU, SLOW, Digital, Spec, build, pool
from tests.arch.simulate.strategies import Case, cases

CHAIN: list[Spec | Digital] = [
    Spec(3, kernel=3, padding=1, post=(RELU, pool(2, 2)), blocks=2, columns=2, tiles=((0, 0, 0, 1),)),
    Spec(5, linear=True, groups=2, tiles=((2,), (3,))),
]
RESIDUAL: list[Spec | Digital] = [
    Spec(2, kernel=3, padding=1, tiles=((0,), (1,))),
    Spec(2, kernel=3, padding=1, tiles=((2,), (2,)), post=()),
    Digital(Add("add"), (0, 1), home=2, post=(RELU,)),
    Spec(3, linear=True, tiles=((4,),), share=0),
]
GATED = Idle(arrays="gated", converters="gated", buffers="gated", digital="gated")


def small(timing: Timing) -> Timing:
    """Buffers of few pixels, so that no stage runs far ahead."""
    buffer = replace(timing.buffer, size_bits=1 << 11)
    return replace(timing, buffer=buffer, global_buffer=Port(400, 64, 1, 1024), after_ps=500, wake_ps=77)


def pair(placement: Placement, timing: Timing, idle: Idle, images: int) -> tuple[Trace, Trace]:
    """With and without images left out, without what tells the two apart."""
    traces = [
        simulate(placement, timing, idle, images, "window", arrays_per_tile=ARRAYS_PER_TILE, skip=skip)
        for skip in (True, False)
    ]
    assert traces[1].skipped == 0
    assert traces[0].events <= traces[1].events
    return traces[0], replace(traces[1], skipped=traces[0].skipped, events=traces[0].events)


def same(one: Trace, other: Trace) -> bool:
    """Whether two traces are equal but for the time that they took."""
    return replace(one, cpu_s=0.0, wall_s=0.0) == replace(other, cpu_s=0.0, wall_s=0.0)


@pytest.mark.parametrize("idle", [Idle(), GATED])
@pytest.mark.parametrize("timing", [FAST, SLOW, replace(SLOW, sample_hold=False)])
@pytest.mark.parametrize("specs", [CHAIN, RESIDUAL])
def test_left_out_images_change_nothing(specs: list[Spec | Digital], timing: Timing, idle: Idle) -> None:
    """Chains and residual networks, replicas, shared arrays, gating: most of 60 images are left out."""
    short, full = pair(build((2, 4, 4), specs), small(timing), idle, 60)
    assert short.skipped > 30
    assert same(short, full)


@given(case=cases(images=st.integers(4, 24)))
@settings(max_examples=80, deadline=None)
def test_left_out_images_change_nothing_anywhere(case: Case) -> None:
    """On random placements, timings and policies."""
    short, full = pair(case.placement, case.timing, case.idle, case.images)
    assert same(short, full)


def test_the_cost_of_a_stream_does_not_grow() -> None:
    """A hundred thousand images take the events of a hundred, and their times are still told one by one."""
    placement = build((2, 4, 4), RESIDUAL)
    few, many = (
        simulate(placement, small(SLOW), GATED, images, "window", arrays_per_tile=ARRAYS_PER_TILE)
        for images in (100, 100_000)
    )
    assert many.events <= few.events + 1
    assert many.finished_ps[:50] == few.finished_ps[:50]
    assert len(many.finished_ps) == 100_000
    assert list(many.finished_ps) == sorted(many.finished_ps)
    assert sum(layer.windows for layer in many.layers) == 1000 * sum(layer.windows for layer in few.layers)


def test_progress_counts_images_left_out() -> None:
    """The callback hears every image, simulated or not."""
    heard = list[int]()
    placement = build((2, 4, 4), CHAIN)
    simulate(placement, small(SLOW), Idle(), 50, "window", arrays_per_tile=ARRAYS_PER_TILE, progress=heard.append)
    assert heard == list(range(1, 51))
