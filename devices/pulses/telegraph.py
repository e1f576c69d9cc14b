"""Two-state telegraph noise that moves by pulses: a Markov chain of one step a pulse, n steps in closed form.

With rise and fall the probabilities a pulse, l = 1 - rise - fall and p = rise / (rise + fall), the n-th power of the
chain's matrix has P(low -> high) = p (1 - l^n) and P(high -> low) = (1 - p) (1 - l^n).
Left out: switching between pulses, more than two states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Telegraph:
    """Probabilities of a change a pulse, each in (0, 1), their sum below 1."""

    rise: float  # low -> high
    fall: float  # high -> low

    @property
    def occupancy(self) -> float:
        """Probability of the high state after very many pulses."""
        return self.rise / (self.rise + self.fall)

    @property
    def dwell_pulses(self) -> tuple[float, float]:
        """Mean stay in the low and in the high state, in pulses."""
        return 1 / self.rise, 1 / self.fall


def switch_probability(chain: Telegraph, high: torch.Tensor, pulses: torch.Tensor) -> torch.Tensor:
    """Return the probability that each device ends `pulses` pulses in the other state, float64; 0 for no pulse.

    high: bool; pulses: integers of the same shape or of none.
    """
    moved = torch.expm1(pulses.float() * math.log1p(-(chain.rise + chain.fall)))
    return moved * torch.where(high, chain.occupancy - 1, -chain.occupancy)
