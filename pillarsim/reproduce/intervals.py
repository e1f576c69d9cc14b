"""Means over seeds with their 95 % intervals, and whether a mean is above a limit by them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

__all__ = ["Interval", "above", "interval"]

_COVERAGE = 0.95


@dataclass(frozen=True)
class Interval:
    """Mean over seeds, its standard error, half the width of its 95 % interval (Student's t; both inf for one seed)."""

    mean: float
    error: float
    half: float

    def __str__(self) -> str:
        width = "one seed" if math.isinf(self.half) else f"+- {100 * self.half:.2f}"
        return f"{100 * self.mean:+.2f} {width}"


def interval(values: Sequence[float]) -> Interval:
    """The interval of the mean of independent values."""
    count, mean = len(values), float(np.mean(values))
    if count == 1:
        return Interval(mean, math.inf, math.inf)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    return Interval(mean, error, float(stdtrit(count - 1, (1 + _COVERAGE) / 2)) * error)


def above(of: Interval, least: float, quick: bool) -> bool | None:
    """Whether a mean is above `least`: its whole interval is (True), none of it (False), else None.

    quick: True also where the mean is not below `least` by more than its standard error.
    """
    if of.mean - of.half >= least or (quick and of.mean >= least - of.error):
        return True
    return False if of.mean + of.half < least else None
