"""The layer read back from its cells, over grids of spread and HRS/LRS, and with flips in chosen bits only.

Two ways to read: soft, the mantissa's bits analog, sign and exponent exact; hard, every bit thresholded and the
decoded weight limited to -1..1. The uniform deviates that pick from the look-up table, and the normal ones of the
cycles, are the same at all points of a grid, so that neighbours differ in their parameter alone; draws are repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.streams import generator
from pillarsim.reproduce.prabhu2020.cells import Binary
from pillarsim.reproduce.prabhu2020.codes import BINARY32, Bits, FloatFormat, decode, encode
from pillarsim.reproduce.prabhu2020.layer import Layer
from pillarsim.reproduce.rows import Progress

Array = NDArray[np.float64]
SEED = 2020  # our choice, made once
LIMIT = 1.0  # a decoded weight lies in -LIMIT..LIMIT; as in the derived table

# (spread, HRS/LRS, number of the draw) -> cell; what spread and ratio count is the family's own
Family = Callable[[float, float, int], Binary]


@dataclass(frozen=True)
class Axes:
    """The points of a grid, each axis rising; the first spread is none."""

    spreads: tuple[float, ...]
    ratios: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Reading:
    """One reading of a layer: relative errors, over all filters and by filter, and the bits read wrong (share)."""

    soft: float
    hard: float
    soft_filters: Array
    hard_filters: Array
    flipped: float


@dataclass(frozen=True, eq=False)
class Coded:
    """A layer's weights in bits (weights, width), as the numbers that these stand for (filters, inputs), and
    ||y_ref||^2 of each filter.
    """

    layer: Layer
    form: FloatFormat
    bits: Bits
    reference: Array
    sizes: Array

    def error(self, weights: Array) -> tuple[float, Array]:
        """||y_read - y_ref|| / ||y_ref|| with other weights, in the order of the bits: of all filters, and of each."""
        change = self.layer.squared_norms(weights.reshape(self.reference.shape) - self.reference)
        return float(np.sqrt(change.sum() / self.sizes.sum())), np.sqrt(change / self.sizes)


def coded(layer: Layer, form: FloatFormat = BINARY32) -> Coded:
    """Code a layer; the reference is what the format keeps of the weights."""
    bits = encode(layer.weights, form)
    reference = decode(bits, form).reshape(layer.weights.shape)
    return Coded(layer, form, bits, reference, layer.squared_norms(reference))


def uniform(shape: tuple[int, ...], draw: int, *names: str | int) -> Array:
    """Uniform deviates in [0, 1) of one draw."""
    return torch.rand(shape, generator=generator(SEED, *names, draw), dtype=torch.float64).numpy()


def read(code: Coded, cell: Binary, deviates: Array) -> Reading:
    """Read every cell once and decode both ways."""
    conductance = cell.read_s(code.bits, deviates)
    hard = cell.hard(conductance)
    mantissa = cell.soft(conductance[:, 1 + code.form.exponent_bits :])
    soft, soft_filters = code.error(decode(code.bits, code.form, mantissa))
    limited, hard_filters = code.error(limit(decode(hard, code.form)))
    return Reading(soft, limited, soft_filters, hard_filters, float((hard != code.bits).mean()))


def limit(weights: Array) -> Array:
    """Weights within the coded range."""
    return np.clip(weights, -LIMIT, LIMIT)


@dataclass(frozen=True, eq=False)
class Grid:
    """Readings of all points: (draws, ratios, spreads) of relative errors and of the share of bits read wrong."""

    axes: Axes
    soft: Array
    hard: Array
    flipped: Array


def solve(code: Coded, family: Family, axes: Axes, draws: int, stage: str, progress: Progress) -> Grid:
    """Read the layer at every point of the grid, `draws` times."""
    found = np.empty((3, draws, len(axes.ratios), len(axes.spreads)))
    for draw in range(draws):
        deviates = uniform(code.bits.shape, draw, "cells")
        for place in np.ndindex(found.shape[2:]):
            one = read(code, family(axes.spreads[place[1]], axes.ratios[place[0]], draw), deviates)
            found[:, draw, *place] = one.soft, one.hard, one.flipped
        progress(stage, draw + 1, draws)
    return Grid(axes, *found)


@dataclass(frozen=True)
class Steps:
    """Neighbouring points: how many there are, how many go the right way, and how many leave error and bits at zero."""

    count: int
    right: int
    still: int = 0

    @property
    def hold(self) -> bool:
        """Whether every step is right or still, and one is right."""
        return self.right > 0 and self.right + self.still == self.count

    def text(self) -> str:
        """The counts in words."""
        return f"{self.right} of {self.count}" + (f", {self.still} at zero error" if self.still else "")


def steps(values: Array, axis: int, rises: bool) -> Steps:
    """Compare neighbours along an axis, strictly; two errors of exactly zero are a step that is still."""
    turned = np.moveaxis(values if rises else -values, axis, 0)
    pairs = list(pairwise(turned))
    right = sum(int((later > earlier).sum()) for earlier, later in pairs)
    still = sum(int(((later == 0) & (earlier == 0)).sum()) for earlier, later in pairs)
    return Steps(sum(later.size for _, later in pairs), right, still)


@dataclass(frozen=True)
class Trend:
    """The steps of the mean of draws, and those of all single draws."""

    mean: Steps
    single: Steps


def trends(grid: Grid) -> dict[str, Trend]:
    """How both readings' errors move with the spread and with HRS/LRS, in words -> steps.

    At no spread every ratio gives zero: there the ratios are not compared.
    """
    return {
        f"{words}, {kind}": Trend(
            steps(values[..., first:].mean(axis=0, keepdims=True), axis, rises), steps(values[..., first:], axis, rises)
        )
        for words, axis, rises, first in (("rises with the spread", 2, True, 0), ("falls with HRS/LRS", 1, False, 1))
        for kind, values in (("soft", grid.soft), ("thresholded", grid.hard))
    }


def group_errors(code: Coded, cell: Binary, draw: int) -> tuple[float, float]:
    """Relative error with the wrong bits of sign and exponent kept alone, and with those of the mantissa alone.

    Every bit of either group is read wrong with the same probability, by the same table and threshold.
    """
    split = 1 + code.form.exponent_bits
    hard = cell.hard(cell.read_s(code.bits, uniform(code.bits.shape, draw, "cells")))
    outer = np.hstack([hard[:, :split], code.bits[:, split:]])
    inner = np.hstack([code.bits[:, :split], hard[:, split:]])
    first, second = (code.error(limit(decode(bits, code.form)))[0] for bits in (outer, inner))
    return first, second


def place_errors(code: Coded, rate: float, draws: int) -> Array:
    """Relative error (width,) with flips at one place of the code, each with probability `rate`; mean of draws."""
    found = np.zeros(code.form.width)
    for place in range(code.form.width):
        for draw in range(draws):
            bits = code.bits.copy()
            bits[:, place] ^= (uniform(bits.shape[:1], draw, "place", place) < rate).astype(np.uint8)
            found[place] += code.error(limit(decode(bits, code.form)))[0] / draws
    return found
