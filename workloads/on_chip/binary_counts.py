"""What a step of a weak-RESET network did, counted for the event model: reads and pulses of one layer.

Forward, a line of the first layer is driven for each chunk of its image's code that is not 0; behind a sign a line is
driven once, with one polarity or the other, padding not at all. Both devices of a pair conduct in every read. The
errors that go back are read through the transposed arrays as codes of `error_bits`, each vector to its own scale; the
gradient itself is computed with the errors as they are. Images are taken to lie within [0, 1], the codes' range.
A pulse counts the conductance before its burst, which is above that of the burst's later pulses by less than 1 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pillarsim.arch.chip import Write
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.placement import SynapseArray, SynapseLayer
from pillarsim.devices.synapses.counts import (
    COLUMN_HALF_S,
    COLUMN_PULSES,
    PULSED_S,
    RESETS,
    ROW_HALF_S,
    ROW_PULSES,
    UP_SLOTS,
    half_selected,
    no_counts,
)
from pillarsim.devices.synapses.weak_reset import Given, WeakResetPairs
from pillarsim.workloads.network import Conv2d
from pillarsim.workloads.on_chip.binary_kernels import error_reads, row_slots
from pillarsim.workloads.on_chip.binary_network import Block
from pillarsim.workloads.on_chip.scales import Coding, Tables, coding_tables, value_codes

__all__ = ["Counter"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Counter:
    """Counts of one layer. number: of the layer; first: number of its first array in the placement.

    coded: tables of the images' codes (first layer), None behind a sign.
    """

    block: Block
    layer: SynapseLayer
    number: int
    first: int
    write: Write
    coded: tuple[Coding, Tables] | None
    errors: Coding

    def forward(self, into: StepCounts, step: int, values: Tensor, pairs: WeakResetPairs) -> None:
        """Count the forward reads of a batch (b, *taken)."""
        if self.coded is None:
            drives = weight = self._over_rows(np.full(self.block.taken, float(len(values))))
        else:
            coding, tables = self.coded
            codes = value_codes(values, 1 / coding.high, coding).abs().long().numpy()
            drives, weight = (self._over_rows(table[codes].sum(axis=0)) for table in (tables.drives, tables.weight))
        into.drives[step, self.number, 0] += round(float(drives @ self._arrays(0)))
        into.read_s[step, self.number, 0] += float(weight @ pairs.row_s)

    def transposed(self, into: StepCounts, step: int, errors: Tensor, pairs: WeakResetPairs) -> None:
        """Count the transposed reads of the errors of the layer's sums, (b, O) or (b, O, H, W)."""
        tables, outputs = coding_tables(self.errors), self.block.outputs
        drives, weight = np.zeros(outputs, np.int64), np.zeros(outputs)
        vectors = errors.reshape(len(errors), outputs, -1).numpy()
        error_reads(vectors, self.errors.high, tables.drives, tables.weight, drives, weight)
        into.drives[step, self.number, 1] += round(float(drives @ self._arrays(1)))
        into.read_s[step, self.number, 1] += float(weight @ pairs.conductance_s.sum(axis=(0, 2)))

    def pulsed(self, into: StepCounts, step: int, n: NDArray[np.int8], before_s: Doubles | None, given: Given) -> None:
        """Count the pulses of a step; before_s (I, O, 2): conductances before them, where lines are half-selected."""
        at = step, self.number
        into.requests[at] += given.pairs.sum()
        into.resets[at] += given.pulses.sum()
        into.pulse_s[at] += given.pulse_s.sum()
        into.lines[at] += given.pulses.sum()
        for place, array in enumerate(self.layer.arrays, self.first):
            rows = array.inputs[0], min(array.inputs[1], self.block.inputs)
            slots = np.zeros(max(rows[1] - rows[0], 0), np.int64)
            row_slots(n, rows, array.outputs, self.write.cells_at_once, slots)
            into.slots[step, place] += slots.sum()
            into.lines[at] += slots.sum()
            if before_s is not None:
                half, half_s = self._half_selected(n, before_s, array, rows, slots)
                into.half_selected[at] += half
                into.half_s[at] += half_s

    def _half_selected(
        self, n: NDArray[np.int8], before_s: Doubles, array: SynapseArray, rows: tuple[int, int],
        slots: NDArray[np.int64],
    ) -> tuple[int, float]:  # fmt: skip
        """Pulses over half-selected devices of the layer in an array, and conductance (S) summed over them."""
        here = n[slice(*rows), slice(*array.outputs)].astype(np.int64)
        cells_s = before_s[slice(*rows), slice(*array.outputs)].reshape(len(here), -1)
        pulses = np.stack([here.clip(min=0), (-here).clip(min=0)], axis=-1).reshape(len(here), -1)
        counts, sums = no_counts()
        counts[RESETS] = counts[COLUMN_PULSES] = pulses.sum()
        counts[ROW_PULSES] = counts[UP_SLOTS] = slots.sum()
        sums[PULSED_S] = (pulses * cells_s).sum()
        sums[ROW_HALF_S] = slots @ cells_s.sum(axis=1) - sums[PULSED_S]
        sums[COLUMN_HALF_S] = pulses.sum(axis=0) @ cells_s.sum(axis=0) - sums[PULSED_S]
        return half_selected(self.write.scheme, counts, sums, *cells_s.shape, float(cells_s.sum()))

    def _arrays(self, axis: int) -> NDArray[np.int64]:
        """In how many arrays each row (axis 0) or column (1) of the matrix has a line."""
        found = np.zeros((self.block.inputs, self.block.outputs)[axis], np.int64)
        for array in self.layer.arrays:
            found[slice(*(array.inputs, array.outputs)[axis])] += 1
        return found

    def _over_rows(self, values: NDArray[Any]) -> Doubles:
        """Sums over all windows of what enters each row of the matrix, from sums over the batch of each input value."""
        layer, doubles = self.block.layer, values.astype(np.float64)
        if not isinstance(layer, Conv2d):
            return doubles.reshape(-1)
        vertical, horizontal = self.block.padding
        padded = torch.from_numpy(np.pad(doubles, ((0, 0), (vertical, vertical), (horizontal, horizontal))))
        height, width = layer.weight.shape[2:]
        windows = padded.unfold(1, height, layer.stride[0]).unfold(2, width, layer.stride[1])
        found: Doubles = windows.sum(dim=(1, 2)).reshape(-1).numpy()
        return found
