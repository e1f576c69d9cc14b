"""Current-voltage laws of a cell: a memory element, alone or in series with a selector.

    linear     I = G V
    sinh       I = G sinh(k V) / k                                  k in 1/V, G the conductance at V = 0
    exp        I = g0 sinh(ks V) / ks                               a selector
    threshold  I = g_off V + (g_on - g_off) w [sp((V - v_th)/w) - sp((-V - v_th)/w)],  sp(x) = ln(1 + e^x)

Every law is odd and rises with V. An element and a selector in series carry one current; the voltage between them is
solved for each cell on its own, to rounding, so that a cell stays one branch of the circuit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import fields

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
class Series:
    """An element and a selector in series. The current is nan where no voltage between them was found."""

    element: Law
    selector: Selector

    def current(self, voltage: Array, conductance: Array) -> tuple[Array, Array]:
        """Return current and derivative for the voltage over both."""
        whole = np.abs(voltage)
        part = self._element_voltage(whole, conductance)
        element, element_slope = self.element.current(part, conductance)
        selector, selector_slope = self.selector.current(whole - part)
        # The smaller of the two voltages holds the fewer correct digits where it is a difference.
        size = np.where(part >= whole / 2, element, selector)
        slope = element_slope * (selector_slope / (element_slope + selector_slope))
        return np.copysign(size, voltage), slope

    def _element_voltage(self, whole: Array, conductance: Array) -> Array:
        """The voltage over the element, by Newton's method within a bracket that bisection keeps shrinking."""
        low, high = np.zeros_like(whole), whole.copy()
        part = whole / 2
        before = np.full_like(whole, np.inf)
        done = whole == 0
        for _ in range(_INNER_STEPS):
            element, element_slope = self.element.current(part, conductance)
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
    def linear(self) -> bool:
        """Whether current is proportional to voltage."""
        return isinstance(self.law, Linear)


def read_cell(spec: fields.Spec) -> CellType:
    """Read `cell` and `selector`; raises CircuitError."""
    cell = fields.mapping(spec, "cell")
    element: Law = Linear()
    if fields.choice(cell, "model", ("linear", "sinh")) == "sinh":
        element = Sinh(fields.positive(cell, "k"))
    selector = _read_selector(spec)
    law = element if selector is None else Series(element, selector)
    low, high = (fields.positive(cell, key) if key in cell else None for key in ("g_hrs", "g_lrs"))
    return CellType(law, g_lrs=high, g_hrs=low)


def _read_selector(spec: fields.Spec) -> Selector | None:
    if spec.get("selector") is None:
        return None
    selector = fields.mapping(spec, "selector")
    if fields.choice(selector, "model", ("exp", "threshold")) == "exp":
        return ExpSelector(fields.positive(selector, "g0"), fields.positive(selector, "ks"))
    values = (fields.positive(selector, key) for key in ("g_on", "g_off", "v_th", "w"))
    return ThresholdSelector(*values)


def _logistic(x: Array) -> Array:
    tail = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, tail) / (1 + tail))
