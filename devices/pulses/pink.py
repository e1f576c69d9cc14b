"""Pink (1/f) noise over pulses: w(t) = coupling sum of h_k x(t - k) over k < poles, h_0 = 1, h_k = h_{k-1} (k-1/2)/k.

x(1), x(2), ... are uniform on [0, 1) and not centred, as published, so the noise has a mean. A fresh device's history
is empty (x = 0 up to pulse 0): the mean builds up over the first `poles` pulses. The filter is that of Kasdin,
Proc. IEEE 83(5), 1995, for an exponent of 1. x comes from counted draws, so n pulses shift the history by n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from pillarsim.devices.pulses.draws import SPAN, STEP, Keys, bits_at

# Tensors: torch wraps a Python number at each call, which costs as much as the work on a chunk.
_SIGN, _STEP = torch.tensor(31, dtype=torch.int32), torch.tensor(STEP, dtype=torch.int32)


@dataclass(frozen=True)
class Pink:
    """Coupling (dimensionless, of ln R) and number of filter taps."""

    coupling: float
    poles: int

    @property
    def taps(self) -> tuple[float, ...]:
        """The weights h_k, newest pulse first."""
        taps = [1.0]
        for k in range(1, self.poles):
            taps.append(taps[-1] * (k - 0.5) / k)
        return tuple(taps)

    @property
    def mean(self) -> float:
        """Mean of the noise from `poles` pulses on."""
        return self.coupling * math.fsum(self.taps) / 2

    @property
    def std(self) -> float:
        """Standard deviation of the noise from `poles` pulses on."""
        return self.coupling * math.sqrt(math.fsum(tap * tap for tap in self.taps) / 12)


def pink_noise(of: Pink, keys: Keys, pulses: torch.Tensor) -> torch.Tensor:
    """Return the noise of devices after `pulses` pulses (int32, same shape as the keys), float32."""
    # x = 1/2 + word / SPAN: the halves of the pulses that there were, then their words.
    halves = torch.tensor([0.0, *of.taps], dtype=torch.float64).cumsum(0).mul_(of.coupling / 2).float()
    total = halves.index_select(0, pulses.clamp(max=of.poles))
    place = pulses * STEP + keys.first
    word, scratch, drawn = torch.empty_like(place), torch.empty_like(place), torch.empty_like(total)
    young = int(pulses.min()) < of.poles
    for age, tap in enumerate(of.taps):
        bits_at(keys, place, word, scratch)
        if young:  # age - pulses < 0, so all bits set, where there was a pulse
            torch.sub(age, pulses, out=scratch)
            torch.bitwise_right_shift(scratch, _SIGN, out=scratch)
            word &= scratch
        drawn.copy_(word)
        total.add_(drawn, alpha=tap * of.coupling / SPAN)
        place -= _STEP
    return total
