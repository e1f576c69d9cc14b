"""The published current-voltage fit of HfO2-type cells: I = G V + a V^2 + b V^3, with a and b functions of log10 G.

Milo et al., IRPS 2021. The fit holds for 50 to 225 uS and up to 0.5 V. It is not odd in V: the square term keeps its
sign, and the law is used as published for both signs of V. Within that range it rises with V. Beyond 0.5 V, where
Newton's method may pass on its way, it goes on straight with its end slope; a solved point there is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.polynomial import HIGHEST_S, LARGEST_V, LOWEST_S, polynomial_coefficients

Array = NDArray[np.float64]

_ROUNDING = 1e-9  # of a limit: a value that rounding pushed past it is still in range


@dataclass(frozen=True)
class Polynomial:
    """I = G V + a V^2 + b V^3 for |V| <= 0.5 V, straight beyond."""

    def current(self, voltage: Array, conductance: Array) -> tuple[Array, Array]:
        """Return current and derivative. Raises CircuitError for a conductance outside the fit."""
        self.refuse_conductances(conductance)
        square, cube = polynomial_coefficients(np.log10(conductance))
        inside = np.clip(voltage, -LARGEST_V, LARGEST_V)
        slope = conductance + inside * (2 * square + inside * (3 * cube))
        current = inside * (conductance + inside * (square + inside * cube))
        return current + slope * (voltage - inside), slope

    @staticmethod
    def refuse_conductances(conductance: Array) -> None:
        """Raise CircuitError for a conductance (S) outside the fit."""
        outside = (conductance < LOWEST_S * (1 - _ROUNDING)) | (conductance > HIGHEST_S * (1 + _ROUNDING))
        if outside.any():
            raise CircuitError(
                f"g: the polynomial cell was fitted for {LOWEST_S * 1e6:g} to {HIGHEST_S * 1e6:g} uS,"
                f" found {conductance[outside][0] * 1e6:.6g} uS"
            )

    @staticmethod
    def refuse_voltages(voltage: Array) -> None:
        """Raise CircuitError for a solved voltage (V) outside the fit."""
        worst = voltage.flat[np.argmax(np.abs(voltage))]
        if not abs(worst) <= LARGEST_V * (1 + _ROUNDING):
            raise CircuitError(
                f"cell: the polynomial cell was fitted for -{LARGEST_V:g} to {LARGEST_V:g} V,"
                f" a cell of the solved array stands at {worst:.6g} V"
            )
