"""Normal deviates by counter: the same read of the same column always draws the same noise.

A read's key comes from its stream and number; the column is hashed with the key to 32 bits, and 24 of them become a
normal deviate by the inverse distribution function, x P(w) with w = -ln(1 - x^2), x uniform in (-1, 1). The
polynomials were fitted for this module: the deviate is within 6e-4 of the exact quantile, and ends at 5.5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled, contracted

LN2 = 0.6931472
# ln(m) on [1, 2), in powers of m - 1.5; largest error 1.4e-4.
LOGARITHM = (0.40545941, 0.66623079, -0.2217508, 0.10668816, -0.05486526)
# Normal quantile over x, in powers of w; largest error 5e-4 up to 5.3 standard deviations.
QUANTILE = (
    1.25366950, 0.325474212, 0.0206899597, -0.00608913280, 6.41605423e-4, -3.59022187e-5, 1.04719213e-6,
    -1.25089458e-8,
)  # fmt: skip
# Odd multipliers of the hash: 2^32 / golden ratio, and those of Wellons' 32-bit hash without bias (2018).
MIX = (0x9E3779B9, 0x21F0AAAD, 0xD35A2D97)

_LN2 = np.float32(LN2)
_L0, _L1, _L2, _L3, _L4 = (np.float32(v) for v in LOGARITHM)
_Q0, _Q1, _Q2, _Q3, _Q4, _Q5, _Q6, _Q7 = (np.float32(v) for v in QUANTILE)
_M0, _M1, _M2 = (np.uint32(v) for v in MIX)


@compiled
def read_key(stream: np.uint64, number: int) -> np.uint64:
    """64 well-mixed bits for read `number` of a stream (the finaliser of splitmix64, Steele et al. 2014)."""
    z = stream + np.uint64(number) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@contracted
def normals(
    key: np.uint64, uniform: NDArray[np.float32], tail: NDArray[np.float32], draws: NDArray[np.float32]
) -> None:
    """Fill `draws` with the standard normal deviates of columns 0, 1, ... of one read.

    uniform and tail are scratch of the same length. Loops of one kind of work each, so that they become vectors.
    """
    count = len(draws)
    first, second = np.uint32(key), np.uint32(key >> np.uint64(32))
    for c in range(count):
        h = np.uint32(first + np.uint32(np.uint32(c) * _M0))
        h = np.uint32(np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * _M1) ^ second)
        h = np.uint32(np.uint32(h ^ (h >> np.uint32(15))) * _M2)
        h = np.uint32(h ^ (h >> np.uint32(15)))
        x = (np.float32(np.int32(np.int32(h) >> np.int32(8))) + np.float32(0.5)) * np.float32(2.0**-23)
        uniform[c] = x
        tail[c] = (np.float32(1.0) - x) * (np.float32(1.0) + x)
    bits = tail.view(np.int32)
    for c in range(count):
        exponent = np.float32(np.int32(np.int32(bits[c] >> np.int32(23)) - np.int32(127)))
        m = np.float32(np.int32(bits[c] & np.int32(0x7FFFFF))) * np.float32(2.0**-23) - np.float32(0.5)
        w = -(exponent * _LN2 + (_L0 + m * (_L1 + m * (_L2 + m * (_L3 + m * _L4)))))
        p = _Q0 + w * (_Q1 + w * (_Q2 + w * (_Q3 + w * (_Q4 + w * (_Q5 + w * (_Q6 + w * _Q7))))))
        draws[c] = uniform[c] * p
