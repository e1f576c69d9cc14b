"""Rings of pixels in a plan: one for each input of a stage in each tile that needs it, and what each can hold."""

from __future__ import annotations

from collections.abc import Sequence

from pillarsim.arch.placement import PlacedArray, PlacedLayer, Placement
from pillarsim.arch.simulate.capacity import least_of
from pillarsim.arch.simulate.geometry import Fields, fields_of
from pillarsim.arch.simulate.plan_members import Member
from pillarsim.arch.simulate.plan_types import RingPlan
from pillarsim.arch.simulate.shares import Need, capacities
from pillarsim.arch.simulate.values import edge_values, tile_values, value_bits
from pillarsim.arch.timing import Timing

__all__ = ["make_rings"]


def make_rings(placement: Placement, timing: Timing, members: Sequence[Sequence[Member]]) -> list[RingPlan]:
    """One ring for each edge and tile that needs it, by stage, input and tile."""
    places = [(number, place) for number, stage in enumerate(placement.stages) for place in range(len(stage.inputs))]
    fields = [
        fields_of(placement, placement.stages[number], placement.stages[number].inputs[p]) for number, p in places
    ]
    least = least_of(placement, places, fields)
    found: list[tuple[int, int, int, Fields, tuple[int, ...], tuple[int, ...], int]] = []
    for (number, place), field, pixels in zip(places, fields, least, strict=True):
        stage = placement.stages[number]
        edge = stage.inputs[place]
        for tile in sorted({tile for member in members[number] for tile in member.inside}):
            readers = tuple(index for index, member in enumerate(members[number]) if tile in member.inside)
            values = edge_values(placement, edge)
            if stage.layers:
                values = tile_values(placement, stage, _together(members[number], tile))
            bits = tuple((values * value_bits(placement, edge.source)).tolist())
            found.append((number, place, tile, field, bits, readers, pixels))
    needs = [
        Need(placement.stages[n].name, tile, sum(bits), len(bits), least) for n, _, tile, _, bits, _, least in found
    ]
    sizes = capacities(timing.buffer.size_bits, needs)
    return [
        RingPlan(n, place, tile, placement.stages[n].inputs[place].source, field, bits, size, readers)
        for (n, place, tile, field, bits, readers, _), size in zip(found, sizes, strict=True)
    ]


def _together(members: Sequence[Member], tile: int) -> list[tuple[PlacedLayer, tuple[PlacedArray, ...]]]:
    """What all replicas hold in one tile, layer by layer: copies share the pixels that arrive."""
    found: dict[int, tuple[PlacedLayer, list[PlacedArray]]] = {}
    for member in members:
        for layer, arrays in member.inside.get(tile, ()):
            found.setdefault(id(layer), (layer, []))[1].extend(arrays)
    return [(layer, tuple(arrays)) for layer, arrays in found.values()]
