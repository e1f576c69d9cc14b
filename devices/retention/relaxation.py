"""Relaxation: measured changes of cells, by quantiles, carried over time and temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch

from pillarsim.devices.ranges import check_states, within
from pillarsim.devices.retention.interface import EVERYWHERE, Reach
from pillarsim.devices.temperature import acceleration


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
    reach: Reach = EVERYWHERE

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
