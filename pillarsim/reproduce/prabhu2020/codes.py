"""Numbers in binary floating point, one bit a cell, and what they are worth when their bits come back inexact.

w = (-1)^s 2^(e - bias) (1 + sum over k of b_k 2^-k), bias = 2^(exponent bits - 1) - 1; an exponent field of zeros means
2^(1 - bias) without the leading one, as in IEEE 754, so that zero has a code. An exponent field of ones is no infinity
here but one binade more: whatever bits are read, they make a number. Bits are in the order sign, exponent, mantissa,
highest first. Which width the paper used is not known; 32 bits are the default.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format: widths of the exponent and of the mantissa's stored part, in bits.

    Raises ValueError outside 2 to 8 exponent bits and 1 to 23 mantissa bits, all of which binary32 contains.
    """

    name: str
    exponent_bits: int
    mantissa_bits: int

    def __post_init__(self) -> None:
        if not (2 <= self.exponent_bits <= 8 and 1 <= self.mantissa_bits <= 23):
            raise ValueError(
                f"{self.name}: expected 2 to 8 exponent bits and 1 to 23 mantissa bits, "
                f"found {self.exponent_bits} and {self.mantissa_bits}"
            )

    @property
    def width(self) -> int:
        """Bits, and cells, of a number."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def bias(self) -> int:
        """What is subtracted from the exponent field."""
        return int(2 ** (self.exponent_bits - 1) - 1)

    @property
    def largest(self) -> float:
        """Largest number that is coded: the exponent field of ones is kept free, as in IEEE 754."""
        return float(2.0**self.bias * (2.0 - 2.0**-self.mantissa_bits))


BINARY32 = FloatFormat("binary32", 8, 23)
BINARY16 = FloatFormat("binary16", 5, 10)
BFLOAT16 = FloatFormat("bfloat16", 8, 7)


def encode(values: NDArray[np.floating], form: FloatFormat) -> Bits:
    """Return the bits (number, width) of `values` (any shape, taken in order), rounded to nearest, ties to even.

    Raises ValueError for what is not finite or rounds beyond `form.largest`.
    """
    exact = np.asarray(values, dtype=np.float64).reshape(-1)
    if not np.isfinite(exact).all():
        raise ValueError(f"{form.name}: expected finite numbers, found {exact[~np.isfinite(exact)][0]}")
    lowest = 1 - form.bias
    exponent = np.where(exact == 0, lowest, np.maximum(np.frexp(np.abs(exact))[1] - 1, lowest))
    # In units of the last place: below 2^(mantissa bits) without, else with the leading one. Rounding up may carry.
    units = np.rint(np.ldexp(np.abs(exact), form.mantissa_bits - exponent)).astype(np.int64)
    code = ((exponent - lowest).astype(np.int64) << form.mantissa_bits) + units
    top = ((1 << form.exponent_bits) - 1) << form.mantissa_bits
    if (code >= top).any():
        worst = float(exact[code >= top][0])
        raise ValueError(f"{form.name}: expected at most {form.largest:.6g} in size, found {worst:.6g}")
    code |= np.signbit(exact).astype(np.int64) << (form.width - 1)
    places = np.arange(form.width - 1, -1, -1)
    return np.asarray((code[:, None] >> places) & 1, dtype=np.uint8)


def decode(bits: Bits, form: FloatFormat, mantissa: Array | None = None) -> Array:
    """Return the numbers (number,) that `bits` (number, width) stand for.

    mantissa: analog mantissa bits (number, mantissa bits), nominally 0 or 1, in place of those in `bits`.
    """
    if bits.ndim != 2 or bits.shape[1] != form.width:
        raise ValueError(f"{form.name}: expected bits of shape (number, {form.width}), found {bits.shape}")
    split = 1 + form.exponent_bits
    field = bits[:, 1:split].astype(np.int64) @ (1 << np.arange(form.exponent_bits - 1, -1, -1))
    stored = bits[:, split:].astype(np.float64) if mantissa is None else mantissa
    # One fixed order of summation, so that the result does not depend on a library's threads.
    fraction = sum(
        (stored[:, k] * 2.0 ** -(k + 1) for k in range(form.mantissa_bits)), start=np.zeros(len(bits), dtype=np.float64)
    )
    size = np.ldexp(fraction + (field > 0), np.maximum(field, 1) - form.bias)
    return np.asarray(np.where(bits[:, 0] == 1, -size, size))
