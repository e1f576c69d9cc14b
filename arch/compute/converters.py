"""The range of the converters: an LSB of 2^k unit steps for each slice of each layer.

code = floor(s / 2^k + 0.5), clipped to the converter's codes; k is the smallest that lets the range cover the largest
possible sum (full scale) or a percentile of |s| on calibration data (calibrated). A converter of one bit on sums of
either sign has the codes -1 and 0, which cover no positive sum: its k covers the negative ones.
Spike counters have no range: k = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.coding import weight_levels
from pillarsim.arch.compute.integer import layer_codes
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.compute.windows import gather_windows
from pillarsim.arch.placement import Codes, PlacedLayer, Placement

_IMAGES_AT_ONCE = 10  # bounds memory; the outcome does not depend on it
_SHIFTS = 48  # more than any LSB exponent: 16-bit inputs times 8-bit cells times 65536 rows take 40 bits


@dataclass(frozen=True)
class ConverterRange:
    """shift: k of each slice (LSB = 2^k unit steps); low, high: the converter's codes."""

    shift: tuple[int, ...]
    low: int
    high: int


def converter_ranges(
    placement: Placement, rule: ReadRule, images: NDArray[np.float32] | None = None
) -> tuple[ConverterRange, ...]:
    """Ranges of every layer; `images` (floats, N of input_shape) are needed where the range is calibrated.

    Raises ValueError for a calibrated range without images.
    """
    if not rule.calibrated:
        return tuple(full_scale(layer, rule) for layer in placement.layers)
    if images is None or len(images) == 0:
        raise ValueError("readout.range: 'calibrated' needs calibration images")
    return calibrate(placement, rule, images)


def full_scale(layer: PlacedLayer, rule: ReadRule) -> ConverterRange:
    """Smallest k that fits the largest sum which ideal cells can give."""
    low, high = rule.code_range(layer.matrix.input)
    if rule.spikes is not None:
        return ConverterRange((0,) * len(rule.top_levels), low, high)
    bounds = [_sum_bounds(layer, rule, top) for top in rule.top_levels]
    return ConverterRange(tuple(smallest_shift(*bound, low, high) for bound in bounds), low, high)


def calibrate(placement: Placement, rule: ReadRule, images: NDArray[np.float32]) -> tuple[ConverterRange, ...]:
    """Smallest k that fits the percentile of |s| which ideal arrays give on float `images`, layer by layer."""
    return tuple(
        _calibrated(layer, rule, codes)
        for layer, codes in zip(placement.layers, layer_codes(placement, images), strict=True)
    )


def smallest_shift(least: float, largest: float, low: int, high: int) -> int:
    """Smallest k >= 0 with floor(s / 2^k + 0.5) within [low, high] for s in [least, largest]."""
    shift = 0
    while (high > 0 and math.floor(largest / 2**shift + 0.5) > high) or math.floor(least / 2**shift + 0.5) < low:
        shift += 1
    return shift


def ideal_columns(layer: PlacedLayer, rule: ReadRule) -> NDArray[np.float64]:
    """Column values in unit steps of ideal cells, as converted: (columns a slice, R, O, S), HRS part included."""
    levels, _ = weight_levels(
        layer.matrix.weight, rule.scheme, rule.weight_bits, rule.bits_per_cell, layer.row_blocks
    )
    values = levels.numpy().astype(np.float64)
    return values[:1] - values[1:] if rule.pairs else values + rule.g_min_s / rule.step_s


def _sum_bounds(layer: PlacedLayer, rule: ReadRule, top: int) -> tuple[float, float]:
    """(least, largest) sum over every row group, for levels 0 to `top`."""
    codes = layer.matrix.input
    positive, negative = max(chunk.high for chunk in rule.chunks(codes)), 0
    if rule.analog_accumulate:
        positive, negative = codes.high, -codes.low
    largest = 0.0
    for block in layer.row_blocks:
        # A column complemented where that helps holds at most half of the largest level sum of its block.
        bound = (block.stop - block.start) * ((1 << rule.bits_per_cell) - 1) // 2
        for start, stop in block.groups:
            level_sum = (stop - start) * top
            if rule.scheme == "offset_flip":
                level_sum = min(level_sum, bound)
            base = 0.0 if rule.pairs else (stop - start) * rule.g_min_s / rule.step_s
            largest = max(largest, level_sum + base)
    if rule.pairs:
        positive = negative = max(positive, negative)
    return -largest * negative, largest * positive


def _calibrated(layer: PlacedLayer, rule: ReadRule, codes: NDArray[np.int32]) -> ConverterRange:
    low, high = rule.code_range(layer.matrix.input)
    needed = np.zeros((layer.slices, _SHIFTS), np.int64)
    columns = ideal_columns(layer, rule).astype(np.float32)
    for first in range(0, len(codes), _IMAGES_AT_ONCE):
        rows = gather_windows(codes[first : first + _IMAGES_AT_ONCE], layer.matrix)
        for read in _reads(rows, rule, layer.matrix.input):
            for start, stop in (group for block in layer.row_blocks for group in block.groups):
                for s in range(layer.slices):
                    part = np.ascontiguousarray(columns[:, start:stop, :, s])
                    needed[s] += _shift_histogram(read[:, start:stop] @ part, high if high > 0 else -low)
    shifts = (_percentile_of(histogram, rule.percentile) for histogram in needed)
    return ConverterRange(tuple(shifts), low, high)


def _reads(rows: NDArray[np.int32], rule: ReadRule, codes: Codes) -> list[NDArray[np.float32]]:
    if rule.analog_accumulate:
        return [rows.astype(np.float32)]
    pattern = rows & ((1 << codes.bits) - 1)
    return [((pattern >> chunk.shift) & chunk.high).astype(np.float32) for chunk in rule.chunks(codes)]


def _shift_histogram(sums: NDArray[np.float32], high: int) -> NDArray[np.int64]:
    """How many sums need each k: |s| < (high + 0.5) 2^k."""
    _, exponent = np.frexp(np.abs(sums).ravel() / np.float32(high + 0.5))
    return np.bincount(exponent.clip(0, _SHIFTS - 1), minlength=_SHIFTS)


def _percentile_of(histogram: NDArray[np.int64], percentile: float) -> int:
    """Smallest k that at least `percentile` of the sums do not exceed."""
    wanted = max(math.ceil(histogram.sum() * percentile / 100), 1)
    return int(np.searchsorted(np.cumsum(histogram), wanted))
