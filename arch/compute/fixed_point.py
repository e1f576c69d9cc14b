"""Conductances as integers, in the layout that the kernels read.

A cell's contribution in unit steps is rounded to a multiple of 2^-F, so that column sums are exact integers: they do
not depend on the order of additions, on the number of threads, or on how a kernel skips zeros, and ideal levels stay
whole numbers. F is as large as the integer type allows for the largest sum of the layer (noise included), and small
enough to absorb the rounding of float32 conductances; F of at least 8 against LSBs of 2^F and more.
Read noise: the variance of a cell's contribution is kept the same way, in an array of its own.
Where nonlinear cells answer the voltages of their rows (`response`), the drives are fixed-point numbers too, and a row
of the arrays is one for each term of the cells' law.
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
from pillarsim.arch.compute.response import Drives, Response, interleaved
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PlacedLayer
from pillarsim.devices.ranges import OutOfRange

Integers: TypeAlias = NDArray[Any]  # int32 where a layer is `packed`, else int64

_TILE_COLUMNS = 128  # columns worked on at once: partial sums of 128 rows stay in a core's cache
_LANES = 32  # columns are padded to whole vectors
_FLOAT32_BITS = 21  # of a conductance that survive the subtraction of two float32 values, with a margin
_LEAST_FRACTION = 8  # bits; with fewer the 64-bit path is taken
_NOISE_SPAN = 6.0  # standard deviations; the normal draws end at 5.5
_DRIVE_BITS = 24  # fraction of a drive that is looked up: finer than any cell
_LEAST_DRIVE_BITS = 8  # of that fraction, where sums leave little room
_POWER_BITS = 24  # of the square of the largest drive, at least


@dataclass(frozen=True, eq=False)
class FixedLayer:
    """One programmed layer as integers.

    cells, noise (tiles, R, C): contributions in 2^-fraction unit steps and their variances (noise has no rows where
    there is no read noise); columns of a tile go (column of a slice, slice, output), `tile_outputs` outputs a tile,
    padded with zeros to C. packed: 32-bit, for reads of one bit a row. noise_scale: variance of the integer sum over
    2^(2 noise_shift), by the summed `noise`. base: HRS contribution of a driven row, 0 for pairs.
    shift, half (C,): code = (sum + half) >> shift. place (row blocks, tiles, C): what one code adds to an output.
    input_place, base_place (row blocks, O): what one unit of the summed inputs, and of the HRS sum rounded to unit
    steps, adds to an output. row_conductance_s (R,): all cells of a row; (terms, R) with `drives`.
    drives: of nonlinear cells; a row then stands in cells once for each term, in noise once for each product of terms.
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
    drives: Drives | None = None


def unit_steps(programmed: ProgrammedLayer, rule: ReadRule) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Contribution and variance of each converted column's cell in unit steps, (columns a slice, R, O, S).

    Contributions are above the HRS: G+ - G- for a pair subtracted in analog, else G - g_min. With a `response` they
    are pairs, R * terms and R * products of terms (R without noise) stand for R, the terms of a row together.
    """
    if rule.response is not None:
        return _response_steps(programmed, rule, rule.response)
    conductance = programmed.seen_s.numpy().astype(np.float64) / rule.step_s
    variance = (rule.read_noise * conductance) ** 2
    if rule.pairs:
        return conductance[:1] - conductance[1:], variance[:1] + variance[1:]
    return conductance - rule.g_min_s / rule.step_s, variance


def _response_steps(
    programmed: ProgrammedLayer, rule: ReadRule, response: Response
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    terms = cell_terms_s(programmed, response) / rule.step_s
    if programmed.effective_s is not None:  # wires are ideal: what the converters see differs by a column's gain
        cells, seen = programmed.conductance_s.double().numpy(), programmed.effective_s.double().numpy()
        terms *= np.divide(seen, cells, out=np.ones_like(cells), where=cells > 0)[:, :, None]
    variance = np.zeros_like(terms[:, :, :1])
    if rule.read_noise > 0:
        variance = rule.read_noise**2 * response.squares(terms)
    return interleaved(terms[:1] - terms[1:]), interleaved(variance[:1] + variance[1:])


def cell_terms_s(programmed: ProgrammedLayer, response: Response) -> NDArray[np.float64]:
    """Terms of each cell, siemens (P, R, terms, O, S); raises InputError for cells outside the range of their law."""
    try:
        return response.conductances_s(programmed.conductance_s.double().numpy())
    except OutOfRange as error:
        raise InputError(
            f"array.cell.iv: {error} after programming; expected lrs and hrs farther inside, less programming_error, "
            "or inputs of one bit"
        ) from None


def fix_layer(layer: PlacedLayer, programmed: ProgrammedLayer, rule: ReadRule, converter: ConverterRange) -> FixedLayer:
    """Round a programmed layer to integers and lay it out in tiles of outputs.

    Raises InputError where cells lie outside the range of their law after programming.
    """
    steps, variance = unit_steps(programmed, rule)
    base_steps = 0.0 if rule.pairs else rule.g_min_s / rule.step_s
    sum_bound = max(
        _largest(np.abs(steps) + base_steps, layer) * _drive_bound(layer, rule), 2.0 ** max(converter.shift)
    )
    power_bound = _largest(np.abs(variance), layer) * _power_bound(layer, rule)
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
    drive_bits = power_bits = 0
    if not packed:
        fraction = min(snap, _headroom(60, span))
    if rule.response is not None:
        fraction = max(min(fraction, _headroom(60, span) - _LEAST_DRIVE_BITS), 1)
        drive_bits = max(min(_DRIVE_BITS, _headroom(60, span) - fraction), 0)
        power_bits = max(_POWER_BITS - 2 * rule.chunk_bits, 0)
    cell_bits = max(fraction, 1)
    fraction = cell_bits + drive_bits  # of the sums
    noise_fraction = min(_headroom(30 if packed else 60, power_bound), 80) - power_bits if power_bound > 0 else 0
    deviation = _NOISE_SPAN * math.sqrt(power_bound) * 2.0**fraction
    noise_shift = max(0, math.ceil(math.log2(deviation)) - 30) if deviation > 1 else 0

    base = round(base_steps * 2**fraction)
    tile = _tile(layer, rule)
    cells = _tiled(np.rint(steps * 2.0**cell_bits) + base, tile).astype(word)
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
        noise_scale=2.0 ** (2 * (fraction - noise_shift) - noise_fraction - power_bits),
        noise_shift=noise_shift,
        base=base,
        tile_outputs=tile.outputs,
        columns=tile.columns,
        shift=shift,
        half=(word(1) << (np.maximum(shift, 1) - 1)).astype(word) * (shift > 0),
        place=np.stack([_tiled(block[:, None].transpose(0, 1, 3, 2), tile)[:, 0] for block in value]),
        input_place=input_place,
        base_place=base_place,
        row_conductance_s=row_conductance_s(programmed, rule),
        drives=None if rule.response is None else rule.response.fixed(drive_bits, power_bits),
    )


def row_conductance_s(programmed: ProgrammedLayer, rule: ReadRule) -> NDArray[np.float64]:
    """Summed conductance of all cells of a row, siemens (R,); of each term, (terms, R), with a `response`."""
    if rule.response is None:
        return programmed.conductance_s.double().sum(dim=(0, 2, 3)).numpy()
    summed: NDArray[np.float64] = cell_terms_s(programmed, rule.response).sum(axis=(0, 3, 4))
    return np.ascontiguousarray(summed.T)


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
    """Largest column sum of `values` over the row groups; a row's terms are added."""
    rows = layer.matrix.weight.shape[0]
    values = values.reshape(len(values), rows, -1, *values.shape[2:]).sum(axis=2)
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
