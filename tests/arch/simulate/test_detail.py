"""Detail `window` against detail `operation`, which makes everything an event."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.trace import Trace
from pillarsim.mapping.compile import compile_network
from pillarsim.workloads.topology import load_network
from tests.arch.simulate.builders import ARRAYS_PER_TILE
from tests.arch.simulate.strategies import Case, cases, smallest_buffer_bits


def comparable(trace: Trace) -> Trace:
    """The trace without what tells the details apart."""
    return replace(trace, detail="", skipped=0, events=0, cpu_s=0.0, wall_s=0.0)


@given(case=cases(), conversions_per_unit=st.integers(1, 2))
@settings(max_examples=80, deadline=None)
def test_window_equals_operation_on_any_placement(case: Case, conversions_per_unit: int) -> None:
    """On random small placements and timings both details give the same times, counts and power states."""
    window, operation = (
        simulate(
            case.placement,
            case.timing,
            case.idle,
            case.images,
            detail,
            arrays_per_tile=ARRAYS_PER_TILE,
            conversions_per_unit=conversions_per_unit,
        )
        for detail in ("window", "operation")
    )
    assert comparable(window) == comparable(operation)


@given(case=cases())
@settings(max_examples=60, deadline=None)
def test_smallest_legal_buffers_do_not_deadlock(case: Case) -> None:
    """In buffers of what inputs must hold at least every image leaves; `simulate` checks that nothing was lost."""
    buffer = replace(case.timing.buffer, size_bits=smallest_buffer_bits(case.placement))
    timing = replace(case.timing, buffer=buffer)
    trace = simulate(case.placement, timing, case.idle, 4, "window", arrays_per_tile=ARRAYS_PER_TILE)
    assert len(trace.finished_ps) == 4


@cache
def compiled(workload: str, sets: tuple[str, ...]) -> Placement:
    """A shipped workload on the default chip."""
    chip, network = load_chip("hfox_planar_128", sets).chip, load_network(workload)
    images = np.random.default_rng(0).random((8, *network.input_shape), dtype=np.float32)
    return compile_network(
        network,
        images,
        array=chip.array,
        tile=chip.tile,
        weights=chip.weights,
        bits_per_cell=chip.bits_per_cell,
        inputs=chip.input,
        mapping=chip.mapping,
    )


@pytest.mark.parametrize(
    ("workload", "images", "sets"),
    [
        ("mnist-mlp", 2, ()),
        ("mnist-lenet5", 1, ()),
        ("mnist-lenet5", 1, ("mapping.replicas={conv1: 3, fc1: 2}", "readout.sample_hold=null", "idle.buffers=gated")),
    ],
)
def test_window_equals_operation_on_compiled_networks(workload: str, images: int, sets: tuple[str, ...]) -> None:
    """On the default chip both details agree to the picosecond, with many fewer events in detail `window`."""
    chip = load_chip("hfox_planar_128", sets).chip
    timing = build_timing(chip, build_components(chip), chip.idle)
    placement = compiled(workload, sets)
    window, operation = (
        simulate(placement, timing, chip.idle, images, detail, arrays_per_tile=chip.tile.arrays_per_level)
        for detail in ("window", "operation")
    )
    assert comparable(window) == comparable(operation)
    assert window.events * 10 < operation.events
