"""Conductances as integers, in the layout that the kernels read.

A cell's contribution in unit steps is rounded to a multiple of 2^-F, so that column sums are exact integers: they do
not depend on the order of additions, on the number of threads, or on how a kernel skips zeros, and ideal levels stay
whole numbers. F is as large as the integer type allows for the largest sum of the layer (noise included), and small
enough to absorb the rounding of float32 conductances; F of at least 8 against LSBs of 2^F and more.
Read noise: the variance of a cell's contribution is kept the same way, in an array of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.converters import ConverterRange
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.placement import PlacedLayer

Integers: TypeAlias = NDArray[Any]  # int32 where a layer is `packed`, else int64

_TILE_COLUMNS = 128  # columns worked on at once: partial sums of 128 rows stay in a core's cache
_LANES = 32  # columns are padded to whole vectors
_FLOAT32_BITS = 21  # of a conductance that survive the subtraction of two float32 values, with a margin
_LEAST_FRACTION = 8  # bits; with fewer the 64-bit path is taken
_NOISE_SPAN = 6.0  # standard deviations; the normal draws end at 5.5


@dataclass(frozen=True, eq=False)
class FixedLayer:
    """One programmed layer as integers.

    cells, noise (tiles, R, C): contributions in 2^-fraction unit steps and their variances (noise has no rows where
    there is no read noise); columns of a tile go (column of a slice, slice, output), `tile_outputs` outputs a tile,
    padded with zeros to C. packed: 32-bit, for reads of one bit a row. noise_scale: variance of the integer sum over
    2^(2 noise_shift), by the summed `noise`. base: HRS contribution of a driven row, 0 for pairs.
    shift, half (C,): code = (sum + half) >> shift. place (row blocks, tiles, C): what one code adds to an output.
    input_place, base_place (row blocks, O): what one unit of the summed inputs, and of the HRS sum rounded to unit
    steps, adds to an output. row_conductance_s (R,): all cells of a row.
    """

    cells: Integers
    noise: Integers
    packed: bool
    fraction: int
    noise_scale: float
    noise_shift: int
    base: int
    tile_outputs: int
    columns: int
    shift: Integers
    half: Integers
    place: NDArray[np.float64]
    input_place: NDArray[np.float64]
    base_place: NDArray[np.float64]
    row_conductance_s: NDArray[np.float64]


def unit_steps(programmed: ProgrammedLayer, rule: ReadRule) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Contribution and variance of each converted column's cell in unit steps, (columns a slice, R, O, S).

    Contributions are above the HRS: G+ - G- for a pair subtracted in analog, else G - g_min.
    """
    conductance = programmed.seen_s.numpy().astype(np.float64) / rule.step_s
    variance = (rule.read_noise * conductance) ** 2
    if rule.pairs:
        return conductance[:1] - conductance[1:], variance[:1] + variance[1:]
    return conductance - rule.g_min_s / rule.step_s, variance


def fix_layer(layer: PlacedLayer, programmed: ProgrammedLayer, rule: ReadRule, converter: ConverterRange) -> FixedLayer:
    """Round a programmed layer to integers and lay it out in tiles of outputs."""
    steps, variance = unit_steps(programmed, rule)
    base_steps = 0.0 if rule.pairs else rule.g_min_s / rule.step_s
    sum_bound = max(
        _largest(np.abs(steps) + base_steps, layer) * _drive_bound(layer, rule), 2.0 ** max(converter.shift)
    )
    power_bound = _largest(variance, layer) * _power_bound(layer, rule)
    span = sum_bound + _NOISE_SPAN * math.sqrt(power_bound)

    snap = _FLOAT32_BITS - math.ceil(math.log2(rule.g_max_s / rule.step_s))
    fraction = min(snap, _headroom(30, span))
    planes = layer.matrix.input.bits
    packed = (
        rule.chunk_bits == 1
        and not rule.analog_accumulate
        and fraction >= min(_LEAST_FRACTION, snap)
        and rule.bits + planes <= 30
    )
    word = np.int32 if packed else np.int64
    if not packed:
        fraction = min(snap, _headroom(60, span))
    fraction = max(fraction, 1)
    noise_fraction = min(_headroom(30 if packed else 60, power_bound), 80) if power_bound > 0 else 0
    deviation = _NOISE_SPAN * math.sqrt(power_bound) * 2.0**fraction
    noise_shift = max(0, math.ceil(math.log2(deviation)) - 30) if deviation > 1 else 0

    base = round(base_steps * 2**fraction)
    tile = _tile(layer, rule)
    cells = _tiled(np.rint(steps * 2.0**fraction) + base, tile).astype(word)
    noise = _tiled(np.rint(variance * 2.0**noise_fraction), tile).astype(word)
    shifts = np.array([converter.shift[s] + fraction for s in range(layer.slices)], word)
    shift: Integers = _columns(np.broadcast_to(shifts, (rule.columns, layer.slices)), tile).astype(word)
    sign, input_place, base_place = _places(layer, programmed, rule)
    step = 1.0 if rule.spikes is None else 1.0 / rule.spikes.gain
    value = sign * step * np.array([2.0 ** converter.shift[s] for s in range(layer.slices)])[:, None]
    return FixedLayer(
        cells=cells,
        noise=noise if power_bound > 0 else noise[:, :0],
        packed=packed,
        fraction=fraction,
        noise_scale=2.0 ** (2 * (fraction - noise_shift) - noise_fraction),
        noise_shift=noise_shift,
        base=base,
        tile_outputs=tile.outputs,
        columns=tile.columns,
        shift=shift,
        half=(word(1) << (np.maximum(shift, 1) - 1)).astype(word) * (shift > 0),
        place=np.stack([_tiled(block[:, None].transpose(0, 1, 3, 2), tile)[:, 0] for block in value]),
        input_place=input_place,
        base_place=base_place,
        row_conductance_s=programmed.conductance_s.double().sum(dim=(0, 2, 3)).numpy(),
    )


@dataclass(frozen=True)
class _Tile:
    outputs: int
    columns: int
    width: int


def _tile(layer: PlacedLayer, rule: ReadRule) -> _Tile:
    outputs, columns = layer.matrix.weight.shape[1], rule.columns * layer.slices
    largest = max(1, _TILE_COLUMNS // columns)
    tiles = -(-outputs // largest)
    each = -(-outputs // tiles)
    return _Tile(each, columns, -(-each * columns // _LANES) * _LANES)


def _tiled(values: NDArray[np.float64], tile: _Tile) -> NDArray[np.float64]:
    """(columns a slice, R, O, S) -> (tiles, R, C), zeros where there is no output."""
    _, rows, outputs, _ = values.shape
    tiles = -(-outputs // tile.outputs)
    result = np.zeros((tiles, rows, tile.width))
    for number in range(tiles):
        part = values[:, :, number * tile.outputs : (number + 1) * tile.outputs]
        spread = np.zeros((rows, tile.columns, tile.outputs))
        spread[:, :, : part.shape[2]] = part.transpose(1, 0, 3, 2).reshape(rows, tile.columns, part.shape[2])
        result[number, :, : tile.columns * tile.outputs] = spread.reshape(rows, -1)
    return result


def _columns(values: NDArray[np.integer], tile: _Tile) -> NDArray[np.integer]:
    """(columns a slice, S) -> (C,), the same for every output; padding repeats the last value."""
    spread = np.repeat(values.reshape(-1), tile.outputs)
    return np.pad(spread, (0, tile.width - len(spread)), mode="edge")


def _places(
    layer: PlacedLayer, programmed: ProgrammedLayer, rule: ReadRule
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Worth of a unit step (row blocks, columns a slice, S, O); of the inputs' sum, of the HRS sum (row blocks, O)."""
    outputs, blocks = layer.matrix.weight.shape[1], len(layer.row_blocks)
    place = np.array([2.0 ** (rule.bits_per_cell * s) for s in range(layer.slices)])
    sign = np.ones((blocks, rule.columns, layer.slices, outputs))
    sign[:, 1:] = -1.0
    if programmed.flipped is not None:
        sign[:, 0] = np.where(programmed.flipped.numpy(), -1.0, 1.0).transpose(0, 2, 1)
    worth = sign * place[:, None]
    inputs = np.zeros((blocks, outputs))
    if rule.scheme != "differential":
        # A complemented column holds top - l, so top times the inputs' sum comes back; w = u - 2^(bits-1).
        top = (1 << rule.bits_per_cell) - 1
        inputs = top * np.where(worth < 0, -worth, 0.0).sum(axis=(1, 2)) - 2.0 ** (rule.weight_bits - 1)
    base = np.zeros((blocks, outputs)) if rule.pairs else -worth.sum(axis=(1, 2))
    return worth, inputs, base


def _largest(values: NDArray[np.float64], layer: PlacedLayer) -> float:
    """Largest column sum of `values` over the row groups."""
    groups = (group for block in layer.row_blocks for group in block.groups)
    return max(float(values[:, start:stop].sum(axis=1).max()) for start, stop in groups)


def _drive_bound(layer: PlacedLayer, rule: ReadRule) -> int:
    codes = layer.matrix.input
    return max(codes.high, -codes.low) if rule.analog_accumulate else max(chunk.high for chunk in rule.chunks(codes))


def _power_bound(layer: PlacedLayer, rule: ReadRule) -> int:
    chunks = rule.chunks(layer.matrix.input)
    if rule.analog_accumulate:
        return sum(4**chunk.shift * chunk.high**2 for chunk in chunks)
    return max(chunk.high**2 for chunk in chunks)


def _headroom(bits: int, largest: float) -> int:
    """Largest F with largest * 2^F <= 2^bits."""
    return bits - math.ceil(math.log2(largest)) if largest > 0 else bits
