"""Fits of what a write pulse leaves: log-normal states, quantile tables, a normal error by level."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

from pillarsim.device.fit.result import Array, Fit, Given, NotFitted, Panel, Parameter, Section, Series, fitted, span
from pillarsim.device.fit.solve import ks_distance, ks_limit, least, r_squared
from pillarsim.device.fit.table import Table
from pillarsim.device.fit.text import EXACT, listed, quantity
from pillarsim.devices.programming_error import PolynomialError, QuantileError

FEWEST = 20  # cycles of a state or level: its sigma is then known to 16 %, our choice
CONFIDENCE = 0.95  # that the sample reaches beyond its outermost quantile; the usual choice
# Inner quantiles of a table; the widest one is taken for which every level has enough cycles.
_TABLES = (
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999),
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99),
    (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95),
)
_GRID = 400  # points of a model's curve in a picture


def cycles_for(outermost: float) -> int:
    """Cycles after which a sample reaches beyond its quantile `outermost` with 95 % confidence (Wilks 1941)."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - outermost))


def fit_lognormal(table: Table, given: Given) -> Fit:
    """Median and ln-sigma of both states from columns lrs and hrs; with a column device also by origin.

    With devices of several cycles each, the variance is split by a one-way analysis into cycle-to-cycle and
    device-to-device parts; the card's error is that of one pulse on any device, their sum. Raises NotFitted for fewer
    than 20 rows and for states out of order.
    """
    if table.rows < FEWEST:
        raise NotFitted(f"expected at least {FEWEST} cycles of each state for its sigma, found {table.rows}")
    parameters: list[Parameter] = []
    goodness, panels, medians, sigmas = {}, [], {}, {}
    for state in ("lrs", "hrs"):
        logs = -np.log(table.column(state))
        found = _log_normal(table, logs, state)
        parameters += found
        medians[state], sigmas[state] = math.exp(float(logs.mean())), found[1]
        if sigmas[state].value == 0:
            raise NotFitted(f"{state}: expected resistances that differ, found {quantity(medians[state], 'Ohm', 4)}")
        goodness[f"ks_{state}"] = ks_distance(ndtr((logs - logs.mean()) / sigmas[state].value))
        panels.append(_log_normal_panel(state, np.exp(logs), medians[state], sigmas[state].value))
    goodness["ks_limit_5_percent"] = ks_limit(table.rows)
    if medians["lrs"] >= medians["hrs"]:
        raise NotFitted(
            f"expected lrs below hrs, found medians of {quantity(medians['lrs'], 'Ohm', 4)} and "
            f"{quantity(medians['hrs'], 'Ohm', 4)}"
        )
    errors = {
        state: fitted(table, table.rows, f"{sigmas[state].value:.6g}", sigmas[state].error) for state in ("lrs", "hrs")
    }
    split = any(parameter.name.startswith("c2c") for parameter in parameters)
    return Fit(
        model="lognormal",
        points=table.rows,
        parameters=tuple(parameters),
        goodness=goodness,
        ranges={state: span(1 / table.column(state), "Ohm") for state in ("lrs", "hrs")},
        sections={"programming_error": errors},
        panels=tuple(panels),
        lrs_ohm=medians["lrs"],
        hrs_ohm=medians["hrs"],
        levels=2,
        assumed=("levels between the states take a sigma linear in ln G",),
        not_claimed=(
            ("that a cell's own offset stays from write to write: each pulse draws device and cycle anew",)
            if split
            else ()
        ),
    )


def _log_normal(table: Table, logs: Array, state: str) -> list[Parameter]:
    """Median, sigma, and the parts of sigma where the rows name devices with several cycles each."""
    count, mean, sigma = len(logs), float(logs.mean()), float(logs.std(ddof=1))
    median, spread = math.exp(mean), sigma / math.sqrt(2 * (count - 1))
    parts = _components(logs, table.whole("device")) if "device" in table.columns else None
    if parts is None:
        error = sigma / math.sqrt(count)
        return [Parameter(f"median_{state}", median, median * error, "Ohm"), Parameter(f"sigma_{state}", sigma, spread)]
    c2c, d2d, devices = parts
    error = math.sqrt(d2d**2 / devices + c2c**2 / count)
    # Devices, not cycles, count for the part that they share.
    total = math.sqrt(c2c**2 + d2d**2)
    within, between = c2c**2 / math.sqrt(2 * (count - devices)), d2d**2 / math.sqrt(2 * max(devices - 1, 1))
    spread = math.hypot(within, between) / total if total else 0.0
    return [
        Parameter(f"median_{state}", median, median * error, "Ohm"),
        Parameter(f"sigma_{state}", total, spread),
        Parameter(f"c2c_{state}", c2c, c2c / math.sqrt(2 * (count - devices))),
        Parameter(f"d2d_{state}", d2d, None if d2d == 0 else d2d / math.sqrt(2 * max(devices - 1, 1))),
    ]


def _components(logs: Array, devices: NDArray[np.int64]) -> tuple[float, float, int] | None:
    """(c2c, d2d, number of devices) of a one-way analysis of variance; None where no device has several cycles."""
    _, place = np.unique(devices, return_inverse=True)
    sizes = np.bincount(place)
    groups, count = len(sizes), len(logs)
    if groups < 2 or count == groups:
        return None
    means = np.bincount(place, logs) / sizes
    within = float(((logs - means[place]) ** 2).sum()) / (count - groups)
    between = float((sizes * (means - logs.mean()) ** 2).sum()) / (groups - 1)
    each = (count - float((sizes**2).sum()) / count) / (groups - 1)
    return math.sqrt(within), math.sqrt(max(between - within, 0.0) / each), groups


def _log_normal_panel(state: str, ohm: Array, median: float, sigma: float) -> Panel:
    grid = np.exp(np.linspace(np.log(ohm.min()), np.log(ohm.max()), _GRID))
    return Panel(
        f"{state} resistance (Ohm)",
        "share of cycles below",
        (ecdf("measured", ohm),),
        (Series("log-normal", grid, ndtr(np.log(grid / median) / sigma)),),
        x_log=True,
    )


def ecdf(name: str, values: Array) -> Series:
    """The empirical distribution of some values."""
    return Series(name, np.sort(values), (np.arange(len(values)) + 0.5) / len(values), step=True)


def fit_quantiles(table: Table, given: Given) -> Fit:
    """A quantile table for each target, from columns target and conductance (or resistance).

    The outermost inner quantile is 0.1, 1 or 5 %, the widest for which every level has the cycles that reach beyond it
    with 95 % confidence (2995, 299 or 59, Wilks 1941); the smallest and the largest value end the table. Raises
    NotFitted for fewer, or for one target.
    """
    targets, conductance = table.column("target"), table.column("conductance")
    levels, place = levels_of(targets)
    sizes = np.bincount(place)
    fewest, needed = int(sizes.min()), cycles_for(_TABLES[-1][0])
    if fewest < needed:
        poorest = float(levels[int(np.argmin(sizes))])
        raise NotFitted(
            f"expected at least {needed} cycles a level, so that they reach beyond the {100 * _TABLES[-1][0]:g} % "
            f"quantile with 95 % confidence, found {fewest} at {quantity(poorest, 'S', 4)}"
        )
    inner = next(table for table in _TABLES if fewest >= cycles_for(table[0]))
    probabilities = (0.0, *inner, 1.0)
    rows = [np.quantile(conductance[place == level], probabilities) for level in range(len(levels))]
    model = QuantileError(probabilities, tuple(levels.tolist()), tuple(tuple(row.tolist()) for row in rows))
    distances = [
        ks_distance(model.cdf(target, conductance[place == level])) for level, target in enumerate(levels.tolist())
    ]
    parameters = tuple(
        Parameter(
            f"p{100 * p:g} at {quantity(target, 'S', 4)}",
            float(np.quantile(conductance[place == level], p)),
            _quantile_error(conductance[place == level], p),
            "S",
        )
        for level, target in enumerate(levels.tolist())
        for p in (0.05, 0.5, 0.95)
    )
    text = ",\n    ".join(
        f"{{target: {quantity(target, 'S', EXACT)}, conductance: {listed([quantity(g, 'S') for g in row])}}}"
        for target, row in zip(levels.tolist(), rows, strict=True)
    )
    entries = {
        "probabilities": fitted(table, len(targets), listed([f"{p:g}" for p in probabilities])),
        "levels": fitted(table, len(targets), f"[\n    {text}]"),
    }
    return Fit(
        model="quantiles",
        points=len(targets),
        parameters=parameters,
        goodness={"ks_largest": max(distances), "cycles_a_level": float(fewest), "outermost": inner[0]},
        ranges={"target": span(targets, "S"), "conductance": span(conductance, "S")},
        sections={"quantiles": entries},
        panels=(_quantile_panel(levels, place, conductance, model),),
        lrs_ohm=1 / float(levels[-1]),
        hrs_ohm=1 / float(levels[0]),
        levels=len(levels),
        assumed=_spacing(levels),
        not_claimed=(f"tails beyond the {100 * inner[0]:g} % quantiles, which end at the extreme cycles",),
    )


def levels_of(targets: Array) -> tuple[Array, NDArray[np.intp]]:
    """(targets that rise, index of each row); raises NotFitted for a single one."""
    levels, place = np.unique(targets, return_inverse=True)
    # The same resistance written in two ways may differ in its last digit.
    close = np.concatenate([[False], np.diff(levels) <= 1e-9 * levels[1:]])
    levels, place = levels[~close], (np.cumsum(~close) - 1)[place]
    if len(levels) < 2:
        raise NotFitted(f"expected at least two targets, found {quantity(float(levels[0]), 'S', 4)} alone")
    return levels, place


def _quantile_error(values: Array, p: float) -> float:
    """Half the distance of the quantiles one standard error of the probability away (Woodruff 1952)."""
    error = math.sqrt(p * (1 - p) / len(values))
    low, high = np.quantile(values, (max(p - error, 0.0), min(p + error, 1.0)))
    return float(high - low) / 2


def _spacing(levels: Array) -> tuple[str, ...]:
    even = np.linspace(levels[0], levels[-1], len(levels))
    if np.allclose(levels, even, rtol=1e-3, atol=0):
        return ()
    return ("levels equally spaced in conductance, unlike the measured targets; the table is interpolated",)


def _quantile_panel(levels: Array, place: NDArray[np.intp], conductance: Array, model: QuantileError) -> Panel:
    p = np.asarray(model.probabilities)
    names = [quantity(target, "S", 4) for target in levels.tolist()]
    return Panel(
        "conductance (S)",
        "share of cycles below",
        tuple(ecdf(name, conductance[place == level]) for level, name in enumerate(names)),
        tuple(Series(f"{name}, table", np.asarray(model.conductances_s[k]), p) for k, name in enumerate(names)),
    )


def fit_level_error(table: Table, given: Given) -> Fit:
    """A polynomial of the standard deviation about the target against conductance, from columns target, conductance.

    Each level's deviation is weighted by its standard error under the fit. Raises NotFitted for fewer than 20 cycles a
    level, no more levels than coefficients, or a polynomial that is not positive within the targets.
    """
    targets, conductance = table.column("target"), table.column("conductance")
    levels, place = levels_of(targets)
    sizes = np.bincount(place)
    if sizes.min() < FEWEST:
        poorest = float(levels[int(np.argmin(sizes))])
        raise NotFitted(
            f"expected at least {FEWEST} cycles a level for its sigma, found {sizes.min()} at "
            f"{quantity(poorest, 'S', 4)}"
        )
    if len(levels) <= given.degree + 1:
        raise NotFitted(
            f"expected more than {given.degree + 1} levels for a polynomial of degree {given.degree}, "
            f"found {len(levels)}"
        )
    # The targets are the centre: a systematic miss counts as error, since the card's model has no other place for it.
    square = np.bincount(place, (conductance - levels[place]) ** 2) / sizes
    deviation = np.sqrt(square) / _unbiased(sizes)
    if (deviation == 0).any():
        raise NotFitted(f"expected conductances that differ from {quantity(float(levels[deviation == 0][0]), 'S', 4)}")
    scale = float(levels[-1])
    coefficients, errors = _polynomial(levels / scale, deviation, sizes, given.degree)
    try:
        model = PolynomialError(tuple(coefficients.tolist()), scale, float(levels[0]), scale)
    except ValueError as error:
        raise NotFitted(f"{error}, within the measured targets") from None
    curve = np.polynomial.polynomial.polyval(levels / scale, coefficients)
    miss = np.bincount(place, conductance) / sizes - levels
    entries: Section = {
        "coefficients": fitted(table, len(targets), listed([quantity(c, "S") for c in coefficients.tolist()])),
        "scale": quantity(scale, "S", EXACT),
        "lowest": fitted(table, len(targets), quantity(float(levels[0]), "S", EXACT)),
        "highest": fitted(table, len(targets), quantity(scale, "S", EXACT)),
    }
    names = [f"coefficient_{k}" for k in range(given.degree + 1)]
    grid = np.linspace(float(levels[0]), scale, _GRID)
    line = np.asarray(np.polynomial.polynomial.polyval(grid / scale, coefficients), dtype=np.float64)
    return Fit(
        model="level_error",
        points=len(targets),
        parameters=tuple(
            Parameter(name, float(value), float(error), "S")
            for name, value, error in zip(names, coefficients, errors, strict=True)
        ),
        goodness={
            "r_squared": r_squared(deviation, deviation - curve),
            "rms_ln_sigma": float(np.sqrt(np.mean(np.log(deviation / curve) ** 2))),
            "ks": ks_distance(model.cdf(levels[place], conductance)),
            "largest_mean_miss_over_sigma": float(np.abs(miss / curve).max()),
        },
        ranges={"target": span(targets, "S"), "conductance": span(conductance, "S")},
        sections={"level_error": entries},
        panels=(
            Panel(
                "target (S)",
                "standard deviation (S)",
                (Series("measured levels", levels, deviation),),
                (Series(f"degree {given.degree}", grid, line),),
            ),
        ),
        lrs_ohm=1 / scale,
        hrs_ohm=1 / float(levels[0]),
        levels=len(levels),
        assumed=_spacing(levels),
        not_claimed=("targets outside the measured ones",),
    )


def _unbiased(sizes: NDArray[np.int64]) -> Array:
    """Mean of a sample's root mean square of `sizes` normal numbers of deviation 1."""
    return np.asarray(np.exp(gammaln((sizes + 1) / 2) - gammaln(sizes / 2)) * np.sqrt(2 / sizes))


def _polynomial(x: Array, deviation: Array, sizes: NDArray[np.int64], degree: int) -> tuple[Array, Array]:
    """Coefficients and standard errors; the weights are those of the fit, found in three rounds."""
    names = tuple(f"coefficient {k}" for k in range(degree + 1))
    scale, curve = float(deviation.mean()), deviation
    start = np.zeros(degree + 1)
    start[0] = 1.0
    for _ in range(3):
        weight = np.abs(curve) / np.sqrt(2 * sizes) / scale

        def residuals(c: Array, weight: Array = weight) -> Array:
            return np.asarray((np.polynomial.polynomial.polyval(x, c) - deviation / scale) / weight)

        solution = least(residuals, start, names, whitened=True)
        start = solution.values
        curve = np.maximum(np.polynomial.polynomial.polyval(x, start) * scale, 1e-3 * scale)
    return start * scale, solution.errors * scale
