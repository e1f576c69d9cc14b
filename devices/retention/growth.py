"""Growth of a level's spread, by polynomials of the conductance at some times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch

from pillarsim.devices.ranges import check_states, within
from pillarsim.devices.retention.cut_normal import cut_median, cut_normal
from pillarsim.devices.retention.interface import EVERYWHERE, Reach


@dataclass(frozen=True)
class SpreadGrowth:
    """Spread of a level at stated times, sigma = sum over k of c_k (G / scale)^k, in siemens; no shift of the level.

    Between times sigma is linear in log10 t. A cell written with the spread of the first time gains a normal error of
    variance sigma(t)^2 - sigma(first)^2, none where that is negative; before the first time nothing changes. What the
    error would carry below zero is drawn again from the part above (a normal cut at zero).
    The states must lie in low_s..high_s, where the polynomials were fitted. Temperature does not enter.
    """

    times_s: tuple[float, ...]
    coefficients_s: tuple[tuple[float, ...], ...]
    scale_s: float
    low_s: float
    high_s: float
    reach: Reach = EVERYWHERE

    def __post_init__(self) -> None:
        if not len(self.times_s) == len(self.coefficients_s) >= 2:
            raise ValueError("spread growth: expected a polynomial for each of at least 2 times")
        if self.times_s[0] <= 0 or any(a >= b for a, b in pairwise(self.times_s)):
            raise ValueError("spread growth: expected positive times that rise")
        if not 0 <= self.low_s < self.high_s or self.scale_s <= 0:
            raise ValueError("spread growth: expected 0 <= low_s < high_s and a positive scale_s")

    @property
    def longest_s(self) -> float:
        """See `Retention`."""
        return min(self.reach.longest_s, self.times_s[-1])

    def sigma_s(self, conductance_s: torch.Tensor, time_s: float) -> torch.Tensor:
        """Spread (S) of a level at `conductance_s`, time_s after writing; the first time's before it."""
        within("time", time_s, 0, math.inf, "s")
        within("time", time_s, 0, self.times_s[-1], "s")
        place = conductance_s.clamp(self.low_s, self.high_s).div_(self.scale_s)
        later = next((n for n, t in enumerate(self.times_s) if t >= time_s), len(self.times_s) - 1)
        if later == 0:
            return _polynomial(place, self.coefficients_s[0]).clamp_(min=0)
        before = math.log(self.times_s[later - 1])
        share = min((math.log(time_s) - before) / (math.log(self.times_s[later]) - before), 1.0)
        start = _polynomial(place, self.coefficients_s[later - 1]).clamp_(min=0)
        end = _polynomial(place, self.coefficients_s[later]).clamp_(min=0)
        return start.lerp_(end, share)

    def median_s(
        self, conductance_s: torch.Tensor, g_min_s: float, g_max_s: float, time_s: float, temperature_k: float
    ) -> torch.Tensor:
        """See `Retention`."""
        return cut_median(conductance_s, self._gain(conductance_s, g_min_s, g_max_s, time_s, temperature_k))

    def aged_s(
        self,
        conductance_s: torch.Tensor,
        g_min_s: float,
        g_max_s: float,
        time_s: float,
        temperature_k: float,
        random: torch.Generator,
    ) -> torch.Tensor:
        """See `Retention`."""
        gain = self._gain(conductance_s, g_min_s, g_max_s, time_s, temperature_k)
        return cut_normal(conductance_s, gain, _normal(conductance_s, random))

    def _gain(
        self, conductance_s: torch.Tensor, g_min_s: float, g_max_s: float, time_s: float, temperature_k: float
    ) -> torch.Tensor:
        """Standard deviation that each cell gains."""
        self.reach.check(time_s, temperature_k)
        within("states", (g_min_s, g_max_s), self.low_s, self.high_s, "S")
        check_states(g_min_s, g_max_s)
        first = self.sigma_s(conductance_s, 0)
        return self.sigma_s(conductance_s, time_s).square_().sub_(first.square_()).clamp_(min=0).sqrt_()


def _normal(like: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    return torch.randn(like.shape, generator=random, dtype=like.dtype)


def _polynomial(x: torch.Tensor, coefficients: tuple[float, ...]) -> torch.Tensor:
    """Sum of coefficients[k] x^k."""
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total.mul_(x).add_(coefficient)
    return total
