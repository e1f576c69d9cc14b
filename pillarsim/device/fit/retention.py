"""Fits of what time does to written cells: power-law drift and thermally activated loss.

Cells (column `device` or `curve`; without one, a cell a temperature) have a starting conductance each.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pillarsim.device.fit.currents import ROOM_K
from pillarsim.device.fit.result import (
    Array,
    Entry,
    Fit,
    Given,
    NotFitted,
    Panel,
    Parameter,
    Section,
    Series,
    fitted,
    span,
)
from pillarsim.device.fit.solve import least, r_squared
from pillarsim.device.fit.table import Table
from pillarsim.device.fit.text import quantity
from pillarsim.devices.scaling import BOLTZMANN_EV

FEWEST_TIMES = 3  # of a cell, our choice: two leave no measure of how good a power law is
_LARGEST_TAU = 1e10  # s, that a card takes
_SHOWN = 20  # cells in a picture


def fit_power_law(table: Table, given: Given) -> Fit:
    """G = G0 (t / since)^-nu of each cell from columns time and conductance, at times above 0.

    `since` is the earliest time. With cells of several conductances nu is linear in ln G between the states; its
    spread is what the cells leave about that line, less what their own points explain. Raises NotFitted for fewer than
    three times a cell and for a mean nu below 0.
    """
    time, conductance = table.column("time"), table.column("conductance")
    used = time > 0
    if not used.any():
        raise NotFitted("expected times above 0, found none")
    cells, place = _cells(table, used)
    since = float(time[used].min())
    x, y = np.log(time[used] / since), np.log(conductance[used])
    counts = np.bincount(place)
    if counts.min() < FEWEST_TIMES or len(y) <= 2 * len(cells):
        raise NotFitted(f"expected at least {FEWEST_TIMES} times above 0 a cell, found {counts.min()}")
    centre = np.bincount(place, x) / counts
    dx = x - centre[place]
    width = np.bincount(place, dx**2)
    if (width == 0).any():
        raise NotFitted("expected different times of each cell")
    slopes = np.bincount(place, dx * y) / width
    starts = np.bincount(place, y) / counts - slopes * centre
    residuals = y - (starts + 0.0)[place] - slopes[place] * x
    sigma = math.sqrt(float((residuals**2).sum()) / (len(y) - 2 * len(cells)))
    states, from_data = _states(given, np.exp(starts))
    nu, errors, spread = _by_state(-slopes, starts, sigma / np.sqrt(width), states)
    for name, value in (("lrs", nu[0]), ("hrs", nu[1])):
        if value < 0:
            raise NotFitted(f"the conductance rises: nu is {value:.3g} in the {name}, expected at least 0")
    count = int(used.sum())
    entries: Section = {
        "model": "power_law",
        "lrs": fitted(table, count, f"{nu[0]:.6g}", errors[0]),
        "hrs": fitted(table, count, f"{nu[1]:.6g}", errors[1]),
        "spread": fitted(table, count, f"{spread:.6g}"),
        "since": Entry(quantity(since, "s"), "earliest time measured"),
        **_reach(table, given, time),
    }
    return Fit(
        model="power_law",
        points=count,
        parameters=(
            Parameter("nu_lrs", nu[0], errors[0]),
            Parameter("nu_hrs", nu[1], errors[1]),
            Parameter("nu_spread", spread, None if len(cells) < 3 else spread / math.sqrt(2 * (len(cells) - 2))),
        ),
        goodness={
            "r_squared_ln_conductance": r_squared(y, residuals, place),
            "rms_ln_conductance": float(np.sqrt(np.mean(residuals**2))),
            "cells": float(len(cells)),
        },
        ranges={"time": span(time[used], "s"), "conductance": span(conductance[used], "S")},
        sections={"retention": entries},
        panels=(_drift_panel(time[used], conductance[used], place, starts, slopes, since),),
        lrs_ohm=states[0] if from_data else None,
        hrs_ohm=states[1] if from_data else None,
        left_out=int((~used).sum()),
        assumed=("no dependence of the drift on temperature",)
        if from_data or len(cells) > 1
        else ("no dependence of the drift on temperature; both states drift alike",),
        not_claimed=("times after the last one measured",),
    )


def _cells(table: Table, used: NDArray[np.bool_]) -> tuple[Array, NDArray[np.intp]]:
    """(cells, index of each row used)."""
    keys = [table.whole(role).astype(np.float64) for role in ("device", "curve") if role in table.columns]
    if "temperature" in table.columns:
        keys.append(table.column("temperature"))
    if not keys:
        keys = [np.zeros(table.rows)]
    cells, place = np.unique(np.stack(keys)[:, used], axis=1, return_inverse=True)
    return cells.T, place.ravel()


def _states(given: Given, starts_s: Array) -> tuple[tuple[float, float], bool]:
    """((lrs, hrs) in ohm, whether they come from the data)."""
    if given.states_ohm is not None:
        return given.states_ohm, False
    low, high = float(starts_s.min()), float(starts_s.max())
    if high < 1.05 * low:
        raise NotFitted("expected --lrs and --hrs, or --base: the cells start from one conductance")
    return (1 / high, 1 / low), True


def _by_state(
    nu: Array, starts: Array, errors: Array, states: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """nu and its standard errors at (lrs, hrs), and the spread over cells at one conductance."""
    if len(nu) == 1:
        return (float(nu[0]), float(nu[0])), (float(errors[0]), float(errors[0])), 0.0
    one_state = np.ptp(starts) < math.log(1.05)
    columns = [np.ones_like(starts)] if one_state else [np.ones_like(starts), starts - starts.mean()]
    design = np.stack(columns, axis=1)
    solution, *_ = np.linalg.lstsq(design, nu, rcond=None)
    left = nu - design @ solution
    freedom = len(nu) - design.shape[1]
    total = float((left**2).sum()) / freedom if freedom else 0.0
    own = float(np.mean(errors**2))
    variance = total if total > 0 else own
    covariance = np.linalg.inv(design.T @ design) * max(variance, own)
    values, spreads = [], []
    for ohm in states:
        row = np.array([1.0] if one_state else [1.0, -math.log(ohm) - starts.mean()])
        values.append(float(row @ solution))
        spreads.append(math.sqrt(float(row @ covariance @ row)))
    return (values[0], values[1]), (spreads[0], spreads[1]), math.sqrt(max(total - own, 0.0))


def _reach(table: Table, given: Given, time: Array) -> dict[str, Entry | str]:
    """How far the numbers reach: no further than the measurement."""
    if "temperature" in table.columns:
        kelvin, source = table.column("temperature"), "measured"
    elif given.temperature_k is not None:
        kelvin, source = np.array([given.temperature_k]), "given: --temperature"
    else:
        kelvin, source = np.array([ROOM_K]), "assumed: the table states no temperature"
    return {
        "longest": Entry(quantity(float(time.max()), "s"), "longest time measured"),
        "coldest": Entry(quantity(float(kelvin.min()), "K"), source),
        "hottest": Entry(quantity(float(kelvin.max()), "K"), source),
    }


def _drift_panel(
    time: Array, conductance: Array, place: NDArray[np.intp], starts: Array, slopes: Array, since: float
) -> Panel:
    data, model = [], []
    for cell in range(min(len(starts), _SHOWN)):
        t, g = time[place == cell], conductance[place == cell]
        ends = np.array([t.min(), t.max()])
        data.append(Series(f"cell {cell + 1}", t, g))
        model.append(Series("model", ends, np.exp(starts[cell] + slopes[cell] * np.log(ends / since))))
    return Panel("time (s)", "conductance (S)", tuple(data), tuple(model), x_log=True, y_log=True)


def fit_arrhenius(table: Table, given: Given) -> Fit:
    """G = Ginf + (G0 - Ginf) exp(-(t / tau)^exponent), ln(tau) linear in 1 / T, from time, temperature, conductance.

    Ginf is the state that --toward names, of the card that is written. The time constant is stated at the hottest
    temperature measured, the same for both states. Raises NotFitted without two temperatures, without states, where no
    conductance moves toward Ginf, and where the data leave a parameter open.
    """
    if given.states_ohm is None:
        raise NotFitted("expected --lrs and --hrs, or --base: cells end in one of the card's states")
    time, kelvin, conductance = (table.column(role) for role in ("time", "temperature", "conductance"))
    hottest = float(kelvin.max())
    if len(np.unique(kelvin)) < 2:
        raise NotFitted(f"expected at least two temperatures, found {hottest:g} K alone")
    lrs, hrs = given.states_ohm
    end = {"hrs": 1 / hrs, "lrs": 1 / lrs, "middle": 1 / math.sqrt(lrs * hrs)}[given.toward]
    cells, place = _cells(table, np.ones(table.rows, dtype=bool))
    inverse = (1 / kelvin - 1 / hottest) / BOLTZMANN_EV
    tiny = np.log(np.where(time > 0, time, np.nan))
    names = ("tau", "the activation energy", "the exponent", *(f"start {cell + 1}" for cell in range(len(cells))))

    def model(x: Array) -> Array:
        with np.errstate(over="ignore"):
            decay = np.where(time > 0, np.exp((tiny - x[0] - x[1] * inverse) * math.exp(min(x[2], 5.0))), 0.0)
        return np.asarray(end + (np.exp(x[3:])[place] - end) * np.exp(-decay))

    def residuals(x: Array) -> Array:
        return np.asarray(np.log(np.maximum(model(x), 1e-300) / conductance))

    earliest = np.array([conductance[place == cell][np.argmin(time[place == cell])] for cell in range(len(cells))])
    candidates = [
        np.concatenate([[math.log(tau), energy, 0.0], np.log(earliest)])
        for tau in np.geomspace(max(time[time > 0].min(), 1e-12), 100 * time.max(), 12)
        for energy in (0.3, 1.0, 1.7)
    ]
    start = min(candidates, key=lambda x: float((residuals(x) ** 2).sum()))
    found = least(residuals, start, names)
    tau, energy, exponent = math.exp(found.values[0]), float(found.values[1]), math.exp(found.values[2])
    _refuse_open(tau, energy, exponent, found.errors)
    count = table.rows
    entries: Section = {
        "model": "arrhenius",
        "lrs": fitted(table, count, quantity(tau, "s"), tau * float(found.errors[0]), "s"),
        "hrs": fitted(table, count, quantity(tau, "s"), tau * float(found.errors[0]), "s"),
        "temperature": Entry(quantity(hottest, "K"), "hottest temperature measured"),
        "activation": fitted(table, count, quantity(energy, "eV"), float(found.errors[1]), "eV"),
        "exponent": fitted(table, count, f"{exponent:.6g}", exponent * float(found.errors[2])),
        "toward": given.toward,
        **_reach(table, given, time),
    }
    logs = np.log(conductance)
    return Fit(
        model="arrhenius",
        points=count,
        parameters=(
            Parameter("tau", tau, tau * float(found.errors[0]), "s"),
            Parameter("activation", energy, float(found.errors[1]), "eV"),
            Parameter("exponent", exponent, exponent * float(found.errors[2])),
            *(
                Parameter(f"start_{cell + 1}", math.exp(value), math.exp(value) * float(error), "S")
                for cell, (value, error) in enumerate(zip(found.values[3:], found.errors[3:], strict=True))
            ),
        ),
        goodness={
            "r_squared_ln_conductance": r_squared(logs, found.residuals, place),
            "rms_ln_conductance": found.rms,
        },
        ranges={
            "time": span(time, "s"),
            "temperature": span(kelvin, "K"),
            "conductance": span(conductance, "S"),
        },
        sections={"retention": entries},
        panels=(_loss_panel(time, kelvin, conductance, place, model(found.values)),),
        assumed=(f"both states have the time constant of the measured cells; they end in the {given.toward}",),
        not_claimed=("times and temperatures outside those measured",),
    )


def _refuse_open(tau: float, energy: float, exponent: float, errors: Array) -> None:
    if not np.isfinite(errors[:3]).all() or errors[0] > 1:
        raise NotFitted(f"the data leave tau open: {tau:.3g} s, standard error of its logarithm {errors[0]:.2g}")
    if energy < 0 or errors[1] > max(abs(energy), 0.05):
        raise NotFitted(f"the activation energy is {energy:.3g} eV, standard error {errors[1]:.2g}: expected above 0")
    if not 0 < exponent <= 2:
        raise NotFitted(f"the exponent is {exponent:.3g}: expected at most 2")
    if not tau <= _LARGEST_TAU:
        raise NotFitted(f"tau is {tau:.3g} s at the hottest temperature: expected at most {_LARGEST_TAU:g} s")


def _loss_panel(time: Array, kelvin: Array, conductance: Array, place: NDArray[np.intp], model: Array) -> Panel:
    data, lines = [], []
    for cell in range(min(int(place.max()) + 1, _SHOWN)):
        mine = np.flatnonzero((place == cell) & (time > 0))
        order = mine[np.argsort(time[mine])]
        data.append(Series(f"cell {cell + 1}, {kelvin[mine[0]]:g} K", time[order], conductance[order]))
        lines.append(Series("model", time[order], model[order]))
    return Panel("time (s)", "conductance (S)", tuple(data), tuple(lines), x_log=True, y_log=True)
