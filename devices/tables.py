"""Interpolation in tables of positive numbers, along straight lines of their logarithms."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence


def log_log(points: Sequence[tuple[float, float]], x: float) -> float:
    """Value at `x` of the table `points` (x, y), all positive, x ascending; exact at the points.

    Between and beyond the points ln(y) is linear in ln(x) (a power law through the two nearest points).
    Raises ValueError for fewer than two points or numbers that are not positive.
    """
    if len(points) < 2 or x <= 0 or any(px <= 0 or py <= 0 for px, py in points):
        raise ValueError("log_log: expected two or more points of positive numbers")
    places = [px for px, _ in points]
    index = min(max(bisect_left(places, x), 1), len(points) - 1)
    (x0, y0), (x1, y1) = points[index - 1], points[index]
    for px, py in ((x0, y0), (x1, y1)):
        if math.isclose(x, px, rel_tol=1e-12):
            return py
    slope = math.log(y1 / y0) / math.log(x1 / x0)
    return y0 * math.exp(slope * math.log(x / x0))
