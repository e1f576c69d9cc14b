"""Tiles for the units of digital operators: where their inputs and outputs have the shortest ways, and buffers room.

An operator's inputs wait in the buffer of its home, like those of arrays. Operators are taken in order; of what takes
their outputs only arrays and earlier choices are known then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.errors import FitError
from pillarsim.arch.placement import INPUT, Placement
from pillarsim.mapping.needs import operator_need
from pillarsim.mapping.traffic import GLOBAL, Grid, homes, input_bits

__all__ = ["with_homes"]


def with_homes(
    placement: Placement,
    least: Mapping[tuple[int, int], int] | None,
    grid: Grid,
    places: Sequence[int],
    room_bits: Sequence[float],
) -> Placement:
    """The placement with a home for every digital operator.

    places: of each tile number on the grid; room_bits: what is left of the buffer of each tile number that may be
    chosen. Raises FitError where no buffer has room.
    """
    where = grid.routers()[np.asarray(places)]
    room = np.asarray(room_bits, dtype=np.float64).copy()
    stages = list(placement.stages)
    known = {INPUT: [GLOBAL]} | {
        number: homes(stage, placement.layers) for number, stage in enumerate(stages) if stage.layers
    }
    for number, stage in enumerate(stages):
        if stage.layers:
            continue
        needs = [operator_need(placement, number, stage, place, least) for place in range(len(stage.inputs))]
        bits = sum(need.held_bits((0,)) for need in needs)
        if not (room >= bits).any():
            raise _no_room(stage.name, bits, float(max(room)), float(max(room_bits)))
        ends = [
            (tile, need.image_bits((0,)) / len(known[edge.source]))
            for edge, need in zip(stage.inputs, needs, strict=True)
            for tile in known[edge.source]
        ]
        ends += _taken(placement, number, known)
        cost = np.where(room >= bits, _hop_bits(where, ends), np.inf)
        first = known[stage.inputs[0].source][0]
        home = int(np.argmin(cost))
        if first != GLOBAL and cost[first] <= cost[home]:
            home = first
        room[home] -= bits
        known[number] = [home]
        stages[number] = replace(stage, home=home)
    return replace(placement, stages=tuple(stages))


def _no_room(name: str, bits: int, left: float, most: float) -> FitError:
    needed = -(-bits // 8)
    larger = f"expected tile.buffer.size of at least {needed} B"
    if bits <= most:
        larger = "expected a larger tile.buffer.size, or more tiles (tile.count)"
    return FitError(
        f"tile.buffer.size: operator {name!r} needs {needed} B of a tile's buffer for its inputs, and no tile has more "
        f"than {int(left) // 8} B left; {larger}"
    )


def _taken(placement: Placement, number: int, known: Mapping[int, Sequence[int]]) -> list[tuple[int, float]]:
    """(tile, bits an image) of what takes the output of stage `number`, as far as it is known."""
    ends: list[tuple[int, float]] = []
    for other, place in placement.consumers(number):
        stage = placement.stages[other]
        if stage.layers:
            ends += input_bits(placement, other, stage, place).items()
        elif other in known:
            ends.append((known[other][0], operator_need(placement, other, stage, place, None).image_bits((0,))))
    if number == len(placement.stages) - 1:
        ends.append((GLOBAL, 1.0))
    return ends


def _hop_bits(where: NDArray[np.int64], ends: Sequence[tuple[int, float]]) -> NDArray[np.float64]:
    """Bits x hops of every place for a home, given (tile, bits) of what it sends to and gets from."""
    total = np.zeros(len(where))
    for tile, bits in ends:
        at = np.zeros(2, np.int64) if tile == GLOBAL else where[tile]
        total += bits * np.abs(where - at).sum(axis=1)
    return total
