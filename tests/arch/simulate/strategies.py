"""Hypothesis strategies: small networks on small chips, with every policy and odd timings, zero durations included."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from hypothesis import strategies as st

from pillarsim.arch.chip import Idle
from pillarsim.arch.placement import INPUT, Placement
from pillarsim.arch.simulate.capacity import least_pixels
from pillarsim.arch.simulate.plan import make_plan
from pillarsim.arch.timing import Port, Timing, Unit
from pillarsim.workloads.operators import Activation, Add, MatMul, Softmax
from tests.arch.simulate.builders import FAST, RELU, SLOW, Digital, Shape, Spec, build, pool

Policy = Literal["on", "clock_gated", "gated"]
_POLICIES: st.SearchStrategy[Policy] = st.sampled_from(["on", "clock_gated", "gated"])
_GELU = Activation("gelu", "gelu")
_POSTS = [(), (RELU,), (_GELU,), (RELU, pool(2, 2)), (pool(2, 1), RELU), (RELU, pool(3, 2, 1)), (pool(3, 1, 1),)]


@dataclass(frozen=True)
class Case:
    """Everything that a simulation takes."""

    placement: Placement
    timing: Timing
    idle: Idle
    images: int


def _post(draw: st.DrawFn, height: int, width: int) -> tuple[object, ...]:
    post = draw(st.sampled_from(_POSTS))
    return (RELU,) if min(height, width) < 2 and len(post) else post


def _matrix(draw: st.DrawFn, shape: Shape, source: int, number: int, matrices: list[int]) -> Spec:
    linear = number > 0 and draw(st.booleans())
    channels, height, width = shape
    kernel = 1 if linear else draw(st.integers(1, min(3, height, width)))
    dilation = 2 if kernel == 2 and min(height, width) > 2 and draw(st.booleans()) else 1
    padding = 0 if linear else draw(st.integers(0, 1))
    stride = 1 if linear else draw(st.integers(1, 2))
    reach = (kernel - 1) * dilation + 1
    out = [1 if linear else (extent + 2 * padding - reach) // stride + 1 for extent in (height, width)]
    tiles = st.lists(st.integers(0, 5), min_size=1, max_size=2).map(tuple)
    grouped = not linear and channels % 2 == 0 and draw(st.booleans())
    share = draw(st.sampled_from([None, *matrices, *([number] if grouped else [])]))
    return Spec(
        outputs=draw(st.integers(1, 4)),
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        linear=linear,
        post=_post(draw, *out),  # type: ignore[arg-type]
        blocks=draw(st.integers(1, 3)),
        groups=draw(st.integers(1, 2)),
        columns=draw(st.integers(1, 2)),
        slices=draw(st.integers(1, 3)),
        chunks=draw(st.integers(1, 3)),
        tiles=tuple(draw(st.lists(tiles, min_size=1, max_size=3))),
        inputs=(source,),
        layers=2 if grouped else 1,
        share=share,
    )


def _digital(draw: st.DrawFn, streams: dict[int, Shape], source: int) -> Digital:
    shape, home = streams[source], draw(st.integers(0, 5))
    equal = [other for other, stream in streams.items() if stream == shape]
    kind = draw(st.sampled_from(["add", "product", "softmax", "pool"]))
    if kind == "add":
        return Digital(
            Add("add"), (source, draw(st.sampled_from(equal))), home=home, post=draw(st.sampled_from([(), (RELU,)]))
        )
    if kind == "product":
        second = draw(st.sampled_from(list(streams)))
        return Digital(
            MatMul("product"), (source, second), ("pixel", "map"), home, (draw(st.integers(1, 3)), *shape[1:])
        )
    if kind == "pool" and min(shape[1:]) > 1:
        return Digital(pool(2, draw(st.integers(1, 2)), draw(st.integers(0, 1))), (source,), ("window",), home)
    return Digital(Softmax("softmax", 0), (source,), home=home)


@st.composite
def placements(draw: st.DrawFn, most: int = 4) -> Placement:
    """Networks of one to `most` stages on a few tiles: branches, grouped layers, shared arrays, digital operators."""
    shape = (draw(st.integers(1, 2)), draw(st.integers(2, 5)), draw(st.integers(2, 5)))
    specs: list[Spec | Digital] = []
    streams = {INPUT: shape}
    for number in range(draw(st.integers(1, most))):
        source = draw(st.sampled_from([max(INPUT, number - 2), number - 1])) if number else INPUT
        matrices = [place for place, spec in enumerate(specs) if isinstance(spec, Spec)]
        if number and draw(st.integers(0, 2)) == 0:
            specs.append(_digital(draw, streams, source))
        else:
            specs.append(_matrix(draw, streams[source], source, number, matrices))
        streams[number] = build(shape, specs).stages[-1].stream
    return build(shape, specs)


def smallest_buffer_bits(placement: Placement) -> int:
    """The smallest tile buffer in which every stage works: the sum of what the inputs in a tile must hold."""
    least = least_pixels(placement)
    bits: Counter[int] = Counter()
    for ring in make_plan(placement, FAST, 1).rings:
        bits[ring.tile] += -(-least[ring.stage, ring.input] * sum(ring.pixel_bits) // len(ring.pixel_bits))
    return max(bits.values())


@st.composite
def cases(draw: st.DrawFn, images: st.SearchStrategy[int] = st.integers(1, 3), most: int = 4) -> Case:  # noqa: B008
    """Placements with timings that contend and tie, buffers from the smallest on, and idle policies."""
    placement = draw(placements(most))
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
        lookup=Unit(draw(small), 1),
        multiplier=Unit(draw(small), 4),
        router_ps=draw(small),
        flit_ps=draw(small),
        router_block=draw(st.sampled_from([(1, 1), (2, 1), (2, 2)])),
        off_chip_latency_ps=draw(small),
        off_chip_bits_per_s=draw(st.sampled_from([1e11, 1e12, 1e14])),
        after_ps=draw(small),
        wake_ps=draw(small),
    )
    idle = Idle(arrays=draw(_POLICIES), converters=draw(_POLICIES), buffers=draw(_POLICIES), digital=draw(_POLICIES))
    return Case(placement, timing, idle, draw(images))
