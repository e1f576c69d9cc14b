"""Weak RESET pulses on pairs of devices, row by row: the torch model of `pulses.weak_reset`, compiled.

Draws are those of `pulses.draws`, counted by device and pulse, so the order of rows and the number of threads change
nothing. Devices that are pulsed in a row are gathered first; their pink noise is then summed tap by tap, many devices
side by side. Products and sums are rounded one by one, in the order of the torch model.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled
from pillarsim.devices.pulses.draws import SPAN, STEP

Doubles = NDArray[np.float64]
Singles = NDArray[np.float32]
Whole = NDArray[np.int32]
Bytes = NDArray[np.int8]
# r0 exp(c1) (ohm), m1 (1/pulse), t* (pulses), m2 (1/pulse), telegraph amplitude: (2 I O,) each, or (1,) of all devices
Parameters = tuple[Doubles, Doubles, Doubles, Doubles, Doubles]

_WEYL = np.int64(STEP)
_FIRST, _SECOND = np.int64(0x21F0AAAD), np.int64(0xD35A2D97 - (1 << 32))  # as `pulses.draws`
_DRAWS = 3  # telegraph draws a call of pulses, as `pulses.weak_reset`: switch, u1, u2
_SHARE = 1 / SPAN


@compiled
def _mixed(word: np.int64) -> np.int64:
    """`draws._mixed_in_place` of one 32-bit word."""
    word = np.int64(np.int32((word ^ (word >> 16)) * _FIRST))
    word = np.int64(np.int32((word ^ (word >> 15)) * _SECOND))
    return word ^ (word >> 15)


@compiled
def _keys(start: int, which: Whole, count: int, key: tuple[int, int], first: Whole, second: Whole) -> None:
    """Write the keys of devices start + which[: count] of a stream."""
    for c in range(count):
        at = np.int64(np.int32((start + which[c]) * _WEYL))
        first[c] = np.int32(_mixed(np.int64(np.int32(at + key[0]))))
        second[c] = np.int32(_mixed(np.int64(np.int32(at + key[1]))))


@compiled
def _word(place: np.int64, second: np.int64) -> np.int64:
    """`draws.bits_at` of one place."""
    word = np.int64(np.int32((place ^ (place >> 15)) * _FIRST + second))
    return np.int64(np.int32((word ^ (word >> 13)) * _SECOND))


@compiled
def _place(number: int, first: np.int64) -> np.int64:
    """Place of draw `number` of the device with this first key."""
    return np.int64(np.int32(np.int64(np.int32(number)) * _WEYL + first))


@compiled
def _add_pink(
    total: Whole, count: int, first: Whole, second: Whole, halves: Singles, taps: Singles, noise: Singles
) -> None:
    """Write the pink noise of devices with these keys after `total` pulses to `noise`; moves `first`."""
    for c in range(count):
        first[c] = np.int32(total[c] * _WEYL + first[c])
        noise[c] = halves[min(total[c], len(taps))]
    for age in range(len(taps)):
        tap = taps[age]
        for c in range(count):
            word = _word(np.int64(first[c]), np.int64(second[c]))
            word = word if total[c] > age else np.int64(0)
            noise[c] += np.float32(np.int32(word)) * tap
            first[c] = np.int32(np.int64(first[c]) - _WEYL)


@compiled
def _telegraph(
    total: Whole, size: Whole, which: Whole, count: int, first: Whole, second: Whole, switches: Singles,
    high: NDArray[np.bool_], share: Doubles,
) -> None:  # fmt: skip
    """Move the states of a row's pulsed devices, and write u1 u2 in the high state, else 0, to `share`."""
    for c in range(count):
        share[c] = _word(_place(total[c] * _DRAWS, first[c]), np.int64(second[c])) * _SHARE + 0.5
    for c in range(count):
        state = high[which[c]]
        if share[c] < switches[np.int64(state), size[c]]:
            state = not state
            high[which[c]] = state
        share[c] = 0.0
        if state:
            one = _word(_place(total[c] * _DRAWS + 1, first[c]), np.int64(second[c])) * _SHARE + 0.5
            two = _word(_place(total[c] * _DRAWS + 2, first[c]), np.int64(second[c])) * _SHARE + 0.5
            share[c] = one * two


@compiled
def pulse_rows(
    given: Bytes, rows: tuple[int, int], everyone: bool, parameters: Parameters, keys: Whole, switches: Singles,
    halves: Singles, taps: Singles, ties: Bytes, pulses: Whole, high: NDArray[np.bool_], conductance_s: Doubles,
    row_s: Doubles, signs: Singles, counts: NDArray[np.int64], pulse_s: Doubles,
) -> None:  # fmt: skip
    """Give pulses to the pairs of rows[0], ..., rows[1] - 1 and read them again; writes the last seven arrays.

    given (I, O): n > 0 pulses for the first device of a pair, |n| for the second where n < 0; everyone: no pulses, but
    every device is read again. keys (2, 2): words of the streams of telegraph and pink noise; switches (2, n + 1):
    probability that n pulses end in the other state, from low and from high, empty without this noise; halves, taps:
    of pink noise, taps empty without it. ties (I, O): sign of a pair of equal resistances. pulses, high, conductance_s:
    (I, 2 O), both devices of a pair side by side.
    row_s (I,): conductance of the row's devices after the pulses; counts (I, 2): pairs that were pulsed, pulses;
    pulse_s (I,): conductance before the pulses times pulses.
    """
    start_ohm, m1, t_star, m2, amplitude = parameters
    apart = 1 if len(m1) > 1 else 0
    cells = pulses.shape[1]
    which, size, total = np.empty(cells, np.int32), np.empty(cells, np.int32), np.empty(cells, np.int32)
    first, second = np.empty(cells, np.int32), np.empty(cells, np.int32)
    noise, share = np.zeros(cells, np.float32), np.zeros(cells, np.float64)
    for row in range(rows[0], rows[1]):
        count, asked, before_s = 0, 0, 0.0
        if everyone:
            for cell in range(cells):
                which[cell], size[cell], total[cell] = cell, 0, pulses[row, cell]
            count = cells
        else:
            # Without branches: which side is pulsed cannot be foretold.
            for column in range(cells >> 1):
                signed = int(given[row, column])
                cell, n = 2 * column + (signed < 0), abs(signed)
                pulses[row, cell] += n
                which[count], size[count], total[count] = cell, n, pulses[row, cell]
                before_s += n * conductance_s[row, cell]
                asked += n
                count += n != 0
        start = row * cells
        if switches.shape[1]:
            _keys(start, which, count, (keys[0, 0], keys[0, 1]), first, second)
            _telegraph(total, size, which, count, first, second, switches, high[row], share)
        if len(taps):
            _keys(start, which, count, (keys[1, 0], keys[1, 1]), first, second)
            _add_pink(total, count, first, second, halves, taps, noise)
        for c in range(count):
            at = apart * (start + which[c])
            early = min(float(total[c]), t_star[at])
            w = m1[at] * early + (total[c] - early) * m2[at]
            w += share[c] * amplitude[at]
            w += noise[c]
            conductance_s[row, which[c]] = 1 / (math.exp(w) * start_ohm[at])
        after_s = 0.0
        for column in range(cells >> 1):
            one, two = conductance_s[row, 2 * column], conductance_s[row, 2 * column + 1]
            after_s += one + two
            # R of the first above R of the second is +1
            signs[row, column] = 1.0 if one < two else (-1.0 if one > two else ties[row, column])
        counts[row, 0], counts[row, 1] = 0 if everyone else count, asked
        row_s[row], pulse_s[row] = after_s, before_s
