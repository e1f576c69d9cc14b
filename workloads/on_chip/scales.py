"""Codes on the way into arrays, converters on the way out: what a read makes of input vectors.

    x = code scale          inputs: unsigned where never negative, else sign and magnitude, `input.bits`
                            errors: sign and magnitude, `error_bits`, each vector scaled to its own largest magnitude
    y = sum over row groups of lsb clip(floor(s / lsb + 1/2), -m, m),    s = sum of code w, m = 2^(bits - 1) - 1

Scaling each error vector to its own largest value ("noise management", Gokmen et al., Front. Neurosci. 11:538, 2017)
keeps small errors above the converter's LSB as training goes on.
Simplified: one conversion stands for all input bit planes of a row group, with the LSB of the whole code's sum; chips
that convert each plane round several times. Left out: infinite-range subtraction errors, column gain, wire drop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pillarsim.arch.chip import Input, Readout
from pillarsim.arch.compute.coding import chunk_plan

__all__ = [
    "Coding", "Groups", "Noise", "Tables", "coding_of", "coding_tables", "convert_sums", "error_codes", "group_sums",
    "lsb_of", "percentile", "short", "value_codes",
]  # fmt: skip

Groups = tuple[tuple[int, int], ...]  # [start, stop) of lines whose currents are summed before a conversion


@dataclass(frozen=True)
class Coding:
    """Codes of `bits` bits, sign and magnitude where signed, read in chunks of `chunk_bits`; pulse_width: as times.

    A negative code drives its line as its magnitude does, at the opposite voltage.
    """

    bits: int
    signed: bool
    chunk_bits: int
    pulse_width: bool

    @property
    def low(self) -> int:
        """Lowest code used: codes are symmetric, save that unsigned ones start at 0."""
        return -self.high if self.signed else 0

    @property
    def high(self) -> int:
        """Highest code."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1


@dataclass(frozen=True, eq=False)
class Tables:
    """Of each magnitude of a code, from 0 on: chunks that drive its line, and its weight in the energy of a read.

    weight: sum over chunks of x^2 (amplitude, one bit) or x (pulse width), x the chunk over its largest value, as
    `LayerActivity.conductance_s` takes it.
    """

    drives: NDArray[np.int64]
    weight: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Noise:
    """Read noise: variance (inputs, outputs) of a cell's contribution for code 1, and where draws come from."""

    variance: Tensor
    generator: torch.Generator


def coding_of(inputs: Input, bits: int, signed: bool) -> Coding:
    """How values of `bits` bits are coded on this chip's lines."""
    return Coding(bits, signed, min(inputs.chunk_bits, bits), inputs.coding == "pulse_width")


def coding_tables(coding: Coding) -> Tables:
    """Tables over all magnitudes of a coding."""
    codes = np.arange(coding.high + 1)
    drives, weight = np.zeros(len(codes), np.int64), np.zeros(len(codes))
    for chunk in chunk_plan(coding.bits - coding.signed, False, coding.chunk_bits):
        value = (codes >> chunk.shift) & chunk.high
        share = value / chunk.high
        drives += value > 0
        weight += share if coding.pulse_width else share * share
    return Tables(drives, weight)


def value_codes(values: Tensor, scale: float, coding: Coding) -> Tensor:
    """Codes of values, whole numbers as float32: the nearest, halves away from 0, cut to the coding's range."""
    return _nearest(values / scale).clamp_(coding.low, coding.high)


def error_codes(errors: Tensor, coding: Coding) -> tuple[Tensor, Tensor]:
    """Codes of error vectors (n, outputs), each to its own scale; returns codes and scales (n, 1).

    A vector of zeros has scale 0 and codes 0.
    """
    largest = errors.abs().amax(dim=1, keepdim=True)
    scale = largest / coding.high
    codes = _nearest(errors / torch.where(scale > 0, scale, 1.0)).clamp_(coding.low, coding.high)
    return codes, scale


def _nearest(values: Tensor) -> Tensor:
    return values.abs().add_(0.5).floor_().copysign_(values)


def convert_sums(codes: Tensor, weights: Tensor, groups: Groups, lsb: float, bits: int, noise: Noise | None) -> Tensor:
    """Results (n, outputs) of reads: codes (n, inputs), weights (inputs, outputs); lsb: of a sum of code x weight."""
    high = (1 << (bits - 1)) - 1
    total = torch.zeros((len(codes), weights.shape[1]), dtype=codes.dtype)
    for sums in group_sums(codes, weights, groups, noise):
        total += sums.div_(lsb).add_(0.5).floor_().clamp_(-high, high)
    return total.mul_(lsb)


def group_sums(codes: Tensor, weights: Tensor, groups: Groups, noise: Noise | None) -> Sequence[Tensor]:
    """Sums of each row group, (n, outputs) each, with read noise where it is on."""
    found = []
    for start, stop in groups:
        driven = codes[:, start:stop]
        sums = driven @ weights[start:stop]
        if noise is not None:
            spread = (driven * driven @ noise.variance[start:stop]).sqrt_()
            sums += spread.mul_(torch.randn(sums.shape, generator=noise.generator))
        found.append(sums)
    return found


def lsb_of(sums: Sequence[Tensor], readout: Readout, full_scale: float) -> float:
    """LSB of a converter, whose highest code stands for the calibration sums' percentile, or for the largest sum.

    sums: of calibration vectors; full_scale: largest possible |sum|, above which the percentile is not taken.
    """
    high = (1 << (readout.bits - 1)) - 1
    if readout.range == "full_scale":
        return full_scale / high
    found = percentile(torch.cat([each.abs().reshape(-1) for each in sums]), readout.calibration_percentile)
    return min(found, full_scale) / high if found > 0 else full_scale / high


def short(value: float) -> float:
    """The nearest number of 12 significant bits: whole multiples of it are exact in single precision, and so are sums.

    Results that cancel are then 0 in every order of addition, which a ReLU behind them can tell.
    """
    mantissa, exponent = math.frexp(value)
    return math.ldexp(round(mantissa * 4096), exponent - 12)


def percentile(sizes: Tensor, percent: float) -> float:
    """The smallest of the values that at least `percent` of them do not exceed; 0 of none."""
    flat = sizes.reshape(-1)
    if not len(flat):
        return 0.0
    place = max(math.ceil(len(flat) * percent / 100), 1)
    return float(flat.max() if place == len(flat) else flat.kthvalue(place).values)
