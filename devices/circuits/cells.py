"""Current-voltage laws of a cell: a memory element, alone or in series with a selector.

    linear         I = G V
    sinh           I = G sinh(k V) / k                              k in 1/V, G the conductance at V = 0
    poole_frenkel  I = G V exp(sqrt(|V| / v_pf))                    G the conductance at V = 0
    polynomial     I = G V + a V^2 + b V^3                          a, b follow from G (`polynomial`)
    exp            I = g0 sinh(ks V) / ks                           a selector
    threshold      I = g_off V + (g_on - g_off) w [sp((V - v_th)/w) - sp((-V - v_th)/w)],  sp(x) = ln(1 + e^x)
    ohmic          I = g V                                          a selector: the on-resistance of a transistor

Every law rises with V; all but the polynomial are odd. An element and a selector in series carry one current; the
voltage between them is solved for each cell on its own, to rounding, so that a cell stays one branch of the circuit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import fields
from pillarsim.devices.circuits.polynomial import Polynomial

Array = NDArray[np.float64]

_INNER_STEPS = 200  # bisections and Newton steps of the series voltage; 60 bisections alone reach rounding
_ROUNDING = 4 * float(np.finfo(np.float64).eps)


class Law(Protocol):
    """A current-voltage law; `current` returns the current (A) and its derivative (S)."""

    def current(self, voltage: Array, conductance: Array) -> tuple[Array, Array]: ...


class Selector(Protocol):
    """A law without a stored conductance."""

    def current(self, voltage: Array) -> tuple[Array, Array]: ...


@dataclass(frozen=True)
class Linear:
    """I = G V."""

    def current(self, voltage: Array, conductance: Array) -> tuple[Array, Array]:
        """Return current and derivative."""
        return conductance * voltage, conductance + 0 * voltage


@dataclass(frozen=True)
class Sinh:
    """I = G sinh(k V) / k."""

    k: float

    def current(self, voltage: Array, conductance: Array) -> tuple[Array, Array]:
        """Return current and derivative."""
        return conductance * np.sinh(self.k * voltage) / self.k, conductance * np.cosh(self.k * voltage)


@dataclass(frozen=True)
class PooleFrenkel:
    """I = G V exp(sqrt(|V| / v_pf))."""

    v_pf: float

    def current(self, voltage: Array, conductance: Array) -> tuple[Array, Array]:
        """Return current and derivative."""
        root = np.sqrt(np.abs(voltage) / self.v_pf)
        chord = conductance * np.exp(root)
        return chord * voltage, chord * (1 + root / 2)


@dataclass(frozen=True)
class ExpSelector:
    """I = g0 sinh(ks V) / ks."""

    g0: float
    ks: float

    def current(self, voltage: Array) -> tuple[Array, Array]:
        """Return current and derivative."""
        return self.g0 * np.sinh(self.ks * voltage) / self.ks, self.g0 * np.cosh(self.ks * voltage)


@dataclass(frozen=True)
class ThresholdSelector:
    """A conductance that rises from g_off to g_on where |V| passes v_th, over a width of w volts."""

    g_on: float
    g_off: float
    v_th: float
    w: float

    def current(self, voltage: Array) -> tuple[Array, Array]:
        """Return current and derivative."""
        up, down = (voltage - self.v_th) / self.w, (-voltage - self.v_th) / self.w
        step = self.g_on - self.g_off
        # Below w the difference of the two logarithms would lose its digits; there it is one logarithm near 1.
        near = np.clip(voltage / self.w, -1, 1)
        small = np.log1p(2 * np.exp(-self.v_th / self.w) * np.sinh(near) / (1 + np.exp(-near - self.v_th / self.w)))
        rise = np.where(np.abs(voltage) < self.w, small, np.logaddexp(0, up) - np.logaddexp(0, down))
        return self.g_off * voltage + step * self.w * rise, self.g_off + step * (_logistic(up) + _logistic(down))


@dataclass(frozen=True)
class OhmicSelector:
    """I = g V."""

    g: float

    def current(self, voltage: Array) -> tuple[Array, Array]:
        """Return current and derivative."""
        return self.g * voltage, self.g + 0 * voltage


@dataclass(frozen=True)
class LinearThroughOhmic:
    """A linear element behind a conductance g: I = G g / (G + g) V."""

    g: float

    def current(self, voltage: Array, conductance: Array) -> tuple[Array, Array]:
        """Return current and derivative."""
        whole = conductance * (self.g / (conductance + self.g))
        return whole * voltage, whole + 0 * voltage


@dataclass(frozen=True)
class Series:
    """An element and a selector, odd, in series. The current is nan where no voltage between them was found."""

    element: Law
    selector: Selector

    def current(self, voltage: Array, conductance: Array) -> tuple[Array, Array]:
        """Return current and derivative for the voltage over both."""
        sign, whole = np.copysign(1.0, voltage), np.abs(voltage)
        part = self._element_voltage(sign, whole, conductance)
        element, element_slope = self._element(sign, part, conductance)
        selector, selector_slope = self.selector.current(whole - part)
        # The smaller of the two voltages holds the fewer correct digits where it is a difference.
        size = np.where(part >= whole / 2, element, selector)
        slope = element_slope * (selector_slope / (element_slope + selector_slope))
        return np.copysign(size, voltage), slope

    def element_voltage(self, voltage: Array, conductance: Array) -> Array:
        """Return the part of the voltage over both that stands over the element."""
        sign = np.copysign(1.0, voltage)
        return sign * self._element_voltage(sign, np.abs(voltage), conductance)

    def _element(self, sign: Array, part: Array, conductance: Array) -> tuple[Array, Array]:
        """Size and slope of the element's current at a voltage of size `part`; the element need not be odd."""
        current, slope = self.element.current(sign * part, conductance)
        return sign * current, slope

    def _element_voltage(self, sign: Array, whole: Array, conductance: Array) -> Array:
        """The size of the element's voltage, by Newton's method within a bracket that bisection keeps shrinking."""
        low, high = np.zeros_like(whole), whole.copy()
        part = whole / 2
        before = np.full_like(whole, np.inf)
        done = whole == 0
        for _ in range(_INNER_STEPS):
            element, element_slope = self._element(sign, part, conductance)
            selector, selector_slope = self.selector.current(whole - part)
            excess = element - selector
            low, high = np.where(excess < 0, part, low), np.where(excess > 0, part, high)
            middle = low + (high - low) / 2
            guess = part - excess / (element_slope + selector_slope)
            keep = (guess >= low) & (guess <= high) & (np.abs(excess) <= before / 2)
            following = np.where(keep, guess, middle)
            # Of the whole voltage: `current` reads the current off the larger of its two parts.
            fine = _ROUNDING * whole
            done |= (excess == 0) | (np.abs(guess - part) <= fine) | (high - low <= fine)
            if done.all():
                return part
            before = np.abs(excess)
            part = np.where(done, part, following)
        return np.where(done, part, np.nan)


@dataclass(frozen=True)
class CellType:
    """What the `cell` and `selector` of a case say; conductances in siemens, None where the case holds none."""

    law: Law
    g_lrs: float | None
    g_hrs: float | None

    @property
    def proportional(self) -> bool:
        """Whether current is proportional to voltage, a resistance in series included."""
        return isinstance(self.law, Linear | LinearThroughOhmic)

    def small_signal(self, conductance: Array) -> Array:
        """Return the slope (S) of each whole cell at 0 V; of a proportional cell that is all there is to know."""
        return self.law.current(np.zeros_like(conductance), conductance)[1]


def read_cell(spec: fields.Spec) -> CellType:
    """Read `cell` and `selector`; raises CircuitError."""
    cell = fields.mapping(spec, "cell")
    law = _in_series(_read_element(cell), _read_selector(spec))
    low, high = (fields.positive(cell, key, "cell") if key in cell else None for key in ("g_hrs", "g_lrs"))
    return CellType(law, g_lrs=high, g_hrs=low)


def refuse_conductances(law: Law, conductance: Array) -> None:
    """Raise CircuitError where a law has no cell of that conductance (S)."""
    element = law.element if isinstance(law, Series) else law
    if isinstance(element, Polynomial):
        element.refuse_conductances(conductance)


def refuse_voltages(law: Law, voltage: Array, conductance: Array) -> None:
    """Raise CircuitError where solved cell voltages (V) lie outside the range that a law was fitted in."""
    element = law.element if isinstance(law, Series) else law
    if isinstance(element, Polynomial):
        element.refuse_voltages(law.element_voltage(voltage, conductance) if isinstance(law, Series) else voltage)


def _read_element(cell: fields.Spec) -> Law:
    model = fields.choice(cell, "model", ("linear", "sinh", "poole_frenkel", "polynomial"), "cell")
    if model == "sinh":
        return Sinh(fields.positive(cell, "k", "cell"))
    if model == "poole_frenkel":
        return PooleFrenkel(fields.positive(cell, "v_pf", "cell"))
    return Polynomial() if model == "polynomial" else Linear()


def _in_series(element: Law, selector: Selector | None) -> Law:
    if selector is None:
        return element
    if isinstance(element, Linear) and isinstance(selector, OhmicSelector):
        return LinearThroughOhmic(selector.g)
    return Series(element, selector)


def _read_selector(spec: fields.Spec) -> Selector | None:
    if spec.get("selector") is None:
        return None
    selector = fields.mapping(spec, "selector")
    model = fields.choice(selector, "model", ("exp", "threshold", "ohmic"), "selector")
    if model == "exp":
        return ExpSelector(*(fields.positive(selector, key, "selector") for key in ("g0", "ks")))
    if model == "ohmic":
        return OhmicSelector(fields.positive(selector, "g", "selector"))
    values = (fields.positive(selector, key, "selector") for key in ("g_on", "g_off", "v_th", "w"))
    return ThresholdSelector(*values)


def _logistic(x: Array) -> Array:
    tail = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, tail) / (1 + tail))
