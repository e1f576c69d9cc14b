"""One pulse on one device, compiled: the models of `devices.pulses` on float32 numbers.

A device stands at x in its own window. `own` and `law` hold, by kind (see `core`), with c2c, write noise and spread 0
where they are switched off:
    LINEAR       own: low, span, up, down      law: slope_up, slope_down, sigma, relative, write noise
    NEUROSIM     own: low, span, up, down, slope_up, slope_down      law: -, -, c2c (of the span)
    EXPONENTIAL  own: low, span, up, down      law: bend_up, bend_down, sigma, floor_up, floor_down
    BINARY       own: low, span      law: p_set, p_reset, c2c on, c2c_low, c2c_high, switching
    PCM          own: low, span      law: mean (slope, constant, gain), sigma (the same), decay of memory, Gmin / span
low and span are places in the nominal window, steps are parts of the device's own span.
Functions take and give numbers only: arrays handed to an inner loop's functions cost more than a pulse.
Left out, beside what the models leave out: drift and read noise of PCM.
"""

from __future__ import annotations

import math

import numpy as np

from pillarsim.devices.jit import inlined
from pillarsim.devices.synapses.core import BINARY, LINEAR, NEUROSIM, Core

Number = np.float32
Law = tuple[Number, Number, Number, Number, Number, Number, Number, Number]

_ONE, _ZERO = np.float32(1), np.float32(0)


@inlined
def pulsed(
    kind: int, law: Law, step: Number, slope: Number, x: Number, memory: Number, up: bool, z: Number, u: float
) -> tuple[Number, Number]:
    """Return x and memory after one pulse.

    step, slope: of the device in the pulse's direction; z: standard normal draw, u: uniform draw in (0, 1).
    """
    if kind <= NEUROSIM:
        # Both directions are one curve, seen from the bound that they leave.
        y = x if up else _ONE - x
        if kind == LINEAR:
            share = _ONE - slope * y
            moved = step * (share + law[2] * z * (share if law[3] != _ZERO else _ONE))
        elif kind == NEUROSIM:
            moved = step * (_ONE - slope * y) + law[2] * z
        else:
            size, floor = math.exp(-(law[0] if up else law[1]) * y), law[3] if up else law[4]
            moved = step * (size + floor * (_ONE - size)) * (_ONE + law[2] * z)
        y = min(max(y + moved, _ZERO), _ONE)
        return (y if up else _ONE - y), memory
    if kind == BINARY:
        target, chance = (_ONE, law[0]) if up else (_ZERO, law[1])
        if law[5] == _ZERO:
            return x + chance * (target - x), memory
        return (target if u < np.float64(chance) else x), memory
    if not up:
        return _ZERO, _ONE
    memory = memory * law[6]
    g = x + law[7]
    x += law[0] * g + law[1] + law[2] * memory + (law[3] * g + law[4] + law[5] * memory) * z
    return min(max(x, _ZERO), _ONE), memory


@inlined
def place_seen(
    kind: int, law: Law, low: Number, span: Number, bottom: Number, switched: bool, seen: Number, x: Number, z: Number
) -> Number:
    """Return the place in the nominal window that reads see after a pulse.

    low, span: of the device; bottom: Gmin / span of the nominal window; switched: whether the pulse changed x, seen:
    what was seen before it; z: standard normal draw, another than the pulse's.
    """
    if kind == LINEAR and law[4] != _ZERO:
        return low + span * min(max(x + law[4] * z, _ZERO), _ONE)
    if kind == BINARY and law[2] != _ZERO:
        if not switched and law[5] != _ZERO:
            return seen
        least, most = (bottom + low) * math.exp(law[3] * z), (bottom + low + span) * math.exp(law[4] * z)
        return least + x * (most - least) - bottom
    return low + span * x


@inlined
def law_numbers(core: Core) -> Law:
    """The model's constants as numbers."""
    c = core.law
    return c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
