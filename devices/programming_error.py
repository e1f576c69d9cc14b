"""What one write pulse leaves in place of its target conductance: distributions with closed-form quantiles.

Modelled: the distribution of G after a pulse that aims at a target, one independent draw a pulse; log-normal, normal
with a standard deviation that is a polynomial of the target, or an empirical table. Conductances are I / V at the
read voltage, in siemens; every method takes numbers or arrays that broadcast and returns float64.
Left out: a pulse's dependence on the state before it, correlation between pulses or between neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from pillarsim.devices.in_series import alone_s, in_series_s
from pillarsim.devices.ranges import within

Array = NDArray[np.float64]
Values = Array | float


class ProgrammingError(Protocol):
    """The distribution of the conductance that one pulse leaves. Frozen and hashable; methods raise OutOfRange."""

    def cdf(self, target_s: Values, conductance_s: Values) -> Array:
        """Probability that a pulse aimed at `target_s` leaves at most `conductance_s`, which may be negative."""

    def quantile_s(self, target_s: Values, probability: Values) -> Array:
        """Conductance that is not exceeded with `probability`; continuous and never falling in it."""


@dataclass(frozen=True)
class LogNormalError:
    """G = target exp(sigma z), z standard normal, sigma linear in ln(target) from g_min_s to g_max_s.

    The median is the target, the mean is target exp(sigma^2 / 2). Raises ValueError for negative sigmas or states out
    of order; its methods raise OutOfRange for a target that is not between the states.
    """

    sigma_min: float
    sigma_max: float
    g_min_s: float
    g_max_s: float

    def __post_init__(self) -> None:
        if not 0 < self.g_min_s < self.g_max_s:
            raise ValueError(f"states: expected 0 < g_min_s < g_max_s, found {self.g_min_s:g} and {self.g_max_s:g} S")
        if not (self.sigma_min >= 0 and self.sigma_max >= 0):
            raise ValueError(f"sigmas: expected none below 0, found {self.sigma_min:g} and {self.sigma_max:g}")

    def sigma(self, target_s: Values) -> Array:
        """Standard deviation of ln(G)."""
        within("target of a log-normal write", target_s, self.g_min_s, self.g_max_s, "S")
        place = np.log(np.asarray(target_s) / self.g_min_s) / np.log(self.g_max_s / self.g_min_s)
        return np.asarray(self.sigma_min + np.clip(place, 0, 1) * (self.sigma_max - self.sigma_min))

    def cdf(self, target_s: Values, conductance_s: Values) -> Array:
        """Probability of at most `conductance_s`; a step at the target where sigma is 0."""
        sigma, found = self.sigma(target_s), np.asarray(conductance_s)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.log(np.maximum(found, 0) / target_s) / sigma
        return np.where(sigma == 0, (found >= target_s).astype(float), ndtr(z))

    def quantile_s(self, target_s: Values, probability: Values) -> Array:
        """Conductance that is not exceeded with `probability`; 0 and infinity at its ends unless sigma is 0."""
        within("probability", probability, 0, 1, "")
        sigma = self.sigma(target_s)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(target_s * np.exp(np.where(sigma == 0, 0.0, sigma * ndtri(probability))))


@dataclass(frozen=True)
class PolynomialError:
    """A normal distribution about the target, cut at G > 0; sigma_G = sum over k of coefficients_s[k] (G / scale_s)^k.

    The cut raises the mean of targets within a few sigma of 0 (a target of 0 leaves half a normal). Raises ValueError
    where sigma_G is not positive in all of [low_s, high_s]; its methods raise OutOfRange for a target outside.
    """

    coefficients_s: tuple[float, ...]
    scale_s: float
    low_s: float
    high_s: float

    def __post_init__(self) -> None:
        if not (self.scale_s > 0 and 0 <= self.low_s < self.high_s):
            raise ValueError(
                "expected scale_s above 0 and 0 <= low_s < high_s, "
                f"found {self.scale_s:g}, {self.low_s:g} and {self.high_s:g} S"
            )
        slope = np.polynomial.Polynomial(self.coefficients_s).deriv().roots()
        turns = slope[np.abs(slope.imag) < 1e-12].real * self.scale_s
        points = np.array([self.low_s, self.high_s, *turns[(turns > self.low_s) & (turns < self.high_s)]])
        sigmas = self._sigma_s(points)
        if not (sigmas > 0).all():
            worst = int(np.argmin(sigmas))
            raise ValueError(f"sigma_G: expected above 0, found {sigmas[worst]:.4g} S at {points[worst]:.4g} S")

    def sigma_s(self, target_s: Values) -> Array:
        """Standard deviation of G before the cut, siemens."""
        within("target of a normal write", target_s, self.low_s, self.high_s, "S")
        return self._sigma_s(np.asarray(target_s, dtype=np.float64))

    def cdf(self, target_s: Values, conductance_s: Values) -> Array:
        """Probability of at most `conductance_s`."""
        sigma = self.sigma_s(target_s)
        cut = ndtr(-target_s / sigma)
        found = ndtr((np.asarray(conductance_s) - target_s) / sigma)
        return np.asarray(np.maximum(found - cut, 0) / (1 - cut))

    def quantile_s(self, target_s: Values, probability: Values) -> Array:
        """Conductance that is not exceeded with `probability`; 0 and infinity at its ends."""
        within("probability", probability, 0, 1, "")
        sigma = self.sigma_s(target_s)
        kept = ndtr(target_s / sigma)
        below, above = ndtr(-target_s / sigma) + np.asarray(probability) * kept, (1 - np.asarray(probability)) * kept
        # The smaller of the two keeps its digits in its tail.
        z = np.where(below < above, ndtri(below), -ndtri(above))
        return np.asarray(np.maximum(target_s + sigma * z, 0))

    def _sigma_s(self, target_s: Array) -> Array:
        return np.asarray(np.polynomial.polynomial.polyval(target_s / self.scale_s, self.coefficients_s))


@dataclass(frozen=True)
class QuantileError:
    """An empirical distribution: conductances_s[target][probability], quantiles measured at some targets.

    Between probabilities a quantile is interpolated linearly; between targets the ratio G / target at one probability
    is, in ln(target). probabilities run from 0 to 1, so that the smallest and the largest draw are stated. Raises
    ValueError for tables that are not increasing; its methods raise OutOfRange for a target outside the table.
    """

    probabilities: tuple[float, ...]
    targets_s: tuple[float, ...]
    conductances_s: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        p, targets = np.asarray(self.probabilities), np.asarray(self.targets_s)
        if len(p) < 2 or p[0] != 0 or p[-1] != 1 or not (np.diff(p) > 0).all():
            raise ValueError(f"probabilities: expected increasing from 0 to 1, found {self.probabilities}")
        if len(targets) == 0 or not targets[0] > 0 or not (np.diff(targets) > 0).all():
            raise ValueError(f"targets_s: expected increasing and above 0, found {self.targets_s}")
        if len(self.conductances_s) != len(targets) or any(len(row) != len(p) for row in self.conductances_s):
            raise ValueError(f"conductances_s: expected {len(targets)} rows of {len(p)}, one row a target")
        table = np.asarray(self.conductances_s)
        if not ((table >= 0).all() and (np.diff(table, axis=1) >= 0).all()):
            raise ValueError("conductances_s: expected rows that never fall and hold nothing below 0")

    def cdf(self, target_s: Values, conductance_s: Values) -> Array:
        """Probability of at most `conductance_s`; steps where the table repeats a value."""
        target, found = np.broadcast_arrays(np.asarray(target_s, dtype=np.float64), conductance_s)
        row, share, ratio = *self._place(target), found / target
        p, last = np.asarray(self.probabilities), len(self.probabilities) - 1
        # Bisection: the ratio at `low` is at most the one sought, that at `high` above it; both may lie outside.
        low, high = np.full(row.shape, -1), np.full(row.shape, last + 1)
        for _ in range(len(p).bit_length() + 1):
            middle = np.maximum(low + high, 0) // 2
            reached = self._ratio(row, share, middle.clip(0, last)) <= ratio
            open_ = high - low > 1
            low, high = np.where(open_ & reached, middle, low), np.where(open_ & ~reached, middle, high)
        first, second = low.clip(0, last), high.clip(0, last)
        start, stop = self._ratio(row, share, first), self._ratio(row, share, second)
        with np.errstate(divide="ignore", invalid="ignore"):
            between = p[first] + (ratio - start) / (stop - start) * (p[second] - p[first])
        return np.where(low < 0, 0.0, np.where(low >= last, 1.0, between))

    def quantile_s(self, target_s: Values, probability: Values) -> Array:
        """Conductance that is not exceeded with `probability`."""
        within("probability", probability, 0, 1, "")
        target, wanted = np.broadcast_arrays(np.asarray(target_s, dtype=np.float64), probability)
        row, share = self._place(target)
        p = np.asarray(self.probabilities)
        first = (np.searchsorted(p, wanted, side="right") - 1).clip(0, len(p) - 2)
        part = (wanted - p[first]) / (p[first + 1] - p[first])
        start, stop = self._ratio(row, share, first), self._ratio(row, share, first + 1)
        return np.asarray(target * (start + part * (stop - start)))

    def _place(self, target: Array) -> tuple[NDArray[np.intp], Array]:
        """(table row below, share of the row after it) of each target."""
        within("target of an empirical write", target, self.targets_s[0], self.targets_s[-1], "S")
        logs = np.log(self.targets_s)
        row = (np.searchsorted(logs, np.log(target), side="right") - 1).clip(0, max(len(logs) - 2, 0))
        if len(logs) == 1:
            return row, np.zeros(target.shape)
        return row, ((np.log(target) - logs[row]) / (logs[row + 1] - logs[row])).clip(0, 1)

    def _ratio(self, row: NDArray[np.intp], share: Array, column: NDArray[np.intp]) -> Array:
        table = np.asarray(self.conductances_s) / np.asarray(self.targets_s)[:, None]
        after = np.minimum(row + 1, len(table) - 1)
        return np.asarray((1 - share) * table[row, column] + share * table[after, column])


@dataclass(frozen=True)
class InSeries:
    """The error of a cell as it is seen through a resistance in series; targets and conductances are those seen."""

    cell: ProgrammingError
    ohm: float

    def cdf(self, target_s: Values, conductance_s: Values) -> Array:
        """Probability of at most `conductance_s`, which is certain from 1 / ohm on."""
        found = np.asarray(conductance_s, dtype=np.float64)
        reached = found * self.ohm >= 1
        inside = self.cell.cdf(alone_s(target_s, self.ohm), alone_s(np.where(reached, 0.0, found), self.ohm))
        return np.where(reached, 1.0, inside)

    def quantile_s(self, target_s: Values, probability: Values) -> Array:
        """Conductance that is not exceeded with `probability`; 1 / ohm where the cell's own has no limit."""
        found = self.cell.quantile_s(alone_s(target_s, self.ohm), probability)
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(found), 1 / self.ohm, in_series_s(found, self.ohm))


# HfO2, sigma_G[uS] = 4.782321 - 0.009107 G[uS], fitted from 50 to 225 uS; Milo et al., IRPS 2021
MILO2021 = PolynomialError((4.782321e-6, -0.009107e-6), 1e-6, 50e-6, 225e-6)

# 1 s after write-verify, sigma_G[uS] against x = G / 40 uS; fit of Wan et al., Nature 608:504 (2022).
# What write-verify and one second of relaxation leave: with a verify rule on top the tolerance would count twice.
WAN2022 = PolynomialError((0.348e-6, 16.030e-6, -43.853e-6, 45.393e-6, -16.815e-6), 40e-6, 0.0, 40e-6)
