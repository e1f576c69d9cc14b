"""Filling tiles: arrays go to one tile after another, as far as its slots and its buffer go.

A tile's buffer must hold the least of every input that the layers in it need (`needs`); what is left over hides
delays. Where the row blocks of a layer need more than one buffer holds, they spread over more tiles: as many
neighbouring blocks together as a buffer holds, for all copies. When the tiles do not suffice, arrays go back to
earlier tiles that have room, which lengthens the ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pillarsim.arch.errors import FitError
from pillarsim.mapping.needs import Need
from pillarsim.mapping.share import Shared

__all__ = ["Filled", "Limits", "block_groups", "filled"]


@dataclass(frozen=True)
class Limits:
    """What limits a filling: tiles, arrays a tile, bits of a tile's buffer (None: no limit)."""

    tiles: int
    slots: int
    buffer_bits: int | None


@dataclass
class Filled:
    """A tile: its arrays in the order of their slots, and the row blocks of each layer there."""

    arrays: list[Shared] = field(default_factory=list)
    blocks: dict[int, set[int]] = field(default_factory=dict)
    held_bits: int = 0


def block_groups(need: Need, limits: Limits) -> list[range]:
    """Row blocks that go together: all of them, or as many neighbours as an empty buffer holds, evenly."""
    count = len(need.blocks)
    if limits.buffer_bits is None or need.held_bits(range(count)) <= limits.buffer_bits:
        return [range(count)]
    for pieces in range(2, count):
        edges = [count * k // pieces for k in range(pieces + 1)]
        groups = [range(first, last) for first, last in pairwise(edges)]
        if all(need.held_bits(group) <= limits.buffer_bits for group in groups):
            return groups
    return [range(number, number + 1) for number in range(count)]


def filled(arrays: Sequence[Shared], needs: Mapping[int, Need], limits: Limits, names: Sequence[str]) -> list[Filled]:
    """Put arrays into tiles; needs: of each layer; names: of layers, for errors.

    Raises FitError where one array's inputs need more than a buffer, or the tiles do not suffice.
    """
    if len(arrays) > limits.tiles * limits.slots:
        raise _missing(len(arrays), limits)
    _check_each(arrays, needs, limits, names)
    tiles = _next_fit(arrays, needs, limits)
    if len(tiles) > limits.tiles:
        tiles = _first_fit(arrays, needs, limits)
    if len(tiles) > limits.tiles:
        raise FitError(
            f"tile.buffer.size: the network's {len(arrays)} arrays need the buffers of {len(tiles)} tiles, and the "
            f"chip has {limits.tiles} tiles with {_bytes(limits.buffer_bits or 0)} B each: {len(tiles) - limits.tiles} "
            f"missing; expected a larger tile.buffer.size, or tile.count for {len(tiles)} tiles"
        )
    return tiles


def _missing(arrays: int, limits: Limits) -> FitError:
    there = limits.tiles * limits.slots
    return FitError(f"tile.count: the network needs {arrays} arrays and the chip has {there}: {arrays - there} missing")


def _check_each(arrays: Sequence[Shared], needs: Mapping[int, Need], limits: Limits, names: Sequence[str]) -> None:
    if limits.buffer_bits is None:
        return
    seen = {(part.layer, part.block) for array in arrays for part, _, _ in array.parts}
    for layer, block in sorted(seen):
        bits = needs[layer].held_bits((block,))
        if bits > limits.buffer_bits:
            raise FitError(
                f"tile.buffer.size: layer {names[layer]!r}: the inputs of one of its arrays need {_bytes(bits)} B of a "
                f"tile's buffer ({needs[layer].least} pixels of its input), which has {_bytes(limits.buffer_bits)} B; "
                f"expected tile.buffer.size of at least {_bytes(bits)} B, or fewer array.rows"
            )


def _bytes(bits: int) -> str:
    return f"{-(-bits // 8)}"


def _next_fit(arrays: Sequence[Shared], needs: Mapping[int, Need], limits: Limits) -> list[Filled]:
    tiles = [Filled()]
    for array in arrays:
        if not _put(array, tiles[-1], needs, limits):
            tiles.append(Filled())
            _put(array, tiles[-1], needs, limits)
    return tiles


def _first_fit(arrays: Sequence[Shared], needs: Mapping[int, Need], limits: Limits) -> list[Filled]:
    tiles: list[Filled] = [Filled()]
    open_from: dict[frozenset[tuple[int, int]], int] = {}  # tiles before did not take this kind of array
    for array in arrays:
        kind = frozenset((part.layer, part.block) for part, _, _ in array.parts)
        number = open_from.get(kind, 0)
        while number < len(tiles) and not _put(array, tiles[number], needs, limits):
            number += 1
        if number == len(tiles):
            tiles.append(Filled())
            _put(array, tiles[-1], needs, limits)
        open_from[kind] = number
    return tiles


def _put(array: Shared, tile: Filled, needs: Mapping[int, Need], limits: Limits) -> bool:
    """Put an array into a tile if slots and buffer allow it."""
    if len(tile.arrays) == limits.slots:
        return False
    new = [part for part, _, _ in array.parts if part.block not in tile.blocks.get(part.layer, ())]
    if new:
        extra = 0
        for part in new:
            here = tile.blocks.get(part.layer, set())
            need = needs[part.layer]
            extra += need.held_bits(here | {part.block}) - need.held_bits(here)
        if limits.buffer_bits is not None and tile.held_bits + extra > limits.buffer_bits:
            return False
        tile.held_bits += extra
        for part in new:
            tile.blocks.setdefault(part.layer, set()).add(part.block)
    tile.arrays.append(array)
    return True
