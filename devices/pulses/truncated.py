"""Truncated distributions of device parameters, drawn exactly by the inverse distribution function.

No rejection: one uniform number in, one parameter out, so a device's draw does not depend on the others'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch


class Distribution(Protocol):
    """A continuous distribution before truncation; tensors are float64 of any shape."""

    def cdf(self, x: torch.Tensor) -> torch.Tensor:
        """Probability of a value of at most x."""

    def quantile(self, p: torch.Tensor) -> torch.Tensor:
        """Value that is not exceeded with probability p."""


@dataclass(frozen=True)
class Normal:
    """Normal distribution."""

    mean: float
    std: float

    def cdf(self, x: torch.Tensor) -> torch.Tensor:
        """Probability of a value of at most x."""
        p: torch.Tensor = torch.special.ndtr((x - self.mean) / self.std)
        return p

    def quantile(self, p: torch.Tensor) -> torch.Tensor:
        """Value that is not exceeded with probability p."""
        z: torch.Tensor = torch.special.ndtri(p)
        return self.mean + self.std * z


@dataclass(frozen=True)
class Exponential:
    """start + an exponential variate of mean `scale`."""

    start: float
    scale: float

    def cdf(self, x: torch.Tensor) -> torch.Tensor:
        """Probability of a value of at most x."""
        return -torch.expm1(-(x - self.start).clamp(min=0) / self.scale)

    def quantile(self, p: torch.Tensor) -> torch.Tensor:
        """Value that is not exceeded with probability p."""
        return self.start - self.scale * torch.log1p(-p)


@dataclass(frozen=True)
class LogNormal:
    """exp(shape z) scale, z standard normal."""

    shape: float
    scale: float

    def cdf(self, x: torch.Tensor) -> torch.Tensor:
        """Probability of a value of at most x > 0."""
        p: torch.Tensor = torch.special.ndtr(torch.log(x / self.scale) / self.shape)
        return p

    def quantile(self, p: torch.Tensor) -> torch.Tensor:
        """Value that is not exceeded with probability p."""
        return self.scale * torch.exp(self.shape * torch.special.ndtri(p))


@dataclass(frozen=True)
class Truncated:
    """A distribution given that the value lies in [low, high]. Raises ValueError where that has no probability."""

    of: Distribution
    low: float
    high: float

    def __post_init__(self) -> None:
        below, above = self._edges()
        if not below < above:
            raise ValueError(f"{self.of}: no probability in [{self.low:g}, {self.high:g}]")

    def cdf(self, x: torch.Tensor) -> torch.Tensor:
        """Probability of a value of at most x."""
        below, above = self._edges()
        return ((self.of.cdf(x) - below) / (above - below)).clamp(0, 1)

    def quantile(self, p: torch.Tensor) -> torch.Tensor:
        """Value that is not exceeded with probability p, within the limits also after rounding."""
        below, above = self._edges()
        return self.of.quantile(below + p * (above - below)).clamp(self.low, self.high)

    def median(self) -> float:
        """The value that half of the draws exceed."""
        return float(self.quantile(torch.tensor(0.5, dtype=torch.float64)))

    def draw(self, count: int, random: torch.Generator) -> torch.Tensor:
        """Draw `count` values, float64."""
        return self.quantile(torch.rand(count, generator=random, dtype=torch.float64))

    def _edges(self) -> tuple[float, float]:
        below, above = self.of.cdf(torch.tensor([self.low, self.high], dtype=torch.float64)).tolist()
        return below, above
