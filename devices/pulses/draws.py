"""Uniform draws by counter: draw number n of device k of a stream is a function of the three, not of call order.

So a device keeps its draws however many devices stand beside it, and noise needs no stored history. 32-bit hash with
two keys a device, in torch: a shift, a product and a key, twice.
Left out: draws beyond 2^32 numbers a device, and any claim of cryptographic quality.
"""

from __future__ import annotations

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
    place = torch.arange(start, stop, dtype=torch.int32) * STEP
    return Keys(_mixed(place + of.first), _mixed(place + of.second))


def bits(keys: Keys, number: torch.Tensor) -> torch.Tensor:
    """Return draw `number` (int32) of each device as int32, uniform over all values; upper bits are the best."""
    place = number * STEP + keys.first
    return bits_at(keys, place, torch.empty_like(place), torch.empty_like(place))


def bits_at(keys: Keys, place: torch.Tensor, out: torch.Tensor, scratch: torch.Tensor) -> torch.Tensor:
    """As `bits`, for place = number STEP + first key; neighbouring numbers lie STEP apart. Writes and returns `out`."""
    # Shifts of signed integers keep the sign; x ^ (x >> s) is one-to-one all the same.
    torch.bitwise_right_shift(place, 15, out=out)
    out ^= place
    out *= _FIRST
    out += keys.second
    torch.bitwise_right_shift(out, 13, out=scratch)
    out ^= scratch
    out *= _SECOND
    return out


def uniform(drawn: torch.Tensor) -> torch.Tensor:
    """Return bits as float64 in [0, 1)."""
    return drawn.double() * (1 / SPAN) + 0.5


def _mixed(word: torch.Tensor) -> torch.Tensor:
    word = (word ^ (word >> 16)) * _FIRST
    word = (word ^ (word >> 15)) * _SECOND
    return word ^ (word >> 15)
