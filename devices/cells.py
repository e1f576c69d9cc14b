"""Cells with equally spaced conductance levels, and how write pulses bring them there.

Modelled: each write pulse leaves a conductance G = target exp(sigma z), z standard normal, sigma by level
(interpolated in ln G between the states); write-verify repeats pulses until |G - target| <= tolerance or the pulse
limit is reached; stuck cells. Drawn in closed form: the pulse count is a geometric variate, the accepted conductance
a truncated log-normal one, so no pulse loop runs.
Left out: dependence of a pulse on the state before it, device-to-device memory between pulses, drift, nonlinear I-V.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class CellStates:
    """Electrical levels of a cell as a read sees it; siemens, sigma = standard deviation of ln(conductance)."""

    g_min_s: float
    g_max_s: float
    levels: int
    sigma_min: float
    sigma_max: float
    stuck_min: float
    stuck_max: float

    def targets_s(self) -> NDArray[np.float64]:
        """Equally spaced target conductances, lowest first (levels,)."""
        return np.linspace(self.g_min_s, self.g_max_s, self.levels)

    def sigmas(self) -> NDArray[np.float64]:
        """Programming error of each level (levels,), interpolated linearly in ln(conductance)."""
        span = np.log(self.g_max_s / self.g_min_s)
        place: NDArray[np.float64] = np.log(self.targets_s() / self.g_min_s) / span
        return self.sigma_min + place * (self.sigma_max - self.sigma_min)


@dataclass(frozen=True)
class WriteRule:
    """Verify tolerance in siemens (None: one pulse, unverified) and pulse limit."""

    tolerance_s: float | None
    max_pulses: int


@dataclass(frozen=True, eq=False)
class WrittenCells:
    """Outcome of writing cells, all of one shape: conductance (float32, S), pulses given, within tolerance or not."""

    conductance_s: torch.Tensor
    pulses: torch.Tensor
    failed: torch.Tensor


def acceptance(states: CellStates, rule: WriteRule) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (lower edge as a normal quantile's probability, probability) of the accepted interval, by level."""
    targets, sigmas = states.targets_s(), states.sigmas()
    if rule.tolerance_s is None:
        return np.zeros(states.levels), np.ones(states.levels)
    low, span = np.zeros(states.levels), np.ones(states.levels)
    for level, (target, sigma) in enumerate(zip(targets, sigmas, strict=True)):
        if sigma == 0:
            continue
        ratio = rule.tolerance_s / target
        lower = _normal_cdf(np.log1p(-ratio) / sigma) if ratio < 1 else 0.0
        low[level], span[level] = lower, _normal_cdf(np.log1p(ratio) / sigma) - lower
    return low, span


def write_cells(levels: torch.Tensor, states: CellStates, rule: WriteRule, random: torch.Generator) -> WrittenCells:
    """Write every cell of `levels` (uint8, any shape) once.

    Three uniform draws a cell are always made, in order, so that changing a rule keeps the other draws.
    """
    index = levels.long()
    low, accept = (torch.from_numpy(x) for x in acceptance(states, rule))
    target, sigma = torch.from_numpy(states.targets_s()), torch.from_numpy(states.sigmas())
    attempt, place, fate = (_uniform(levels.shape, random) for _ in range(3))

    p = accept[index]
    reached = 1 - (1 - p) ** rule.max_pulses
    success = attempt < reached
    tries = torch.where(p < 1, torch.log1p(-attempt) / torch.log1p(-p.clamp(max=1 - 1e-12)), torch.zeros_like(p))
    pulses = torch.where(success, tries.floor() + 1, torch.full_like(p, rule.max_pulses)).clamp(1, rule.max_pulses)
    inside = low[index] + place * p
    outside = place * (1 - p)
    outside = torch.where(outside < low[index], outside, outside + p)
    z = torch.special.ndtri(torch.where(success, inside, outside).clamp(1e-12, 1 - 1e-12))
    conductance = target[index] * torch.exp(sigma[index] * z)
    failed = ~success

    stuck_low, stuck_high = fate < states.stuck_min, fate > 1 - states.stuck_max
    if states.stuck_min or states.stuck_max:
        stuck = stuck_low | stuck_high
        conductance = torch.where(stuck_low, torch.full_like(conductance, states.g_min_s), conductance)
        conductance = torch.where(stuck_high, torch.full_like(conductance, states.g_max_s), conductance)
        if rule.tolerance_s is not None:
            failed = torch.where(stuck, (conductance - target[index]).abs() > rule.tolerance_s, failed)
            pulses = torch.where(stuck, torch.where(failed, torch.full_like(pulses, rule.max_pulses), 1.0), pulses)
    return WrittenCells(conductance.float(), pulses.to(torch.int32), failed)


def _uniform(shape: torch.Size, random: torch.Generator) -> torch.Tensor:
    return torch.rand(shape, generator=random, dtype=torch.float64)


def _normal_cdf(z: float) -> float:
    return float(torch.special.ndtr(torch.tensor(z, dtype=torch.float64)))
