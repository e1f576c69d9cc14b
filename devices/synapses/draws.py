"""Random numbers of a device's pulse by counting, compiled: numbers in, numbers out, for inner loops.

Word number (device << 32) + pulse of the bank's stream serves a pulse; that word in turn numbers the word that serves
what is read after it. So a device's moves depend on its own number, pulses and state alone.
Normal draws: the upper half of a word is a probability; quantiles of the normal law at 4096 equal steps of it, linear
between. Beyond the outermost knots, 3.49 sigma, the law is uniform up to 3.96 sigma, which makes the variance 1. Mean
and skewness are 0, the kurtosis is within 0.3 % of 3.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from pillarsim.devices.jit import inlined

SECOND_DRAW = np.uint64(0xFFFFFFFFFFFFFFFF)  # with it the start of a second stream, numbered by words of the first
DEVICE_BITS = np.uint64(32)  # a device's number stands above its pulses
KNOTS_LOG2 = 12
_KNOT_SHIFT = np.uint64(64 - KNOTS_LOG2)
_SHARE_SHIFT, _SHARE_MASK = np.uint64(32), np.uint64((1 << (32 - KNOTS_LOG2)) - 1)
_SHARE = np.float32(2.0 ** (KNOTS_LOG2 - 32))
_LOW_WORD = np.uint64(0xFFFFFFFF)


@functools.cache
def normal_table() -> NDArray[np.float32]:
    """Quantiles at the knots, (2^12 + 1,); the outermost ones give the variance 1."""
    steps = 1 << KNOTS_LOG2
    inner = ndtri(np.arange(1, steps) / steps)
    # A straight piece from a to b has the mean square (a^2 + a b + b^2) / 3.
    start, stop = inner[:-1], inner[1:]
    left = (steps - float(((start**2 + start * stop + stop**2) / 3).sum())) / 2
    a = inner[-1]
    end = (-a + np.sqrt(a**2 - 4 * (a**2 - 3 * left))) / 2
    return np.concatenate(([-end], inner, [end])).astype(np.float32)


@inlined
def knot_of(word: np.uint64) -> np.uint64:
    """Knot below a word's normal draw."""
    return word >> _KNOT_SHIFT


@inlined
def share_of(word: np.uint64) -> np.float32:
    """Share of the way from that knot to the next."""
    return np.float32(np.int32((word >> _SHARE_SHIFT) & _SHARE_MASK)) * _SHARE


@inlined
def uniform(word: np.uint64) -> float:
    """Uniform draw of a word, in (0, 1), from its lower half."""
    return (np.float64(np.int64(word & _LOW_WORD)) + 0.5) * 2.0**-32
