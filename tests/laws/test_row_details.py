"""Details `row` and `layer` of shipped chips: the report of detail `window`, or one that says why it may differ."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.timing import Timing
from pillarsim.arch.trace import Trace
from pillarsim.compiled import compile_for
from pillarsim.workloads.topology import load_network

AWAKE = "idle={arrays: clock_gated, converters: clock_gated, buffers: clock_gated, digital: clock_gated}"


@cache
def placed(chip_name: str, workload: str, sets: tuple[str, ...]) -> tuple[Chip, Timing, Placement]:
    """A shipped workload on a shipped chip."""
    chip, network = load_chip(chip_name, sets).chip, load_network(workload)
    images = np.random.default_rng(0).random((4, *network.input_shape), dtype=np.float32)
    timing = build_timing(chip, build_components(chip), chip.idle)
    return chip, timing, compile_for(chip, network, images, timing)


def traces(chip: Chip, timing: Timing, placement: Placement, images: int) -> list[Trace]:
    """In every detail but `operation`."""
    return [
        simulate(placement, timing, chip.idle, images, detail, arrays_per_tile=chip.tile.arrays_per_level)
        for detail in ("layer", "row", "window")
    ]


def numbers(trace: Trace) -> Trace:
    """The trace without what tells the details apart."""
    return replace(trace, detail="", skipped=0, events=0, cpu_s=0.0, wall_s=0.0, exact=True, contended=())


@pytest.mark.parametrize("workload", ["mnist-mlp", "mnist-lenet5"])
@pytest.mark.parametrize(("chip_name", "sets"), [("hfox_planar_128", (AWAKE,)), ("isaac_isca_2016", ())])
def test_shipped_chips(chip_name: str, sets: tuple[str, ...], workload: str) -> None:
    """One image: counts are always the same, and so is all else where the trace says so."""
    layer, row, window = traces(*placed(chip_name, workload, sets), 1)
    assert numbers(layer) == numbers(row)
    assert row.ledger == window.ledger
    assert row.exact == (not row.contended)
    if row.exact:
        assert numbers(row) == numbers(window)
    else:
        assert abs(row.finished_ps[0] / window.finished_ps[0] - 1) < 0.02  # a lightly loaded chip
    assert layer.events <= row.events < window.events


def test_wide_parts_make_it_exact() -> None:
    """With ports for everybody LeNet-5 on the default chip comes out the same to the picosecond, in every state."""
    chip, timing, placement = placed("hfox_planar_128", "mnist-lenet5", (AWAKE,))
    wide = replace(
        timing,
        buffer=replace(timing.buffer, ports=16),
        bus=replace(timing.bus, ports=16),
        global_buffer=replace(timing.global_buffer, ports=16),
    )
    layer, row, window = traces(chip, wide, placement, 1)
    assert row.exact
    assert numbers(layer) == numbers(row) == numbers(window)


def test_saturated_ports_are_named() -> None:
    """Many images through slow buffers: what holds them up is named, and time is never longer than in `window`."""
    chip, timing, placement = placed("hfox_planar_128", "mnist-lenet5", (AWAKE,))
    slow = replace(timing, buffer=replace(timing.buffer, access_ps=20 * timing.buffer.access_ps))
    _, row, window = traces(chip, slow, placement, 2)
    assert not row.exact
    assert any(name.startswith("buffer of tile") for name in row.contended)
    assert row.finished_ps[-1] <= window.finished_ps[-1]
