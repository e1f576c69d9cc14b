"""Trains of pulses on the lines of an outer-product update: a word of bits a line, bit t for slot t. Compiled.

Update management: the probabilities of both sides are scaled so that the largest of each are equal (Gokmen and Vlasov,
Front. Neurosci. 10:333, 2016; Gokmen, Onen and Haensch, Front. Neurosci. 11:538, 2017). A probability stops at 1, so a
sample moves a weight by at most `train` steps.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled, inlined
from pillarsim.devices.synapses.core import Floats
from pillarsim.devices.write_kernel import drawn_word

Words = NDArray[np.uint64]
Lines = NDArray[np.int64]

FRACTION_BITS = 32  # of a probability; a line pulses with it to within 2^-33
_ROUNDS = 64  # words that a line may draw, at most FRACTION_BITS of them are used
_NONE, _ALL = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)


@inlined
def bit_count(word: np.uint64) -> np.int64:
    """Number of set bits, in the form that compilers know as one instruction."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inlined
def first_bit(word: np.uint64) -> np.int64:
    """Place of the lowest set bit of a word that is not 0."""
    return bit_count((word & (~word + np.uint64(1))) - np.uint64(1))


@compiled
def bernoulli(start: np.uint64, line: int, probability: float, train: int) -> np.uint64:
    """Bits below `train`, each set with the probability: uniform numbers are compared with it bit after bit.

    line: number of the word in its stream.
    """
    open_bits = (np.uint64(1) << np.uint64(train)) - np.uint64(1)
    if probability >= 1.0:
        return open_bits
    left, found = np.uint64(probability * 2.0**FRACTION_BITS + 0.5), _NONE
    number = line * _ROUNDS
    for place in range(FRACTION_BITS - 1, -1, -1):
        drawn = drawn_word(start, number)
        if (left >> np.uint64(place)) & np.uint64(1):
            found |= open_bits & ~drawn
            open_bits &= drawn
        else:
            open_bits &= ~drawn
        if open_bits == _NONE:
            break
        number += 1
    return found


@compiled
def largest(values: Floats) -> float:
    """Largest magnitude; NaN is not seen."""
    most = np.float32(0)
    for value in values:
        most = max(most, abs(value))
    return float(most)


@compiled
def random_trains(
    values: Floats, gain: float, start: np.uint64, first: int, train: int, lines: Lines, words: Words
) -> tuple[int, int]:
    """Write the lines that pulse and their trains, those of negative values first; probability gain |value|.

    first: number of line 0's word in the stream. Returns (lines of negative values, all lines).
    """
    count = 0
    for side in range(2):
        for line in range(values.size):
            value = values[line] if side else -values[line]
            if value > np.float32(0):
                word = bernoulli(start, first + line, gain * float(value), train)
                lines[count], words[count] = line, word
                count += word != _NONE
        if side == 0:
            negative = count
    return negative, count


@compiled
def marked_lines(values: Floats, least: float, lines: Lines, words: Words) -> tuple[int, int]:
    """As `random_trains`: one pulse, in slot 0, on each line of at least `least` > 0."""
    count = 0
    for side in range(2):
        for line in range(values.size):
            value = values[line] if side else -values[line]
            if value >= np.float32(least):
                lines[count], words[count] = line, np.uint64(1)
                count += 1
        if side == 0:
            negative = count
    return negative, count


@compiled
def gains(x_most: float, d_most: float, product: float) -> tuple[float, float]:
    """Gains of both sides whose product is `product`, such that the largest probabilities are equal."""
    return math.sqrt(product * d_most / x_most), math.sqrt(product * x_most / d_most)
