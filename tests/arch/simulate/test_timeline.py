"""Recordings: the run's own numbers add up from what was recorded, and recording changes none of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.chip import Idle
from pillarsim.arch.costing import POLICY_OF_GROUP
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.simulate import simulate
from pillarsim.arch.simulate.fast.observe import ACTIVE, BORDER, FILL, GATED, SERVED, WINDOW
from pillarsim.arch.simulate.ports import Server, Service
from pillarsim.arch.simulate.timeline import Recorder, Recording
from pillarsim.arch.timing import Port
from pillarsim.arch.trace import Trace
from tests.arch.simulate.builders import ARRAYS_PER_TILE, FAST, RELU, Spec, build, pool
from tests.arch.simulate.strategies import Case, cases

SPECS = [
    Spec(3, kernel=3, padding=1, post=(RELU, pool(2, 2)), blocks=2, tiles=((0,), (1,))),
    Spec(5, linear=True, tiles=((2,), (3,))),
]
CASE = Case(build((2, 4, 4), SPECS), FAST, Idle(arrays="gated", digital="gated"), 6)


def traced(case: Case, images: int, look: Callable[[Recording], Any] = lambda _: None, **options: Any) -> Trace:
    """A recorded run; `look` gets the recording."""
    with Recorder(images) as recorder:
        trace = simulate(
            case.placement,
            case.timing,
            case.idle,
            case.images,
            "window",
            arrays_per_tile=ARRAYS_PER_TILE,
            recorder=recorder,
            **options,
        )
        look(recorder.recording)
    return trace


def untraced(case: Case, detail: str = "window", **options: Any) -> Trace:
    """The same run, not recorded."""
    return simulate(
        case.placement, case.timing, case.idle, case.images, detail, arrays_per_tile=ARRAYS_PER_TILE, **options
    )


def rows_of(recording: Recording) -> np.ndarray[Any, np.dtype[np.int64]]:
    """All rows."""
    return np.concatenate(list(recording.chunks()))


@given(case=cases(images=st.integers(1, 12)), images=st.integers(1, 14))
@settings(max_examples=30, deadline=None)
def test_recording_changes_no_number(case: Case, images: int) -> None:
    """Times, counts, states and layers are those of a run without; so are events, where no image is left out."""
    one, other = (replace(run, cpu_s=0.0, wall_s=0.0) for run in (traced(case, images, skip=False), untraced(case)))
    assert replace(other, events=one.events, skipped=0) == one
    assert untraced(case, skip=False).events == one.events
    skipping = replace(traced(case, images), cpu_s=0.0, wall_s=0.0)
    assert replace(skipping, events=one.events, skipped=0) == one


@given(case=cases(images=st.integers(1, 4)))
@settings(max_examples=30, deadline=None)
def test_the_ledger_adds_up_from_the_rows(case: Case) -> None:
    """Every action and every busy picosecond of the ledger is in a row, or takes no time."""
    counts: Counter[tuple[str, str, str]] = Counter()
    busy: Counter[tuple[str, str]] = Counter()

    def look(recording: Recording) -> None:
        rows = rows_of(recording)
        for _, _, number, start, end, *_ in rows[rows[:, 0] == SERVED].tolist():
            service = recording.services[number]
            assert end - start == service.total_ps > 0
            for role, action in service.actions:
                counts[role, action, service.layer] += service.amount
                busy[role, service.layer] += end - start
        for service, times in zip(recording.services, recording.undrawn, strict=True):
            assert times == 0 or service.total_ps == 0
            for role, action in service.actions:
                counts[role, action, service.layer] += service.amount * times
        for _, number, _, start, free, first, converted, done in rows[rows[:, 0] == WINDOW].tolist():
            replica = recording.plan.replicas[number]
            name, arrays = recording.plan.stages[replica.stage].name, len(replica.arrays)
            counts.update(recording.window_counts(replica))
            busy["array", name] += arrays * (free - start)
            busy["converter", name] += arrays * (converted - first)
            assert start <= first <= converted <= done <= recording.end_ps

    trace = traced(case, case.images, look)
    assert {place: count for place, count in counts.items() if count} == trace.ledger.counts
    assert {place: time for place, time in busy.items() if time} == trace.ledger.busy_ps


@given(case=cases(images=st.integers(1, 3)))
@settings(max_examples=30, deadline=None)
def test_services_are_those_of_the_reference(case: Case) -> None:
    """What SimPy's servers do in detail `operation` is what is recorded: by component, stage, start and end."""
    seen: list[tuple[str, str, str, int, int]] = []

    def note(service: Service, start: int) -> None:
        role, action = service.actions[0]
        seen.append((role, action, service.layer, start, start + service.total_ps))

    served = Server._serve

    def watched(self: Server, job: Any) -> None:
        note(job[1], self._kernel.time_ps)
        served(self, job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Server, "_serve", watched)
        untraced(case, "operation")
    expected, seen = sorted(seen), []

    def look(recording: Recording) -> None:
        rows = rows_of(recording)
        for _, _, number, start, *_ in rows[rows[:, 0] == SERVED].tolist():
            note(recording.services[number], start)

    traced(case, case.images, look)
    assert sorted(seen) == expected


@given(case=cases(images=st.integers(1, 4)))
@settings(max_examples=30, deadline=None)
def test_parts_serve_one_at_a_time(case: Case) -> None:
    """No server has more services at once than ports, and no replica two windows in its arrays or its converters."""

    def look(recording: Recording) -> None:
        rows = rows_of(recording)
        times: defaultdict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        for _, server, _, start, end, *_ in rows[rows[:, 0] == SERVED].tolist():
            times["server", server].append((start, end))
        for _, replica, _, start, free, first, converted, _ in rows[rows[:, 0] == WINDOW].tolist():
            times["arrays", replica].append((start, free))
            times["converters", replica].append((first, converted))
        for (what, number), spans in times.items():
            ports = recording.servers[number].ports if what == "server" else 1
            assert most_at_once(spans) <= ports

    traced(case, case.images, look)


def most_at_once(spans: list[tuple[int, int]]) -> int:
    """How many intervals [start, end) overlap at most."""
    changes = sorted([(end, -1) for _, end in spans] + [(start, 1) for start, end in spans if end > start])
    count = most = 0
    for _, change in changes:
        count += change
        most = max(most, count)
    return most


@given(case=cases(images=st.integers(1, 4)))
@settings(max_examples=30, deadline=None)
def test_power_states_add_up_from_the_rows(case: Case) -> None:
    """Active and gated times of the trace, group by group, to the picosecond."""
    active: Counter[str] = Counter()
    gated: Counter[str] = Counter()
    wakes: Counter[str] = Counter()
    used: Counter[str] = Counter()

    def look(recording: Recording) -> None:
        for group, units in recording.trackers:
            used[group] += units
        for what, number, start, end, woken, *_ in rows_of(recording).tolist():
            if what in (ACTIVE, GATED):
                assert 0 <= start < end <= recording.end_ps
                group, units = recording.trackers[number]
                (active if what == ACTIVE else gated)[group] += units * (end - start)
                wakes[group] += units * woken if what == GATED else 0

    trace = traced(case, case.images, look)
    for state in trace.states:
        policy = getattr(case.idle, POLICY_OF_GROUP.get(state.group, state.group))
        never = max(0, trace.span_ps - case.timing.after_ps) if policy == "gated" and state.group != "off_chip" else 0
        assert active[state.group] == state.active_ps
        assert gated[state.group] + never * (state.units - used[state.group]) == state.gated_ps
        assert wakes[state.group] == state.wakes


@given(case=cases(images=st.integers(1, 4)))
@settings(max_examples=30, deadline=None)
def test_buffers_are_never_overfull_and_empty_at_the_end(case: Case) -> None:
    """Pixels held and on their way, input rows and output pixels: from 0 up to the capacity, and back to 0."""

    def look(recording: Recording) -> None:
        rows = rows_of(recording)
        fills = rows[rows[:, 0] == FILL]
        assert set(fills[:, 1].tolist()) == set(range(len(recording.plan.rings)))
        for number, ring in enumerate(recording.plan.rings):
            own = fills[fills[:, 1] == number]
            assert (np.diff(own[:, 2]) >= 0).all()
            assert (own[:, 3:5] >= 0).all()
            assert 0 < own[:, 3:5].sum(axis=1).max() <= ring.capacity
            assert own[-1, 3] == own[-1, 4] == 0
        border = rows[rows[:, 0] == BORDER]
        assert (np.diff(border[:, 1]) >= 0).all()
        assert (border[:, 2:4] >= 0).all()
        assert (border[:, 2:4].max(axis=0) <= recording.global_pieces).all()
        assert (border[:, 2:4].max(axis=0) > 0).all()
        assert (border[-1, 2:4] == 0).all()

    traced(case, case.images, look)


def test_every_window_is_recorded_once_and_images_behind_are_too() -> None:
    """Replicas take turns; a recording of the first image ends when it has left and has a start of the next ones."""
    windows: list[tuple[int, int]] = []
    ends: list[int] = []

    def look(recording: Recording) -> None:
        rows = rows_of(recording)
        replicas = recording.plan.replicas
        windows[:] = sorted((replicas[n].stage, w) for _, n, w, *_ in rows[rows[:, 0] == WINDOW].tolist())
        ends.append(recording.end_ps)
        assert recording.whole == (recording.images == CASE.images)

    trace = traced(CASE, 99, look)
    per_image = [stage.windows for stage in CASE.placement.stages]
    assert windows == [(stage, w) for stage in (0, 1) for w in range(CASE.images * per_image[stage])]
    everything = list(windows)
    assert traced(CASE, 1, look).finished_ps == trace.finished_ps
    assert set(windows) < set(everything)
    assert {(stage, w) for stage in (0, 1) for w in range(per_image[stage])} < set(windows)
    assert ends == [trace.span_ps, trace.finished_ps[0]]


def test_a_part_of_a_recording_is_the_beginning_of_the_whole() -> None:
    """Row by row, but for what is said of the end."""
    found = []
    for images in (2, CASE.images):
        traced(CASE, images, lambda recording: found.append(rows_of(recording)))
    own = [rows[(rows[:, 0] != GATED) | (rows[:, 4] == 1)] for rows in found]
    assert 0 < len(own[0]) < len(own[1])
    assert (own[1][: len(own[0])] == own[0]).all()


def test_long_runs_are_left_out_after_the_recording() -> None:
    """The images behind the recorded ones are skipped once the pipeline repeats itself, as in a run without."""
    timing = replace(FAST, buffer=replace(FAST.buffer, size_bits=1 << 11), global_buffer=Port(400, 64, 1, 1024))
    long = replace(CASE, images=500, timing=timing)
    trace = traced(long, 3)
    assert trace.skipped > 400
    assert trace.finished_ps == untraced(long).finished_ps


def test_bad_recordings() -> None:
    """No image, another detail, a second run with one recorder, or no run."""
    with pytest.raises(InputError, match="images to record: expected at least 1, found 0"):
        Recorder(0)
    with Recorder(1) as recorder:
        with pytest.raises(ModelError, match="nothing was recorded"):
            _ = recorder.recording
        with pytest.raises(InputError, match="expected 'window' for a run that is recorded, found 'operation'"):
            untraced(CASE, "operation", recorder=recorder)
        untraced(CASE, recorder=recorder)
        with pytest.raises(ModelError, match="records one run"):
            untraced(CASE, recorder=recorder)
