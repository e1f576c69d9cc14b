"""Current-voltage laws of resistive cells, and their separable form.

A law gives the current I(V, G) of a cell whose slope at 0 V is G:

    Linear        I = G V
    Sinh          I = G V0 sinh(V / V0)
    PooleFrenkel  I = G V exp(sqrt(|V| / Vpf)),  Vpf = (k T / q)^2 pi d eps / q
    Polynomial    I = G V + NL2(G) V^2 + NL3(G) V^3, HfO2 at 50 to 225 uS and up to 0.5 V (Milo et al., IRPS 2021)

Poole-Frenkel is I = c V exp(q sqrt(q |V| / (pi d eps)) / (k T)) of a film of thickness d (Joksas et al., Adv. Sci.
2022) with its c, which holds barrier and trap density, in G: how G itself follows temperature is not modelled here.
Each law is a short sum I(V, G) = sum_k a_k(G) b_k(V) of `rank` terms, so that a crossbar of such cells is that many
matrices: `coefficients` gives a_k, `terms` b_k. Left out: any memory of the read, and asymmetry other than the fit's.

Values may be numbers, numpy arrays or torch tensors, which broadcast; volts and siemens in, amperes out. Only
Poole-Frenkel asks for the temperature.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pillarsim.devices.polynomial import (
    HIGHEST_S,
    LARGEST_V,
    LOWEST_S,
    polynomial_coefficients,
    polynomial_slopes_s,
)
from pillarsim.devices.ranges import OutOfRange, within
from pillarsim.devices.scaling import BOLTZMANN_EV

CHARGE_C = 1.602176634e-19  # C, elementary charge, exact, SI brochure 2019
VACUUM_F_M = 8.8541878188e-12  # F/m, permittivity of vacuum, CODATA 2022


class Law(Protocol):
    """A current-voltage law of one cell; slopes are those at 0 V."""

    @property
    def rank(self) -> int:
        """Terms of the separable form."""
        ...

    def current_a(self, slope_s: Any, volts: Any, temperature_k: float) -> Any:
        """Return I(V, G) in amperes."""
        ...

    def slope_from(self, conductance_s: Any, volts: float, temperature_k: float) -> Any:
        """Return the slope G of cells whose I / V at `volts` is `conductance_s`."""
        ...

    def coefficients(self, slope_s: Any) -> tuple[Any, ...]:
        """Return a_k(G), k = 1 to `rank`, in A/V^k."""
        ...

    def terms(self, volts: Any, temperature_k: float) -> tuple[Any, ...]:
        """Return b_k(V), k = 1 to `rank`, in V^k."""
        ...


class Shaped(ABC):
    """A law I = G f(V): one term. Sub-classes say f through `shape_v` and f(V) / V through `rise`."""

    rank: ClassVar[int] = 1

    @abstractmethod
    def shape_v(self, volts: Any, temperature_k: float) -> Any:
        """Return f(V), of slope 1 at 0 V."""

    @abstractmethod
    def rise(self, volts: Any, temperature_k: float) -> Any:
        """Return I / V over the slope at 0 V."""

    def current_a(self, slope_s: Any, volts: Any, temperature_k: float) -> Any:
        """Return I(V, G) in amperes."""
        return slope_s * self.shape_v(volts, temperature_k)

    def slope_from(self, conductance_s: Any, volts: float, temperature_k: float) -> Any:
        """Return the slope G of cells whose I / V at `volts` is `conductance_s`."""
        return conductance_s / self.rise(volts, temperature_k)

    def coefficients(self, slope_s: Any) -> tuple[Any, ...]:
        """Return (G,)."""
        return (slope_s,)

    def terms(self, volts: Any, temperature_k: float) -> tuple[Any, ...]:
        """Return (f(V),)."""
        return (self.shape_v(volts, temperature_k),)


@dataclass(frozen=True)
class Linear(Shaped):
    """I = G V."""

    def shape_v(self, volts: Any, temperature_k: float) -> Any:
        """Return V."""
        return volts

    def rise(self, volts: Any, temperature_k: float) -> Any:
        """Return 1."""
        return 1.0 + 0.0 * volts


@dataclass(frozen=True)
class Sinh(Shaped):
    """I = G V0 sinh(V / V0); raises OutOfRange for V0 that is not positive."""

    v0_v: float

    def __post_init__(self) -> None:
        _positive("v0_v", self.v0_v, "V")

    def shape_v(self, volts: Any, temperature_k: float) -> Any:
        """Return V0 sinh(V / V0)."""
        ratio = volts / self.v0_v
        return self.v0_v * _functions(ratio).sinh(ratio)

    def rise(self, volts: Any, temperature_k: float) -> Any:
        """Return sinh(V / V0) / (V / V0)."""
        ratio = volts / self.v0_v
        return _quotient(_functions(ratio).sinh(ratio), ratio)


@dataclass(frozen=True)
class PooleFrenkel(Shaped):
    """I = G V exp(sqrt(|V| / Vpf)) of a film with the given permittivity and thickness.

    Raises OutOfRange for a permittivity, thickness or temperature that is not positive.
    """

    permittivity_relative: float
    thickness_m: float

    def __post_init__(self) -> None:
        _positive("permittivity_relative", self.permittivity_relative, "")
        _positive("thickness_m", self.thickness_m, "m")

    def field_v(self, temperature_k: float) -> float:
        """Return Vpf = (k T / q)^2 pi d eps / q: the voltage that lowers the barrier by k T."""
        _positive("temperature_k", temperature_k, "K")
        thermal_v = BOLTZMANN_EV * temperature_k
        permittivity_f_m = VACUUM_F_M * self.permittivity_relative
        return thermal_v**2 * math.pi * self.thickness_m * permittivity_f_m / CHARGE_C

    def shape_v(self, volts: Any, temperature_k: float) -> Any:
        """Return V exp(sqrt(|V| / Vpf))."""
        return volts * self.rise(volts, temperature_k)

    def rise(self, volts: Any, temperature_k: float) -> Any:
        """Return exp(sqrt(|V| / Vpf))."""
        ratio = abs(volts) / self.field_v(temperature_k)
        functions = _functions(ratio)
        return functions.exp(functions.sqrt(ratio))


@dataclass(frozen=True)
class Polynomial:
    """I = G V + NL2(G) V^2 + NL3(G) V^3 (Milo et al., IRPS 2021), as published for either sign of V: it is not odd.

    Raises OutOfRange for a slope outside 50 to 225 uS and for a voltage beyond 0.5 V, the range of the fit.
    """

    rank: ClassVar[int] = 3

    def current_a(self, slope_s: Any, volts: Any, temperature_k: float) -> Any:
        """Return I(V, G) in amperes."""
        first, second, third = self.coefficients(slope_s)
        _within_fit(volts)
        return volts * (first + volts * (second + volts * third))

    def slope_from(self, conductance_s: Any, volts: float, temperature_k: float) -> Any:
        """Return the slope G of cells whose I / V at `volts` is `conductance_s`; at the edge of the fit to 1e-6."""
        _within_fit(volts)
        return polynomial_slopes_s(conductance_s, volts)

    def coefficients(self, slope_s: Any) -> tuple[Any, ...]:
        """Return (G, NL2, NL3) in A/V, A/V^2 and A/V^3."""
        within("slope of the polynomial law", slope_s, LOWEST_S, HIGHEST_S, "S")
        return (slope_s, *polynomial_coefficients(_functions(slope_s).log10(slope_s)))

    def terms(self, volts: Any, temperature_k: float) -> tuple[Any, ...]:
        """Return (V, V^2, V^3)."""
        _within_fit(volts)
        return volts, volts**2, volts**3


def _within_fit(volts: Any) -> None:
    within("voltage of the polynomial law", volts, -LARGEST_V, LARGEST_V, "V")


def _positive(name: str, value: float, unit: str) -> None:
    if not 0 < value < math.inf:
        raise OutOfRange(f"{name}: expected above 0{' ' if unit else ''}{unit}, found {value:g}")


def _quotient(above: Any, below: Any) -> Any:
    """`above` / `below`, and 1 where both are 0."""
    zero = below == 0
    return (above + zero) / (below + zero)


def _functions(values: Any) -> Any:
    """The library that `values` belong to: math, numpy or torch, which is not imported for its own sake."""
    if isinstance(values, int | float):
        return math
    if type(values).__module__.partition(".")[0] == "torch":
        import torch

        return torch
    import numpy as np

    return np
