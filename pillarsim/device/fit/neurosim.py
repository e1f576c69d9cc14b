"""The fit of NeuroSim's potentiation and depression curves to sweeps of pulses."""

from __future__ import annotations

import math

import numpy as np

from pillarsim.device.fit.result import Array, Entry, Fit, Given, NotFitted, Parameter, fitted, source_text
from pillarsim.device.fit.solve import least
from pillarsim.device.fit.sweeps import sweeps_of
from pillarsim.device.fit.swept import finished, given_bounds, noise_of, states_of
from pillarsim.device.fit.table import Table
from pillarsim.devices.pulses.neurosim import steepness

_MOST_LABEL = 9.0  # NeuroSim's labels end here


def fit_neurosim(table: Table, given: Given) -> Fit:
    """NeuroSim's curves between shared bounds, from runs that start at their bound; the labels of both directions.

    Raises NotFitted for labels beyond 9 and as `sweeps_of`.
    """
    sweeps = sweeps_of(table)
    values = sweeps.values
    window = float(np.ptp(values))
    if window == 0:
        raise NotFitted("expected conductances that change with pulses, found none that do")
    pulses = {direction: max(int(run.pulses[-1]) for run in sweeps.of(direction)) for direction in (1, -1)}
    fixed = given_bounds(sweeps, given)

    def bounds(x: Array) -> tuple[float, float]:
        return fixed if fixed is not None else (float(x[2]) * window, float(x[3]) * window)

    def curves(x: Array) -> list[Array]:
        low, high = bounds(x)
        steep = steepness(np.clip(x[:2], -_MOST_LABEL, _MOST_LABEL))
        k = {1: float(steep[0]), -1: float(steep[1])}
        out = []
        for run in sweeps.runs:
            place = _saturating(k[run.direction], run.pulses / pulses[run.direction])
            out.append(low + (high - low) * (place if run.direction > 0 else 1 - place))
        return out

    names = ("the label of potentiation", "the label of depression", "the lowest conductance", "the highest one")
    start = np.array([1.0, 1.0, *(() if fixed is not None else (values.min() / window, values.max() / window))])
    found = least(lambda x: np.concatenate(curves(x)) / window - values / window, start, names[: len(start)])
    if np.abs(found.values[:2]).max() >= _MOST_LABEL:
        raise NotFitted(f"the labels are {found.values[0]:.3g} and {-found.values[1]:.3g}: expected -9 to 9")
    low, high = bounds(found.values)
    lrs, hrs, from_data = states_of(sweeps, given, low, high)
    models = curves(found.values)
    c2c, white = noise_of(sweeps, models, [np.full(len(model) - 1, high - low) for model in models])
    # NeuroSim prints the label of depression with a minus where its first pulses take the largest steps.
    up, down, errors = float(found.values[0]), -float(found.values[1]), found.errors
    count = sweeps.points
    entries: dict[str, Entry | str] = {
        "model": "neurosim",
        "pulses_up": Entry(str(pulses[1]), "pulses measured"),
        "pulses_down": Entry(str(pulses[-1]), "pulses measured"),
        "label_up": fitted(table, count, f"{up:.6g}", float(errors[0])),
        "label_down": fitted(table, count, f"{down:.6g}", float(errors[1])),
        "c2c": Entry(f"{c2c:.6g}", source_text(table, count, "from the increments of what the curves leave")),
    }
    unit = "a.u." if sweeps.arbitrary else "S"
    edges = (
        ()
        if fixed is not None
        else (
            Parameter("lowest", low, float(errors[2]) * window, unit),
            Parameter("highest", high, float(errors[3]) * window, unit),
        )
    )
    parameters = (
        Parameter("label_up", up, float(errors[0])),
        Parameter("label_down", down, float(errors[1])),
        Parameter("c2c", c2c, None),
        *edges,
        Parameter("white_noise", white, None, unit),
    )
    return finished("neurosim", sweeps, models, parameters, entries, (lrs, hrs) if from_data else None, True)


def _saturating(k: float, share: Array) -> Array:
    """(1 - exp(-k p)) / (1 - exp(-k)), p itself where k is 0."""
    if abs(k) < 1e-6:
        return np.asarray(share, dtype=np.float64)
    return np.asarray(np.expm1(-k * share) / math.expm1(-k))
