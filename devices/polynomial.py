"""The polynomial current-voltage law of HfO2 cells, I = G V + NL2 V^2 + NL3 V^3.

Source: Milo et al., IRPS 2021; coefficients are fits over x = log10(G / 1 S), G the slope at 0 V. The law is used as
published for either sign of V, for which it is not odd. Plain arithmetic: x may be a number or an array.
"""

from __future__ import annotations

import math
from typing import Any

LOWEST_S, HIGHEST_S = 50e-6, 225e-6  # S, range of G that was fitted, Milo et al. 2021
LARGEST_V = 0.5  # V, largest |V| that was fitted, Milo et al. 2021
SQUARE = (1.388e-4, 1.541e-3, 5.711e-3, 7.063e-3)  # A/V^2, NL2 in powers 3 to 0 of x, Milo et al. 2021
CUBE = (8.871e-5, 6.7919e-4, 1.2968e-3)  # A/V^3, NL3 in powers 2 to 0 of x, Milo et al. 2021

_ROUNDING = 1e-9  # of a limit: a value that rounding pushed past it is still in range


def polynomial_coefficients(x: Any) -> tuple[Any, Any]:
    """Return (NL2 in A/V^2, NL3 in A/V^3) at x = log10(G / 1 S)."""
    return _horner(SQUARE, x), _horner(CUBE, x)


def polynomial_conductance_s(slope_s: float, volts: float) -> float:
    """I / V at `volts` of a cell whose slope at 0 V is `slope_s`; raises ValueError outside the fitted range."""
    if not LOWEST_S * (1 - _ROUNDING) <= slope_s <= HIGHEST_S * (1 + _ROUNDING):
        raise ValueError(
            f"the polynomial law was fitted from {LOWEST_S * 1e6:g} to {HIGHEST_S * 1e6:g} uS, "
            f"found {slope_s * 1e6:.4g} uS"
        )
    second, third = polynomial_coefficients(math.log10(slope_s))
    return float(slope_s + second * volts + third * volts**2)


def _horner(coefficients: tuple[float, ...], x: Any) -> Any:
    total = 0.0
    for coefficient in coefficients:
        total = total * x + coefficient
    return total
