"""Small placements, timings and counts of training, made by hand or drawn: what the tests of its events feed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from hypothesis import strategies as st

from pillarsim.arch.chip import Idle
from pillarsim.arch.timing import Timing, WriteTiming
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.placement import SynapseArray, SynapseLayer, TrainingPlacement
from pillarsim.arch.training.timing import TrainingTiming
from tests.arch.simulate.builders import FAST, SLOW

TILES, ARRAYS_PER_TILE = 16, 8  # FAST and SLOW have a mesh of 4 x 4 tiles
ON = Idle(arrays="on", converters="on", buffers="on", digital="on")
GATED = Idle(arrays="gated", converters="gated", buffers="gated", digital="gated")
TIMING = TrainingTiming(
    base=FAST,
    order="layer_by_layer",
    input_bits=8,
    error_bits=4,
    chunks=8,
    error_chunks=4,
    error_slots=6,
    conversions=1,
    row_hold=True,
    slot_ps=100,
    verify_ps=0,
    set_ps=100,
    reset_ps=30,
    refresh_verify_ps=10,
    gradient=False,
    optimizer=(0, 0, 0),
    accumulator_bits=0,
    pulse_train=0,
    counter_steps=2,
)


def cut(length: int, parts: int) -> list[tuple[int, int]]:
    """[0, length) in equal pieces."""
    bounds = np.linspace(0, length, min(parts, length) + 1).astype(int).tolist()
    return list(pairwise(bounds))


def layer(
    name: str,
    inputs: int,
    outputs: int,
    places: Sequence[tuple[int, int]],
    *,
    rows: int = 1,
    columns: int = 1,
    windows: int = 1,
    reads: int = 1,
    bias: bool = True,
    digital: tuple[tuple[str, int], ...] = (),
) -> SynapseLayer:
    """A layer in rows x columns arrays at `places`, (tile, slot) row by row."""
    blocks = [(row, column) for row in cut(inputs, rows) for column in cut(outputs, columns)]
    arrays = tuple(
        SynapseArray(tile, slot, *block) for (tile, slot), block in zip(places[: len(blocks)], blocks, strict=True)
    )
    return SynapseLayer(name, inputs, outputs, windows, 2, bias, reads, arrays, digital)


def placement(*layers: SynapseLayer, input_values: int | None = None) -> TrainingPlacement:
    """Layers one behind another."""
    values = layers[0].inputs - layers[0].bias if input_values is None else input_values
    return TrainingPlacement("test", layers, values, TILES, "")


def counts(images: Sequence[int], made: TrainingPlacement, seed: int = 0, most: int = 6) -> StepCounts:
    """Random counts; some arrays have no pulses in some steps."""
    random = np.random.default_rng(seed)
    found = StepCounts.none(len(images), len(made.layers), len(made.arrays))
    for value in found.arrays().values():
        if value.dtype == np.int64:
            value[...] = random.integers(0, most, value.shape)
        else:
            value[...] = random.random(value.shape) * 1e-5
    found.slots[random.random(found.slots.shape) < 0.3] = 0
    found.images[:] = images
    return found


@dataclass(frozen=True)
class Case:
    """Everything that a training run takes."""

    placement: TrainingPlacement
    timing: TrainingTiming
    idle: Idle
    images: tuple[int, ...]
    seed: int


Policy = Literal["on", "clock_gated", "gated"]
_POLICIES: st.SearchStrategy[Policy] = st.sampled_from(["on", "clock_gated", "gated"])


@st.composite
def layers(draw: st.DrawFn) -> TrainingPlacement:
    """One to three layers whose arrays are scattered over a few tiles."""
    number = draw(st.integers(1, 3))
    free = draw(st.permutations([(tile, slot) for tile in (0, 1, 5, 6) for slot in range(4)]))
    made: list[SynapseLayer] = []
    values = draw(st.integers(1, 9))
    first = values
    for place in range(number):
        windows = draw(st.integers(1, 3))
        outputs = draw(st.integers(1, 6))
        grid = draw(st.integers(1, 2)), draw(st.integers(1, 2))
        bias = draw(st.booleans())
        inputs = (values if windows == 1 else draw(st.integers(1, 6))) + bias
        work = draw(
            st.sampled_from(
                [(), (("activation", 3),), (("lookup", 2), ("pooling", 5)), (("pooling", 4),), (("adder", 3),)]
            )
        )
        used = min(grid[0], inputs) * min(grid[1], outputs)
        here, free = free[:used], free[used:]
        made.append(
            layer(
                f"layer{place}",
                inputs,
                outputs,
                here,
                rows=grid[0],
                columns=grid[1],
                windows=windows,
                reads=draw(st.integers(1, 2)),
                bias=bias,
                digital=work,
            )
        )
        values = made[-1].handed_on
    return placement(*made, input_values=first)


@st.composite
def timings(draw: st.DrawFn) -> TrainingTiming:
    """Odd durations, with and without sample-and-hold, verify, gradients and accumulators."""
    base: Timing = draw(st.sampled_from([FAST, SLOW]))
    gradient = draw(st.booleans())
    ports = draw(st.integers(1, 2))
    verify_ps = draw(st.sampled_from([0, 170]))
    write = WriteTiming(110, 70, verify_ps, 1, draw(st.integers(1, 3)))
    return replace(
        TIMING,
        base=replace(
            base,
            read_ps=draw(st.integers(1, 900)),
            convert_ps=draw(st.integers(1, 300)),
            slots=draw(st.integers(1, 4)),
            sample_hold=draw(st.booleans()),
            analog_bits=draw(st.booleans()),
            buffer=replace(base.buffer, ports=ports, size_bits=draw(st.sampled_from([1 << 40, 200, 1]))),
            write=write,
            after_ps=draw(st.sampled_from([0, 700, 4000])),
            wake_ps=draw(st.sampled_from([0, 900])),
        ),
        order=draw(st.sampled_from(["layer_by_layer", "all_at_once"])),
        error_slots=draw(st.integers(1, 6)),
        chunks=draw(st.integers(1, 3)),
        error_chunks=draw(st.integers(1, 3)),
        slot_ps=draw(st.integers(1, 3000)),
        verify_ps=verify_ps,
        refresh_verify_ps=verify_ps,
        gradient=gradient,
        optimizer=(7, 3, 1) if gradient and draw(st.booleans()) else (0, 0, 0),
        accumulator_bits=draw(st.sampled_from([0, 16, 4096])) if gradient else 0,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A run of a few steps of one or two batch sizes."""
    idle = Idle(arrays=draw(_POLICIES), converters=draw(_POLICIES), buffers=draw(_POLICIES), digital=draw(_POLICIES))
    images = draw(st.lists(st.sampled_from(draw(st.sampled_from([(1, 3), (2, 4), (5,)]))), min_size=1, max_size=4))
    return Case(draw(layers()), draw(timings()), idle, tuple(images), draw(st.integers(0, 1000)))
