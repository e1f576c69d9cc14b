"""Updates of one synapse after another: pulses for listed devices, row by row, and the slots that they take.

A row's devices are pulsed in groups of `cells_at_once` neighbouring bit lines of an array, SET pulses before RESET
pulses; a group takes as many slots of each as its device with the most pulses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled
from pillarsim.devices.synapses.bank import Bank
from pillarsim.devices.synapses.counts import (
    COLUMN_HALF_S,
    COLUMN_PULSES,
    DOWN_SLOTS,
    PULSED_S,
    RESETS,
    ROW_HALF_S,
    ROW_PULSES,
    SETS,
    UP_SLOTS,
    Counts,
    Sums,
)
from pillarsim.devices.synapses.listed import pulse_listed

Given = NDArray[np.int32]


@dataclass(frozen=True)
class Block:
    """Lines of the arrays that hold a layer: a pulsed word line reaches `columns` devices, a bit line `rows`.

    cells_at_once: neighbouring devices of a word line that are pulsed together. Raises ValueError for one below 1.
    """

    rows: int
    columns: int
    cells_at_once: int = 1

    def __post_init__(self) -> None:
        for name in ("rows", "columns", "cells_at_once"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, found {getattr(self, name)}")


def whole(bank: Bank) -> Block:
    """A single array for the layer, one device pulsed at a time."""
    inputs, outputs, devices = bank.pulses.shape
    return Block(inputs, outputs * devices)


def slots_of_rows(given: Given, cells_at_once: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Slots of SET and of RESET pulses that each row takes, (rows,); given (rows, columns): SET +, RESET -."""
    sets, resets = np.zeros(len(given), np.int64), np.zeros(len(given), np.int64)
    _add_slots(given, cells_at_once, sets, resets)
    return sets, resets


@compiled
def _add_slots(given: Given, cells_at_once: int, sets: NDArray[np.int64], resets: NDArray[np.int64]) -> None:
    for row in range(given.shape[0]):
        for first in range(0, given.shape[1], cells_at_once):
            most, least = np.int32(0), np.int32(0)
            for column in range(first, min(first + cells_at_once, given.shape[1])):
                most, least = max(most, given[row, column]), min(least, given[row, column])
            sets[row] += most
            resets[row] -= least


def serial_slots(given: Given, cells_at_once: int) -> tuple[int, int]:
    """Slots of SET and of RESET pulses, one after another in time, of one array's pulses (rows, columns)."""
    sets, resets = slots_of_rows(given, cells_at_once)
    return int(sets.sum()), int(resets.sum())


def give(bank: Bank, devices: NDArray[np.int64], up: bool, given: Given) -> float:
    """Pulse the devices (sorted numbers (i O + o) N + n) once each time they are listed; return their conductance.

    given (I, O, N): receives the pulses, SET +, RESET -. The conductance is summed over pulses, siemens.
    """
    if not len(devices):
        return 0.0
    inputs, outputs, many = bank.pulses.shape
    starts = np.searchsorted(devices, np.arange(inputs + 1) * outputs * many)
    np.add.at(given.reshape(-1), devices, np.int32(1 if up else -1))
    return float(pulse_listed(bank.core, np.arange(inputs), starts, devices.astype(np.uint64), up))


def account(bank: Bank, sets: Given, resets: Given, pulsed_s: float, block: Block, counts: Counts, sums: Sums) -> None:
    """Count serial pulses, and what they do to half-selected devices; sets, resets (I, O, N): pulses, both positive.

    Conductances of half-selected devices are those after the pulses, means over the arrays that a layer's line crosses.
    """
    inputs, outputs, many = sets.shape
    lines = outputs * many
    of_row, of_column = min(1.0, block.columns / lines), min(1.0, block.rows / inputs)
    for side, pulses in enumerate((sets, resets)):
        flat, slots = pulses.reshape(inputs, lines), np.zeros(inputs, np.int64)
        for first in range(0, lines, block.columns):
            slots += slots_of_rows(flat[:, first : first + block.columns], block.cells_at_once)[0]
        columns = pulses.sum(axis=0, dtype=np.int64)
        counts[RESETS if side else SETS] += int(columns.sum())
        counts[DOWN_SLOTS if side else UP_SLOTS] += int(slots.sum())
        counts[ROW_PULSES] += int(slots.sum())
        counts[COLUMN_PULSES] += int(columns.sum())
        sums[ROW_HALF_S] += float(slots @ bank.row_s) * of_row
        sums[COLUMN_HALF_S] += float((columns * bank.column_s).sum()) * of_column
        bank.core.row_pulses[side] += slots * of_row
        bank.core.column_pulses[side] += columns * of_column
    sums[PULSED_S] += pulsed_s
    sums[ROW_HALF_S] -= pulsed_s
    sums[COLUMN_HALF_S] -= pulsed_s
