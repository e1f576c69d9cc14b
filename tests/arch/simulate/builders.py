"""Small placements and timings, made by hand: what the tests of the event model feed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pillarsim.arch.placement import (
    Codes,
    PlacedArray,
    PlacedLayer,
    Placement,
    PostOperator,
    QuantizedMatrix,
    RowBlock,
)
from pillarsim.arch.timing import Port, Timing, Unit, WriteTiming

CODES = Codes(bits=8, signed=False, scale=1.0)
ARRAYS_PER_TILE = 64
RELU = PostOperator("relu", "relu")


def pool(kernel: int, stride: int) -> PostOperator:
    """A max pool with a square kernel."""
    return PostOperator("max_pool", "pool", (kernel, kernel), (stride, stride))


@dataclass(frozen=True)
class Spec:
    """A layer to build: a convolution of `outputs` channels, or a linear layer on what comes flattened.

    blocks: row blocks, each of `groups` row groups; columns: arrays side by side in each; slices: cells a
    weight; chunks: reads an input; tiles: for each replica the tiles that its arrays go to in turn.
    """

    outputs: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    linear: bool = False
    post: tuple[PostOperator, ...] = (RELU,)
    blocks: int = 1
    groups: int = 1
    columns: int = 1
    slices: int = 2
    chunks: int = 8
    tiles: tuple[tuple[int, ...], ...] = ((0,),)


def build(shape: tuple[int, int, int], specs: Sequence[Spec], tiles: int = 16) -> Placement:
    """Place `specs` one behind another on an input map of `shape`."""
    slots = [0] * tiles
    layers, stream = [], shape
    for number, spec in enumerate(specs):
        layer = _layer(f"layer{number}", stream, spec, slots, last=number == len(specs) - 1)
        layers.append(layer)
        stream = layer.final_shape
    return Placement("test", CODES, shape, tuple(layers), tiles)


def _layer(name: str, stream: tuple[int, int, int], spec: Spec, slots: list[int], last: bool) -> PlacedLayer:
    taken = (stream[0] * stream[1] * stream[2], 1, 1) if spec.linear else stream
    rows = taken[0] * spec.kernel**2
    size = [(extent + 2 * spec.padding - spec.kernel) // spec.stride + 1 for extent in taken[1:]]
    out = (spec.outputs, size[0], size[1])
    matrix = QuantizedMatrix(
        weight=np.zeros((rows, spec.outputs), np.int32),
        bias=np.zeros(spec.outputs, np.int64),
        multiplier=np.ones(spec.outputs),
        input=CODES,
        output=None if last else CODES,
        kernel=(spec.kernel, spec.kernel),
        stride=(spec.stride, spec.stride),
        padding=(spec.padding, spec.padding),
        in_shape=taken,
        out_shape=out,
    )
    final = out
    for operator in spec.post:
        if operator.kind.endswith("pool"):
            height, width = (
                (extent - kernel) // stride + 1
                for extent, kernel, stride in zip(final[1:], operator.kernel, operator.stride, strict=True)
            )
            final = (final[0], height, width)
    blocks = tuple(_block(start, stop, spec.groups) for start, stop in _split(rows, spec.blocks))
    replicas = tuple(_arrays(spec, len(blocks), where, slots) for where in spec.tiles)
    return PlacedLayer(name, matrix, spec.post, final, spec.slices, 2, blocks, replicas, spec.chunks)


def _split(length: int, parts: int) -> list[tuple[int, int]]:
    bounds = np.linspace(0, length, min(parts, length) + 1).astype(int)
    return [(int(start), int(stop)) for start, stop in pairwise(bounds)]


def _block(start: int, stop: int, groups: int) -> RowBlock:
    return RowBlock(start, stop, tuple((start + a, start + b) for a, b in _split(stop - start, groups)))


def _arrays(spec: Spec, blocks: int, where: tuple[int, ...], slots: list[int]) -> tuple[PlacedArray, ...]:
    made: list[PlacedArray] = []
    for block in range(blocks):
        for units in _split(spec.outputs * spec.slices, spec.columns):
            tile = where[len(made) % len(where)]
            made.append(PlacedArray(tile, slots[tile], block, units))
            slots[tile] += 1
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
    router_ps=900,
    flit_ps=600,
    link_width=16,
    header_bits=8,
    off_chip_latency_ps=5000,
    off_chip_bits_per_s=1e10,
)
