"""Time until levels of a cell can no longer be told apart, from a model of retention."""

from __future__ import annotations

import math

import torch

from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.retention.interface import Retention

_SHORTEST_S, _LONGEST_S = 1e-9, 1e12  # s, between which a failure is looked for (assumed)
_HALVINGS = 60  # of an interval of 48 in ln t: to rounding


def failure_time_s(
    model: Retention, levels_s: torch.Tensor, g_min_s: float, g_max_s: float, temperature_k: float
) -> torch.Tensor:
    """Time at which each level's median has moved by half the gap to the neighbour it moves towards, float64 (levels,).

    levels_s: conductances, lowest first. Infinite where that does not happen within the model's reach or 10^12 s, as
    for an outermost level that moves outwards. Bisection over ln t from 1 ns; the move must not shrink with time.
    Left out: the spread of cells about the median. Raises OutOfRange for levels that do not rise, else as the model.
    """
    levels = levels_s.double()
    if levels.ndim != 1 or len(levels) < 2 or bool((levels[1:] <= levels[:-1]).any()):
        raise OutOfRange("levels: expected at least two conductances that rise")
    gaps, infinite = levels.diff() / 2, torch.full((1,), math.inf, dtype=torch.float64)
    below, above = torch.cat((infinite, gaps)), torch.cat((gaps, infinite))

    def failed(log_time: torch.Tensor) -> torch.Tensor:
        times_s = log_time.exp().tolist()
        medians = [
            model.median_s(levels[k : k + 1], g_min_s, g_max_s, min(time_s, longest_s), temperature_k)
            for k, time_s in enumerate(times_s)
        ]
        move = torch.cat(medians) - levels
        return torch.where(move < 0, -move >= below, move >= above)

    longest_s = min(model.longest_s, _LONGEST_S)
    early = torch.full_like(levels, math.log(_SHORTEST_S))
    late = torch.full_like(levels, math.log(longest_s))
    never, at_once = ~failed(late), failed(early)
    for _ in range(_HALVINGS):
        middle = (early + late) / 2
        gone = failed(middle)
        late, early = torch.where(gone, middle, late), torch.where(gone, early, middle)
    time_s = torch.where(at_once, torch.zeros_like(late), late.exp())
    return torch.where(never, infinite, time_s)
