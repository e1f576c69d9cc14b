"""Counters that choose the device of a synapse to be programmed, and whether it is, at each request for an update.

Three counters are common to all synapses of a layer. On a request, up or down:
    fire = count of the direction % its period == 0; the count of the direction goes up by 1
    the selected device gets one pulse where fire; selection = (selection + increment) % devices
Selection moves with every request, fired or not. An increment that shares no factor with the number of devices uses
all of them equally; another leaves some unused.
Serial updates ask for one synapse after another: row by row, output by output, pulse by pulse. Outer-product updates
pulse all synapses side by side: there a slot of the trains is one request for all of them, and the selected column of
devices of every synapse is pulsed.
Source: Boybat et al., Nat. Commun. 9:2514, 2018 (captions of figures 1 and 4); order of the modulo operations assumed.
Left out: counters that overflow (int64).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled

Counters = NDArray[np.int64]
SELECTION, POTENTIATION, DEPRESSION = 0, 1, 2  # places in the array of counters


class Rule(NamedTuple):
    """What compiled code needs of an `Arbiter`."""

    devices: int
    increment: int
    period_up: int
    period_down: int


@dataclass(frozen=True)
class Arbiter:
    """devices: those to select from; periods: every how many requests of a direction one fires, the first at once.

    Raises ValueError for no device, an increment outside 1 to devices - 1 (1 with one device) or a period below 1.
    """

    devices: int
    increment: int = 1
    period_up: int = 1
    period_down: int = 1

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise ValueError(f"devices: expected at least 1 to select from, found {self.devices}")
        most = max(1, self.devices - 1)
        if not 1 <= self.increment <= most:
            raise ValueError(f"increment: expected 1 to {most} with {self.devices} devices, found {self.increment}")
        for name in ("period_up", "period_down"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1 request, found {getattr(self, name)}")

    @property
    def rule(self) -> Rule:
        """The same for compiled code."""
        return Rule(self.devices, self.increment, self.period_up, self.period_down)

    def counters(self) -> Counters:
        """Counters before the first request: selection, requests up, requests down."""
        return np.zeros(3, np.int64)


def requested(arbiter: Arbiter, counters: Counters, up: bool) -> int:
    """One request in plain Python, the reference of `request`: the device to pulse, -1 where none; moves counters."""
    place, period = (POTENTIATION, arbiter.period_up) if up else (DEPRESSION, arbiter.period_down)
    fires, selected = int(counters[place]) % period == 0, int(counters[SELECTION])
    counters[place] += 1
    counters[SELECTION] = (selected + arbiter.increment) % arbiter.devices
    return selected if fires else -1


@compiled
def request(rule: Rule, counters: Counters, up: bool) -> int:
    """As `requested`, compiled."""
    place = POTENTIATION if up else DEPRESSION
    period = rule.period_up if up else rule.period_down
    fires, selected = counters[place] % period == 0, counters[SELECTION]
    counters[place] += 1
    after = selected + rule.increment
    counters[SELECTION] = after if after < rule.devices else after - rule.devices
    return selected if fires else -1
