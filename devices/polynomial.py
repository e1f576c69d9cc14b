"""The polynomial current-voltage law of HfO2 cells, I = G V + NL2 V^2 + NL3 V^3.

Source: Milo et al., IRPS 2021; coefficients are fits over x = log10(G / 1 S), G the slope at 0 V. The law is used as
published for either sign of V, for which it is not odd. Plain arithmetic: x may be a number or an array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pillarsim.devices.ranges import OutOfRange

LOWEST_S, HIGHEST_S = 50e-6, 225e-6  # S, range of G that was fitted, Milo et al. 2021
LARGEST_V = 0.5  # V, largest |V| that was fitted, Milo et al. 2021
SQUARE = (1.388e-4, 1.541e-3, 5.711e-3, 7.063e-3)  # A/V^2, NL2 in powers 3 to 0 of x, Milo et al. 2021
CUBE = (8.871e-5, 6.7919e-4, 1.2968e-3)  # A/V^3, NL3 in powers 2 to 0 of x, Milo et al. 2021

_ROUNDING = 1e-9  # of a limit: a value that rounding pushed past it is still in range
_EDGE = 1e-6  # of a limit: float32 conductances at the edge of the range count as inside
_NEWTON_STEPS = 8  # from I / V; 7 reach rounding anywhere in the fitted range (measured)


def polynomial_coefficients(x: Any) -> tuple[Any, Any]:
    """Return (NL2 in A/V^2, NL3 in A/V^3) at x = log10(G / 1 S)."""
    return _horner(SQUARE, x), _horner(CUBE, x)


def polynomial_conductance_s(slope_s: float, volts: float) -> float:
    """I / V at `volts` of a cell whose slope at 0 V is `slope_s`; raises OutOfRange outside the fitted range."""
    if not LOWEST_S * (1 - _ROUNDING) <= slope_s <= HIGHEST_S * (1 + _ROUNDING):
        raise OutOfRange(
            f"the polynomial law was fitted from {LOWEST_S * 1e6:g} to {HIGHEST_S * 1e6:g} uS, "
            f"found {slope_s * 1e6:.4g} uS"
        )
    second, third = polynomial_coefficients(math.log10(slope_s))
    return float(slope_s + second * volts + third * volts**2)


def polynomial_slopes_s(conductance_s: Any, volts: float) -> Any:
    """Slopes at 0 V of cells whose I / V at `volts`, |volts| <= 0.5 V, is `conductance_s`: Newton's method.

    A number, or a numpy array or tensor of float64. Raises OutOfRange where a slope would lie outside the fitted range
    by more than 1e-6 of it; within that margin the slope is put on the edge.
    """
    lowest, highest = (polynomial_conductance_s(limit, volts) for limit in (LOWEST_S, HIGHEST_S))
    found = np.asarray(conductance_s, dtype=np.float64)
    outside = ~((found >= lowest * (1 - _EDGE)) & (found <= highest * (1 + _EDGE)))
    if outside.any():
        raise OutOfRange(
            f"the polynomial law was fitted from {LOWEST_S * 1e6:g} to {HIGHEST_S * 1e6:g} uS; {int(outside.sum())} of "
            f"{outside.size} cells lie outside, the first with {found[outside].flat[0] * 1e6:.4g} uS at {volts:g} V"
        )
    slope = np.clip(found, LOWEST_S, HIGHEST_S)
    for _ in range(_NEWTON_STEPS):
        x = np.log10(slope)
        second, third = polynomial_coefficients(x)
        excess = slope + volts * (second + volts * third) - found
        rise = volts * (_horner(_slopes(SQUARE), x) + volts * _horner(_slopes(CUBE), x)) / (slope * math.log(10))
        slope = np.clip(slope - excess / (1 + rise), LOWEST_S, HIGHEST_S)
    if isinstance(conductance_s, int | float):
        return float(slope)
    return slope if isinstance(conductance_s, np.ndarray) else conductance_s.new_tensor(slope)


def _slopes(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """Coefficients of the derivative, highest power first."""
    highest = len(coefficients) - 1
    return tuple((highest - k) * value for k, value in enumerate(coefficients[:-1]))


def _horner(coefficients: tuple[float, ...], x: Any) -> Any:
    total = 0.0
    for coefficient in coefficients:
        total = total * x + coefficient
    return total
