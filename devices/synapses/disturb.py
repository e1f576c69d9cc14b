"""Half-select disturb, compiled: devices that share a line with pulsed ones move a little, in the pulse's direction.

A half-selected pulse moves a device by `ratio` of its mean step from where it stands, without noise; binary devices
that switch by chance do so with `ratio` of the probability. The pulses of all lines since the last call act at once, up
and down apart. A device at the crossing of two pulsed lines is counted as half-selected once for each line, although it
got the whole pulse: its moves are off by a share of at most 2 `ratio`.
Left out: RESET of devices that only restart (PCM), disturb of devices on no pulsed line (V/3).
"""

from __future__ import annotations

import math

import numpy as np

from pillarsim.devices.jit import compiled
from pillarsim.devices.synapses.core import BINARY, NEUROSIM, PCM, Core
from pillarsim.devices.synapses.draws import SECOND_DRAW, knot_of, share_of, uniform
from pillarsim.devices.synapses.steps import law_numbers, place_seen, pulsed
from pillarsim.devices.synapses.sums import recompute
from pillarsim.devices.write_kernel import drawn_word


@compiled
def disturb_all(core: Core, ratio: float) -> None:
    """Move all devices by the half-selected pulses of their lines since the last call, and forget these pulses."""
    x, seen, own, memory, normal = core.x, core.seen, core.own, core.memory, core.normal
    row_pulses, column_pulses = core.row_pulses, core.column_pulses
    inputs, outputs, devices = x.shape
    kind, law, bottom = core.kind, law_numbers(core), np.float32(core.low)
    chancy = kind == BINARY and law[5] != 0
    one, none = np.float32(1), np.float32(0)
    stream = drawn_word(core.trains ^ SECOND_DRAW, core.done[1])
    core.done[1] += 1
    for i in range(inputs):
        for o in range(outputs):
            for n in range(devices):
                device = (i * outputs + o) * devices + n
                k, before, place = device if own.shape[0] > 1 else 0, x[i, o, n], x[i, o, n]
                kept = memory[i, o, n] if memory.size > 1 else one
                for side in range(1 if kind == PCM else 2):
                    pulses, up = row_pulses[side, i] + column_pulses[side, o, n], side == 0
                    if pulses == 0.0:
                        continue
                    if chancy:
                        chance = 1 - math.exp(pulses * math.log1p(-ratio * (law[0] if up else law[1])))
                        if uniform(drawn_word(stream, 2 * device + side)) < chance:
                            place = one if up else none
                        continue
                    slope = law[0] if up else law[1]
                    if kind == NEUROSIM:
                        slope = own[k, 4 + side]
                    step = own[k, 2 + side] if kind != BINARY and kind != PCM else none
                    after, _ = pulsed(kind, law, step, slope, place, kept, up, none, 0.5)
                    place = min(max(place + np.float32(ratio * pulses) * (after - place), none), one)
                if place == before:
                    continue
                x[i, o, n] = place
                if kind == BINARY:
                    word = drawn_word(stream ^ SECOND_DRAW, device)
                    knot = knot_of(word)
                    z = normal[knot] + share_of(word) * (normal[knot + np.uint64(1)] - normal[knot])
                    seen[i, o, n] = place_seen(kind, law, own[k, 0], own[k, 1], bottom, True, seen[i, o, n], place, z)
                else:
                    seen[i, o, n] += own[k, 1] * (place - before)
    row_pulses[:] = 0.0
    column_pulses[:] = 0.0
    recompute(core)
