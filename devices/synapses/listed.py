"""Pulses for a list of devices, compiled: the one place where an update reaches devices, weights and sums of lines.

A device may stand in the list several times, each time for one pulse with its own draw. After each pulse the weight is
the sum over the synapse's devices anew, so rounding does not pile up; sums of lines are float64 and follow each move.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled
from pillarsim.devices.synapses.core import BINARY, LINEAR, NEUROSIM, Core
from pillarsim.devices.synapses.draws import DEVICE_BITS, SECOND_DRAW, knot_of, share_of, uniform
from pillarsim.devices.synapses.lines import Lines, Words
from pillarsim.devices.synapses.steps import law_numbers, place_seen, pulsed
from pillarsim.devices.write_kernel import drawn_word

_NONE, _BIT = np.uint64(0), np.uint64(1)


@compiled
def pulse_listed(core: Core, rows: Lines, starts: Lines, devices: Words, up: bool) -> float:
    """Give each listed device a pulse, up (SET) or down (RESET); return the conductance that they had before, siemens.

    devices: (i O + o) N + n, those of word line rows[r] at starts[r] : starts[r + 1].
    """
    words, start, plain = np.empty(devices.size, np.uint64), core.start, core.kind == LINEAR and core.law[4] == 0
    _number(core.pulses.reshape(-1), devices, words)
    # Apart from what surrounds it, so that several are done at once.
    for h in range(words.size):
        words[h] = drawn_word(start, words[h])
    if plain and core.seen.shape[2] == 1 and core.squares.size == 1:
        return _pulse_plain(core, rows, starts, devices, words, up)
    return _pulse_any(core, rows, starts, devices, words, up)


@compiled
def _number(pulses: NDArray[np.int32], devices: Words, words: Words) -> None:
    """Count the pulses and write the numbers of their draws."""
    for h in range(devices.size):
        pulses[devices[h]] += np.int32(1)
        words[h] = (devices[h] << DEVICE_BITS) + np.uint64(pulses[devices[h]])


@compiled
def _pulse_any(core: Core, rows: Lines, starts: Lines, devices: Words, words: Words, up: bool) -> float:
    x, seen, memory = core.x.reshape(-1), core.seen.reshape(-1), core.memory.reshape(-1)
    weights, squares, own = core.weights.reshape(-1), core.squares.reshape(-1), core.own.reshape(-1)
    column_s, normal, kind, start = core.column_s.reshape(-1), core.normal, core.kind, core.start
    scale, offset, bottom, span_s = np.float32(core.scale), np.float32(core.offset), np.float32(core.low), core.span_s
    many, line = np.uint64(core.seen.shape[2]), np.uint64(core.seen.shape[1] * core.seen.shape[2])
    positive = many >> _BIT if core.differential else many
    own_width = _NONE if core.own.shape[0] == 1 else np.uint64(core.own.shape[1])
    law = law_numbers(core)
    step_at, slope_at = (np.uint64(2), np.uint64(4)) if up else (np.uint64(3), np.uint64(5))
    has_memory, has_squares, slope = memory.size > 1, squares.size > 1, law[0] if up else law[1]
    second = (kind == LINEAR and law[4] != 0) or (kind == BINARY and law[2] != 0)
    step, kept, places = np.float32(0), np.float32(1), 0.0
    for r in range(rows.size):
        row, row_places = np.uint64(rows[r]) * line, 0.0
        for h in range(starts[r], starts[r + 1]):
            device, drawn = devices[h], words[h]
            knot, at = knot_of(drawn), device * own_width
            z = normal[knot] + share_of(drawn) * (normal[knot + _BIT] - normal[knot])
            low, span, step, place, before = own[at], own[at + _BIT], own[at + step_at], x[device], seen[device]
            if kind == NEUROSIM:
                slope = own[at + slope_at]
            if has_memory:
                kept = memory[device]
            after, kept = pulsed(kind, law, step, slope, place, kept, up, z, uniform(drawn))
            if second:
                drawn = drawn_word(start ^ SECOND_DRAW, drawn)
                knot = knot_of(drawn)
                z = normal[knot] + share_of(drawn) * (normal[knot + _BIT] - normal[knot])
            read = place_seen(kind, law, low, span, bottom, after != place, before, after, z)
            x[device], seen[device] = after, read
            if has_memory:
                memory[device] = kept
            synapse = device // many
            first, total, power = synapse * many, np.float32(0), np.float32(0)
            for m in range(first, first + many):
                total += seen[m] if m - first < positive else -seen[m]
            weights[synapse] = scale * total + offset
            if has_squares:
                for m in range(first, first + many):
                    power += (seen[m] + bottom) * (seen[m] + bottom)
                squares[synapse] = power
            places += np.float64(before)
            moved = np.float64(read) - np.float64(before)
            row_places += moved
            column_s[device - row] += moved * span_s
        core.row_s[rows[r]] += row_places * span_s
    return (places + devices.size * core.low) * span_s


@compiled
def _pulse_plain(core: Core, rows: Lines, starts: Lines, devices: Words, words: Words, up: bool) -> float:
    """As `_pulse_any`, to the bit, for one device of linear steps a synapse: without what falls away, for speed."""
    x, seen, own = core.x.reshape(-1), core.seen.reshape(-1), core.own.reshape(-1)
    weights, column_s, normal = core.weights.reshape(-1), core.column_s.reshape(-1), core.normal
    scale, offset, span_s, law = np.float32(core.scale), np.float32(core.offset), core.span_s, law_numbers(core)
    own_width = _NONE if core.own.shape[0] == 1 else np.uint64(core.own.shape[1])
    step_at, slope, one = np.uint64(2) if up else np.uint64(3), law[0] if up else law[1], np.float32(1)
    line, places = np.uint64(core.seen.shape[1]), 0.0
    for r in range(rows.size):
        row, row_places = np.uint64(rows[r]) * line, 0.0
        for h in range(starts[r], starts[r + 1]):
            device, drawn = devices[h], words[h]
            knot, at = knot_of(drawn), device * own_width
            z = normal[knot] + share_of(drawn) * (normal[knot + _BIT] - normal[knot])
            low, span, step, before = own[at], own[at + _BIT], own[at + step_at], seen[device]
            place, _ = pulsed(LINEAR, law, step, slope, x[device], one, up, z, 0.5)
            read = low + span * place
            x[device], seen[device] = place, read
            weights[device] = scale * read + offset
            places += np.float64(before)
            moved = np.float64(read) - np.float64(before)
            row_places += moved
            column_s[device - row] += moved * span_s
        core.row_s[rows[r]] += row_places * span_s
    return (places + devices.size * core.low) * span_s
