"""Timelines: what is in the file against the run's ledger, power states and energies, and how it is written."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.simulate.timeline import Recorder, Recording
from pillarsim.job import RunOptions, run_results
from pillarsim.report import timeline
from pillarsim.report.build import RunResults
from pillarsim.report.timeline import CHIP, EDGE, FIRST_TILE, MESH, write_timeline
from pillarsim.report.timeline_names import microseconds
from pillarsim.report.timeline_power import BINS, Power, bin_width_ps
from pillarsim.workloads.load import load_network
from tests.near import near

Event: TypeAlias = dict[str, Any]
Run: TypeAlias = tuple[Recording, RunResults]
ON = tuple(f"idle.{what}=on" for what in ("arrays", "converters", "buffers", "digital"))
CASES = {
    "gated": ("hfox_planar_128", "mnist-lenet5", ("tile.buffer.ports=2",)),
    "on": ("hfox_planar_128", "mnist-lenet5", ON),
    "spiking": ("hfox_spiking_128", "mnist-mlp", ()),
    "clock gated": ("isaac_isca_2016", "mnist-lenet5", ()),
}


def recorded(chip: str, workload: str, sets: tuple[str, ...], images: int) -> Iterator[Run]:
    """A run of two images, of which `images` are recorded."""
    with Recorder(images) as recorder:
        options = RunOptions(samples=0, images=2, recorder=recorder)
        results = run_results(load_chip(chip, sets), load_network(workload), options)
        yield recorder.recording, results


@pytest.fixture(scope="module", params=list(CASES))
def whole(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Whole runs on chips of every idle policy."""
    yield from recorded(*CASES[request.param], 2)


@pytest.fixture(scope="module")
def first() -> Iterator[Run]:
    """The first of two images."""
    yield from recorded(*CASES["gated"], 1)


def written(path: Path, run: Run) -> dict[str, Any]:
    """The timeline, its times exact."""
    write_timeline(path, *run)
    packed = path.suffix == ".gz"
    text = gzip.decompress(path.read_bytes()).decode() if packed else path.read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return found


def of(events: list[Event], phase: str) -> list[Event]:
    """Events of a phase."""
    return [event for event in events if event["ph"] == phase]


def test_the_file_is_what_the_format_asks_for(whole: Run, tmp_path: Path) -> None:
    """Keys and types of each phase; every process and thread has one name; times have picoseconds at most."""
    file = written(tmp_path / "run.json", whole)
    assert set(file) == {"displayTimeUnit", "traceEvents", "otherData"}
    assert all(isinstance(value, str) for value in file["otherData"].values())
    keys = {
        "X": {"ph", "pid", "tid", "ts", "dur", "name", "cat", "args"},
        "C": {"ph", "pid", "ts", "name", "args"},
        "M": {"ph", "pid", "tid", "name", "args"},
    }
    events: list[Event] = file["traceEvents"]
    for event in events:
        assert set(event) == keys[event["ph"]]
        assert isinstance(event["name"], str)
        for key in ("ts", "dur"):
            if key in event:
                assert isinstance(event[key], Decimal)
                assert event[key] >= 0
                assert event[key] * 10**6 % 1 == 0
        if event["ph"] == "C":
            assert all(isinstance(value, int | Decimal) for value in event["args"].values())
    names = Counter((event["name"], event["pid"], event["tid"]) for event in of(events, "M"))
    assert set(names.values()) == {1}
    for event in of(events, "X"):
        assert ("thread_name", event["pid"], event["tid"]) in names
    for event in of(events, "C") + of(events, "X"):
        assert ("process_name", event["pid"], 0) in names


def test_slices_are_in_the_span_and_do_not_overlap(whole: Run, tmp_path: Path) -> None:
    """A thread is one component, or one port of it."""
    recording, results = whole
    spans: defaultdict[tuple[int, int], list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for event in of(written(tmp_path / "run.json", whole)["traceEvents"], "X"):
        spans[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert max(end for own in spans.values() for _, end in own) * 10**6 <= results.trace.span_ps == recording.end_ps
    for own in spans.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(sorted(own)))


def test_slices_add_up_to_the_ledger(whole: Run, tmp_path: Path) -> None:
    """Actions and busy time of every component; and a window's two slices for each window of a matrix stage."""
    recording, results = whole
    trace = results.trace
    counts: Counter[tuple[str, str]] = Counter()
    busy: Counter[str] = Counter()
    windows: Counter[str] = Counter()
    for event in of(written(tmp_path / "run.json", whole)["traceEvents"], "X"):
        for what in event["cat"].split(","):
            role, action = what.split(" ")
            counts[role, action] += event["args"]["count"]
            busy[role] += int(event["dur"] * 10**6)
        if event["cat"] == "array read":
            windows[event["name"].split(" ")[0]] += 1
    expected: Counter[tuple[str, str]] = Counter()
    for (role, action, _), count in trace.ledger.counts.items():
        expected[role, action] += count
    inside = {"array window", "sample_hold sample", "shift_add add"}  # of a window, beside its reads and conversions
    inside |= {f"{side}_register {action}" for side in ("input", "output") for action in ("read", "write")}
    assert {f"{role} {action}" for role, action in set(expected) - set(counts)} <= inside
    assert counts == {place: expected[place] for place in counts}
    for role in set(busy) - {"array", "converter"}:
        assert busy[role] == sum(time for (one, _), time in trace.ledger.busy_ps.items() if one == role)
    for layer, stage in zip(trace.layers, recording.plan.stages, strict=True):
        assert windows[layer.name] == (layer.windows if stage.layers else 0)


def test_slices_are_named_by_layer_image_and_window(first: Run, tmp_path: Path) -> None:
    """The names of the conv1 arrays of one image; only the recorded image has slices, in every process."""
    file = written(tmp_path / "run.json", first)
    events = of(file["traceEvents"], "X")
    tracks = {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in of(file["traceEvents"], "M")
        if event["name"] == "thread_name"
    }
    arrays = [event for event in events if tracks[event["pid"], event["tid"]] == "arrays (1): conv1, replica 0"]
    assert [event["name"] for event in arrays] == [f"conv1 image 0 window {number}" for number in range(28 * 28)]
    assert {re.sub(r"\d+$", "n", event["name"]) for event in events if event["pid"] == MESH} == {
        f"{name} image 0 {noun} n"  # conv1 and fc2 send to their own tile
        for name, noun in (("input", "row"), ("conv2", "pixel"), ("fc1", "window"), ("fc1", "pixel"), ("fc3", "pixel"))
    }
    assert all(" image 0 " in event["name"] for event in events)
    assert file["otherData"]["images"] == "the first 1 of 2"
    assert {CHIP, EDGE, MESH} < {event["pid"] for event in file["traceEvents"]}
    assert {name for (pid, _), name in tracks.items() if pid == FIRST_TILE} >= {
        "buffer port 1", "buffer port 2", "bus", "adder", "activation", "pooling",
    }  # fmt: skip


def test_buffer_counters(whole: Run, tmp_path: Path) -> None:
    """Never negative, never above the room that their name states, one value a time, zero at both ends."""
    series: defaultdict[tuple[int, str], list[tuple[Decimal, int]]] = defaultdict(list)
    for event in of(written(tmp_path / "run.json", whole)["traceEvents"], "C"):
        if "room for" in event["name"]:
            assert min(event["args"].values()) >= 0
            series[event["pid"], event["name"]].append((event["ts"], sum(event["args"].values())))
    assert len(series) == len(whole[0].plan.rings) + 2
    for (_, name), values in series.items():
        room = re.search(r"\(room for (\d+)\)$", name)
        assert room is not None
        assert 0 < max(count for _, count in values) <= int(room[1])
        assert values[-1][1] == 0
        times = [time for time, _ in values]
        assert times == sorted(times)


def integral_j(events: list[Event], title: str) -> dict[str, float]:
    """Joules of each series of a counter of the chip that holds each value until the next."""
    found: defaultdict[str, float] = defaultdict(float)
    for one, other in pairwise([event for event in of(events, "C") if event["name"].startswith(title)]):
        for key, watts in one["args"].items():
            found[key] += float(watts * (other["ts"] - one["ts"])) * 1e-6
    return dict(found)


def test_power_integrates_to_the_energy(whole: Run, tmp_path: Path) -> None:
    """Dynamic and leakage, and component by component; zero at the end, no bin below zero."""
    recording, results = whole
    events = written(tmp_path / "run.json", whole)["traceEvents"]
    kinds = integral_j(events, "power in W, means of ")
    assert kinds == {kind: near(results.costs.total(kind), rel=1e-7) for kind in kinds}
    assert set(kinds) == {row.kind for row in results.costs.rows}
    parts = integral_j(events, "power in W by component")
    assert parts == {role: near(joules, rel=1e-7) for role, joules in results.costs.by("role").items()}
    powers = [event for event in of(events, "C") if event["name"].startswith("power")]
    assert all(value >= 0 for event in powers for value in event["args"].values())
    assert set(powers[-1]["args"].values()) == {0}
    assert powers[-1]["ts"] * 10**6 == recording.end_ps
    assert 100 < len(powers) <= 2 * (BINS + 1)


def test_power_of_a_part_is_that_of_the_whole(first: Run) -> None:
    """Both recordings have the same power, start of image 1 included, until the shorter one ends."""
    recording, results = first
    for both in recorded(*CASES["gated"], 2):
        tables = []
        for part in (recording, both[0]):
            power = Power(part, results.trace, results.costs, results.components, results.chip.idle)
            for rows in part.chunks():
                power.add(rows)
            tables.append((power.width_ps, power.table()))
        (width, short), (wide, full) = tables
        step, total = wide // width, short.watts.sum(axis=0)
        assert wide == step * width
        bins = (len(total) - 1) // step  # the last one may be narrower
        assert full.watts.sum(axis=0)[:bins] == near(total[: bins * step].reshape(bins, step).mean(axis=1), rel=1e-9)
        assert bins > 100
        assert 0 < short.energy_j < full.energy_j


def test_energies_without_a_place_in_time_are_told(whole: Run) -> None:
    """A run that was recorded whole has the energy of its report, or the file is not written."""
    recording, results = whole
    costs = replace(results.costs, rows=(*results.costs.rows, results.costs.rows[0]))
    power = Power(recording, results.trace, costs, results.components, results.chip.idle)
    with pytest.raises(ModelError, match="power over time sums to"):
        power.table()


def test_compressed_files_are_equal_and_repeat(first: Run, tmp_path: Path) -> None:
    """A name in .gz is compressed, without the time of day; an existing file is replaced."""
    plain, packed = tmp_path / "run.json", tmp_path / "run.json.gz"
    packed.write_text("old")
    assert written(packed, first) == written(plain, first)
    content = packed.read_bytes()
    assert len(content) < plain.stat().st_size / 5
    write_timeline(packed, *first)
    assert packed.read_bytes() == content
    assert packed.stat().st_mode & 0o777 == plain.stat().st_mode & 0o777 != 0o600


def test_nothing_half_written(first: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure on the way leaves the old file and nothing beside it."""
    path = tmp_path / "run.json"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(timeline._Writer, "_power", full)
    with pytest.raises(InputError, match=r"run\.json: cannot be written \(No space left on device\)"):
        write_timeline(path, *first)
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]
    assert path.read_text() == "old"


def test_bad_places(first: Run, tmp_path: Path) -> None:
    """A folder, and a folder that is not there."""
    with pytest.raises(InputError, match="it is a folder"):
        write_timeline(tmp_path, *first)
    with pytest.raises(InputError, match="there is no folder"):
        write_timeline(tmp_path / "none" / "run.json", *first)
    assert list(tmp_path.iterdir()) == []


def test_names_are_escaped(first: Run, tmp_path: Path) -> None:
    """Quotes, backslashes, line ends and letters beyond ASCII in a layer's name come back as they were."""
    recording, results = first
    odd = 'a "b"\\n\n\t{é}\u2028'
    stages = (replace(recording.plan.stages[0], name=odd), *recording.plan.stages[1:])
    renamed = replace(recording, plan=replace(recording.plan, stages=stages))
    events = written(tmp_path / "run.json", (renamed, results))["traceEvents"]
    named = {event["name"] for event in events} | {str(event["args"].get("name")) for event in of(events, "M")}
    assert f"{odd} image 0 window 5" in named
    assert any(name.startswith(f"{odd}: pixels of input 0 (room for ") for name in named)
    assert f"arrays (1): {odd}, replica 0" in named


@pytest.mark.parametrize("time_ps", [0, 1, 999_999, 1_000_000, 123_456_789_012_345_678])
def test_times_are_exact(time_ps: int) -> None:
    """Microseconds with all picoseconds."""
    assert Decimal(microseconds(time_ps)) * 10**6 == time_ps


@pytest.mark.parametrize("end_ps", [1, 7, 999, 1000, 1001, 1999, 2000, 2001, 5_000_001, 987_654_321_987])
def test_bins_are_round_and_not_too_many(end_ps: int) -> None:
    """1, 2 or 5 times a power of ten; a narrower such bin would need too many."""
    width = bin_width_ps(end_ps)
    digit, zeros = divmod(width, 10 ** (len(str(width)) - 1))
    assert digit in (1, 2, 5)
    assert zeros == 0
    assert -(-end_ps // width) <= BINS
    narrower = {1: width // 2, 2: width // 2, 5: width * 2 // 5}[digit]
    assert narrower == 0 or -(-end_ps // narrower) > BINS
