"""One layer of a network that learns by pulses: its bank of synapses, its ranges, and reads both ways.

A read's ranges (scale of the inputs, LSB of the converters forward and transposed) are set by calibration and hold
until the next one. The bias is a row of synapses driven with a constant input of 1, or of the largest code where that
stands for less than 1; where the network has none, the row is not driven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pillarsim.arch.chip import Array, Readout
from pillarsim.arch.training.placement import SynapseLayer
from pillarsim.devices.synapses.bank import Bank
from pillarsim.workloads.on_chip.forward import Stage
from pillarsim.workloads.on_chip.scales import (
    Coding,
    Groups,
    Noise,
    Tables,
    coding_tables,
    convert_sums,
    group_sums,
    lsb_of,
    value_codes,
)

__all__ = ["PulsedLayer", "Ranges", "blocks", "row_groups"]


@dataclass(frozen=True)
class Ranges:
    """scale: value of an input code; lsb, lsb_back: of converted sums of code x weight, forward and transposed."""

    scale: float
    lsb: float
    lsb_back: float


@dataclass(frozen=True, eq=False)
class PulsedLayer:
    """What of a layer does not change, and its bank, which does.

    rows, columns: groups of lines whose currents meet in one conversion, forward and transposed; read_noise: relative,
    of a device's conductance in one read, 0 where it is off.
    """

    stage: Stage
    placed: SynapseLayer
    bank: Bank
    inputs: Coding
    errors: Coding
    rows: Groups
    columns: Groups
    readout: Readout
    read_noise: float
    input_table: Tables
    error_table: Tables

    @classmethod
    def of(
        cls, stage: Stage, placed: SynapseLayer, bank: Bank, codings: tuple[Coding, Coding], array: Array,
        readout: Readout, read_noise: float,
    ) -> PulsedLayer:  # fmt: skip
        """Put a layer together; codings: of inputs and of errors."""
        rows = row_groups(blocks(placed, "inputs"), array.active_inputs)
        tables = (coding_tables(coding) for coding in codings)
        return cls(stage, placed, bank, *codings, rows, blocks(placed, "outputs"), readout, read_noise, *tables)

    @property
    def weights(self) -> Tensor:
        """(inputs, outputs), bias row included; the bank's own memory."""
        return torch.from_numpy(self.bank.weights)

    @property
    def lines(self) -> tuple[int, int]:
        """Lines of arrays that one line of the layer stands for, forward (word lines) and transposed (bit lines)."""
        return len(self.columns), self.placed.columns * len(blocks(self.placed, "inputs"))

    def coded(self, vectors: Tensor, scale: float) -> Tensor:
        """Codes (n, inputs) of input vectors (n, inputs without bias), the bias' constant last."""
        codes = value_codes(vectors, scale, self.inputs)
        if not self.placed.bias:
            return codes
        constant = min(max(round(1 / scale), 1), self.inputs.high) if self.stage.layer.has_bias else 0
        return torch.cat([codes, torch.full((len(codes), 1), float(constant))], dim=1)

    def forward(self, codes: Tensor, ranges: Ranges, draws: torch.Generator | None) -> Tensor:
        """Results (n, outputs) of a read of input codes; draws: of read noise, None where it is off."""
        noise = self._noise(draws)
        found = convert_sums(codes, self.weights, self.rows, ranges.lsb, self.readout.bits, noise)
        return found.mul_(ranges.scale)

    def transposed(self, codes: Tensor, scales: Tensor, ranges: Ranges, draws: torch.Generator | None) -> Tensor:
        """Errors (n, inputs without bias) of the inputs, from error codes (n, outputs) and their scales (n, 1)."""
        noise = self._noise(draws)
        back = self.weights[: self.stage.inputs].T
        if noise is not None:
            noise = Noise(noise.variance[: self.stage.inputs].T, noise.generator)
        return convert_sums(codes, back, self.columns, ranges.lsb_back, self.readout.bits, noise).mul_(scales)

    def calibrated_forward(self, codes: Tensor) -> float:
        """LSB of forward conversions from calibration codes."""
        longest = max(stop - start for start, stop in self.rows)
        full = longest * self.inputs.high * self.bank.weight_max
        return lsb_of(group_sums(codes, self.weights, self.rows, None), self.readout, full)

    def calibrated_back(self, codes: Tensor) -> float:
        """LSB of transposed conversions from calibration error codes."""
        longest = max(stop - start for start, stop in self.columns)
        full = longest * self.errors.high * self.bank.weight_max
        back = self.weights[: self.stage.inputs].T
        return lsb_of(group_sums(codes, back, self.columns, None), self.readout, full)

    def forward_activity(self, codes: Tensor) -> tuple[int, float]:
        """Lines driven and conductance weight (S) of forward reads, as `StepCounts.drives` and `read_s`."""
        drives, weight = _looked_up(codes, self.input_table)
        return int(drives.sum()) * self.lines[0], float(weight @ self.bank.row_s)

    def transposed_activity(self, codes: Tensor) -> tuple[int, float]:
        """The same of transposed reads, which drive every bit line of an output."""
        drives, weight = _looked_up(codes, self.error_table)
        return int(drives.sum()) * self.lines[1], float(weight @ self.bank.column_s.sum(axis=1))

    def _noise(self, draws: torch.Generator | None) -> Noise | None:
        if draws is None or self.read_noise == 0:
            return None
        # A device of G / span = g contributes scale g to a weight, with a standard deviation of read_noise of it.
        factor = (self.read_noise * self.bank.core.scale) ** 2
        return Noise(torch.from_numpy(self.bank.core.squares) * factor, draws)


def _looked_up(codes: Tensor, table: Tables) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Chunks and weights of the codes (n, lines), summed over vectors: (lines,) each."""
    place = np.abs(codes.numpy()).astype(np.int64)
    return table.drives[place].sum(axis=0), table.weight[place].sum(axis=0)


def blocks(placed: SynapseLayer, side: str) -> Groups:
    """Ranges of inputs (side "inputs") or outputs that an array holds, each once, in order."""
    found: Sequence[tuple[int, int]] = sorted({getattr(array, side) for array in placed.arrays})
    return tuple(found)


def row_groups(row_blocks: Groups, active: int) -> Groups:
    """Row blocks cut into groups of rows that are on at once."""
    return tuple((at, min(at + active, stop)) for start, stop in row_blocks for at in range(start, stop, active))
