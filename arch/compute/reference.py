"""The value model once more, written for reading rather than for speed: eager torch, on any device.

Every read, conversion and shift-add of `run_layer` as one tensor operation, in the order of the definitions. Without
read noise it must equal the compiled kernels bit for bit; with it, in distribution. Tests use it as their oracle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pillarsim.arch.compute.coding import Chunk
from pillarsim.arch.compute.converters import ConverterRange
from pillarsim.arch.compute.fixed_point import unit_steps
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule, SpikeRule
from pillarsim.arch.placement import PlacedLayer
from pillarsim.devices.neuron import DUE


@dataclass(frozen=True, eq=False)
class ReferenceSums:
    """sums float64 (N * windows, O), without bias; clipped conversions; spikes."""

    sums: Tensor
    clipped: int
    spikes: int


@dataclass
class _Totals:
    sums: Tensor
    clipped: int = 0
    spikes: int = 0


def reference_sums(
    layer: PlacedLayer,
    programmed: ProgrammedLayer,
    rule: ReadRule,
    converter: ConverterRange,
    fraction: int,
    codes: Tensor,
    random: torch.Generator | None = None,
) -> ReferenceSums:
    """Accumulators of input codes (N, C, H, W) on the device of `codes`.

    fraction: cells are rounded to 2^-fraction unit steps (`FixedLayer.fraction`); random: for read noise, on the same
    device; None leaves it out. Nonlinear cells whose inputs are voltages are summed from their law in float64 without
    rounding: the kernels equal that but where a sum lies within their rounding of a step between codes.
    """
    matrix, device = layer.matrix, codes.device
    cells, variance, base = _cells(programmed, rule, fraction, device)
    rows = _unfold(codes, layer)
    pattern = rows.long() & ((1 << matrix.input.bits) - 1)
    plan = rule.chunks(matrix.input)
    chunks = [((pattern >> chunk.shift) & chunk.high).double() for chunk in plan]
    totals = _Totals(torch.zeros(len(rows), matrix.weight.shape[1], dtype=torch.float64, device=device))
    place = torch.tensor([2.0 ** (rule.bits_per_cell * s) for s in range(layer.slices)], device=device).double()
    for number, block in enumerate(layer.row_blocks):
        flipped = None if programmed.flipped is None else programmed.flipped[number].to(device)
        for start, stop in block.groups:
            part = slice(start, stop)
            reads = _reads(rule, plan, chunks, rows[:, part].double(), part)
            charge = torch.zeros(2, rule.columns, len(rows), *cells.shape[-2:], dtype=torch.float64, device=device)
            for x, weight, parts in reads:
                analog, power = _analog(x, parts, cells[..., part, :, :], variance[..., part, :, :])
                if random is not None:
                    draw = torch.randn(analog.shape, generator=random, dtype=torch.float64, device=device)
                    analog = analog + (draw * power.sqrt() * 2.0**fraction).trunc()
                driven = x.sum(dim=1)
                hrs = ((driven.long() * base + (1 << (fraction - 1))) >> fraction)[:, None, None].double()
                value = _convert(analog, rule, converter, fraction, charge, totals)
                value = value - hrs if not rule.pairs else value
                if flipped is not None:
                    top = float((1 << rule.bits_per_cell) - 1)
                    value = torch.where(flipped, top * driven[:, None, None] - value, value)
                signed = value[0] - value[1] if rule.columns == 2 else value[0]
                totals.sums += weight * (signed * place).sum(dim=2)
                if rule.scheme != "differential":
                    totals.sums -= weight * 2.0 ** (rule.weight_bits - 1) * driven[:, None]
    return ReferenceSums(totals.sums, totals.clipped, totals.spikes)


def _unfold(codes: Tensor, layer: PlacedLayer) -> Tensor:
    """(N * windows, R)."""
    matrix = layer.matrix
    shaped = codes.reshape(len(codes), *matrix.in_shape).double()
    top, left, bottom, right = matrix.padding
    padded = torch.nn.functional.pad(shaped, (left, right, top, bottom))
    columns = torch.nn.functional.unfold(padded, matrix.kernel, dilation=matrix.dilation, stride=matrix.stride)
    return columns.transpose(1, 2).reshape(-1, matrix.weight.shape[0])


def _cells(
    programmed: ProgrammedLayer, rule: ReadRule, fraction: int, device: torch.device
) -> tuple[Tensor, Tensor, int]:
    """Contribution and variance of each cell, (columns a slice, R, O, S), and the HRS contribution of a row.

    With a response each stands for every chunk value: (2^d, columns a slice, R, O, S).
    """
    if rule.response is None:
        steps, variance = (torch.from_numpy(x).to(device) for x in unit_steps(programmed, rule))
        base = 0 if rule.pairs else round(rule.g_min_s / rule.step_s * 2**fraction)
        return (steps * 2.0**fraction).round() + base, variance, base
    response, conductance = rule.response, programmed.conductance_s.double().to(device)
    slopes = response.law.slope_from(conductance, response.read_voltage, response.temperature_k)
    full_a = response.read_voltage * rule.step_s / response.top  # of one level at chunk value 1, if it were linear
    currents = [
        response.law.current_a(slopes, response.read_voltage * x / response.top, response.temperature_k)
        for x in range(response.top + 1)
    ]
    steps = torch.stack(currents) / full_a * (programmed.seen_s.double().to(device) / conductance)
    squares = (rule.read_noise * steps) ** 2
    return (steps[:, :1] - steps[:, 1:]) * 2.0**fraction, squares[:, :1] + squares[:, 1:], 0


def _analog(x: Tensor, parts: list[tuple[int, Tensor]], cells: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Column sums and variances, (columns a slice, W, O, S), of inputs x (W, rows) that are the sum of `parts`."""
    power = torch.zeros(())
    if cells.ndim == 4:
        for weight, chunk in parts:
            power = power + torch.einsum("wr,pros->pwos", weight**2 * chunk**2, variance)
        return torch.einsum("wr,pros->pwos", x, cells), power
    analog, row = torch.zeros(()), torch.arange(x.shape[1], device=x.device)
    for weight, chunk in parts:  # cells of every chunk value: those of each window's and row's are picked
        analog = analog + weight * cells.transpose(1, 2)[chunk.long(), row].sum(dim=1).transpose(0, 1)
        power = power + weight**2 * variance.transpose(1, 2)[chunk.long(), row].sum(dim=1).transpose(0, 1)
    return analog, power


def _reads(
    rule: ReadRule, plan: tuple[Chunk, ...], chunks: list[Tensor], rows: Tensor, part: slice
) -> list[tuple[Tensor, int, list[tuple[int, Tensor]]]]:
    """Each converted read: its inputs, its weight, and the weighted chunk values that its inputs are the sum of."""
    parts = [chunk[:, part] for chunk in chunks]
    if not rule.analog_accumulate:
        return [(x, chunk.weight, [(1, x)]) for chunk, x in zip(plan, parts, strict=True)]
    return [(rows, 1, [(chunk.weight, x) for chunk, x in zip(plan, parts, strict=True)])]


def _convert(
    analog: Tensor, rule: ReadRule, converter: ConverterRange, fraction: int, charge: Tensor, totals: _Totals
) -> Tensor:
    """Value of each conversion in unit steps."""
    if rule.spikes is not None:
        return _spikes(analog, rule.spikes, converter.high, fraction, charge, totals)
    lsb = torch.tensor([2.0**k for k in converter.shift], dtype=torch.float64, device=analog.device)
    raw = (analog / (lsb * 2.0**fraction) + 0.5).floor()
    code = raw.clamp(converter.low, converter.high)
    totals.clipped += int((raw != code).sum())
    return code * lsb


def _spikes(analog: Tensor, neuron: SpikeRule, high: int, fraction: int, charge: Tensor, totals: _Totals) -> Tensor:
    """Count spikes of the neuron that the sign of the drive selects, or of a signed one."""
    drive, sign = analog.abs() * (neuron.gain / 2.0**fraction), analog.sign()
    negative = (sign < 0) & (not neuron.bipolar)
    held = torch.where(negative, charge[1], charge[0])
    start = held * sign if neuron.bipolar else held
    due = ((drive * (1 + neuron.dead) + start) / (1 + drive * neuron.dead) + DUE).floor()
    count = torch.where(drive > 0, due.clamp(min=0), torch.zeros_like(due))
    last = (count - start) / drive.clamp(min=math.ulp(0.0)) + (count - 1) * neuron.dead
    left = torch.where(count >= 1, ((1 - last - neuron.dead) * drive).clamp(0, 1), start + drive)
    if neuron.kept:
        after = torch.where(drive > 0, left * sign if neuron.bipolar else left, held)
        charge[0] = torch.where(negative, charge[0], after)
        charge[1] = torch.where(negative, after, charge[1])
    totals.spikes += int(count.sum())
    totals.clipped += int((count > high).sum())
    return sign * count.clamp(max=high) / neuron.gain
