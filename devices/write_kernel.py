"""Write-verify of many cells in one pass: counted uniform draws, look-up of tabulated quantiles. Compiled.

Draws: word number n of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) belongs to cell n, so a cell's draws depend on
the stream and its own number alone, in whatever parts cells are written. A uniform is (k + 1/2) / 2^32, so no draw of a
normal law lies beyond 6.3 sigma.
Tables: a quantile function at 128 equally spaced probabilities in each octave 2^-j of p and of 1 - p, down to the
smallest draw, linear between. Of a normal law that is off by less than 1e-5 standard deviations everywhere, tails
included (largest near p = 1/4: (p / 128)^2 / 8 times the second derivative of the quantile).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled

OCTAVES = 32  # of probability on each side of the median: (k + 1/2) / 2^32 from 2^-33 to 1/2
STEPS_LOG2 = 7  # log2 of the table's steps in an octave
KNOTS = (OCTAVES << STEPS_LOG2) + 1
SPAN = 2.0**32  # number of values of a uniform draw

ACCEPTED, BELOW, ABOVE = 0, 1, 2  # laws of a level: within tolerance, failed on the low and on the high side

_WEYL = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio; step of SplitMix64
_FIRST, _SECOND = (
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)  # D. Stafford's 64-bit mixer, variant 13, as in SplitMix64
_LOW_WORD = np.uint64(0xFFFFFFFF)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_WORD_BITS = np.uint64(32)
_FRACTION_BITS = 52 - STEPS_LOG2  # of a double's mantissa, below those that choose the step
_FRACTION_MASK = (1 << _FRACTION_BITS) - 1
_START = int(np.float64(0.5).view(np.int64))  # bits of the smallest k + 1/2


def knots() -> NDArray[np.float64]:
    """Probabilities of the table (KNOTS,), from 2^-33 to 1/2: those of the lower side, and 1 - p of the upper."""
    octave = np.exp2(np.arange(OCTAVES) - 1.0)[:, None]
    steps = np.arange(1 << STEPS_LOG2) / (1 << STEPS_LOG2)
    return np.asarray(np.append((octave * (1 + steps)).ravel(), SPAN / 2) / SPAN)


@compiled
def drawn_word(start: np.uint64, number: int) -> np.uint64:
    """64 random bits: word `number` of the stream that starts at `start`."""
    word = start + np.uint64(number) * _WEYL
    word = (word ^ (word >> _SHIFTS[0])) * _FIRST
    word = (word ^ (word >> _SHIFTS[1])) * _SECOND
    return word ^ (word >> _SHIFTS[2])


@compiled
def looked_up(table: NDArray[np.float32], k: np.int64) -> np.float32:
    """Quantile at (k + 1/2) / 2^32 of a table (2, KNOTS): lower side, upper side. Never leaves its two knots."""
    side = k >> 31
    count = 0xFFFFFFFF - k if side else k
    # The exponent of count + 1/2 is the octave, the upper bits of its mantissa the step.
    bits = np.float64(count + 0.5).view(np.int64) - _START
    step = bits >> _FRACTION_BITS
    share = np.float32(bits & _FRACTION_MASK) * np.float32(2.0**-_FRACTION_BITS)
    start, stop = table[side, step], table[side, step + 1]
    value = start + share * (stop - start)
    return max(value, stop) if side else min(value, stop)


@compiled
def write_range(
    levels: NDArray[np.uint8],
    cells: tuple[int, int],
    shift: int,
    streams: tuple[np.uint64, np.uint64],
    max_pulses: int,
    inverse_log: NDArray[np.float64],
    share_below: NDArray[np.float64],
    tables: NDArray[np.float32],
    stuck: tuple[float, float, np.float32, np.float32],
    stuck_fails: NDArray[np.bool_],
    conductance: NDArray[np.float32],
    pulses: NDArray[np.int32],
    failed: NDArray[np.bool_],
) -> None:
    """Write cells[0] <= i < cells[1]; the last three arrays receive the outcome. Nothing is checked here.

    shift: the number of cell i in the streams is i + shift. streams: of pulses and conductance, of stuck cells. By
    level: inverse_log = 1 / ln(1 - probability of acceptance), share_below = share of failures that are too low,
    tables (levels, 3, 2, KNOTS), stuck_fails (levels, 2). stuck: (share at the low and at the high state, their
    conductances).
    """
    any_stuck = stuck[0] > 0 or stuck[1] > 0
    for i in range(cells[0], cells[1]):
        level = levels[i]
        if any_stuck:
            fate = (float(drawn_word(streams[1], i + shift) >> _WORD_BITS) + 0.5) / SPAN
            high = fate > 1 - stuck[1]
            if high or fate < stuck[0]:
                fails = stuck_fails[level, 1 if high else 0]
                conductance[i] = stuck[3] if high else stuck[2]
                pulses[i] = max_pulses if fails else 1
                failed[i] = fails
                continue
        word = drawn_word(streams[0], i + shift)
        k = np.int64(word & _LOW_WORD)
        # Misses before the first success of a geometric law: floor of ln(uniform) / ln(1 - p).
        misses = math.log((float(word >> _WORD_BITS) + 0.5) / SPAN) * inverse_log[level]
        if misses < max_pulses:
            conductance[i] = looked_up(tables[level, ACCEPTED], k)
            pulses[i] = np.int32(misses) + 1
            failed[i] = False
            continue
        place, below = (float(k) + 0.5) / SPAN, share_below[level]
        if place < below:
            law, place = BELOW, place / below
        else:
            law, place = ABOVE, (place - below) / (1 - below)
        conductance[i] = looked_up(tables[level, law], np.int64(min(place * SPAN, SPAN - 1)))
        pulses[i] = max_pulses
        failed[i] = True
