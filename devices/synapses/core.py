"""Arrays of a layer's synapses as compiled code takes them. N devices a synapse, I inputs, O outputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.synapses.arbitration import Rule

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Kinds of pulse models that have a compiled pulse; the first three move y += step share(y) both ways
LINEAR, EXPONENTIAL, NEUROSIM, BINARY, PCM = range(5)


class Core(NamedTuple):
    """State of one layer, changed in place. "Place" is (G - Gmin) / span of the model's nominal window.

    kind             of the pulse model, see above
    differential     the first N / 2 devices count positive, the rest negative; else all count positive
    start, trains    of the random streams of devices and of pulse trains (uint64)
    x        (I, O, N) float32    where each device stands in its own window; the pulses act on it
    memory   (I, O, N) or (1, 1, 1) float32    PCM: exp(-pulses since RESET / decay)
    seen     (I, O, N) float32    place that reads see
    pulses   (I, O, N) int32      pulses so far; they number the draws
    own      (I O N, P) or (1, P) float32      lower bound, span (places) and steps of each device, or of all alike
    law      (8,) float32         constants of the model; own and law as `steps` says
    weights  (I, O) float32       scale * (sum of places, signed) + offset
    squares  (I, O) or (1, 1) float32   sum over devices of (G / span)^2, for read noise
    row_s    (I,) float64         sum of conductances of a word line, siemens
    column_s (O, N) float64       of a bit line, siemens
    row_pulses (2, I), column_pulses (2, O, N) float64   update pulses (SET, RESET) of lines since the last `disturb`
    scale, offset    weights from places;  low, span_s: Gmin / span, and span in siemens
    step             weight that a pulse moves, see `Bank.step`
    rule, counters   arbitration; counters (3,) int64
    done     (2,) int64           outer products and disturbs so far; they number draws
    normal   (knots,) float32      quantiles of the normal law (`draws`)
    """

    kind: int
    differential: bool
    start: np.uint64
    trains: np.uint64
    x: Floats
    memory: Floats
    seen: Floats
    pulses: NDArray[np.int32]
    own: Floats
    law: Floats
    weights: Floats
    squares: Floats
    row_s: Doubles
    column_s: Doubles
    row_pulses: Doubles
    column_pulses: Doubles
    scale: float
    offset: float
    low: float
    span_s: float
    step: float
    rule: Rule
    counters: NDArray[np.int64]
    done: NDArray[np.int64]
    normal: Floats
