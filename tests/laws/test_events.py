"""Laws of pipelines and queues that the event model must obey, whatever its implementation."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from pillarsim.arch.chip import Idle
from pillarsim.arch.placement import INPUT, Placement, Stage
from pillarsim.arch.simulate import simulate
from pillarsim.arch.simulate.mesh import GLOBAL, route
from pillarsim.arch.simulate.plan import make_plan
from pillarsim.arch.timing import Port, Timing, Unit
from pillarsim.arch.trace import Trace
from tests.arch.simulate.builders import ARRAYS_PER_TILE, FAST, Spec, build
from tests.arch.simulate.strategies import Case, cases

# nothing but the arrays takes time, except 1 ps for the port and 1 ps for the bus
IDEAL = replace(
    FAST,
    buffer=Port(1, 1 << 20, 16, 1 << 40),
    bus=Port(1, 1 << 20, 16),
    adder=Unit(0, 1),
    activation=Unit(0, 1),
    pooling=Unit(0, 1),
)


def run(placement: Placement, timing: Timing, images: int = 1, detail: str = "window") -> Trace:
    """A simulation without idle policies."""
    return simulate(placement, timing, Idle(), images, detail, arrays_per_tile=ARRAYS_PER_TILE)


@pytest.mark.parametrize("detail", ["window", "operation"])
@pytest.mark.parametrize("analog_bits", [False, True])
@pytest.mark.parametrize("sample_hold", [False, True])
@pytest.mark.parametrize(("read_ps", "convert_ps"), [(1000, 100), (300, 100)])
@pytest.mark.parametrize(("windows", "replicas", "groups"), [(1, 1, 1), (7, 1, 2), (8, 3, 1), (9, 3, 2), (2, 4, 1)])
def test_layer_time(
    detail: str,
    analog_bits: bool,
    sample_hold: bool,
    read_ps: int,
    convert_ps: int,
    windows: int,
    replicas: int,
    groups: int,
) -> None:
    """Layer time = T_first + (ceil(windows / replicas) - 1) II with unbounded buffers.

    II = reads x max(read, slots x conversion) with sample-and-hold and reads x their sum without; with input bits
    summed in analog there is one conversion for the reads of all bits.
    """
    timing = replace(
        IDEAL, analog_bits=analog_bits, sample_hold=sample_hold, read_ps=read_ps, convert_ps=convert_ps, slots=4
    )
    placement = build((2, 1, windows), [Spec(2, groups=groups, tiles=((0,),) * replicas)])
    layer = run(placement, timing, detail=detail).layers[0]
    phase, batches = (8 * read_ps, groups) if analog_bits else (read_ps, 8 * groups)
    conversion = 4 * convert_ps
    interval = batches * (max(phase, conversion) if sample_hold else phase + conversion)
    arrays = phase + (batches - 1) * max(phase, conversion) + conversion if sample_hold else interval
    first = 1 + 1 + arrays + timing.shift_add_ps
    assert layer.last_end_ps - layer.first_start_ps == first + (ceil(windows / replicas) - 1) * interval
    assert layer.windows == windows


# buffers of two images, so that no stage can run ahead of the others for long
STEADY = replace(FAST, buffer=Port(1, 1 << 20, 1, 2 * 30 * 8), global_buffer=Port(1, 1 << 20, 1, 2048))
# what is slow, and what that stage takes for an image: 5 rows of 6 pixels of 8 bits in, 12 windows of 3x3, 12 pixels
# of two 32-bit values out
STAGES = {
    "arrays": (STEADY, 12 * 8 * 1000),
    "arrays without sample-and-hold": (replace(STEADY, sample_hold=False), 12 * 8 * 1400),
    "converters": (replace(STEADY, convert_ps=900), 12 * 8 * 4 * 900),
    "buffer port": (replace(STEADY, buffer=Port(1500, 8, 1, 480), bus=Port(0, 8)), (12 * 9 + 5 * 6) * 1500),
    "fetch over the bus": (replace(STEADY, bus=Port(1200, 8)), 12 * (1 + 9 * 1200)),
    "adder": (replace(STEADY, adder=Unit(6000, 1)), 12 * 2 * 6000),
    "activation": (replace(STEADY, activation=Unit(7000, 1)), 12 * 2 * 7000),
    "off-chip link": (replace(STEADY, off_chip_bits_per_s=5e9), (5 * 48 + 12 * 64) * 200),
    "mesh link": (replace(STEADY, link_width=1, flit_ps=900), 12 * 64 * 900),
    "global buffer": (replace(STEADY, global_buffer=Port(60, 1, 1, 2048)), 2 * (5 * 48 + 12 * 64) * 60),
}


@pytest.mark.parametrize("stage", STAGES)
def test_steady_throughput_is_that_of_the_slowest_stage(stage: str) -> None:
    """Once the pipeline is full, images leave one slowest stage apart."""
    timing, slowest_ps = STAGES[stage]
    placement = build((1, 5, 6), [Spec(2, kernel=3, tiles=((1,),))])
    times = run(placement, timing, images=32).finished_ps
    assert times[24] - times[16] == 8 * slowest_ps


def test_replicas_multiply_throughput() -> None:
    """Four replicas of the slowest layer make it four times as fast, until the next layer is the slowest."""

    def interval(replicas: int) -> int:
        layers = [Spec(2, tiles=tuple((tile,) for tile in range(replicas))), Spec(2, linear=True, tiles=((8,),))]
        times = run(build((1, 4, 4), layers), FAST, images=16).finished_ps
        return (times[-1] - times[-5]) // 4

    assert interval(1) == 4 * interval(4) == 16 * 8 * 1000


def test_throughput_of_a_pipeline_is_its_slowest_layer() -> None:
    """Of three layers with 16, 4 and 1 windows the first sets the pace; the first result takes the sum of delays."""
    layers = [Spec(1, tiles=((0,),)), Spec(1, stride=2, tiles=((1,),)), Spec(1, linear=True, tiles=((2,),))]
    trace = run(build((1, 4, 4), layers), FAST, images=8)
    gaps = {late - early for early, late in zip(trace.finished_ps[2:], trace.finished_ps[3:], strict=False)}
    assert gaps == {16 * 8000}
    assert trace.finished_ps[0] > 11 * 8000 + 8000 + 8000  # the last pixel that the second layer needs is the 11th


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_little_and_utilization_of_the_arrays(case: Case) -> None:
    """Arrays are busy for windows x time a window: the mean number of windows in them is rate x time (Little)."""
    trace = simulate(case.placement, case.timing, case.idle, case.images, "operation", arrays_per_tile=ARRAYS_PER_TILE)
    timing = case.timing
    plan = make_plan(case.placement, timing, 1)
    for layer, stage in zip(trace.layers, plan.stages, strict=True):
        assert layer.windows == stage.windows * case.images
        if not stage.layers:
            continue
        conversion = timing.slots * timing.convert_ps
        longest = shortest = exact = 0
        for replica in (plan.replicas[number] for number in stage.replicas):
            windows = len(range(replica.index, layer.windows, len(stage.replicas)))
            phase = timing.read_ps * (replica.chunks if timing.analog_bits else 1)
            batches = replica.groups * (1 if timing.analog_bits else replica.chunks)
            exact += windows * batches * (phase + conversion)
            shortest += windows * (phase + (batches - 1) * max(phase, conversion))
            longest += windows * batches * max(phase, conversion)
        if timing.sample_hold:
            assert shortest <= layer.busy_ps <= longest
        else:
            assert layer.busy_ps == exact


def wanted_values(placement: Placement, stage: Stage, tile: int) -> NDArray[np.bool_]:
    """Which values of the input map (C, H, W) a stage's arrays in a tile take part in, found by marking."""
    stream = placement.input_stream
    wanted = np.zeros(stream, bool)
    if not stage.layers:
        wanted[:] = True
    for layer in (placement.layers[number] for number in stage.layers):
        matrix = layer.matrix
        shape = (matrix.in_shape[0], *matrix.kernel)
        for array in (array for replica in layer.replicas for array in replica if array.tile == tile):
            block = layer.row_blocks[array.row_block]
            for row in range(block.start, block.stop):
                channel, y, x = (int(index) for index in np.unravel_index(row, shape))
                if stage.inputs[0].access == "map":
                    wanted.reshape(-1)[channel] = True
                elif matrix.windows == 1 and matrix.padding == (0, 0, 0, 0):
                    place = y * matrix.dilation[0], x * matrix.dilation[1]
                    wanted[channel + layer.channels[0], place[0], place[1]] = True
                else:
                    wanted[channel + layer.channels[0]] = True
    return wanted


def tiles_of(placement: Placement, stage: Stage) -> set[int]:
    """Where a stage takes its input."""
    if stage.home is not None:
        return {stage.home}
    layers = (placement.layers[number] for number in stage.layers)
    return {array.tile for layer in layers for replica in layer.replicas for array in replica}


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_pixels_and_flits_are_conserved(case: Case) -> None:
    """Every pixel crosses every router between its ends once: what the ledger counts follows from the routes."""
    trace = simulate(case.placement, case.timing, case.idle, case.images, "window", arrays_per_tile=ARRAYS_PER_TILE)
    timing, placement = case.timing, case.placement
    channels, height, width = placement.input_stream
    expected = 0
    for stage in placement.stages:
        for _ in (edge for edge in stage.inputs if edge.source == INPUT):
            for tile in tiles_of(placement, stage):
                wanted = wanted_values(placement, stage, tile)
                rows = wanted.sum(axis=(0, 2)) * 8  # bits of each row of the input that this tile needs
                flits = sum(-(-(bits + timing.header_bits) // timing.link_width) for bits in rows.tolist() if bits)
                expected += flits * len(route(timing, GLOBAL, tile))
    assert trace.ledger.counts["router", "flit", ""] == case.images * expected
    last = placement.stages[-1]
    bits = case.images * (channels * height * width * 8 + prod(last.stream) * 32)
    assert trace.ledger.counts["off_chip", "bit", ""] == bits
    for stage in placement.stages:
        for role in ("input_register", "output_register"):
            written = trace.ledger.counts[role, "write", stage.name]
            assert written == trace.ledger.counts[role, "read", stage.name]
            assert (written > 0) == bool(stage.layers)
