"""What time does to written cells: drift, relaxation, growing spread, and loss of the state.

Each model is a frozen set of parameters with two functions of (conductance, states, time since writing, temperature):
`median_s`, where the median cell goes, and `aged_s`, a draw for each cell. No time changes nothing. A model that draws
takes one random number a cell whatever the time, so the same generator state gives the same cells at every time.
No conductance becomes negative: each model says what it does near zero.
Cells that programming carried beyond the stated conductances take the numbers of the nearest stated one.
Left out: correlation between cells, read noise, recovery, change of temperature on the way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch

from pillarsim.devices.ranges import within


@dataclass(frozen=True)
class Reach:
    """Longest time since writing (s) and temperatures (K) for which a model is meant; beyond, it is refused."""

    longest_s: float = math.inf
    coldest_k: float = 0.0
    hottest_k: float = math.inf

    def check(self, time_s: float, temperature_k: float) -> None:
        """Raise OutOfRange for a time or temperature outside."""
        within("time", time_s, 0, math.inf, "s")
        within("time", time_s, 0, self.longest_s, "s")
        within("temperature", temperature_k, self.coldest_k, self.hottest_k, "K")


EVERYWHERE = Reach()  # a model without limits


class Retention(Protocol):
    """A model of what time does to cells. Both functions keep shape and floating type, and raise OutOfRange."""

    @property
    def longest_s(self) -> float:
        """Longest time (s) that the model covers."""
        ...

    def median_s(
        self, conductance_s: torch.Tensor, g_min_s: float, g_max_s: float, time_s: float, temperature_k: float
    ) -> torch.Tensor:
        """Median conductance (S) after time_s of many cells that started at `conductance_s`."""
        ...

    def aged_s(
        self,
        conductance_s: torch.Tensor,
        g_min_s: float,
        g_max_s: float,
        time_s: float,
        temperature_k: float,
        random: torch.Generator,
    ) -> torch.Tensor:
        """Conductance (S) of each cell after time_s at temperature_k."""
        ...
