"""Placing: every copy of every matrix on arrays, arrays in tiles, tiles on the mesh, operators in tiles.

A draft is a placement whose layers have no arrays yet. Its stages are placed in order: parts of copies into arrays
(`share`), arrays into tiles (`tiles`), tiles onto the grid (`arrange`), digital operators into tiles (`homes`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pillarsim.arch.chip import Array, Tile
from pillarsim.arch.chip import Mapping as Choices
from pillarsim.arch.placement import PlacedArray, Placement
from pillarsim.mapping.arrange import arranged, regular_order
from pillarsim.mapping.circuits import Circuits
from pillarsim.mapping.fit import array_shape
from pillarsim.mapping.homes import with_homes
from pillarsim.mapping.needs import Need, layer_need
from pillarsim.mapping.partition import ArrayShape, unit_blocks
from pillarsim.mapping.share import Part, Shared, packed
from pillarsim.mapping.tiles import Filled, Limits, block_groups, filled
from pillarsim.mapping.traffic import Grid, flows_of, hop_bits

__all__ = ["Site", "arrays_used", "placed"]

_SEED = 0  # of the search for short ways


@dataclass(frozen=True, eq=False)
class Site:
    """The chip as placing sees it."""

    shape: ArrayShape
    grid: Grid
    slots: int
    buffer_bits: int
    circuits: Circuits
    choices: Choices

    @classmethod
    def of(cls, array: Array, tile: Tile, circuits: Circuits, choices: Choices) -> Site:
        """The site of a chip's sections."""
        grid = Grid(tile.count.x, tile.count.y, circuits.router_block)
        return cls(array_shape(array), grid, tile.arrays_per_level, int(tile.buffer.size), circuits, choices)

    @property
    def arrays(self) -> int:
        """Arrays of the chip."""
        return self.grid.tiles * self.slots


Least = Mapping[tuple[int, int], int]


def placed(draft: Placement, copies: Sequence[int], site: Site, least: Least | None) -> Placement:
    """Place `copies` of each stage of a draft. least: pixels that each (stage, input) must hold; None: no limit.

    Raises FitError where arrays or buffers are missing.
    """
    needs, limits = _needs(draft, least), _limits(site, least)
    arrays = _arrays(draft, copies, site, needs, limits)
    tiles = filled(arrays, needs, limits, [layer.name for layer in draft.layers])
    order = regular_order(site.grid, site.choices.placement != "row")
    virtual = _on_tiles(draft, copies, tiles)
    room = [(math.inf if least is None else site.buffer_bits - tile.held_bits) for tile in tiles]
    # operators may have tiles of their own, next to those with arrays
    operators = sum(not stage.layers for stage in draft.stages)
    free = min(site.grid.tiles - len(tiles), operators)
    room += [math.inf if least is None else site.buffer_bits] * free
    found = with_homes(virtual, least, site.grid, order[: len(room)], room)
    if site.choices.placement != "traffic":
        return _renumbered(found, order)
    bits = site.circuits.partial_sum_bits
    best = _renumbered(found, order)
    places = arranged(flows_of(found, bits), site.grid, len(room), _SEED)
    # homes again, now that the tiles have moved
    for again in (found, with_homes(virtual, least, site.grid, places, room)):
        moved = _renumbered(again, places)
        if hop_bits(flows_of(moved, bits), site.grid) < hop_bits(flows_of(best, bits), site.grid):
            best = moved
    return best


def arrays_used(draft: Placement, copies: Sequence[int], site: Site, least: Least | None) -> int:
    """Arrays that `copies` of each stage take, shared ones counted once."""
    return len(_arrays(draft, copies, site, _needs(draft, least), _limits(site, least)))


def _needs(draft: Placement, least: Least | None) -> dict[int, Need]:
    """What each layer needs of a tile's buffer."""
    return {
        number: layer_need(draft, at, stage, draft.layers[number], least)
        for at, stage in enumerate(draft.stages)
        for number in stage.layers
    }


def _limits(site: Site, least: Least | None) -> Limits:
    return Limits(site.grid.tiles, site.slots, None if least is None else site.buffer_bits)


def _arrays(
    draft: Placement, copies: Sequence[int], site: Site, needs: Mapping[int, Need], limits: Limits
) -> list[Shared]:
    """Every array, in the order in which tiles are filled."""
    parts = []
    for at, stage in enumerate(draft.stages):
        for number in stage.layers:
            layer = draft.layers[number]
            outputs = int(layer.matrix.weight.shape[1])
            spans = unit_blocks(outputs, layer.slices, layer.polarities, site.shape)
            time_ps = site.circuits.window_ps(layer.reads_per_chunk, layer.chunks) * stage.windows // copies[at]
            held = [needs[number].held_bits((block,)) for block in range(len(layer.row_blocks))]
            rows = [block.stop - block.start for block in layer.row_blocks]
            parts += [
                Part(
                    at, number, copy, block, span, rows[block], (span[1] - span[0]) * layer.polarities, time_ps,
                    held[block],
                )
                for group in block_groups(needs[number], limits)
                for copy in range(copies[at])
                for block in group
                for span in spans
            ]  # fmt: skip
    if site.choices.share_arrays:
        return packed(parts, site.shape, math.inf if limits.buffer_bits is None else limits.buffer_bits)
    return [Shared(((part, 0, 0),)) for part in parts]


def _on_tiles(draft: Placement, copies: Sequence[int], tiles: Sequence[Filled]) -> Placement:
    """The placement on tiles numbered in the order of filling."""
    found: dict[int, list[list[PlacedArray]]] = {
        number: [[] for _ in range(copies[at])] for at, stage in enumerate(draft.stages) for number in stage.layers
    }
    for tile, one in enumerate(tiles):
        for slot, array in enumerate(one.arrays):
            for part, row, column in array.parts:
                at = PlacedArray(tile, slot, part.block, part.units, row, column)
                found[part.layer][part.copy].append(at)
    layers = tuple(
        replace(
            layer,
            replicas=tuple(
                tuple(sorted(arrays, key=lambda one: (one.row_block, one.units))) for arrays in found[number]
            ),
        )
        for number, layer in enumerate(draft.layers)
    )
    return replace(draft, layers=layers)


def _renumbered(placement: Placement, places: Sequence[int]) -> Placement:
    """The placement with its tiles on their places."""
    layers = tuple(
        replace(
            layer,
            replicas=tuple(
                tuple(replace(array, tile=places[array.tile]) for array in arrays) for arrays in layer.replicas
            ),
        )
        for layer in placement.layers
    )
    stages = tuple(
        stage if stage.home is None else replace(stage, home=places[stage.home]) for stage in placement.stages
    )
    return replace(placement, layers=layers, stages=stages)
