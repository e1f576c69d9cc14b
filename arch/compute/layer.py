"""One layer on one set of programmed arrays: input codes to accumulators, and what the reads did."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.bit_lists import aligned_words, bit_lists, table_words
from pillarsim.arch.compute.convert import scatter
from pillarsim.arch.compute.converters import ConverterRange
from pillarsim.arch.compute.exact import ExactReads, RestReads, add_exact, exact_reads
from pillarsim.arch.compute.fixed_point import FixedLayer
from pillarsim.arch.compute.kernel import read_bits, read_values
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.compute.windows import (
    Windows,
    chunk_values,
    looked_up,
    place_windows,
    response_drive,
    row_drive,
)
from pillarsim.arch.placement import PlacedLayer

_MAP_BYTES = 1 << 23  # padded codes held at once
_WINDOW_BYTES = 1 << 19  # bit planes or chunk values of windows worked on at once: stay in a second-level cache


# noise, stream, first read, reads a window, converter, spikes, half, shift, place, (columns, outputs)
_Conversion = tuple[
    tuple[bool, np.float32, int],
    np.uint64,
    int,
    int,
    tuple[bool, int, int],
    tuple[float, float, bool, bool],
    Any,  # int32 beside looked-up sums, int64 beside products
    Any,
    NDArray[np.float64],
    tuple[int, int],
]


@dataclass(frozen=True, eq=False)
class ReadCounts:
    """Totals over windows: clipped conversions, spikes; per row (R,): chunks driven, sum of x, sum of x^2.

    x is the chunk over its largest value 2^chunk_bits - 1. For nonlinear cells drive and drive_squared are (terms, R),
    sums of y and of x y, y being the row's drive over the same value.
    """

    windows: int
    clipped: int
    spikes: int
    driven: NDArray[np.float64]
    drive: NDArray[np.float64]
    drive_squared: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerSetup:
    """What the reads of one layer need: its placement, converters and integers, and its noise stream.

    shortcut: whether columns whose conversions change nothing are found and summed up as `exact` products; the
    results are the same without.
    """

    layer: PlacedLayer
    rule: ReadRule
    converter: ConverterRange
    fixed: FixedLayer
    stream: np.uint64
    shortcut: bool = True
    exact: ExactReads | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.shortcut:
            object.__setattr__(self, "exact", exact_reads(self.layer, self.rule, self.converter, self.fixed))


def run_layer(setup: LayerSetup, codes: NDArray[np.int32], first_image: int) -> tuple[NDArray[np.float64], ReadCounts]:
    """Accumulators (N * windows, O), without bias, of input codes (N, C, H, W), and the counts of the reads.

    first_image numbers the first image among all, so that its read noise does not depend on how images are grouped.
    """
    matrix = setup.layer.matrix
    rows, outputs = matrix.weight.shape
    images_at_once, windows_at_once = _at_once(setup)
    sums = np.zeros((len(codes) * matrix.windows, outputs))
    terms = 1 if setup.rule.response is None else setup.rule.response.terms
    totals = np.zeros((1 + 2 * terms, rows))
    clipped = spikes = 0
    read = _read_exact if setup.exact else _read_packed if setup.fixed.packed else _read_values
    for image in range(0, len(codes), images_at_once):
        part = codes[image : image + images_at_once]
        windows = place_windows(part, matrix)
        first = image * matrix.windows
        for start in range(0, len(windows.bases), windows_at_once):
            some = replace(windows, bases=windows.bases[start : start + windows_at_once])
            view = sums[first + start : first + start + len(some.bases)]
            lost, fired = read(setup, some, first_image * matrix.windows + first + start, view)
            clipped, spikes = clipped + lost, spikes + fired
        totals += _row_drive(setup, windows, len(part))
    full = float((1 << setup.rule.chunk_bits) - 1)
    drive, squared = totals[1 : 1 + terms] / full, totals[1 + terms :] / full**2
    if setup.rule.response is None:
        drive, squared = drive[0], squared[0]
    return sums, ReadCounts(len(sums), clipped, spikes, totals[0], drive, squared)


def _at_once(setup: LayerSetup) -> tuple[int, int]:
    """Images whose maps are held at once, and windows that are read at once."""
    matrix, fixed = setup.layer.matrix, setup.fixed
    (channels, height, width), (top, left, bottom, right) = matrix.in_shape, matrix.padding
    image_bytes = 4 * channels * (top + height + bottom) * (left + width + right)
    values = 16 * setup.rule.conversions(matrix.input)
    if fixed.packed:
        values = matrix.input.bits
    elif fixed.drives is not None:
        values = 8 * len(setup.rule.chunks(matrix.input)) * (fixed.drives.drive.shape[1] + fixed.drives.power.shape[1])
    largest = max(stop - start for _, (start, stop) in _groups(setup.layer))
    return max(1, _MAP_BYTES // image_bytes), max(1, _WINDOW_BYTES // (largest * values))


def _row_drive(setup: LayerSetup, windows: Windows, images: int) -> NDArray[Any]:
    plan = setup.rule.chunks(setup.layer.matrix.input)
    if setup.rule.response is None:
        return row_drive(windows, images, plan)
    return response_drive(windows, images, plan, setup.rule.response.drives())


def _groups(layer: PlacedLayer) -> list[tuple[int, tuple[int, int]]]:
    return [(number, group) for number, block in enumerate(layer.row_blocks) for group in block.groups]


def _noise(fixed: FixedLayer) -> tuple[bool, np.float32, int]:
    return fixed.noise.shape[1] > 0, np.float32(fixed.noise_scale), fixed.noise_shift


def _converter(setup: LayerSetup) -> tuple[bool, int, int]:
    return setup.rule.spikes is not None, setup.converter.low, setup.converter.high


def _spikes(setup: LayerSetup) -> tuple[float, float, bool, bool]:
    rule = setup.rule.spikes
    if rule is None:
        return 0.0, 0.0, False, False
    return rule.gain / 2.0**setup.fixed.fraction, rule.dead, rule.kept, rule.bipolar


def _conversion(setup: LayerSetup, place: tuple[int, int], first_read: int, reads: int) -> _Conversion:
    """What both kinds of reads hand to their conversions; place: (row block, tile)."""
    fixed = setup.fixed
    return (
        _noise(fixed),
        setup.stream,
        first_read,
        reads,
        _converter(setup),
        _spikes(setup),
        fixed.half,
        fixed.shift,
        fixed.place[place],
        (fixed.columns, fixed.tile_outputs),
    )


def _read_packed(setup: LayerSetup, windows: Windows, first_window: int, sums: NDArray[np.float64]) -> tuple[int, int]:
    layer, fixed, codes = setup.layer, setup.fixed, setup.layer.matrix.input
    groups = _groups(layer)
    tiles, clipped, spikes = len(fixed.cells), 0, 0
    each = len(groups) * tiles
    scratch = aligned_words(2 * max(table_words(stop - start) for _, (start, stop) in groups)).reshape(2, -1)
    weights = np.array([chunk.weight for chunk in setup.rule.chunks(codes)])
    for number, (block, group) in enumerate(groups):
        lists = bit_lists(windows, group, codes.bits, _needs_inputs(fixed))
        rows = slice(*group)
        for tile in range(tiles):
            lost, fired = read_bits(
                fixed.cells[tile, rows],
                fixed.noise[tile, rows],
                lists.entries,
                lists.lists,
                codes.bits,
                codes.signed,
                *_conversion(setup, (block, tile), (first_window * len(groups) + number) * tiles + tile, each),
                scratch,
                sums,
                tile * fixed.tile_outputs,
            )
            clipped, spikes = clipped + lost, spikes + fired
        if _needs_inputs(fixed):
            _add_inputs(setup, block, lists.ones, weights, sums)
    return clipped, spikes


def _read_values(setup: LayerSetup, windows: Windows, first_window: int, sums: NDArray[np.float64]) -> tuple[int, int]:
    layer, rule, fixed, codes = setup.layer, setup.rule, setup.fixed, setup.layer.matrix.input
    groups, plan, together = _groups(layer), rule.chunks(codes), rule.analog_accumulate
    shifts = np.array([chunk.shift for chunk in plan])
    weights = np.ones(1, np.int64) if together else np.array([chunk.weight for chunk in plan])
    tiles, clipped, spikes = len(fixed.cells), 0, 0
    each = len(groups) * tiles
    for number, (block, group) in enumerate(groups):
        if fixed.drives is None:
            values = chunk_values(windows, group, plan, together)
        else:
            values = looked_up(windows, group, plan, together, fixed.drives)
        rows, noisy = _terms_of(fixed.cells, group, windows), _terms_of(fixed.noise, group, windows)
        for tile in range(tiles):
            lost, fired = read_values(
                fixed.cells[tile, rows],
                fixed.noise[tile, noisy],
                values.drive,
                values.power,
                np.zeros(1, np.int64) if together else shifts,
                codes.signed and not together,
                *_conversion(setup, (block, tile), (first_window * len(groups) + number) * tiles + tile, each),
                sums,
                tile * fixed.tile_outputs,
            )
            clipped, spikes = clipped + lost, spikes + fired
        if _needs_inputs(fixed):
            _add_inputs(setup, block, values.sums, weights, sums)
    return clipped, spikes


def _read_exact(setup: LayerSetup, windows: Windows, first_window: int, sums: NDArray[np.float64]) -> tuple[int, int]:
    """Exact columns by their products, the others as `_read_packed` and `_read_values` do; there is no noise."""
    assert setup.exact is not None
    add_exact(setup.exact, windows, sums)
    clipped = 0
    for (_, group), rest in zip(_groups(setup.layer), setup.exact.rest, strict=True):
        if len(rest.outputs) > 0:
            found = np.zeros((len(windows.bases), len(rest.outputs)))
            clipped += _read_rest(setup, rest, windows, group, found, sums)
            scatter(found, rest.outputs, sums)
    return clipped, 0


def _read_rest(
    setup: LayerSetup,
    rest: RestReads,
    windows: Windows,
    group: tuple[int, int],
    found: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> int:
    rule, fixed, codes = setup.rule, setup.fixed, setup.layer.matrix.input
    plan, together = rule.chunks(codes), rule.analog_accumulate
    has_base = fixed.base != 0 and bool(rest.base_place.any())
    weights = np.ones(1, np.int64) if together else np.array([chunk.weight for chunk in plan])
    conversion: _Conversion = (
        _noise(fixed), setup.stream, 0, 1, _converter(setup), _spikes(setup), rest.half, rest.shift, rest.place,
        (1, len(rest.outputs)),
    )  # fmt: skip
    none = rest.cells[:0]
    if fixed.packed:
        lists = bit_lists(windows, group, codes.bits, has_base)
        scratch = aligned_words(2 * table_words(len(rest.cells))).reshape(2, -1)
        lost, _ = read_bits(
            rest.cells, none, lists.entries, lists.lists, codes.bits, codes.signed, *conversion, scratch, found, 0
        )
        driven = lists.ones
    else:
        values = chunk_values(windows, group, plan, together)
        shifts = np.zeros(1, np.int64) if together else np.array([chunk.shift for chunk in plan])
        lost, _ = read_values(
            rest.cells, none, values.drive, values.power, shifts, codes.signed and not together, *conversion, found, 0
        )
        driven = values.sums
    if has_base:
        sums += _base_steps(fixed, driven, weights)[:, None] * rest.base_place
    return lost


def _base_steps(fixed: FixedLayer, driven: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """HRS sums of the reads, each rounded to unit steps, added up by the reads' worth (W,)."""
    steps = (driven * fixed.base + (1 << (fixed.fraction - 1))) >> fixed.fraction
    return (steps @ weights).astype(np.float64)


def _terms_of(values: NDArray[Any], group: tuple[int, int], windows: Windows) -> slice:
    """Where the terms of the rows `group` lie in values (tiles, R * terms, C); nowhere if there are none."""
    each = values.shape[1] // len(windows.offsets)
    return slice(each * group[0], each * group[1])


def _needs_inputs(fixed: FixedLayer) -> bool:
    return bool(fixed.input_place.any() or (fixed.base and fixed.base_place.any()))


def _add_inputs(
    setup: LayerSetup,
    block: int,
    driven: NDArray[np.int64],
    weights: NDArray[np.int64],
    sums: NDArray[np.float64],
) -> None:
    """Add what is digital: the offset and complemented columns by the inputs' sum, and the HRS sum taken off.

    driven (W, T): summed chunk values of each read; weights (T,): worth of each read.
    """
    fixed = setup.fixed
    inputs, base = fixed.input_place[block], fixed.base_place[block]
    if inputs.any():
        sums += (driven @ weights).astype(np.float64)[:, None] * inputs
    if fixed.base and base.any():
        sums += _base_steps(fixed, driven, weights)[:, None] * base
