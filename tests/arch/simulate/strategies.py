"""Hypothesis strategies: small networks on small chips, with every policy and odd timings, zero durations included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from hypothesis import strategies as st

from pillarsim.arch.chip import Idle
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate.geometry import values_needed, windows_of
from pillarsim.arch.timing import Port, Timing, Unit
from tests.arch.simulate.builders import RELU, SLOW, Spec, build, pool

Policy = Literal["on", "clock_gated", "gated"]
_POLICIES: st.SearchStrategy[Policy] = st.sampled_from(["on", "clock_gated", "gated"])


@dataclass(frozen=True)
class Case:
    """Everything that a simulation takes."""

    placement: Placement
    timing: Timing
    idle: Idle
    images: int


def _specs(draw: st.DrawFn, shape: tuple[int, int, int], count: int) -> list[Spec]:
    specs, height, width = [], shape[1], shape[2]
    for number in range(count):
        linear = number > 0 and draw(st.booleans())
        kernel = 1 if linear else draw(st.integers(1, min(3, height, width)))
        padding = 0 if linear else draw(st.integers(0, 1))
        stride = 1 if linear else draw(st.integers(1, 2))
        height, width = (
            (1, 1) if linear else ((extent + 2 * padding - kernel) // stride + 1 for extent in (height, width))
        )
        post = draw(st.sampled_from([(), (RELU,), (RELU, pool(2, 2)), (pool(2, 1), RELU)]))
        if len(post) == 2 and min(height, width) < 2:
            post = (RELU,)
        if len(post) == 2:
            stride_of_pool = max(operator.stride[0] for operator in post)
            height, width = ((extent - 2) // stride_of_pool + 1 for extent in (height, width))
        tiles = st.lists(st.integers(0, 5), min_size=1, max_size=2).map(tuple)
        specs.append(
            Spec(
                outputs=draw(st.integers(1, 4)),
                kernel=kernel,
                stride=stride,
                padding=padding,
                linear=linear,
                post=post,
                blocks=draw(st.integers(1, 3)),
                groups=draw(st.integers(1, 2)),
                columns=draw(st.integers(1, 2)),
                slices=draw(st.integers(1, 3)),
                chunks=draw(st.integers(1, 3)),
                tiles=tuple(draw(st.lists(tiles, min_size=1, max_size=3))),
            )
        )
    return specs


def smallest_buffer_bits(placement: Placement) -> int:
    """The smallest tile buffer that every layer's share can work with."""
    streams = [placement.input_shape, *(layer.final_shape for layer in placement.layers)]
    users: dict[int, list[int]] = {}
    for layer, stream in zip(placement.layers, streams[:-1], strict=True):
        windows = windows_of(layer, stream)
        for tile in {array.tile for replica in layer.replicas for array in replica}:
            arrays = [array for replica in layer.replicas for array in replica if array.tile == tile]
            values = values_needed(layer, stream, arrays)
            pixels = windows.span + windows.row
            users.setdefault(tile, []).append(-(-pixels * sum(values) * layer.matrix.input.bits // len(values)))
    return max(len(bits) * max(bits) for bits in users.values())


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Placements of one to three layers on a few tiles, with timings that contend and tie."""
    shape = (draw(st.integers(1, 2)), draw(st.integers(2, 5)), draw(st.integers(2, 5)))
    placement = build(shape, _specs(draw, shape, draw(st.integers(1, 3))))
    small = st.sampled_from([0, 1, 2, 10, 100])
    least = smallest_buffer_bits(placement)
    width = draw(st.sampled_from([8, 32]))
    timing = replace(
        SLOW,
        read_ps=draw(st.sampled_from([1, 10, 40])),
        convert_ps=draw(small),
        slots=draw(st.integers(1, 3)),
        sample_hold=draw(st.booleans()),
        analog_bits=draw(st.booleans()),
        shift_add_ps=draw(small),
        buffer=Port(draw(small), width, draw(st.integers(1, 2)), draw(st.sampled_from([least, 2 * least, 1 << 30]))),
        bus=Port(draw(small), width),
        global_buffer=Port(draw(small), width, draw(st.integers(1, 2)), 2048),
        adder=Unit(draw(small), draw(st.integers(1, 3))),
        activation=Unit(draw(small), 1),
        pooling=Unit(draw(small), 2),
        router_ps=draw(small),
        flit_ps=draw(small),
        router_block=draw(st.sampled_from([(1, 1), (2, 1), (2, 2)])),
        off_chip_latency_ps=draw(small),
        off_chip_bits_per_s=draw(st.sampled_from([1e11, 1e12, 1e14])),
        after_ps=draw(small),
        wake_ps=draw(small),
    )
    idle = Idle(arrays=draw(_POLICIES), converters=draw(_POLICIES), buffers=draw(_POLICIES), digital=draw(_POLICIES))
    return Case(placement, timing, idle, draw(st.integers(1, 3)))
