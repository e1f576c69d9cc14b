"""What all fits of pulse sweeps share: bounds, states, the noise that the curves leave, and the finished fit."""

from __future__ import annotations

import math

import numpy as np

from pillarsim.device.fit.result import Array, Fit, Given, NotFitted, Panel, Parameter, Section, Series, span
from pillarsim.device.fit.solve import r_squared
from pillarsim.device.fit.sweeps import Sweeps
from pillarsim.device.fit.text import quantity
from pillarsim.device.fit.window import check_inside

_SMOOTHED = 50  # parts of a run over which its ends are taken as means, our choice
# Rows squared over the pulses after which noise counts as staying, our choice: 1 for 100 rows, 50 for 1000. In a short
# run the curve itself takes up what stays longer.
_LONG_RUN = 20_000
_CORRELATED = 0.3  # correlation of neighbours from which standard errors are called too small, our choice


def given_bounds(sweeps: Sweeps, given: Given) -> tuple[float, float] | None:
    """(lowest, highest) conductance where --lrs and --hrs state them; arbitrary units have none.

    Raises NotFitted for one without the other, and for data outside of them.
    """
    if sweeps.arbitrary or (given.lrs_ohm is None and given.hrs_ohm is None):
        return None
    if given.lrs_ohm is None or given.hrs_ohm is None:
        found, lacks = ("--lrs", "--hrs") if given.hrs_ohm is None else ("--hrs", "--lrs")
        raise NotFitted(f"expected {lacks} with {found}, or neither: both bound the pulses")
    low, high = 1 / given.hrs_ohm, 1 / given.lrs_ohm
    check_inside([run.conductance for run in sweeps.runs], low, high)
    return low, high


def ends_of(sweeps: Sweeps) -> tuple[float, float]:
    """(lowest, highest) of the first and last conductances of all runs, each a mean over a 50th of its run."""
    ends = []
    for run in sweeps.runs:
        few = max(1, len(run.conductance) // _SMOOTHED)
        ends += [float(run.conductance[:few].mean()), float(run.conductance[-few:].mean())]
    if not min(ends) < max(ends):
        raise NotFitted("expected conductances that change with pulses, found none that do")
    return min(ends), max(ends)


def states_of(sweeps: Sweeps, given: Given, low: float, high: float) -> tuple[float, float, bool]:
    """(lrs, hrs, whether they come from the data) of the card."""
    if sweeps.arbitrary:
        if given.states_ohm is None:
            raise NotFitted("expected --lrs and --hrs, or --base: the table's conductances are in arbitrary units")
        return (*given.states_ohm, False)
    if low <= 0:
        raise NotFitted(f"the curves reach {quantity(low, 'S', 3)}: expected --hrs and --lrs, or a curve above 0")
    return 1 / high, 1 / low, True


def noise_of(sweeps: Sweeps, models: list[Array], sizes: list[Array]) -> tuple[float, float]:
    """(c2c relative to `sizes` a pulse, standard deviation of white noise), from what the curves leave.

    Over n pulses noise that stays gains s^2 times the sum of sizes^2, white noise of variance w^2 changes by 2 w^2; so
    the change over n and over 2 n tells them apart. Noise that is forgotten by n counts as white.
    """
    sums = np.zeros((2, 3))  # by n and 2 n: sum of squared changes, of squared sizes, number
    for run, model, size in zip(sweeps.runs, models, sizes, strict=True):
        if not (np.diff(run.pulses) == 1).all():
            continue
        left, total = run.conductance - model, np.concatenate([[0.0], np.cumsum(size**2)])
        lag = max(1, len(left) ** 2 // _LONG_RUN)
        for row, n in enumerate((lag, 2 * lag)):
            change = left[n:] - left[:-n]
            sums[row] += float((change**2).sum()), float((total[n:] - total[:-n]).sum()), len(change)
    if not sums[:, 2].all():
        return 0.0, 0.0
    (first, small), (second, large) = sums[:, :2] / sums[:, 2:]
    stays = max((second - first) / (large - small), 0.0) if large > small else 0.0
    return math.sqrt(stays), math.sqrt(max(first - stays * small, 0.0) / 2)


def measured(sweeps: Sweeps, low: float, high: float, white: float) -> tuple[Parameter, ...]:
    unit = "a.u." if sweeps.arbitrary else "S"
    return tuple(
        Parameter(name, value, None, unit)
        for name, value in (("lowest", low), ("highest", high), ("white_noise", white))
    )


def finished(
    model: str,
    sweeps: Sweeps,
    models: list[Array],
    parameters: tuple[Parameter, ...],
    entries: Section,
    states: tuple[float, float] | None,
    white_left_out: bool,
) -> Fit:
    """The rest, the same for all pulse models."""
    groups = np.repeat(np.arange(len(models)), [len(run.pulses) for run in sweeps.runs])
    values, curve = sweeps.values, np.concatenate(models)
    left = values - curve
    inside = groups[1:] == groups[:-1]
    power = float((left**2).sum())
    window = float(np.ptp(curve))
    together = float((left[1:] * left[:-1])[inside].sum()) / power if power else 0.0
    unit = "a.u." if sweeps.arbitrary else "S"
    return Fit(
        model=model,
        points=sweeps.points,
        parameters=parameters,
        goodness={
            "r_squared": r_squared(values, left, groups),
            "rms_over_window": math.sqrt(power / len(left)) / window,
            "correlation_of_neighbours": together,
        },
        ranges={
            "conductance": span(values, unit),
            "pulses": (0.0, float(max(int(run.pulses[-1]) for run in sweeps.runs)), ""),
        },
        sections={"pulse_update": entries},
        panels=(_panel(sweeps, models, unit),),
        lrs_ohm=states[0] if states else None,
        hrs_ohm=states[1] if states else None,
        assumed=(
            "no spread from device to device: one device was measured",
            *(("white noise is left out of the card",) if white_left_out else ()),
            *(("standard errors take residuals as independent, which they are not",) if together > _CORRELATED else ()),
        ),
        not_claimed=("other pulse voltages and widths", "more pulses than measured"),
    )


def _panel(sweeps: Sweeps, models: list[Array], unit: str) -> Panel:
    data, lines, start = [], [], 0
    for run, model in zip(sweeps.runs, models, strict=True):
        x = (start + run.pulses - run.pulses[0]).astype(np.float64)
        data.append(Series(run.name, x, run.conductance))
        lines.append(Series("model", x, model))
        start += int(run.pulses[-1] - run.pulses[0])
    return Panel("pulses", f"conductance ({unit})", tuple(data), tuple(lines))
