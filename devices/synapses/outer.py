"""Outer-product updates, compiled: where the trains of a word line and a bit line coincide, the selected device moves.

A sample goes through phases, each of `train` slots: inputs above 0 with errors below 0 (weights up), inputs above 0
with errors above 0 (down), then the same for inputs below 0; a phase without such lines is left out. Each slot is one
request to the arbitration; in a slot that does not fire no line pulses, else the bit line of the selected device does.
Each coincidence is one pulse with its own draw. A device gets the pulses of one phase at most, in the order of slots.
Left out: pulses that reach a line's far end weaker than its driver's.
"""

from __future__ import annotations

import numpy as np

from pillarsim.devices.jit import compiled
from pillarsim.devices.synapses.arbitration import Counters, Rule, request
from pillarsim.devices.synapses.core import Core, Floats
from pillarsim.devices.synapses.counts import (
    COLUMN_HALF_S,
    COLUMN_PULSES,
    DOWN_SLOTS,
    PULSED_S,
    REQUESTS,
    RESETS,
    ROW_HALF_S,
    ROW_PULSES,
    SAMPLES,
    SETS,
    UP_SLOTS,
    Counts,
    Sums,
)
from pillarsim.devices.synapses.lines import (
    Lines,
    Words,
    bit_count,
    first_bit,
    gains,
    largest,
    marked_lines,
    random_trains,
)
from pillarsim.devices.synapses.listed import pulse_listed

_NONE, _BIT = np.uint64(0), np.uint64(1)


@compiled
def stochastic_sample(core: Core, x: Floats, d: Floats, rate: float, train: int, counts: Counts, sums: Sums) -> None:
    """Move the weights by -rate x d^T in expectation, x (I,) and d (O,), with trains of `train` slots (at most 63).

    Expectation of a mean device at the place for which `core.step` holds, and where no probability stops at 1.
    """
    inputs, outputs = x.size, d.size
    x_most, d_most, sample = largest(x), largest(d), core.done[0]
    core.done[0] += 1
    counts[SAMPLES] += 1
    if not (x_most > 0.0 and d_most > 0.0 and rate > 0.0):
        return
    gain_x, gain_d = gains(x_most, d_most, rate / (train * core.step))
    rows, row_words = np.empty(inputs, np.int64), np.empty(inputs, np.uint64)
    columns, column_words = np.empty(outputs, np.int64), np.empty(outputs, np.uint64)
    first = sample * (inputs + outputs)
    row_split = random_trains(x, gain_x, core.trains, first, train, rows, row_words)
    column_split = random_trains(d, gain_d, core.trains, first + inputs, train, columns, column_words)
    coincide(core, rows, row_words, row_split, columns, column_words, column_split, train, counts, sums)


@compiled
def sign_sample(core: Core, x: Floats, d: Floats, threshold: float, counts: Counts, sums: Sums) -> None:
    """Give one pulse, against the sign of x d^T, where |x| and |d| are at least `threshold` of their largest."""
    inputs, outputs = x.size, d.size
    x_most, d_most = largest(x), largest(d)
    core.done[0] += 1
    counts[SAMPLES] += 1
    if not (x_most > 0.0 and d_most > 0.0):
        return
    rows, row_words = np.empty(inputs, np.int64), np.empty(inputs, np.uint64)
    columns, column_words = np.empty(outputs, np.int64), np.empty(outputs, np.uint64)
    tiny = 1e-45  # smallest float32 above 0: a line at 0 never pulses
    row_split = marked_lines(x, max(threshold * x_most, tiny), rows, row_words)
    column_split = marked_lines(d, max(threshold * d_most, tiny), columns, column_words)
    coincide(core, rows, row_words, row_split, columns, column_words, column_split, 1, counts, sums)


@compiled
def fired_slots(rule: Rule, counters: Counters, up: bool, train: int, chosen: Lines) -> np.uint64:
    """Make a request for each slot: write the device that it selects, -1 where it does not fire; return slots fired."""
    fired = _NONE
    for slot in range(train):
        chosen[slot] = request(rule, counters, up)
        if chosen[slot] >= 0:
            fired |= _BIT << np.uint64(slot)
    return fired


@compiled
def coincide(
    core: Core, rows: Lines, row_words: Words, row_split: tuple[int, int], columns: Lines, column_words: Words,
    column_split: tuple[int, int], train: int, counts: Counts, sums: Sums,
) -> None:  # fmt: skip
    """Go through the phases of one sample; lines and trains as `lines` writes them, those of negative values first."""
    outputs, devices = core.seen.shape[1], core.seen.shape[2]
    chosen, starts = np.empty(train, np.int64), np.empty(train + 1, np.int64)
    listed, row_starts = np.empty(train * outputs, np.uint64), np.zeros(core.seen.shape[0] + 1, np.int64)
    for phase in range(4):
        above = phase < 2  # inputs above 0
        up = phase % 2 == 0
        first_row, end_row = (row_split[0], row_split[1]) if above else (0, row_split[0])
        first, end = (0, column_split[0]) if up == above else (column_split[0], column_split[1])
        if first_row == end_row or first == end:
            continue
        rising = up or core.differential
        side = 0 if rising else 1
        fired = fired_slots(core.rule, core.counters, up, train, chosen)
        counts[REQUESTS] += train
        counts[UP_SLOTS if up else DOWN_SLOTS] += train
        if core.differential and not up:
            chosen += core.rule.devices
        list_columns(columns[first:end], column_words[first:end], fired, starts, listed)
        for slot in range(train):
            for k in range(starts[slot], starts[slot + 1]):
                core.column_pulses[side, listed[k], chosen[slot]] += 1
                sums[COLUMN_HALF_S] += core.column_s[listed[k], chosen[slot]]
                listed[k] = listed[k] * np.uint64(devices) + np.uint64(chosen[slot])
        counts[COLUMN_PULSES] += starts[train]
        given = 0
        for r in range(end_row - first_row):
            i, word = rows[first_row + r], row_words[first_row + r] & fired
            pulses = bit_count(word)
            counts[ROW_PULSES] += pulses
            sums[ROW_HALF_S] += pulses * core.row_s[i]
            core.row_pulses[side, i] += pulses
            while word != _NONE:
                place = first_bit(word)
                word &= word - _BIT
                given += starts[place + 1] - starts[place]
            row_starts[r + 1] = given
        pulsed = np.empty(given, np.uint64)
        list_devices(rows[first_row:end_row], row_words[first_row:end_row], fired, outputs * devices, starts, listed,
                     pulsed)  # fmt: skip
        pulsed_s = pulse_listed(core, rows[first_row:end_row], row_starts, pulsed, rising)
        counts[SETS if rising else RESETS] += given
        sums[PULSED_S] += pulsed_s
        sums[ROW_HALF_S] -= pulsed_s
        sums[COLUMN_HALF_S] -= pulsed_s


@compiled
def list_columns(columns: Lines, words: Words, fired: np.uint64, starts: Lines, listed: Words) -> None:
    """Write the columns that pulse in each slot, one slot after another; starts (train + 1,): where each begins."""
    starts[:] = 0
    for k in range(words.size):
        word = words[k] & fired
        while word != _NONE:
            starts[first_bit(word) + 1] += 1
            word &= word - _BIT
    for slot in range(1, starts.size):
        starts[slot] += starts[slot - 1]
    for k in range(words.size):
        word = words[k] & fired
        while word != _NONE:
            place = first_bit(word)
            listed[starts[place]] = np.uint64(columns[k])
            starts[place] += 1
            word &= word - _BIT
    for slot in range(starts.size - 1, 0, -1):
        starts[slot] = starts[slot - 1]
    starts[0] = 0


@compiled
def list_devices(
    rows: Lines, words: Words, fired: np.uint64, line: int, starts: Lines, listed: Words, devices: Words
) -> None:
    """Write the devices where a row's train meets the listed bit lines of a slot, row by row; line: devices a row."""
    count = np.uint64(0)
    for r in range(rows.size):
        word, row = words[r] & fired, np.uint64(rows[r] * line)
        while word != _NONE:
            place = first_bit(word)
            word &= word - _BIT
            for k in range(np.uint64(starts[place]), np.uint64(starts[place + 1])):
                devices[count] = row + listed[k]
                count += _BIT
