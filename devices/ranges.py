"""Refusal of values outside the range in which a device model was fitted or stated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_ROUNDING = 1e-9  # of a limit: a value that rounding pushed past it is still in range


class OutOfRange(ValueError):
    """A value outside the range of a device model; the message names the quantity, the range and what was found."""


def within(name: str, values: Any, low: float, high: float, unit: str) -> None:
    """Raise OutOfRange unless every value (a number, an array or a CPU tensor) lies in [low, high]."""
    found = np.asarray(values.detach() if hasattr(values, "detach") else values, dtype=np.float64)
    lowest, highest = low - _ROUNDING * abs(low), high + (_ROUNDING * abs(high) if np.isfinite(high) else 0.0)
    bad = ~((found >= lowest) & (found <= highest))
    if bad.any():
        raise OutOfRange(f"{name}: expected {low:.6g} to {high:.6g} {unit}, found {found[bad].flat[0]:.6g} {unit}")


def check_states(g_min_s: float, g_max_s: float) -> None:
    """Raise OutOfRange unless 0 < g_min_s < g_max_s < infinity."""
    if not 0 < g_min_s < g_max_s < math.inf:
        raise OutOfRange(f"states: expected 0 < g_min_s < g_max_s, found {g_min_s:.4g} S and {g_max_s:.4g} S")
