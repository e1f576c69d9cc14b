"""Where tiles stand on the mesh: in rows, as a snake, or moved by a search that shortens the network's ways.

The search starts from the best of several regular orders (snakes in strips of every width, one strip down and the next
one up) and swaps two tiles, or moves one to a free place, while that lowers bits x hops: a quadratic assignment
problem, for which it finds a local optimum. Its random order of tiles is seeded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.streams import stream_seed
from pillarsim.mapping.traffic import GLOBAL, Flows, Grid, hop_bits

__all__ = ["arranged", "regular_order"]

_PASSES = 20  # over all tiles; the search ends as soon as a pass improves nothing (the project's own choice)
_SEARCHED = 4096  # tiles; more stay in the best regular order (the project's own choice)
_WIDEST = 64  # columns of a strip (the project's own choice)
_LEAST_GAIN = 1e-9  # of a tile's own bits x hops; smaller gains are rounding

Floats = NDArray[np.float64]


def regular_order(grid: Grid, snake: bool, width: int | None = None) -> list[int]:
    """Every tile of the grid once, in strips of `width` columns (all by default), row by row."""
    width = grid.x if width is None else width
    order = []
    for strip, left in enumerate(range(0, grid.x, width)):
        columns = range(left, min(left + width, grid.x))
        for turn in range(grid.y):
            y = turn if strip % 2 == 0 else grid.y - 1 - turn
            way = reversed(columns) if snake and turn % 2 else columns
            order += [y * grid.x + x for x in way]
    return order


def arranged(flows: Flows, grid: Grid, tiles: int, seed: int) -> list[int]:
    """Place of each of the tiles 0, 1, ... that `flows` is about; never more bits x hops than the snake's.

    Deterministic for a seed.
    """
    widths = [None, *range(grid.block[0], min(grid.x, _WIDEST + 1), grid.block[0])]
    starts = [regular_order(grid, True, width)[:tiles] for width in widths]
    best = min(starts, key=lambda places: hop_bits(flows, grid, places))
    if tiles > _SEARCHED:
        return best
    found = _Search(flows, grid, best).run(np.random.default_rng(stream_seed(seed, "mapping", "traffic")))
    return min((best, found), key=lambda places: hop_bits(flows, grid, places))


class _Search:
    """Tiles on places, and free places behind them as tiles without flows.

    weights (tiles, tiles): bits between two tiles; anchored: between each and the global buffer; cost: bits x hops of
    each with all others.
    """

    def __init__(self, flows: Flows, grid: Grid, start: list[int]) -> None:
        self.count = len(start)
        routers = grid.routers()
        nearest = np.argsort(routers.sum(axis=1), kind="stable")[: 2 * self.count]
        self.places = np.concatenate([np.asarray(start, np.int64), np.setdiff1d(nearest, start)])
        self.where = routers[self.places].astype(np.float64)
        self.weights = np.zeros((self.count, self.count))
        self.anchored = np.zeros(self.count)
        for (source, destination), bits in flows.items():
            if GLOBAL in (source, destination):
                self.anchored[max(source, destination)] += bits
            else:
                self.weights[source, destination] += bits
                self.weights[destination, source] += bits
        self.partners = [np.flatnonzero(row) for row in self.weights]
        self.cost = np.array([self._cost_at(tile, self.where[tile]) for tile in range(self.count)])

    def run(self, random: np.random.Generator) -> list[int]:
        """Places of the tiles when no swap of a pass lowers the sum any more."""
        for _ in range(_PASSES):
            swaps = sum(self._better(tile) for tile in random.permutation(self.count).tolist())
            if not swaps:
                break
        return [int(place) for place in self.places[: self.count]]

    def _cost_at(self, tile: int, place: Floats) -> float:
        others = self.partners[tile]
        apart = np.abs(self.where[others] - place).sum(axis=1)
        return float(self.weights[tile, others] @ apart + self.anchored[tile] * place.sum())

    def _better(self, tile: int) -> bool:
        """Swap `tile` with what lowers the sum most."""
        own, others, count = self.where[tile], self.partners[tile], self.count
        apart = np.abs(self.where - own).sum(axis=1)
        gain = self.where.sum(axis=1) * self.anchored[tile] - self.cost[tile]
        for axis in (0, 1):
            ways = np.abs(self.where[:, axis, None] - self.where[None, others, axis])
            gain += ways @ self.weights[tile, others]
        gain[:count] += self.weights @ apart[:count] + self.anchored * own.sum() - self.cost
        gain[:count] += 2 * self.weights[tile] * apart[:count]  # the two stay as far apart as they are
        gain[tile] = 0.0
        other = int(np.argmin(gain))
        if gain[other] >= -_LEAST_GAIN * self.cost[tile]:
            return False
        self._swap(tile, other)
        return True

    def _swap(self, tile: int, other: int) -> None:
        pair = [tile, other]
        before = self.where[pair]
        self.where[pair] = before[::-1]
        self.places[pair] = self.places[pair[::-1]]
        for moved, old in zip(pair, before, strict=True):
            if moved < self.count:
                now = np.abs(self.where[: self.count] - self.where[moved]).sum(axis=1)
                then = np.abs(self.where[: self.count] - old).sum(axis=1)
                self.cost += self.weights[moved] * (now - then)
        for moved in pair:
            if moved < self.count:
                self.cost[moved] = self._cost_at(moved, self.where[moved])
