"""Uniform draws by counter: draw number n of device k of a stream is a function of the three, not of call order.

So a device keeps its draws however many devices stand beside it, and noise needs no stored history. 32-bit hash with
two keys a device, in torch: a shift, a product and a key, twice.
Left out: draws beyond 2^32 numbers a device, and any claim of cryptographic quality.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from pillarsim.devices.streams import stream_seed

SPAN = 2.0**32  # number of values of a draw's bits


def _signed(word: int) -> int:
    """A 32-bit word as torch's int32 holds it."""
    word &= 0xFFFFFFFF
    return word - (1 << 32) if word >> 31 else word


# 2^32 / golden ratio, Weyl step of Steele et al., SplitMix, OOPSLA 2014
STEP = _signed(0x9E3779B9)
# multipliers of 32-bit mixers found by search: C. Wellons, Prospecting for hash functions, 2018 (public domain)
_FIRST, _SECOND = _signed(0x21F0AAAD), _signed(0xD35A2D97)
# As tensors: torch wraps a Python number at each call, which costs as much as the work on a chunk of devices.
_TIMES = torch.tensor(_SECOND, dtype=torch.int32)
_THIRTEEN, _FIFTEEN, _SIXTEEN = (torch.tensor(shift, dtype=torch.int32) for shift in (13, 15, 16))


@dataclass(frozen=True)
class Stream:
    """A named stream of one seed: two 32-bit words."""

    first: int
    second: int


@dataclass(frozen=True, eq=False)
class Keys:
    """Keys of some devices of a stream, int32 (devices,) each."""

    first: torch.Tensor
    second: torch.Tensor


def stream(seed: int, *names: str | int) -> Stream:
    """Return the stream called `names`."""
    word = stream_seed(seed, *names)
    return Stream(_signed(word), _signed(word >> 32))


def device_keys(of: Stream, start: int, stop: int) -> Keys:
    """Return the keys of devices start, ..., stop - 1."""
    return keys_of(of, torch.arange(start, stop, dtype=torch.int32))


def keys_of(of: Stream, numbers: torch.Tensor) -> Keys:
    """Return the keys of devices `numbers` (int32, any shape)."""
    place = numbers * STEP
    scratch = torch.empty_like(place)
    return Keys(*(_mixed_in_place(place + word, scratch) for word in (of.first, of.second)))


def bits(keys: Keys, number: torch.Tensor) -> torch.Tensor:
    """Return draw `number` (int32) of each device as int32, uniform over all values; upper bits are the best."""
    place = number * STEP + keys.first
    return bits_at(keys, place, torch.empty_like(place), torch.empty_like(place))


def bits_at(keys: Keys, place: torch.Tensor, out: torch.Tensor, scratch: torch.Tensor) -> torch.Tensor:
    """As `bits`, for place = number STEP + first key; neighbouring numbers lie STEP apart. Writes and returns `out`."""
    # Shifts of signed integers keep the sign; x ^ (x >> s) is one-to-one all the same.
    torch.bitwise_right_shift(place, _FIFTEEN, out=out)
    out ^= place
    torch.add(keys.second, out, alpha=_FIRST, out=out)
    torch.bitwise_right_shift(out, _THIRTEEN, out=scratch)
    out ^= scratch
    out *= _TIMES
    return out


def uniform(drawn: torch.Tensor) -> torch.Tensor:
    """Return bits as float64 in [0, 1)."""
    return drawn.double() * (1 / SPAN) + 0.5


def normal(keys: Keys, number: torch.Tensor) -> torch.Tensor:
    """Return standard normal draw `number` (int32) of each device, float32, |z| < 6.7 (Box-Muller transform).

    Draws 2 number and 2 number + 1 of the stream are used: let a stream serve either `bits` or `normal`.
    """
    place = number * (2 * STEP) + keys.first
    word, scratch = torch.empty_like(place), torch.empty_like(place)
    # |word| keeps all its digits near 0, where the logarithm needs them.
    radius = bits_at(keys, place, word, scratch).float().abs_().add_(0.5).mul_(2 / SPAN)
    radius.log_().mul_(-2).sqrt_()
    place += STEP
    angle = bits_at(keys, place, word, scratch).float().mul_(2 * math.pi / SPAN)
    return angle.cos_().mul_(radius)


def _mixed_in_place(word: torch.Tensor, scratch: torch.Tensor) -> torch.Tensor:
    for shift, factor in ((_SIXTEEN, _FIRST), (_FIFTEEN, _SECOND)):
        torch.bitwise_right_shift(word, shift, out=scratch)
        word ^= scratch
        word *= factor
    torch.bitwise_right_shift(word, _FIFTEEN, out=scratch)
    word ^= scratch
    return word
