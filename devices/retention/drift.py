"""Drift: conductance falls as a power of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from pillarsim.devices.ranges import within
from pillarsim.devices.retention.interface import EVERYWHERE, Reach
from pillarsim.devices.temperature import state_place


@dataclass(frozen=True)
class PowerLawDrift:
    """G (t / t0)^-nu after t0, no change before; nu normal over cells, its mean linear in ln G between the states.

    nu_min belongs to g_min_s, nu_max to g_max_s, nu_spread is the standard deviation over cells (absolute).
    Temperature does not enter. A cell whose nu is drawn negative rises.
    """

    nu_min: float
    nu_max: float
    nu_spread: float
    t0_s: float
    reach: Reach = EVERYWHERE

    def __post_init__(self) -> None:
        within("t0", self.t0_s, 1e-15, math.inf, "s")
        within("nu_spread", self.nu_spread, 0, math.inf, "")

    @property
    def longest_s(self) -> float:
        """See `Retention`."""
        return self.reach.longest_s

    def median_s(
        self, conductance_s: torch.Tensor, g_min_s: float, g_max_s: float, time_s: float, temperature_k: float
    ) -> torch.Tensor:
        """See `Retention`."""
        self.reach.check(time_s, temperature_k)
        return self._moved(conductance_s, self._mean_nu(conductance_s, g_min_s, g_max_s), time_s)

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
        self.reach.check(time_s, temperature_k)
        nu = self._mean_nu(conductance_s, g_min_s, g_max_s)
        nu.add_(_normal(conductance_s, random), alpha=self.nu_spread)
        return self._moved(conductance_s, nu, time_s)

    def _mean_nu(self, conductance_s: torch.Tensor, g_min_s: float, g_max_s: float) -> torch.Tensor:
        return state_place(conductance_s, g_min_s, g_max_s).mul_(self.nu_max - self.nu_min).add_(self.nu_min)

    def _moved(self, conductance_s: torch.Tensor, nu: torch.Tensor, time_s: float) -> torch.Tensor:
        decades = math.log(max(time_s / self.t0_s, 1.0))
        return nu.mul_(-decades).exp_().mul_(conductance_s)


def _normal(like: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    return torch.randn(like.shape, generator=random, dtype=like.dtype)
