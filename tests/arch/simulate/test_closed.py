"""Details `row` and `layer` against detail `window`: the same where nothing is contended, and they say when it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.chip import Idle
from pillarsim.arch.errors import FitError
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.simulate.closed.engine import ClosedRun
from pillarsim.arch.simulate.plan import make_plan
from pillarsim.arch.timing import Port, Timing, Unit
from pillarsim.arch.trace import Trace
from pillarsim.workloads.operators import Add
from tests.arch.simulate.builders import ARRAYS_PER_TILE, FAST, RELU, SLOW, Digital, Spec, build, pool
from tests.arch.simulate.strategies import Case, cases, placements

CHAIN: list[Spec | Digital] = [
    Spec(3, kernel=3, padding=1, post=(RELU, pool(2, 2)), blocks=2, columns=2, tiles=((0, 0, 0, 1),)),
    Spec(5, linear=True, groups=2, tiles=((2,), (3,))),
]
RESIDUAL: list[Spec | Digital] = [
    Spec(2, kernel=3, padding=1, tiles=((0,), (1,))),
    Spec(2, kernel=3, padding=1, tiles=((2,), (2,)), post=()),
    Digital(Add("add"), (0, 1), home=3, post=(RELU,)),
    Spec(3, linear=True, tiles=((4,),)),
]
COARSE = ("row", "layer")
# parts that are wide enough for many at once, a slow source, and arrays that take longest
CALM = replace(
    FAST,
    read_ps=1009,
    convert_ps=211,
    buffer=Port(1, 64, 16, 1 << 40),
    bus=Port(1, 64, 16),
    global_buffer=Port(1, 64, 16, 1 << 40),
    off_chip_bits_per_s=1e10,
)
GATED = Idle(arrays="gated", converters="gated", buffers="gated", digital="gated")
AWAKE = [Idle(), Idle(arrays="clock_gated", digital="clock_gated")]


def run(placement: Placement, timing: Timing, idle: Idle, images: int, detail: str, *, skip: bool = True) -> Trace:
    """Simulate on a chip of the tests' size."""
    return simulate(placement, timing, idle, images, detail, arrays_per_tile=ARRAYS_PER_TILE, skip=skip)


def numbers(trace: Trace) -> Trace:
    """The trace without what tells the details apart."""
    return replace(trace, detail="", skipped=0, events=0, cpu_s=0.0, wall_s=0.0, exact=True, contended=())


def honest(case: Case, detail: str) -> Trace:
    """Run a case in a coarse detail: it is what detail `window` gives, or names what is contended."""
    coarse = run(case.placement, case.timing, case.idle, case.images, detail, skip=False)
    if coarse.exact:
        assert not coarse.contended
        fine = run(case.placement, case.timing, case.idle, case.images, "window", skip=False)
        assert numbers(coarse) == numbers(fine)
    else:
        assert coarse.contended
    return coarse


@st.composite
def calm_cases(draw: st.DrawFn) -> Case:
    """Random networks on chips where little is contended: wide parts, odd timings, any buffer size."""
    placement = draw(placements())
    few = st.sampled_from([0, 1, 3])
    timing = replace(
        CALM,
        read_ps=draw(st.sampled_from([997, 10007])),
        slots=draw(st.integers(1, 3)),
        sample_hold=draw(st.booleans()),
        analog_bits=draw(st.booleans()),
        shift_add_ps=draw(few),
        buffer=Port(draw(few), 32, 16, draw(st.sampled_from([1 << 11, 1 << 14, 1 << 40]))),
        bus=Port(draw(few), 64, 16),
        global_buffer=Port(draw(few), 64, 16, draw(st.sampled_from([1 << 10, 1 << 40]))),
        adder=Unit(draw(few), 3),
        router_ps=draw(few),
        flit_ps=draw(few),
        router_block=draw(st.sampled_from([(1, 1), (2, 1)])),
        off_chip_latency_ps=draw(few),
        off_chip_bits_per_s=draw(st.sampled_from([1e9, 1e10, 1e11])),
        after_ps=draw(st.sampled_from([0, 500])),
        wake_ps=draw(st.sampled_from([0, 0, 77])),
    )
    gated = draw(st.sampled_from([*AWAKE, Idle(arrays="gated", converters="gated"), GATED]))
    return Case(placement, timing, gated, draw(st.integers(1, 3)))


@given(case=cases(), detail=st.sampled_from(COARSE))
@settings(max_examples=60, deadline=None)
def test_any_case_is_the_same_or_says_why_not(case: Case, detail: str) -> None:
    """Timings that contend and tie, zero durations, shared arrays, smallest buffers, every idle policy."""
    try:
        honest(case, detail)
    except FitError:
        return


@given(case=calm_cases(), detail=st.sampled_from(COARSE))
@settings(max_examples=100, deadline=None)
def test_calm_cases_are_the_same_or_say_why_not(case: Case, detail: str) -> None:
    """Branches, replicas, digital operators and back-pressure on wide parts."""
    try:
        honest(case, detail)
    except FitError:
        return


QUIET: list[list[Spec | Digital]] = [
    [Spec(3, kernel=3, padding=1, tiles=((0,),)), Spec(4, linear=True, tiles=((2,),))],
    [
        Spec(2, kernel=2, stride=2, tiles=((0,), (4,))),
        Spec(3, post=(), tiles=((5,),)),
        Spec(4, linear=True, tiles=((6,),)),
    ],
    [
        Spec(3, kernel=3, padding=1, post=(RELU, pool(2, 2)), blocks=2, tiles=((0, 1),)),
        Spec(5, linear=True, tiles=((2,),)),
    ],
    [
        Spec(2, kernel=3, padding=1, tiles=((0,),)),
        Spec(2, kernel=3, padding=1, tiles=((4,),), post=()),
        Digital(Add("add"), (0, 1), home=1, post=(RELU,)),
        Spec(3, linear=True, tiles=((2,),)),
    ],
]


@pytest.mark.parametrize("detail", COARSE)
@pytest.mark.parametrize("idle", AWAKE)
@pytest.mark.parametrize("slow", [1, 7])
@pytest.mark.parametrize("specs", QUIET)
def test_where_nothing_is_contended_it_is_exact(
    specs: list[Spec | Digital], slow: int, idle: Idle, detail: str
) -> None:
    """Chains, replicas in tiles of their own, split layers and a residual network: wide parts, one image at a time."""
    flit_ps = 0 if specs is QUIET[1] else 1  # the last router is a place where two replicas' pixels meet
    timing = replace(CALM, read_ps=slow * 1009, flit_ps=flit_ps)
    case = Case(build((2, 4, 4), specs), timing, idle, 1)
    assert honest(case, detail).exact


@pytest.mark.parametrize("detail", COARSE)
def test_arrays_wake_exactly(detail: str) -> None:
    """Arrays and converters that only one replica uses wake in the recurrences, as in detail `window`."""
    timing = replace(CALM, after_ps=100, wake_ps=5000)
    asleep = honest(Case(build((2, 4, 4), QUIET[0]), timing, Idle(arrays="gated", converters="gated"), 1), detail)
    awake = honest(Case(build((2, 4, 4), QUIET[0]), timing, Idle(), 1), detail)
    assert asleep.exact
    assert asleep.finished_ps[0] >= awake.finished_ps[0] + 5000
    assert asleep.states[0].wakes > 0


@pytest.mark.parametrize("detail", COARSE)
@pytest.mark.parametrize(
    ("specs", "timing", "idle", "name"),
    [
        (
            [Spec(3, tiles=((0,),)), Spec(3, tiles=((0,),))],
            replace(CALM, buffer=SLOW.buffer),
            Idle(),
            "buffer of tile 0",
        ),
        ([Spec(3, tiles=((0,), (0,)))], replace(CALM, bus=SLOW.bus), Idle(), "bus of tile 0"),
        ([Spec(3, tiles=((0,), (0,)))], replace(CALM, adder=SLOW.adder), Idle(), "adder of tile 0"),
        ([Spec(3, tiles=((0,), (1,)))], replace(CALM, off_chip_bits_per_s=1e9), Idle(), "off-chip link"),
        ([Spec(3, tiles=((1,), (1,))), Spec(3, share=0, tiles=((1,),))], CALM, Idle(), "arrays of 'layer0', 'layer1'"),
        ([Spec(3, tiles=((0,),))], replace(CALM, wake_ps=9), Idle(buffers="gated"), "buffer of tile 0 (asleep)"),
        ([Spec(3, tiles=((5,),))], replace(CALM, wake_ps=9), Idle(digital="gated"), "bus of tile 5 (asleep)"),
    ],
)
def test_what_is_contended_is_named(
    specs: list[Spec | Digital], timing: Timing, idle: Idle, name: str, detail: str
) -> None:
    """Two stages in a tile, replicas with one home, input and output on one link, shared arrays, parts that sleep."""
    trace = honest(Case(build((2, 4, 4), specs), timing, idle, 2), detail)
    assert not trace.exact
    assert name in trace.contended


def test_links_that_two_flows_share_are_named() -> None:
    """The first stage's pixels for the second and those of the second for the third cross one link at once."""
    trace = honest(Case(build((2, 4, 4), RESIDUAL), CALM, Idle(), 1), "row")
    assert any(name.startswith("link from router") for name in trace.contended)


def small(timing: Timing) -> Timing:
    """Buffers of few pixels, so that no stage runs far ahead."""
    return replace(timing, buffer=replace(timing.buffer, size_bits=1 << 11), global_buffer=Port(400, 64, 1, 1024))


@pytest.mark.parametrize("timing", [CALM, SLOW, replace(SLOW, sample_hold=False, after_ps=500, wake_ps=77)])
@pytest.mark.parametrize("specs", [CHAIN, RESIDUAL])
def test_left_out_images_change_nothing(specs: list[Spec | Digital], timing: Timing) -> None:
    """A good part of 60 images is left out."""
    placement = build((2, 4, 4), specs)
    short, full = (run(placement, small(timing), GATED, 60, "row", skip=skip) for skip in (True, False))
    assert short.skipped >= 20
    assert full.skipped == 0
    assert numbers(short) == numbers(full)
    assert (short.exact, short.contended) == (full.exact, full.contended)


def test_parts_that_nobody_uses_stay_gated_over_left_out_images() -> None:
    """A mesh that takes no time is gated from the start to the end, whatever is left out."""
    timing = replace(small(CALM), after_ps=0, wake_ps=0, router_ps=0, flit_ps=0)
    placement = build((2, 4, 4), CHAIN)
    short, full = (run(placement, timing, Idle(digital="gated"), 60, "row", skip=skip) for skip in (True, False))
    assert short.skipped > 0
    assert numbers(short) == numbers(full)


@given(case=st.one_of(cases(images=st.integers(4, 24)), calm_cases().map(lambda case: replace(case, images=17))))
@settings(max_examples=60, deadline=None)
def test_left_out_images_change_nothing_anywhere(case: Case) -> None:
    """On random placements, timings and policies."""
    try:
        short, full = (
            run(case.placement, case.timing, case.idle, case.images, "row", skip=skip) for skip in (True, False)
        )
    except FitError:
        return
    assert numbers(short) == numbers(full)
    assert (short.exact, short.contended) == (full.exact, full.contended)


@given(case=cases())
@settings(max_examples=30, deadline=None)
def test_rows_and_images_are_the_same_work(case: Case) -> None:
    """How much a call does changes no number, contended or not."""
    row, layer = (run(case.placement, case.timing, case.idle, case.images, detail) for detail in COARSE)
    assert numbers(row) == numbers(layer)
    assert row.contended == layer.contended
    assert row.events >= layer.events


def test_a_stream_of_images_needs_the_memory_of_a_few() -> None:
    """The block of memory is as long for 160 images as for 40, computed one by one."""
    plan, timing = make_plan(build((2, 4, 4), CHAIN), small(SLOW), 1), small(SLOW)
    runs = [ClosedRun(plan, timing, Idle(), images, "row", skip=False) for images in (40, 160)]
    for made in runs:
        made.run(None)
    assert runs[0].memory_bytes == runs[1].memory_bytes


def test_progress_counts_every_image() -> None:
    """The callback hears every image, left out or not."""
    heard = list[int]()
    placement = build((2, 4, 4), CHAIN)
    simulate(placement, small(SLOW), Idle(), 50, "row", arrays_per_tile=ARRAYS_PER_TILE, progress=heard.append)
    assert heard == list(range(1, 51))
