"""What the network carries for an image, and over how many hops.

A flow is bits an image from one tile to another: outputs from the home of a stage's copy to every tile whose arrays
use them, partial sums from a copy's tiles to its home, inputs and results between the global buffer and tiles. Its
hops are the links between the routers of its ends. Left out: headers and the rounding to flits, and contention.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.placement import INPUT, PlacedArray, PlacedLayer, Placement, Stage
from pillarsim.devices.streams import stream_seed
from pillarsim.mapping.needs import layer_need, operator_need
from pillarsim.workloads.network import AvgPool2d, MaxPool2d

__all__ = ["GLOBAL", "RESULT_BITS", "Flows", "Grid", "flows_of", "homes", "hop_bits", "input_bits", "random_hop_bits"]

GLOBAL = -1  # the global buffer, at router (0, 0)
RESULT_BITS = 32  # bits of a value of the last stage, which has no codes: a float32
_RANDOM = 10  # placements that the mean is taken over

Flows = Mapping[tuple[int, int], float]  # (source, destination) -> bits an image; GLOBAL as either
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """Tiles across and down, numbered along rows, and the tiles that share a router."""

    x: int
    y: int
    block: tuple[int, int] = (1, 1)

    @property
    def tiles(self) -> int:
        """Tiles of the chip."""
        return self.x * self.y

    def routers(self) -> Ints:
        """(x, y) of every tile's router."""
        y, x = np.divmod(np.arange(self.tiles), self.x)
        return np.stack([x // self.block[0], y // self.block[1]], axis=1)


def homes(stage: Stage, layers: Sequence[PlacedLayer]) -> list[int]:
    """Tile where the windows of each copy are finished: most of its arrays; with pools behind, that of copy 0."""
    if stage.home is not None:
        return [stage.home]
    copies = len(layers[stage.layers[0]].replicas)
    pooled = any(isinstance(post.operator, MaxPool2d | AvgPool2d) for post in stage.post)
    found = []
    for copy in range(copies):
        counts = Counter(array.tile for number in stage.layers for array in layers[number].replicas[copy])
        found.append(min(counts, key=lambda tile: (-counts[tile], tile)))
    return found[:1] * copies if pooled else found


def flows_of(placement: Placement, partial_sum_bits: int) -> Flows:
    """Bits an image between tiles; nothing of what stays in a tile."""
    flows: defaultdict[tuple[int, int], float] = defaultdict(float)
    starts = {INPUT: [GLOBAL]} | {
        number: homes(stage, placement.layers) for number, stage in enumerate(placement.stages)
    }
    for number, stage in enumerate(placement.stages):
        for place, edge in enumerate(stage.inputs):
            senders = starts[edge.source]
            for tile, bits in input_bits(placement, number, stage, place).items():
                for sender in senders:
                    flows[sender, tile] += bits / len(senders)
        for layer in stage.layers:
            _add_partial_sums(flows, placement.layers[layer], starts[number], partial_sum_bits)
    last = placement.stages[-1]
    bits = RESULT_BITS if last.output is None else last.output.bits
    for home in starts[len(placement.stages) - 1]:
        flows[home, GLOBAL] += float(np.prod(last.stream)) * bits / len(starts[len(placement.stages) - 1])
    return {ends: bits for ends, bits in sorted(flows.items()) if ends[0] != ends[1]}


def input_bits(placement: Placement, number: int, stage: Stage, place: int) -> dict[int, int]:
    """Bits of an image of one input that each tile takes."""
    if not stage.layers:
        assert stage.home is not None
        return {stage.home: operator_need(placement, number, stage, place, None).image_bits((0,))}
    found: defaultdict[int, int] = defaultdict(int)
    for layer in (placement.layers[layer] for layer in stage.layers):
        need = layer_need(placement, number, stage, layer, None)
        blocks: defaultdict[int, set[int]] = defaultdict(set)
        for arrays in layer.replicas:
            for array in arrays:
                blocks[array.tile].add(array.row_block)
        known: dict[frozenset[int], int] = {}
        for tile, chosen in blocks.items():
            key = frozenset(chosen)
            if key not in known:
                known[key] = need.image_bits(key)
            found[tile] += known[key]
    return dict(found)


def _add_partial_sums(
    flows: defaultdict[tuple[int, int], float], layer: PlacedLayer, starts: Sequence[int], bits: int
) -> None:
    """Outputs of which a tile beside the home holds a slice, a window after another."""
    windows = layer.matrix.windows / len(layer.replicas)
    for home, arrays in zip(starts, layer.replicas, strict=True):
        outputs: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
        for array in arrays:
            if array.tile != home:
                outputs[array.tile].add(_outputs(layer, array))
        for tile, ranges in outputs.items():
            flows[tile, home] += bits * windows * _covered(ranges)


def _outputs(layer: PlacedLayer, array: PlacedArray) -> tuple[int, int]:
    return array.units[0] // layer.slices, -(-array.units[1] // layer.slices)


def _covered(ranges: set[tuple[int, int]]) -> int:
    total, end = 0, 0
    for first, last in sorted(ranges):
        total += max(0, last - max(first, end))
        end = max(end, last)
    return total


def hop_bits(flows: Flows, grid: Grid, places: Sequence[int] | None = None) -> float:
    """Sum of bits x hops; `places`: place of each tile number, themselves by default."""
    routers = grid.routers()
    at = {GLOBAL: np.zeros(2, np.int64)}
    total = 0.0
    for (source, destination), bits in flows.items():
        ends = []
        for tile in (source, destination):
            if tile not in at:
                at[tile] = routers[tile if places is None else places[tile]]
            ends.append(at[tile])
        total += bits * float(np.abs(ends[0] - ends[1]).sum())
    return total


def random_hop_bits(flows: Flows, grid: Grid, seed: int) -> float:
    """Mean over random orders of the tiles in use, on the places that they take."""
    used = sorted({tile for ends in flows for tile in ends if tile != GLOBAL})
    sums = []
    for number in range(_RANDOM):
        random = np.random.default_rng(stream_seed(seed, "map", "random placement", number))
        places = np.arange(grid.tiles)
        places[used] = random.permutation(used)
        sums.append(hop_bits(flows, grid, places.tolist()))
    return sum(sums) / len(sums)
