"""Several levels in one cell: three ways to write them, their overlap, and how many states can be told apart.

A scheme turns a knob of the write circuit into the median resistance of a state and its spread; all of it is in ln R.
    compliance current of SET         R = V_T / I_CC                          sigma falls with I_CC
    stop voltage of RESET             ln R = ln R0 + slope (|V| - V0)         sigma rises with R
    pulse width, fixed amplitude      ln R = ln R0 + rate ln(t / t0)          sigma rises with R
A device carries one standard normal number, the same for all its levels, and a new one every cycle.
The three schemes and the direction in which their spreads go are those that reviews of multi-level cells name (Prakash
and Hwang, Phys. Sci. Rev. 1(6), 2016); R I_CC = V_T holds over six orders of magnitude (Liu et al., NVMTS 2013).
Left out: history of a device beyond its number, tails other than normal in ln R, drift, read noise, write-verify
(`devices/cells.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr

from pillarsim.devices.ranges import OutOfRange, within
from pillarsim.devices.streams import generator

Array = NDArray[np.float64]
Spacing = Literal["ln", "conductance"]
_MOST_BITS = 8  # a cell of more than 256 levels is not meant
_ROUNDING = 1e-9  # relative: a gap that rounding made smaller still counts


class Scheme(Protocol):
    """A way to write several levels. Knobs are arrays (levels,) in SI units; methods raise OutOfRange outside."""

    @property
    def ends_ohm(self) -> tuple[float, float]:
        """Lowest and highest median resistance."""
        ...

    def median_ohm(self, knob: Array) -> Array:
        """Median resistance of the states, same shape."""
        ...

    def knob(self, resistance_ohm: Array) -> Array:
        """The knob that has these medians, same shape."""
        ...

    def sigmas(self, knob: Array) -> tuple[Array, Array]:
        """Standard deviations of ln R over cycles and over devices, same shape each."""
        ...


@dataclass(frozen=True)
class Spread:
    """Standard deviations of ln R over cycles and devices at the scheme's R0, and their rise per unit of ln R."""

    cycle: float
    device: float
    cycle_rise: float = 0.0
    device_rise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("cycle", "device", "cycle_rise", "device_rise"):
            within(f"spread {name}", getattr(self, name), 0, 10, "of ln R")

    def at(self, above: Array) -> tuple[Array, Array]:
        """Both standard deviations where ln R is `above` over ln R0."""
        return self.cycle + self.cycle_rise * above, self.device + self.device_rise * above


@dataclass(frozen=True)
class ComplianceScheme:
    """Low-resistance states by the compliance current of SET (A): R = voltage_v / I.

    sigma = sigma_cycle (stated_a / I)^exponent over cycles, likewise over devices. An exponent of 1/2 is that of a
    filament whose number of vacancies, proportional to G, varies as a Poisson number does.
    Raises OutOfRange for currents out of order or not above 0, and for sigmas or exponents below 0.
    """

    voltage_v: float
    low_a: float
    high_a: float
    stated_a: float
    sigma_cycle: float
    sigma_device: float
    exponent: float

    def __post_init__(self) -> None:
        within("voltage_v", self.voltage_v, 1e-3, 100, "V")
        within("stated_a", self.stated_a, 1e-12, 1, "A")
        within("low_a", self.low_a, 1e-12, self.high_a * (1 - 1e-6), "A")
        within("sigma", (self.sigma_cycle, self.sigma_device), 0, 10, "of ln R")
        within("exponent", self.exponent, 0, 5, "")

    @property
    def ends_ohm(self) -> tuple[float, float]:
        """Lowest and highest median resistance."""
        return self.voltage_v / self.high_a, self.voltage_v / self.low_a

    def median_ohm(self, knob: Array) -> Array:
        """Median resistance of the states, same shape."""
        within("compliance current", knob, self.low_a, self.high_a, "A")
        return self.voltage_v / np.asarray(knob)

    def knob(self, resistance_ohm: Array) -> Array:
        """Compliance currents (A) that have these medians, same shape."""
        within("resistance", resistance_ohm, *self.ends_ohm, "ohm")
        return self.voltage_v / np.asarray(resistance_ohm)

    def sigmas(self, knob: Array) -> tuple[Array, Array]:
        """Standard deviations of ln R over cycles and over devices, same shape each."""
        within("compliance current", knob, self.low_a, self.high_a, "A")
        factor = (self.stated_a / np.asarray(knob)) ** self.exponent
        return self.sigma_cycle * factor, self.sigma_device * factor


@dataclass(frozen=True)
class StopVoltageScheme:
    """High-resistance states by the stop voltage of RESET (V, magnitude): ln R = ln r0_ohm + slope (V - low_v).

    slope in 1/V; low_v is where RESET begins, so that r0_ohm is the state before it. Raises OutOfRange for voltages out
    of order, a slope or a resistance that is not above 0.
    """

    r0_ohm: float
    slope_per_v: float
    low_v: float
    high_v: float
    spread: Spread

    def __post_init__(self) -> None:
        within("r0_ohm", self.r0_ohm, 1e-3, 1e15, "ohm")
        within("slope_per_v", self.slope_per_v, 1e-6, 1e3, "1/V")
        within("low_v", self.low_v, 0, self.high_v * (1 - 1e-6), "V")

    @property
    def ends_ohm(self) -> tuple[float, float]:
        """Lowest and highest median resistance."""
        return self.r0_ohm, self.r0_ohm * math.exp(self.slope_per_v * (self.high_v - self.low_v))

    def median_ohm(self, knob: Array) -> Array:
        """Median resistance of the states, same shape."""
        return np.asarray(self.r0_ohm * np.exp(self._above(knob)))

    def knob(self, resistance_ohm: Array) -> Array:
        """Stop voltages (V) that have these medians, same shape."""
        within("resistance", resistance_ohm, *self.ends_ohm, "ohm")
        return np.asarray(self.low_v + np.log(np.asarray(resistance_ohm) / self.r0_ohm) / self.slope_per_v)

    def sigmas(self, knob: Array) -> tuple[Array, Array]:
        """Standard deviations of ln R over cycles and over devices, same shape each."""
        return self.spread.at(self._above(knob))

    def _above(self, knob: Array) -> Array:
        within("stop voltage", knob, self.low_v, self.high_v, "V")
        return np.asarray(self.slope_per_v * (np.asarray(knob) - self.low_v))


@dataclass(frozen=True)
class PulseWidthScheme:
    """States by the width of one RESET pulse (s) of fixed amplitude: ln R = ln r0_ohm + rate ln(t / low_s).

    rate is d ln R / d ln t. Raises OutOfRange for widths out of order or not above 0, a rate or a resistance that is
    not above 0.
    """

    r0_ohm: float
    rate: float
    low_s: float
    high_s: float
    spread: Spread

    def __post_init__(self) -> None:
        within("r0_ohm", self.r0_ohm, 1e-3, 1e15, "ohm")
        within("rate", self.rate, 1e-6, 1e3, "")
        within("low_s", self.low_s, 1e-15, self.high_s * (1 - 1e-6), "s")

    @property
    def ends_ohm(self) -> tuple[float, float]:
        """Lowest and highest median resistance."""
        return self.r0_ohm, self.r0_ohm * (self.high_s / self.low_s) ** self.rate

    def median_ohm(self, knob: Array) -> Array:
        """Median resistance of the states, same shape."""
        return np.asarray(self.r0_ohm * np.exp(self._above(knob)))

    def knob(self, resistance_ohm: Array) -> Array:
        """Pulse widths (s) that have these medians, same shape."""
        within("resistance", resistance_ohm, *self.ends_ohm, "ohm")
        return np.asarray(self.low_s * (np.asarray(resistance_ohm) / self.r0_ohm) ** (1 / self.rate))

    def sigmas(self, knob: Array) -> tuple[Array, Array]:
        """Standard deviations of ln R over cycles and over devices, same shape each."""
        return self.spread.at(self._above(knob))

    def _above(self, knob: Array) -> Array:
        within("pulse width", knob, self.low_s, self.high_s, "s")
        return np.asarray(self.rate * np.log(np.asarray(knob) / self.low_s))


def plan_levels(scheme: Scheme, bits: int, spacing: Spacing) -> Array:
    """Return the knobs of 2^bits levels over the scheme's whole range, lowest resistance first (levels,).

    spacing: equal steps of ln R ("ln") or of 1 / R ("conductance"). Raises OutOfRange for bits outside 1 to 8.
    """
    within("bits", bits, 1, _MOST_BITS, "bits")
    low, high = scheme.ends_ohm
    if spacing == "ln":
        resistance = np.exp(np.linspace(math.log(low), math.log(high), 2**bits))
    elif spacing == "conductance":
        resistance = 1 / np.linspace(1 / low, 1 / high, 2**bits)
    else:
        raise ValueError(f"spacing: expected 'ln' or 'conductance', found {spacing!r}")
    return scheme.knob(np.clip(resistance, low, high))


def total_sigmas(scheme: Scheme, knobs: Array) -> Array:
    """Standard deviation of ln R of each level over many devices, one cycle each (levels,)."""
    return np.asarray(np.hypot(*scheme.sigmas(knobs)))


def open_loop_ohm(scheme: Scheme, knobs: Array, devices: int, cycles: int, seed: int) -> Array:
    """Write every level once a cycle without verify; return resistances (levels, devices, cycles), ohm.

    A device's number is the same for all levels and cycles. Levels added at the end and more devices leave the other
    draws as they are.
    """
    medians = np.log(scheme.median_ohm(knobs))
    cycle, device = scheme.sigmas(knobs)
    own = _normal((devices, 1), generator(seed, "multilevel", "device"))
    out = np.empty((len(medians), devices, cycles))
    for level, median in enumerate(medians):
        drawn = _normal((devices, cycles), generator(seed, "multilevel", "cycle", level))
        out[level] = np.exp(median + device[level] * own + cycle[level] * drawn)
    return out


def level_overlap(ln_medians: Array, sigmas: Array) -> Array:
    """Return the probability that a cell of each level is read as another (levels,): Q(half gap / sigma) on each side.

    Thresholds lie halfway between neighbouring medians in ln R. ln_medians (levels,) rise; sigmas (levels,) of ln R.
    Raises OutOfRange for medians that do not rise.
    """
    half = np.diff(_rising(ln_medians)) / 2
    with np.errstate(divide="ignore"):
        below, above = ndtr(-half / sigmas[1:]), ndtr(-half / sigmas[:-1])
    return np.asarray(np.append(0.0, below) + np.append(above, 0.0))


def misread(ln_medians: Array, ln_resistance: Array) -> NDArray[np.bool_]:
    """Return which cells (levels, ...) lie beyond a threshold of their level; thresholds as in `level_overlap`."""
    medians = _rising(ln_medians)
    thresholds = (medians[1:] + medians[:-1]) / 2
    found = np.searchsorted(thresholds, ln_resistance)
    own = np.arange(len(medians)).reshape(-1, *(1,) * (ln_resistance.ndim - 1))
    return np.asarray(found != own)


def margins(ln_medians: Array, sigmas: Array, multiple: float) -> Array:
    """Return the margin between neighbours (levels - 1,): gap - multiple (sigma below + sigma above), in ln R."""
    return np.asarray(np.diff(_rising(ln_medians)) - multiple * (sigmas[1:] + sigmas[:-1]))


def separable_states(ln_medians: Array, sigmas: Array, multiple: float) -> NDArray[np.intp]:
    """Return the places of a largest set of states of which any two lie multiple (sigma_i + sigma_j) / 2 apart.

    States (n,) in any order; places are returned by rising median. Equal sigmas: neighbours at least multiple sigma
    apart. Exact: a state is the interval of that width about its median, and taking the one that ends first, then the
    first that begins after it, fits the most intervals. Raises OutOfRange for a sigma that is not above 0.
    """
    within("sigma", sigmas, 1e-300, math.inf, "of ln R")
    within("multiple", multiple, 1e-300, math.inf, "sigma")
    half = multiple * np.asarray(sigmas, dtype=np.float64) / 2
    start, stop = ln_medians - half, ln_medians + half
    chosen, reached = [], -math.inf
    for place in np.argsort(stop, kind="stable"):
        if start[place] >= reached - _ROUNDING * half[place]:
            chosen.append(int(place))
            reached = float(stop[place])
    return np.array(chosen, dtype=np.intp)


def most_states(ln_range: float, sigma: float, multiple: float) -> int:
    """Return how many states fit in a range of ln R, multiple sigma apart: 1 + floor(range / (multiple sigma))."""
    within("range", ln_range, 0, math.inf, "of ln R")
    within("sigma", sigma, 1e-300, math.inf, "of ln R")
    return 1 + math.floor(ln_range / (multiple * sigma) * (1 + _ROUNDING))


def _rising(ln_medians: Array) -> Array:
    medians = np.asarray(ln_medians, dtype=np.float64)
    if medians.ndim != 1 or len(medians) < 2 or not (np.diff(medians) > 0).all():
        raise OutOfRange("levels: expected at least two medians of ln R that rise")
    return medians


def _normal(shape: tuple[int, ...], random: torch.Generator) -> Array:
    """Standard normal numbers by the inverse distribution function, one uniform number each."""
    places = torch.rand(shape, generator=random, dtype=torch.float64).clamp_(min=2.0**-54)
    return np.asarray(torch.special.ndtri(places).numpy())
