"""Resistances so small that they only cost digits: they are taken as ideal shorts.

A segment of 1e-12 ohm beside cells of 1e6 ohm drops nothing that double precision could show, yet its conductance
drowns theirs in the sum at a node. The two sides of an array meet in cells alone, so whatever flows through a wire of
a line has passed cells of that line, and no cell stands at more than the largest voltage V between two sources. Also
no current is larger than what all sources deliver, V / r_driver or V / r_sense each. The drop over R is thus at most
R times the summed |I(V)| of one line's cells, and R times the sum over the sources. It is negligible below 1e-9 V.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import fields
from pillarsim.devices.circuits.bias import Bias
from pillarsim.devices.circuits.cells import Law
from pillarsim.devices.circuits.keys import RESISTANCES
from pillarsim.devices.circuits.layout import cell_rows

Array = NDArray[np.float64]

_SMALLEST_OHM = 1e-300  # ohm; 1 / R of anything smaller may overflow
_DROP = 1e-9  # of the largest voltage; far below what a case is checked to (1e-6), far above rounding


def negligible_ohm(spec: fields.Spec, law: Law, g: Array, bias: Bias, volts: float | None = None) -> float:
    """Return the largest resistance of a case that is an ideal short to 1e-9 of the voltage; 0 ohm where none is.

    `g` holds conductances (S, cell shape), `volts` is the largest voltage between two sources, by default that of
    `bias`. Raises CircuitError.
    """
    span = _largest_volts(bias) if volts is None else volts
    load = min(_steepest_line(spec, law, g, span), _sources(spec, bias))
    present = [fields.resistance(spec, key) for key in RESISTANCES[spec["geometry"]]]
    return max((ohm for ohm in present if ohm < _SMALLEST_OHM or ohm * load <= _DROP), default=0.0)


def _largest_volts(bias: Bias) -> float:
    volts = np.concatenate([bias.rows.volts[bias.rows.driven], bias.cols.volts[bias.cols.driven]])
    return float(np.ptp(volts)) if len(volts) else 0.0


def _sources(spec: fields.Spec, bias: Bias) -> float:
    """The most that all sources deliver for 1 V between them (S); inf where one has no resistance."""
    driver, sense = fields.resistance(spec, "r_driver"), fields.resistance(spec, "r_sense")
    sensed = bias.cols.driven & bias.cols.selected
    counts = (int(bias.rows.driven.sum() + (bias.cols.driven & ~sensed).sum()), driver), (int(sensed.sum()), sense)
    if any(count and ohm < _SMALLEST_OHM for count, ohm in counts):
        return math.inf
    return sum(count / ohm for count, ohm in counts if count)


def _steepest_line(spec: fields.Spec, law: Law, g: Array, volts: float) -> float:
    """The largest sum of chords or slopes (S) over the cells of one line; inf where a current overflows."""
    steepest = np.zeros(g.size)
    with np.errstate(over="ignore", invalid="ignore"):
        for sign in (-1.0, 1.0):
            current, slope = law.current(np.full(g.size, sign * volts), g.ravel())
            steepest = np.maximum(steepest, np.maximum(slope, np.abs(current) / volts) if volts else slope)
        columns = np.moveaxis(steepest.reshape(g.shape), 1 if g.ndim == 2 else 2, 0).sum(axis=tuple(range(1, g.ndim)))
        line = max(float(np.bincount(cell_rows(spec).ravel(), steepest).max()), float(columns.max()))
    return line if math.isfinite(line) else math.inf
