"""How leakage and read margin move with layers, pillars, voltage, bits and cell, solved with the chip's wires.

Every trend is decided step by step: of two neighbouring points that differ in one quantity only, the solved values are
compared strictly. Two kinds of array: a line of P pillars in one row, and a square of N x N pillars whose other rows
are switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise, product

from pillarsim.reproduce.chen2021.array import Array, Point, measure
from pillarsim.reproduce.rows import Progress

SCHEMES = ("half", "third")
LAYERS, COLUMNS, VOLTS = 1, 2, 3  # places in the key of a grid


@dataclass(frozen=True)
class Axes:
    """The values of a grid: layers, pillars a side (square) or in the row (line), read voltage in V."""

    layers: tuple[int, ...]
    columns: tuple[int, ...]
    volts: tuple[float, ...]


LINE = Axes((1, 2, 4, 8, 16, 32, 64), (8, 16, 32, 64), (0.3, 0.5, 0.75, 1.0, 1.25, 1.5))
SQUARE = Axes((1, 2, 4, 8, 16), (2, 4, 8), (0.3, 0.5, 0.75, 1.0, 1.25, 1.5))
QUICK_LINE = Axes((1, 2, 8, 64), (8, 64), (0.3, 1.0, 1.5))
QUICK_SQUARE = Axes((1, 2, 8), (2, 8), (0.3, 1.0, 1.5))

# (scheme, layers, columns, volts)
Key = tuple[str, int, int, float]


@dataclass(frozen=True)
class Solved:
    """One point read by a sense amplifier and by a load resistor of R_LRS."""

    amplifier: Point
    load: Point


Grid = Mapping[Key, Solved]


def solve_grid(axes: Axes, square: bool, progress: Progress) -> Grid:
    """Solve every combination of the axes under both schemes. Raises CircuitError."""
    keys = list(product(SCHEMES, axes.layers, axes.columns, axes.volts))
    stage = "square of pillars" if square else "line of pillars"
    grid: dict[Key, Solved] = {}
    for scheme, layers, columns, volts in keys:
        progress(stage, len(grid), len(keys))
        array = Array(layers, columns if square else 1, columns, 1, volts, scheme)
        grid[scheme, layers, columns, volts] = Solved(measure(array), measure(array.loaded()))
    progress(stage, len(keys), len(keys))
    return grid


@dataclass(frozen=True)
class Trend:
    """Ratios of neighbouring values along one quantity: later / earlier."""

    ratios: tuple[float, ...]

    @property
    def rises(self) -> bool:
        """Whether every step rises; False without any step."""
        return bool(self.ratios) and min(self.ratios) > 1

    @property
    def falls(self) -> bool:
        """Whether every step falls; False without any step."""
        return bool(self.ratios) and max(self.ratios) < 1

    def text(self, rising: bool) -> str:
        """`36 of 36 steps rise (least +2.1 %)`; the least step is the one that argues most against the trend."""
        count = sum(ratio > 1 if rising else ratio < 1 for ratio in self.ratios)
        least = min(self.ratios) if rising else max(self.ratios)
        word = "rise" if rising else "fall"
        return f"{count} of {len(self.ratios)} steps {word} (least {_percent(least - 1)})"


def trend(grids: Iterable[Grid], axis: int, value: Callable[[Solved], float], layers: range) -> Trend:
    """Compare neighbours along the place `axis` of the key, in the points whose layers lie in `layers`."""
    lines: dict[tuple[object, ...], list[tuple[float, float]]] = {}
    for number, grid in enumerate(grids):
        for key, solved in grid.items():
            if key[LAYERS] in layers:
                line = (number, *key[:axis], *key[axis + 1 :])
                lines.setdefault(line, []).append((float(key[axis]), value(solved)))
    return along([reading for _, reading in sorted(line)] for line in lines.values())


def along(lines: Iterable[list[float]]) -> Trend:
    """The steps of several lines of values, each in its own order."""
    return Trend(tuple(later / earlier for line in lines for earlier, later in pairwise(line)))


def _percent(part: float) -> str:
    return f"{100 * part:+.0f} %" if abs(part) >= 0.1 else f"{100 * part:+.2g} %"
