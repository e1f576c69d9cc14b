"""Small placements and timings, made by hand: what the tests of the event model feed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pillarsim.arch.placement import (
    Access,
    Codes,
    Edge,
    PlacedArray,
    PlacedLayer,
    Placement,
    Post,
    QuantizedMatrix,
    RowBlock,
    Stage,
)
from pillarsim.arch.timing import Port, Timing, Unit, WriteTiming
from pillarsim.workloads.operators import Flatten, Layer, MaxPool2d, Relu, padding_of

CODES = Codes(bits=8, signed=False, scale=1.0)
ARRAYS_PER_TILE = 64
RELU = Relu("relu")
Shape = tuple[int, int, int]


def pool(kernel: int, stride: int, padding: int = 0) -> MaxPool2d:
    """A max pool with a square kernel."""
    return MaxPool2d("pool", (kernel, kernel), (stride, stride), (padding,) * 4)


@dataclass(frozen=True)
class Spec:
    """A matrix stage to build: a convolution of `outputs` channels, or a linear layer on what comes flattened.

    inputs: the stage it takes, INPUT for the network's input, None for the one before; layers: matrices of a grouped
    convolution; blocks: row blocks, each of `groups` row groups; columns: arrays side by side in each; slices: cells a
    weight; chunks: reads an input; tiles: for each replica the tiles that its arrays go to in turn; share: the stage
    whose arrays it uses too (its layers' one another's, if it is this one).
    """

    outputs: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    linear: bool = False
    post: tuple[Layer, ...] = (RELU,)
    blocks: int = 1
    groups: int = 1
    columns: int = 1
    slices: int = 2
    chunks: int = 8
    tiles: tuple[tuple[int, ...], ...] = ((0,),)
    inputs: tuple[int, ...] | None = None
    layers: int = 1
    share: int | None = None
    dilation: int = 1


@dataclass(frozen=True)
class Digital:
    """A digital stage to build; `stream`: of its result, None for that of its first input (or of the pool)."""

    operator: Layer
    inputs: tuple[int, ...]
    accesses: tuple[Access, ...] = ("pixel", "pixel")
    home: int = 0
    stream: Shape | None = None
    post: tuple[Layer, ...] = ()


def build(shape: Shape, specs: Sequence[Spec | Digital], tiles: int = 16) -> Placement:
    """Place `specs` one behind another on an input map of `shape`."""
    slots = [0] * tiles
    layers: list[PlacedLayer] = []
    stages: list[Stage] = []
    for number, spec in enumerate(specs):
        name, last = f"layer{number}", number == len(specs) - 1
        sources = (number - 1,) if spec.inputs is None else spec.inputs
        streams = [shape if source < 0 else stages[source].stream for source in sources]
        if isinstance(spec, Digital):
            stages.append(_digital(name, streams, spec, sources, last))
            continue
        made = _layers(name, streams[0], spec, slots, last, layers, stages)
        outputs = sum(layer.matrix.out_shape[0] for layer in made)
        before = (outputs, *made[0].matrix.out_shape[1:])
        stream = behind(before, spec.post)
        view = (Flatten("flatten"),) if spec.linear else ()
        taken = (streams[0][0] * streams[0][1] * streams[0][2],) if spec.linear else streams[0]
        edge = Edge(sources[0], view, taken, "map" if spec.linear else "window", streams[0][0])
        codes = None if last else CODES
        numbers = tuple(range(len(layers), len(layers) + len(made)))
        stages.append(
            Stage(name, (edge,), numbers, None, (), codes, posts(spec.post, last), stream, stream, before, before)
        )
        layers += made
    return Placement("test", CODES, shape, shape, tuple(layers), tuple(stages), tiles)


def posts(operators: Sequence[Layer], last: bool) -> tuple[Post, ...]:
    """Fused operators; those of the last stage give floats."""
    return tuple(Post(operator, None if last else CODES) for operator in operators)


def behind(stream: Shape, operators: Sequence[Layer]) -> Shape:
    """The stream behind fused operators."""
    for operator in operators:
        if isinstance(operator, MaxPool2d):
            stream = pooled(stream, operator)
    return stream


def pooled(stream: Shape, operator: MaxPool2d) -> Shape:
    """The stream behind a pool."""
    top, left, bottom, right = padding_of(operator)
    height = (stream[1] + top + bottom - operator.kernel[0]) // operator.stride[0] + 1
    width = (stream[2] + left + right - operator.kernel[1]) // operator.stride[1] + 1
    return stream[0], height, width


def _digital(name: str, streams: Sequence[Shape], spec: Digital, sources: Sequence[int], last: bool) -> Stage:
    before = spec.stream or (pooled(streams[0], spec.operator) if isinstance(spec.operator, MaxPool2d) else streams[0])
    edges = tuple(
        Edge(source, (), stream, access, stream[0])
        for source, stream, access in zip(sources, streams, spec.accesses, strict=False)
    )
    stream = behind(before, spec.post)
    codes = None if last else CODES
    fused = posts(spec.post, last)
    return Stage(name, edges, (), spec.operator, (), codes, fused, stream, stream, before, before, home=spec.home)


def _layers(
    name: str,
    stream: Shape,
    spec: Spec,
    slots: list[int],
    last: bool,
    placed: Sequence[PlacedLayer],
    stages: Sequence[Stage],
) -> list[PlacedLayer]:
    made: list[PlacedLayer] = []
    number = len(stages)
    for group in range(spec.layers):
        places: list[list[tuple[int, int]]] = []
        if spec.share is not None and (spec.share < number or group):
            shared = made[0] if spec.share == number else placed[stages[spec.share].layers[0]]
            places = [[(array.tile, array.slot) for array in arrays] for arrays in shared.replicas]
        made.append(_layer(name if spec.layers == 1 else f"{name}.{group}", stream, spec, slots, last, group, places))
    return made


def _layer(
    name: str,
    stream: Shape,
    spec: Spec,
    slots: list[int],
    last: bool,
    group: int,
    places: Sequence[Sequence[tuple[int, int]]],
) -> PlacedLayer:
    channels = stream[0] // spec.layers
    taken = (stream[0] * stream[1] * stream[2], 1, 1) if spec.linear else (channels, *stream[1:])
    rows = taken[0] * spec.kernel**2
    reach = (spec.kernel - 1) * spec.dilation + 1
    size = [(extent + 2 * spec.padding - reach) // spec.stride + 1 for extent in taken[1:]]
    matrix = QuantizedMatrix(
        weight=np.zeros((rows, spec.outputs), np.int32),
        bias=np.zeros(spec.outputs, np.int64),
        multiplier=np.ones(spec.outputs),
        input=CODES,
        output=None if last else CODES,
        kernel=(spec.kernel, spec.kernel),
        stride=(spec.stride, spec.stride),
        padding=(spec.padding,) * 4,
        in_shape=taken,
        out_shape=(spec.outputs, size[0], size[1]),
        dilation=(spec.dilation, spec.dilation),
    )
    blocks = tuple(_block(start, stop, spec.groups) for start, stop in _split(rows, spec.blocks))
    replicas = tuple(
        _arrays(spec, len(blocks), where, slots, places[index % len(places)] if places else ())
        for index, where in enumerate(spec.tiles)
    )
    channel = (0, taken[0]) if spec.linear else (group * channels, (group + 1) * channels)
    return PlacedLayer(name, matrix, spec.slices, 2, blocks, replicas, spec.chunks, channel)


def _split(length: int, parts: int) -> list[tuple[int, int]]:
    bounds = np.linspace(0, length, min(parts, length) + 1).astype(int)
    return [(int(start), int(stop)) for start, stop in pairwise(bounds)]


def _block(start: int, stop: int, groups: int) -> RowBlock:
    return RowBlock(start, stop, tuple((start + a, start + b) for a, b in _split(stop - start, groups)))


def _arrays(
    spec: Spec, blocks: int, where: tuple[int, ...], slots: list[int], places: Sequence[tuple[int, int]]
) -> tuple[PlacedArray, ...]:
    """The arrays of a replica, in new slots or in given places taken in turn."""
    made: list[PlacedArray] = []
    for block in range(blocks):
        for units in _split(spec.outputs * spec.slices, spec.columns):
            if places:
                tile, slot = places[len(made) % len(places)]
            else:
                tile = where[len(made) % len(where)]
                slot = slots[tile]
                slots[tile] += 1
            made.append(PlacedArray(tile, slot, block, units))
    return tuple(made)


# everything but the arrays takes 1 ps, and every memory is huge
FAST = Timing(
    read_ps=1000,
    convert_ps=100,
    slots=4,
    sample_hold=True,
    analog_bits=False,
    shift_add_ps=1,
    buffer=Port(access_ps=1, width=1 << 20, ports=1, size_bits=1 << 40),
    bus=Port(access_ps=1, width=1 << 20),
    global_buffer=Port(access_ps=1, width=1 << 20, ports=1, size_bits=1 << 40),
    adder=Unit(1, 1 << 20),
    activation=Unit(1, 1 << 20),
    pooling=Unit(1, 1 << 20),
    lookup=Unit(1, 1 << 20),
    multiplier=Unit(1, 1 << 20),
    router_ps=1,
    flit_ps=1,
    link_width=1 << 20,
    header_bits=0,
    grid=(4, 4),
    router_block=(1, 1),
    partial_sum_bits=32,
    off_chip_latency_ps=0,
    off_chip_bits_per_s=1e18,
    write=WriteTiming(set_ps=100, reset_ps=30, verify_ps=10, cells_at_once=1, arrays_per_circuit=1),
    after_ps=0,
    wake_ps=0,
)
# everything contends: slow ports, narrow links
SLOW = replace(
    FAST,
    shift_add_ps=70,
    buffer=Port(access_ps=700, width=64, ports=1, size_bits=1 << 20),
    bus=Port(access_ps=500, width=32),
    global_buffer=Port(access_ps=400, width=64, ports=1, size_bits=1 << 16),
    adder=Unit(300, 2),
    activation=Unit(200, 1),
    pooling=Unit(250, 1),
    lookup=Unit(270, 1),
    multiplier=Unit(230, 2),
    router_ps=900,
    flit_ps=600,
    link_width=16,
    header_bits=8,
    off_chip_latency_ps=5000,
    off_chip_bits_per_s=1e10,
)
