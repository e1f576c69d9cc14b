"""What time does to written cells: drift, relaxation, growing spread, and loss of the state.

Each model is a frozen set of parameters with two functions of (conductance, states, time since writing, temperature):
`median_s`, where the median cell goes, and `aged_s`, a draw for each cell. No time changes nothing. A model that draws
takes one random number a cell whatever the time, so the same generator state gives the same cells at every time.
No conductance becomes negative: each model says what it does near zero.
Cells that programming carried beyond the stated conductances take the numbers of the nearest stated one.
Left out: correlation between cells, read noise, recovery, change of temperature on the way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import torch

from pillarsim.devices.cut_normal import cut_median, cut_normal
from pillarsim.devices.ranges import check_states, within
from pillarsim.devices.temperature import acceleration, state_place


@dataclass(frozen=True)
class Reach:
    """Longest time since writing (s) and temperatures (K) for which a model is meant; beyond, it is refused."""

    longest_s: float = math.inf
    coldest_k: float = 0.0
    hottest_k: float = math.inf

    def check(self, time_s: float, temperature_k: float) -> None:
        """Raise OutOfRange for a time or temperature outside."""
        within("time", time_s, 0, math.inf, "s")
        within("time", time_s, 0, self.longest_s, "s")
        within("temperature", temperature_k, self.coldest_k, self.hottest_k, "K")


class Retention(Protocol):
    """A model of what time does to cells. Both functions keep shape and floating type, and raise OutOfRange."""

    @property
    def longest_s(self) -> float:
        """Longest time (s) that the model covers."""
        ...

    def median_s(
        self, conductance_s: torch.Tensor, g_min_s: float, g_max_s: float, time_s: float, temperature_k: float
    ) -> torch.Tensor:
        """Median conductance (S) after time_s of many cells that started at `conductance_s`."""
        ...

    def aged_s(
        self,
        conductance_s: torch.Tensor,
        g_min_s: float,
        g_max_s: float,
        time_s: float,
        temperature_k: float,
        random: torch.Generator,
    ) -> torch.Tensor:
        """Conductance (S) of each cell after time_s at temperature_k."""
        ...


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
    reach: Reach = Reach()

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


@dataclass(frozen=True)
class Relaxation:
    """Measured change of cells: quantiles of the conductance after time_s at temperature_k, by conductance before.

    after_s[knot][probability] belongs to the knots conductance_s and to probabilities from 0 to 1. At the stated time
    a cell changes by q(u; G) = after - knot, linear in G between knots, constant beyond them (no cell falls below 0),
    linear in u between probabilities; u is uniform over cells and a cell keeps it over time.
    Over time the mean change m(G) goes as f = ln(1 + t_eff / onset) / ln(1 + time / onset) and the deviation from it
    as its root, m f + (q - m) f^0.5 (assumed: a drift and a random walk in ln t); t_eff = t exp(Ea/k (1/T_ref - 1/T)).
    How far that goes was not measured. At each knot the result is kept within what was seen (assumed): not above the
    larger of the knot and its largest quantile, nor below the smaller of the knot and the least quantile of all knots
    above 0: cells lose their conductance down to the lowest state, and hardly any gains more than it had.
    """

    probabilities: tuple[float, ...]
    conductance_s: tuple[float, ...]
    after_s: tuple[tuple[float, ...], ...]
    time_s: float
    temperature_k: float
    onset_s: float
    activation_ev: float
    reach: Reach = Reach()

    def __post_init__(self) -> None:
        places, chances = self.conductance_s, self.probabilities
        if not len(places) == len(self.after_s) >= 2 or any(len(row) != len(chances) for row in self.after_s):
            raise ValueError("relaxation: expected at least 2 knots, each with a quantile for every probability")
        if chances[:1] != (0,) or chances[-1:] != (1,) or any(a >= b for a, b in pairwise(chances)):
            raise ValueError("relaxation: expected probabilities that rise from 0 to 1")
        if any(a >= b for a, b in pairwise(places)):
            raise ValueError("relaxation: expected conductances that rise")
        if any(a > b for row in self.after_s for a, b in pairwise(row)):
            raise ValueError("relaxation: expected quantiles that do not fall")
        within("conductance", places, 0, math.inf, "S")
        within("quantiles", self.after_s, 0, math.inf, "S")
        within("time", self.time_s, 1e-15, math.inf, "s")
        within("onset", self.onset_s, 1e-15, math.inf, "s")

    @property
    def longest_s(self) -> float:
        """See `Retention`."""
        return self.reach.longest_s

    def growth(self, time_s: float, temperature_k: float) -> float:
        """Factor f of the mean change; 0 at once, 1 at the stated time and temperature."""
        effective_s = time_s * acceleration(self.activation_ev, self.temperature_k, temperature_k)
        return math.log1p(effective_s / self.onset_s) / math.log1p(self.time_s / self.onset_s)

    def median_s(
        self, conductance_s: torch.Tensor, g_min_s: float, g_max_s: float, time_s: float, temperature_k: float
    ) -> torch.Tensor:
        """See `Retention`."""
        self._check(g_min_s, g_max_s, time_s, temperature_k)
        return self._moved(conductance_s, torch.full_like(conductance_s, 0.5), self.growth(time_s, temperature_k))

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
        self._check(g_min_s, g_max_s, time_s, temperature_k)
        place = torch.rand(conductance_s.shape, generator=random, dtype=conductance_s.dtype)
        return self._moved(conductance_s, place, self.growth(time_s, temperature_k))

    def _check(self, g_min_s: float, g_max_s: float, time_s: float, temperature_k: float) -> None:
        self.reach.check(time_s, temperature_k)
        check_states(g_min_s, g_max_s)

    def _moved(self, conductance_s: torch.Tensor, place: torch.Tensor, growth: float) -> torch.Tensor:
        """Conductance of each cell at its `place` u among equal cells; monotonic in u."""
        if growth == 0:
            return conductance_s.clone()
        change = _bilinear(conductance_s, place, self.conductance_s, self.probabilities, self._changes_s(growth))
        return change.add_(conductance_s).clamp_(min=0)

    def _changes_s(self, growth: float) -> torch.Tensor:
        """Change at each knot and probability, float64 (knots, probabilities)."""
        after = torch.tensor(self.after_s, dtype=torch.float64)
        knots = torch.tensor(self.conductance_s, dtype=torch.float64)[:, None]
        chances = torch.tensor(self.probabilities, dtype=torch.float64)
        mean = torch.trapezoid(after, chances, dim=1)[:, None]
        moved = knots + (mean - knots) * growth + (after - mean) * math.sqrt(growth)
        most = torch.maximum(knots, after[:, -1:])
        least = knots.clamp(max=after[knots[:, 0] > 0].min().item())
        return moved.clamp(least, most) - knots


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
    reach: Reach = Reach()

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
    reach: Reach = Reach()

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


def _normal(like: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    return torch.randn(like.shape, generator=random, dtype=like.dtype)


def _polynomial(x: torch.Tensor, coefficients: tuple[float, ...]) -> torch.Tensor:
    """Sum of coefficients[k] x^k."""
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total.mul_(x).add_(coefficient)
    return total


def _bilinear(
    x: torch.Tensor, y: torch.Tensor, rows: tuple[float, ...], columns: tuple[float, ...], table: torch.Tensor
) -> torch.Tensor:
    """Values of `table` (rows, columns) at x, y of one shape and type, linear between places, constant beyond."""
    row, share = _piece(x, rows)
    column, along = _piece(y, columns)
    corner, down, right = table[:-1, :-1], table.diff(dim=0)[:, :-1], table.diff(dim=1)[:-1]
    twist = table.diff(dim=0).diff(dim=1)
    cell = row.mul_(len(columns) - 1).add_(column)
    first, by_row, by_column, by_both = (part.flatten().to(x.dtype)[cell] for part in (corner, down, right, twist))
    return by_both.mul_(along).add_(by_row).mul_(share).add_(first).addcmul_(by_column, along)


def _piece(x: torch.Tensor, places: tuple[float, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Interval between places in which x lies, and the share of it below x, 0 to 1."""
    knots = torch.tensor(places, dtype=x.dtype)
    piece = torch.bucketize(x, knots[1:-1])
    return piece, torch.sub(x, knots[piece]).div_(knots.diff()[piece]).clamp_(0, 1)
