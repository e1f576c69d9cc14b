"""Weights and summed conductances of a layer from the devices, all anew, compiled. Order of additions as in updates."""

from __future__ import annotations

import numpy as np

from pillarsim.devices.jit import compiled
from pillarsim.devices.synapses.core import Core


@compiled
def recompute(core: Core) -> None:
    """Write weights, squares and sums of lines from what reads see of the devices."""
    seen, weights, squares, row_s, column_s = core.seen, core.weights, core.squares, core.row_s, core.column_s
    inputs, outputs, devices = seen.shape
    scale, offset, bottom, span_s = np.float32(core.scale), np.float32(core.offset), np.float32(core.low), core.span_s
    positive = devices // 2 if core.differential else devices
    has_squares = squares.size > 1
    row_s[:] = 0.0
    column_s[:] = 0.0
    for i in range(inputs):
        for o in range(outputs):
            total, power = np.float32(0), np.float32(0)
            for n in range(devices):
                place = seen[i, o, n]
                total += place if n < positive else -place
                power += (place + bottom) * (place + bottom)
                g = (np.float64(place) + core.low) * span_s
                row_s[i] += g
                column_s[o, n] += g
            weights[i, o] = scale * total + offset
            if has_squares:
                squares[i, o] = power
