"""The integrate-and-fire neuron that reads a column: charge to spikes, in closed form.

The column's current is constant over the window. The neuron integrates it on its capacitor, fires when the charge
reaches C V_th, resets to zero and is deaf for a dead time. In units of the window and of C V_th, with drive
x = Q / (C V_th), dead time delta and charge r on the capacitor at the start, spike n comes at
    t_n = (n - r) / x + (n - 1) delta,
so the count is floor((x (1 + delta) + r) / (1 + x delta)): floor(Q / (C V_th)) without dead time and charge.
Left out: leak of the capacitor, noise of threshold and of reset.
"""

from __future__ import annotations

import math

# Spikes: a spike that is due at the window's very end must not be lost to floating-point rounding.
DUE = 1e-9


def spike_count(drive: float, dead: float, residual: float) -> tuple[float, float]:
    """Return (spikes within one window, charge left at its end in units of C V_th).

    drive: charge offered over the window / (C V_th), >= 0; dead: dead time / window, >= 0; residual: charge at the
    start / (C V_th), below 1, negative where a bipolar neuron still holds the other sign. The charge left is 0 where
    the window ends in dead time. Scalars only, so that compiled code can call it.
    """
    if drive <= 0.0:
        return 0.0, residual
    count = math.floor((drive * (1.0 + dead) + residual) / (1.0 + drive * dead) + DUE)
    if count < 1:
        return 0.0, residual + drive
    last = (count - residual) / drive + (count - 1) * dead
    left = (1.0 - last - dead) * drive
    return float(count), min(max(left, 0.0), 1.0)
