"""Loss of the state: exponential, with a time constant by state and temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from pillarsim.devices.ranges import within
from pillarsim.devices.retention.interface import EVERYWHERE, Reach
from pillarsim.devices.temperature import acceleration, state_place


@dataclass(frozen=True)
class ArrheniusLoss:
    """Loss of the state: G(t) = G_inf + (G - G_inf) exp(-(t / tau)^exponent), no draw.

    tau = tau_min_s at g_min_s and tau_max_s at g_max_s at temperature_k, ln(tau) linear in ln G between (a barrier that
    is linear in ln G), shorter by the Arrhenius factor when hotter. Cells end in g_min_s ("hrs"), g_max_s ("lrs") or
    at their geometric mean ("middle").
    """

    tau_min_s: float
    tau_max_s: float
    temperature_k: float
    activation_ev: float
    exponent: float
    toward: Literal["hrs", "lrs", "middle"]
    reach: Reach = EVERYWHERE

    def __post_init__(self) -> None:
        within("tau", (self.tau_min_s, self.tau_max_s), 1e-15, math.inf, "s")
        within("exponent", self.exponent, 1e-3, math.inf, "")
        if self.toward not in ("hrs", "lrs", "middle"):
            raise ValueError(f"toward: expected hrs, lrs or middle, found {self.toward!r}")

    @property
    def longest_s(self) -> float:
        """See `Retention`."""
        return self.reach.longest_s

    def median_s(
        self, conductance_s: torch.Tensor, g_min_s: float, g_max_s: float, time_s: float, temperature_k: float
    ) -> torch.Tensor:
        """See `Retention`."""
        self.reach.check(time_s, temperature_k)
        place = state_place(conductance_s, g_min_s, g_max_s)
        if time_s == 0:
            return conductance_s.clone()
        rate = acceleration(self.activation_ev, self.temperature_k, temperature_k)
        log_time = math.log(time_s) + math.log(rate) - math.log(self.tau_min_s)
        decay = place.mul_(-math.log(self.tau_max_s / self.tau_min_s)).add_(log_time).mul_(self.exponent).exp_()
        lost = decay.neg_().expm1_().neg_()
        end_s = {"hrs": g_min_s, "lrs": g_max_s, "middle": math.sqrt(g_min_s * g_max_s)}[self.toward]
        return torch.lerp(conductance_s, torch.full_like(conductance_s, end_s), lost)

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
        return self.median_s(conductance_s, g_min_s, g_max_s, time_s, temperature_k)
