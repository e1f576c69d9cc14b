"""The states of the card beside the data: what lies beyond them is refused or said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pillarsim.device.fit.result import Array, Fit, Given, NotFitted
from pillarsim.device.fit.text import quantity

_SIGMAS = 5.0  # of white noise: one point in a million goes beyond, our choice
_MOST_NOISE = 0.05  # of the window, our choice
_MEDIAN_TO_SIGMA = 1.4826  # sigma over the median absolute deviation of normal numbers
_ROUNDING = 1e-9  # of a conductance: states and data are written in different units


def check_inside(runs: Sequence[Array], low_s: float, high_s: float) -> None:
    """Raise NotFitted for runs of conductances outside the window of a pulse model, which never leaves it.

    Noise about a bound is no excess: five of its standard deviations are let through, up to 5 % of the window.
    """
    values = np.concatenate(list(runs))
    lowest, highest = float(values.min()), float(values.max())
    noise = min(_SIGMAS * _noise_s(runs), _MOST_NOISE * (high_s - low_s))
    if highest > high_s * (1 + _ROUNDING) + noise:
        option, measured, state = "--lrs", highest, high_s
    elif lowest < low_s * (1 - _ROUNDING) - noise:
        option, measured, state = "--hrs", lowest, low_s
    else:
        return
    side = "most" if option == "--lrs" else "least"
    raise NotFitted(
        f"the data reach {_both(measured)}, outside the window: expected {option} of at {side} "
        f"{quantity(1 / measured, 'Ohm', 4)}, found {_both(state, ohm_first=True)}"
    )


def _noise_s(runs: Sequence[Array]) -> float:
    """White noise from second differences, which a smooth curve hardly has; their variance is 6 times that of noise."""
    bends = np.concatenate([np.abs(np.diff(run, 2)) for run in runs])
    return float(np.median(bends)) * _MEDIAN_TO_SIGMA / math.sqrt(6)


def with_states(fit: Fit, given: Given) -> Fit:
    """Return the fit; where states that were not fitted leave data outside, that stands among what is assumed."""
    lrs = next((one for one in (given.lrs_ohm, fit.lrs_ohm, given.base_lrs_ohm) if one is not None), None)
    hrs = next((one for one in (given.hrs_ohm, fit.hrs_ohm, given.base_hrs_ohm) if one is not None), None)
    found = _measured_ohm(fit)
    if lrs is None or hrs is None or found is None or (lrs, hrs) == (fit.lrs_ohm, fit.hrs_ohm):
        return fit
    if found[0] >= lrs * (1 - _ROUNDING) and found[1] <= hrs * (1 + _ROUNDING):
        return fit
    states, data = (" to ".join(quantity(one, "Ohm", 4) for one in pair) for pair in ((lrs, hrs), found))
    return replace(fit, assumed=(*fit.assumed, f"states of {states}, though the data reach from {data}"))


def _measured_ohm(fit: Fit) -> tuple[float, float] | None:
    """Lowest and highest resistance that the data show: of states their medians, of levels their targets."""
    if fit.model in ("lognormal", "sinh", "poole_frenkel"):
        return None if fit.lrs_ohm is None or fit.hrs_ohm is None else (fit.lrs_ohm, fit.hrs_ohm)
    low, high, unit = fit.ranges["target" if "target" in fit.ranges else "conductance"]
    return (1 / high, 1 / low) if unit == "S" and low > 0 and math.isfinite(1 / low) else None


def _both(conductance_s: float, ohm_first: bool = False) -> str:
    texts = quantity(conductance_s, "S", 4), quantity(1 / conductance_s, "Ohm", 4)
    first, second = reversed(texts) if ohm_first else texts
    return f"{first} ({second})"
