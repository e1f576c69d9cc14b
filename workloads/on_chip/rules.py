"""Update rules: from input vectors and errors of a batch to pulses on a layer's synapses.

x (M, inputs) are the inputs as they were coded, d (M, outputs) the errors as they were coded; M vectors in order. The
gradient of a batch of B images is the sum of outer(x, d) over its vectors, over B; rate r = learning rate / B.

    stochastic       vector by vector; trains of random pulses on both lines, w moves by -r x d in expectation
    sign             vector by vector; one pulse, w moves by -step sign(x d) where |x| and |d| are at least `threshold`
                     of their largest. A vector takes part with probability min(1, r max|x| max|d| / step), drawn for
                     it, so that the largest product moves by -r x d in expectation (ours: a rule of signs alone does
                     not know how large an error is)
    per_device       n = -r sum(outer(x, d)) / step, rounded at random to whole pulses, at most `pulse_train`
    mixed_precision  accumulator c -= r sum(outer(x, d)) / step; trunc(c) pulses leave it, at most `pulse_train`; with
                     `verify` it loses what the weight is measured to have moved instead
step is the mean step of the nominal device. Accumulators are fixed-point: `accumulator_bits`, whose range is +-8 steps.
The last two write serially, row by row, `cells_at_once` devices side by side, SET and RESET one after another;
half-selected devices are taken at the layer's mean conductance.
Sources: Gokmen and Vlasov, Front. Neurosci. 10:333, 2016 (stochastic); Nandakumar et al., Front. Neurosci. 14:406, 2020
(mixed precision); rounding at random: per_device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pillarsim.arch.chip import Write
from pillarsim.arch.chip.learning import Learning
from pillarsim.devices.halfselect import half_selected_pulses
from pillarsim.devices.synapses.counts import (
    COLUMN_PULSES,
    DOWN_SLOTS,
    PULSED_S,
    REQUESTS,
    RESETS,
    ROW_PULSES,
    SETS,
    UP_SLOTS,
    VERIFIES,
    half_selected,
    no_counts,
)
from pillarsim.devices.synapses.serial import Block, serial_slots
from pillarsim.devices.synapses.updates import disturb, requested_update, sign_update, stochastic_update
from pillarsim.workloads.on_chip.pulsed_layer import PulsedLayer, blocks

__all__ = ["UPDATES", "Done", "Given", "accumulated", "block_of", "block_slots", "outer_done", "random_pulses"]

_ACCUMULATOR_STEPS = 8.0  # steps that an accumulator holds each way, assumed


@dataclass(frozen=True, eq=False)
class Given:
    """What an update is made from; x, d as above; draws: a stream of this layer and step.

    disturb: part of a pulse's step that a half-selected device makes, once the update's pulses are given; 0 for none.
    """

    layer: PulsedLayer
    x: Tensor
    d: Tensor
    rate: float
    learning: Learning
    write: Write
    draws: torch.Generator
    accumulator: NDArray[np.float64] | None
    disturb: float = 0.0


@dataclass(frozen=True)
class Done:
    """What an update did, by the names of `StepCounts`; slots: of each array of the layer."""

    requests: int
    sets: int
    resets: int
    verifies: int
    lines: int
    slots: tuple[int, ...]
    half_selected: int
    pulse_s: float
    half_s: float


def stochastic(given: Given) -> Done:
    """See above."""
    counts, sums = no_counts()
    x, d = _arrays(given.x, given.d)
    stochastic_update(given.layer.bank, x, d, given.rate, given.learning.pulse_train, counts, sums)
    _disturb(given)
    return outer_done(given.layer, given.write.scheme, counts, sums)


def sign(given: Given) -> Done:
    """See above."""
    counts, sums = no_counts()
    largest = given.x.abs().amax(dim=1) * given.d.abs().amax(dim=1)
    chance = largest * (given.rate / given.layer.bank.step)
    fires = torch.rand(len(chance), generator=given.draws) < chance
    x, d = _arrays(given.x[fires], given.d[fires])
    if len(x):
        sign_update(given.layer.bank, x, d, given.learning.threshold, counts, sums)
        _disturb(given)
    return outer_done(given.layer, given.write.scheme, counts, sums)


def per_device(given: Given) -> Done:
    """See above."""
    wanted = _wanted_steps(given)
    return _serial(given, random_pulses(wanted, given.learning.pulse_train, given.draws))


def mixed_precision(given: Given) -> Done:
    """See above; changes the accumulator."""
    kept = given.accumulator
    if kept is None:
        raise ValueError("accumulator: expected one with rule 'mixed_precision'")
    bits, most = given.learning.accumulator_bits, given.learning.pulse_train
    kept[...] = accumulated(kept + _wanted_steps(given), bits)
    pulses = np.clip(np.trunc(kept), -most, most).astype(np.int32)
    bank, moved = given.layer.bank, pulses.astype(np.float64)
    before = bank.weights.astype(np.float64) if given.learning.verify else None
    done = _serial(given, pulses)
    if before is not None:
        moved = np.where(pulses != 0, (bank.weights - before) / bank.step, 0.0)
    kept[...] = accumulated(kept - moved, bits)
    return done


UPDATES: dict[str, Callable[[Given], Done]] = {
    "stochastic": stochastic, "sign": sign, "per_device": per_device, "mixed_precision": mixed_precision,
}  # fmt: skip


def random_pulses(wanted: NDArray[np.float64], most: int, draws: torch.Generator) -> NDArray[np.int32]:
    """Whole pulses whose expectation is `wanted`, at most `most` of them each way."""
    uniform = torch.rand(wanted.shape, generator=draws, dtype=torch.float64).numpy()
    pulses: NDArray[np.int32] = np.clip(np.floor(wanted + uniform), -most, most).astype(np.int32)
    return pulses


def accumulated(steps: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """Values of an accumulator of `bits` bits, rounded to its LSB and cut to its range."""
    lsb = _ACCUMULATOR_STEPS / 2.0 ** (bits - 1)
    rounded = np.floor(steps / lsb + 0.5) * lsb
    return np.clip(rounded, -_ACCUMULATOR_STEPS, _ACCUMULATOR_STEPS - lsb)


def outer_done(layer: PulsedLayer, scheme: str, counts: NDArray[np.int64], sums: NDArray[np.float64]) -> Done:
    """From counts of outer products: all arrays of a layer pulse side by side, each for the whole of the trains."""
    placed = layer.placed
    across, down = len(blocks(placed, "outputs")), len(blocks(placed, "inputs"))
    total_s = float(layer.bank.row_s.sum())
    half, half_s = half_selected(scheme, counts, sums, placed.inputs, placed.outputs * placed.columns, total_s)
    return Done(
        requests=int(counts[REQUESTS]),
        sets=int(counts[SETS]),
        resets=int(counts[RESETS]),
        verifies=int(counts[VERIFIES]),
        lines=int(counts[ROW_PULSES]) * across + int(counts[COLUMN_PULSES]) * down,
        slots=(int(counts[UP_SLOTS] + counts[DOWN_SLOTS]),) * len(placed.arrays),
        half_selected=half,
        pulse_s=float(sums[PULSED_S]),
        half_s=half_s,
    )


def block_slots(
    layer: PulsedLayer, pulses: NDArray[np.int32], cells_at_once: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Slots of SET and of RESET pulses of each array, from the pulses of its devices (inputs, outputs, N)."""
    found = []
    for array in layer.placed.arrays:
        part = pulses[slice(*array.inputs), slice(*array.outputs)]
        found.append(serial_slots(np.ascontiguousarray(part.reshape(part.shape[0], -1)), cells_at_once))
    return tuple(sets for sets, _ in found), tuple(resets for _, resets in found)


def block_of(layer: PulsedLayer, cells_at_once: int) -> Block:
    """The lines of the layer's arrays, of the largest where they differ."""
    arrays = layer.placed.arrays
    rows = max(array.inputs[1] - array.inputs[0] for array in arrays)
    columns = max(array.outputs[1] - array.outputs[0] for array in arrays)
    return Block(rows, columns * layer.placed.columns, cells_at_once)


def _serial(given: Given, pulses: NDArray[np.int32]) -> Done:
    """Give each synapse its pulses, row by row."""
    layer, placed, write = given.layer, given.layer.placed, given.write
    counts, sums = no_counts()
    devices = np.zeros(layer.bank.pulses.shape, np.int32)
    requested_update(layer.bank, pulses, counts, sums, devices, block_of(layer, write.cells_at_once))
    _disturb(given)
    slots = tuple(sum(both) for both in zip(*block_slots(layer, devices, write.cells_at_once), strict=True))
    half = 0
    for array, groups in zip(placed.arrays, slots, strict=True):
        there = int(np.abs(devices[slice(*array.inputs), slice(*array.outputs)]).sum())
        rows, outputs = (stop - start for start, stop in (array.inputs, array.outputs))
        half += half_selected_pulses(
            write.scheme, outputs * placed.columns, rows, cell_pulses=there, group_pulses=groups
        )
    return Done(
        requests=int(counts[REQUESTS]),
        sets=int(counts[SETS]),
        resets=int(counts[RESETS]),
        verifies=int(np.count_nonzero(devices)) if given.learning.verify else 0,
        lines=sum(slots) + int(counts[SETS] + counts[RESETS]),
        slots=slots,
        half_selected=half,
        pulse_s=float(sums[PULSED_S]),
        half_s=half * float(layer.bank.row_s.sum()) / placed.devices,
    )


def _wanted_steps(given: Given) -> NDArray[np.float64]:
    """Steps that the batch's gradient asks for."""
    gradient: NDArray[np.float64] = (given.x.T @ given.d).double().numpy()
    return gradient * (-given.rate / given.layer.bank.step)


def _disturb(given: Given) -> None:
    if given.disturb:
        disturb(given.layer.bank, given.disturb)


def _arrays(x: Tensor, d: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return np.ascontiguousarray(x.numpy()), np.ascontiguousarray(d.numpy())
