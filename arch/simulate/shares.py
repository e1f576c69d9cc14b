"""How a tile's buffer is shared: each ring gets what it must have, and an equal share of what is left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pillarsim.arch.errors import FitError

__all__ = ["Need", "capacities"]


@dataclass(frozen=True)
class Need:
    """A ring of stage `name` in `tile`: `least` pixels of `map_bits / pixels` bits each, the mean over an image."""

    name: str
    tile: int
    map_bits: int
    pixels: int
    least: int

    @property
    def bits(self) -> int:
        """Bits that it must have."""
        return -(-self.least * self.map_bits // self.pixels)


def capacities(size_bits: int, needs: Sequence[Need]) -> list[int]:
    """Pixels that each ring may hold in a buffer of `size_bits` a tile. Raises FitError where a buffer is too small.

    A ring that wants no bits of any pixel holds two images.
    """
    tiles: defaultdict[int, list[Need]] = defaultdict(list)
    for need in needs:
        tiles[need.tile].append(need)
    rest = {}
    for tile, sharers in tiles.items():
        needed = sum(need.bits for need in sharers)
        if needed > size_bits:
            names = ", ".join(f"{need.name!r} {_bytes(need.bits)}" for need in sharers)
            raise FitError(
                f"tile.buffer.size: layer {sharers[-1].name!r} in tile {tile}: the inputs that must be held at once "
                f"take {_bytes(needed)} bytes, but the tile buffer has {_bytes(size_bits)} (bytes by layer: {names}); "
                f"expected tile.buffer.size of at least {_bytes(needed)} B"
            )
        rest[tile] = (size_bits - needed) // len(sharers)
    return [
        (need.bits + rest[need.tile]) * need.pixels // need.map_bits
        if need.map_bits
        else max(need.least, 2 * need.pixels)
        for need in needs
    ]


def _bytes(bits: int) -> str:
    return f"{bits / 8:.12g}"
