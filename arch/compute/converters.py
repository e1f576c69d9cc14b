"""The range of the converters: an LSB of 2^k unit steps for each slice of each layer.

code = floor(s / 2^k + 0.5), clipped to the converter's codes; k is the smallest that lets the range cover the largest
possible sum (full scale) or a percentile of |s| on calibration data (calibrated). A converter of one bit on sums of
either sign has the codes -1 and 0, which cover no positive sum: its k covers the negative ones.
Spike counters have no range: k = 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.compute.coding import weight_levels
from pillarsim.arch.compute.integer import visit_layers
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.compute.response import interleaved
from pillarsim.arch.compute.windows import Windows, chunk_values, place_windows
from pillarsim.arch.placement import Codes, PlacedLayer, Placement
from pillarsim.devices.jit import compiled

_IMAGES_AT_ONCE = 10  # bounds memory; the outcome does not depend on it
_ROUNDING = 2.0**-20  # relative: more than a cell's conductance is rounded by in fixed point
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
    found: list[ConverterRange] = []

    def visit(number: int, codes: NDArray[np.int32]) -> None:
        found.append(_calibrated(placement.layers[number], rule, codes))

    visit_layers(placement, images, visit)
    return tuple(found)


def smallest_shift(least: float, largest: float, low: int, high: int) -> int:
    """Smallest k >= 0 with floor(s / 2^k + 0.5) within [low, high] for s in [least, largest]."""
    shift = 0
    while (high > 0 and math.floor(largest / 2**shift + 0.5) > high) or math.floor(least / 2**shift + 0.5) < low:
        shift += 1
    return shift


def ideal_columns(layer: PlacedLayer, rule: ReadRule) -> NDArray[np.float64]:
    """Column values in unit steps of ideal cells, as converted: (columns a slice, R, O, S), HRS part included.

    Of nonlinear cells at several voltages they are (1, R * terms, O, S), the terms of a row together.
    """
    levels, _ = weight_levels(layer.matrix.weight, rule.scheme, rule.weight_bits, rule.bits_per_cell, layer.row_blocks)
    values = levels.numpy().astype(np.float64)
    if rule.response is not None:
        terms = rule.response.conductances_s(rule.g_min_s + values * rule.step_s) / rule.step_s
        return interleaved(terms[:1] - terms[1:])
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
            # What fixed-point cells hold of the HRS part may be rounded up.
            base = 0.0 if rule.pairs else (stop - start) * rule.g_min_s / rule.step_s * (1 + _ROUNDING)
            largest = max(largest, level_sum + base)
    if rule.pairs:
        positive = negative = max(positive, negative)
    return -largest * negative, largest * positive


def _calibrated(layer: PlacedLayer, rule: ReadRule, codes: NDArray[np.int32]) -> ConverterRange:
    matrix = layer.matrix
    low, high = rule.code_range(matrix.input)
    columns = ideal_columns(layer, rule).astype(np.float32).transpose(1, 3, 0, 2)
    rows, slices, copies, outputs = columns.shape
    flat = torch.from_numpy(np.ascontiguousarray(columns).reshape(rows, -1))
    terms = 1 if rule.response is None else rule.response.terms
    limits = (np.float64(high if high > 0 else -low) + 0.5) * 2.0 ** np.arange(_SHIFTS)
    needed = np.zeros((slices, _SHIFTS), np.int64)
    for first in range(0, len(codes), _IMAGES_AT_ONCE):
        windows = place_windows(codes[first : first + _IMAGES_AT_ONCE], matrix)
        for start, stop in (group for block in layer.row_blocks for group in block.groups):
            for drive in _reads(windows, (start, stop), rule, matrix.input):
                sums = torch.from_numpy(drive) @ flat[terms * start : terms * stop]
                _count_shifts(sums.numpy(), copies * outputs, limits, needed)
    shifts = (_percentile_of(histogram, rule.percentile) for histogram in needed)
    return ConverterRange(tuple(shifts), low, high)


def _reads(windows: Windows, group: tuple[int, int], rule: ReadRule, codes: Codes) -> Iterator[NDArray[np.float32]]:
    """Yield what drives a group's rows in each converted read, (W, rows), or (W, rows * terms); the array is reused."""
    plan = rule.chunks(codes)
    if rule.response is not None:
        drives = rule.response.drives()[chunk_values(windows, group, plan, False).drive]
        if rule.analog_accumulate:
            drives = np.einsum("t,wtrk->wrk", [chunk.weight for chunk in plan], drives)[:, None]
        for read in range(drives.shape[1]):
            yield drives[:, read].reshape(len(drives), -1).astype(np.float32)
        return
    drive = np.empty((len(windows.bases), group[1] - group[0]), np.float32)
    # Chunks that add up before the conversion are read as one whole code.
    parts = [(0, -1)] if rule.analog_accumulate else [(chunk.shift, chunk.high) for chunk in plan]
    for shift, mask in parts:
        _fill_drive(windows.codes, windows.bases, windows.offsets[slice(*group)], shift, mask, drive)
        yield drive


@compiled
def _fill_drive(
    codes: NDArray[np.int32],
    bases: NDArray[np.int64],
    offsets: NDArray[np.int64],
    shift: int,
    mask: int,
    drive: NDArray[np.float32],
) -> None:
    for w in range(len(bases)):
        here = codes[bases[w] :]
        for r in range(len(offsets)):
            drive[w, r] = (here[offsets[r]] >> shift) & mask


@compiled
def _count_shifts(
    sums: NDArray[np.float32], per_slice: int, limits: NDArray[np.float64], needed: NDArray[np.int64]
) -> None:
    """Count how many sums of each slice need each k: |s| < (high + 0.5) 2^k."""
    for w in range(sums.shape[0]):
        for s in range(needed.shape[0]):
            fits = 0
            for c in range(s * per_slice, (s + 1) * per_slice):
                size = abs(sums[w, c])
                if size < limits[0]:
                    fits += 1
                    continue
                k = 1
                while k < len(limits) - 1 and size >= limits[k]:
                    k += 1
                needed[s, k] += 1
            needed[s, 0] += fits


def _percentile_of(histogram: NDArray[np.int64], percentile: float) -> int:
    """Smallest k that at least `percentile` of the sums do not exceed."""
    wanted = max(math.ceil(histogram.sum() * percentile / 100), 1)
    return int(np.searchsorted(np.cumsum(histogram), wanted))
