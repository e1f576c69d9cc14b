"""What cycling does to a cell: the window between its states closes from the high-resistance side.

Modelled: after n set-reset cycles ln(R_hrs) has fallen by ln(R_hrs / R_lrs) (n / cycles)^exponent, the low-resistance
state stays; at n = cycles the window is gone. That the window collapses by the high-resistance state is the usual
failure after over-strong RESET; the power law is ours (assumed).
Left out: growth of the spread by cycling, cells stuck one by one, recovery, dependence on pulse strength.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pillarsim.devices.ranges import check_states, within


@dataclass(frozen=True)
class Endurance:
    """Cycles until the window is gone, and the exponent of its closing. Raises OutOfRange below 1 and 0.001."""

    cycles: float
    exponent: float

    def __post_init__(self) -> None:
        within("cycles", self.cycles, 1, math.inf, "cycles")
        within("exponent", self.exponent, 1e-3, math.inf, "")

    def window(self, g_min_s: float, g_max_s: float, cycles_done: float) -> tuple[float, float]:
        """Return (lowest, highest) conductance in siemens after `cycles_done` cycles, lowest <= highest.

        Raises OutOfRange beyond `cycles` or for unordered states.
        """
        check_states(g_min_s, g_max_s)
        within("cycles done", cycles_done, 0, math.inf, "cycles")
        within("cycles done", cycles_done, 0, self.cycles, "cycles")
        closed = min((cycles_done / self.cycles) ** self.exponent, 1.0)
        return min(g_min_s * (g_max_s / g_min_s) ** closed, g_max_s), g_max_s
