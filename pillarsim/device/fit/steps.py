"""Fits of stepwise pulse models to sweeps of SET and RESET pulses: soft bounds and linear steps.

The curve of conductance against pulses is fitted, with the start of each run free. Standard errors take the bounds as
given and what the curves leave as independent; goodness says by the correlation of neighbours how far that holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pillarsim.device.fit.result import Array, Entry, Fit, Given, NotFitted, Parameter, fitted, source_text
from pillarsim.device.fit.solve import least
from pillarsim.device.fit.sweeps import Sweep, Sweeps, sweeps_of
from pillarsim.device.fit.swept import ends_of, finished, given_bounds, measured, noise_of, states_of
from pillarsim.device.fit.table import Table


@dataclass(frozen=True)
class _Law:
    """A step in parts of the window at the place x along its direction: first step, shape -> next x."""

    model: str
    shape: str
    lowest: float
    highest: float
    step: Callable[[float, float, float], float]


@dataclass(frozen=True, eq=False)
class _Direction:
    """One direction's first step and shape with errors, and for each run the curve (x along the direction)."""

    step: float
    step_error: float
    shape: float
    shape_error: float
    curves: tuple[Array, ...]


def _soft(x: float, first: float, bend: float) -> float:
    return min(x + first * math.exp(-bend * x), 1.0)


def _linear(x: float, first: float, slope: float) -> float:
    return min(x + first * (1 - slope * x), 1.0)


_SOFT = _Law("soft_bounds", "bend", 0.0, 50.0, _soft)
_LINEAR = _Law("linear_step", "slope", -10.0, 1.0, _linear)


def fit_soft_bounds(table: Table, given: Given) -> Fit:
    """Steps that shrink exponentially, G += step exp(-bend x). Bounds: --lrs and --hrs, or the ends of the runs.

    Raises NotFitted as `sweeps_of`, and where a first step is open.
    """
    return _stepped(_SOFT, table, given)


def fit_linear_step(table: Table, given: Given) -> Fit:
    """Steps that change linearly, G += step (1 - slope x). Bounds: --lrs and --hrs, or the ends of the runs.

    White noise becomes the card's write noise. Raises NotFitted as `fit_soft_bounds`.
    """
    return _stepped(_LINEAR, table, given)


def _stepped(law: _Law, table: Table, given: Given) -> Fit:
    sweeps = sweeps_of(table)
    fixed = given_bounds(sweeps, given)
    low, high = fixed or ends_of(sweeps)
    up, down = (_direction(law, sweeps.of(direction), direction, low, high) for direction in (1, -1))
    models = _models(sweeps, up, down, low, high)
    lrs, hrs, from_data = states_of(sweeps, given, low, high)
    sizes = [np.abs(np.diff(curve)) for curve in models]
    relative = [size if law is _SOFT else np.full(len(size), _first(run, up, down) * (high - low))
                for run, size in zip(sweeps.runs, sizes, strict=True)]  # fmt: skip
    c2c, white = noise_of(sweeps, models, relative)
    names = (f"{law.shape}_up", f"{law.shape}_down")
    count = sweeps.points
    entries: dict[str, Entry | str] = {
        "model": law.model,
        "step_up": fitted(table, count, f"{up.step:.6g}", up.step_error),
        "step_down": fitted(table, count, f"{down.step:.6g}", down.step_error),
        names[0]: fitted(table, count, f"{up.shape:.6g}", up.shape_error),
        names[1]: fitted(table, count, f"{down.shape:.6g}", down.shape_error),
        "c2c": Entry(f"{c2c:.6g}", source_text(table, count, "from the increments of what the curves leave")),
    }
    if law is _LINEAR:
        share = white / ((up.step + down.step) / 2 * (high - low))
        entries["write_noise"] = Entry(f"{share:.6g}", source_text(table, count, "white part of what the curves leave"))
    parameters = (
        Parameter("step_up", up.step, up.step_error),
        Parameter("step_down", down.step, down.step_error),
        Parameter(names[0], up.shape, up.shape_error),
        Parameter(names[1], down.shape, down.shape_error),
        Parameter("c2c", c2c, None),
        *measured(sweeps, low, high, white),
    )
    return finished(law.model, sweeps, models, parameters, entries, (lrs, hrs) if from_data else None, law is _SOFT)


def _direction(law: _Law, runs: list[Sweep], direction: int, low: float, high: float) -> _Direction:
    """Fit first step, shape and the start of each run of one direction; x counts from the bound that it leaves."""
    measured = [_place(run.conductance, direction, low, high) for run in runs]
    target = np.concatenate(measured)

    def curves(x: Array) -> list[Array]:
        step, shape = math.exp(min(float(x[0]), 5.0)), float(x[1])
        return [_curve(law, step, shape, float(start), run) for start, run in zip(x[2:], runs, strict=True)]

    starts = [float(values[: max(1, len(values) // 50)].mean()) for values in measured]
    moved = max(abs(float(values[-1] - values[0])) for values in measured)
    pulses = max(int(run.pulses[-1] - run.pulses[0]) for run in runs)
    candidates = [
        np.array([math.log(max(moved, 1e-6) / pulses * factor), shape, *starts])
        for factor in (0.5, 1.0, 2.0, 5.0, 15.0)
        for shape in ((0.0, 1.0, 2.5, 5.0, 10.0) if law is _SOFT else (-1.0, 0.0, 0.5, 0.9, 1.0))
    ]
    name = runs[0].name
    names = (f"the first step of {name}", f"the {law.shape} of {name}", *(f"a start of {name}" for _ in runs))
    limits = np.full((2, 2 + len(runs)), [[-np.inf], [np.inf]])
    limits[:, 1] = law.lowest, law.highest
    limits[1, 0] = 0.0

    def residuals(x: Array) -> Array:
        return np.asarray(np.concatenate(curves(x)) - target)

    start = min(candidates, key=lambda x: float((residuals(x) ** 2).sum()))
    found = least(residuals, start, names, limits=limits)
    step, shape, errors = math.exp(found.values[0]), float(found.values[1]), found.errors
    rise = max(float(values[-1] - values[0]) for values in curves(found.values))
    if errors[0] > 1 or rise <= 0:
        raise NotFitted(f"the data leave the first step of {name} open")
    return _Direction(step, step * float(errors[0]), shape, float(errors[1]), tuple(curves(found.values)))


def _curve(law: _Law, step: float, shape: float, start: float, run: Sweep) -> Array:
    """x after each row's pulses, without bounds: the curve lies within them where it was measured."""
    number = run.pulses - run.pulses[0]
    places = np.empty(int(number[-1]) + 1)
    x = start
    for pulse in range(len(places)):
        places[pulse] = x
        x = law.step(x, step, shape)
    return np.asarray(places[number])


def _place(conductance: Array, direction: int, low: float, high: float) -> Array:
    x = np.asarray((conductance - low) / (high - low))
    return x if direction > 0 else np.asarray(1 - x)


def _models(sweeps: Sweeps, up: _Direction, down: _Direction, low: float, high: float) -> list[Array]:
    """The fitted conductance of each run, in the order of the runs."""
    left = {1: iter(up.curves), -1: iter(down.curves)}
    places = [(run.direction, next(left[run.direction])) for run in sweeps.runs]
    return [low + (high - low) * (x if direction > 0 else 1 - x) for direction, x in places]


def _first(run: Sweep, up: _Direction, down: _Direction) -> float:
    return up.step if run.direction > 0 else down.step
