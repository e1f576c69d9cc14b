"""Bidirectional steps that shrink exponentially towards the bounds (soft bounds).

    SET    G += up f(bend_up, x) (1 + sigma z)            x = (G - Gmin) / (Gmax - Gmin)
    RESET  G -= down f(bend_down, 1 - x) (1 + sigma z)    f(bend, y) = floor + (1 - floor) exp(-bend y)
clipped to [Gmin, Gmax]; z is standard normal, new for every pulse; the floors are 0 unless stated.
Source: the step model that we propose for the multi-ReRAM synapses of Boybat et al., ISCAS 2019, whose pulse data were
not available.
Many equal pulses follow the logarithmic law G = Gmin + (span / bend) ln(1 + bend up n / span).
Left out: dependence on pulse voltage and width, read noise, drift.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.pulses.batch import (
    Directions,
    advanced,
    by_direction,
    checked_count,
)
from pillarsim.devices.pulses.draws import normal
from pillarsim.devices.pulses.window import Window, WindowedDevices, at_lower_bound, spread
from pillarsim.devices.ranges import within

_NAME = "soft bounds"


@dataclass(frozen=True)
class SoftBounds:
    """Parameters: first steps from the bounds in siemens, bends (dimensionless), c2c sigma of a step (relative).

    spread_step: standard deviation of ln(step) over devices, of up and down apart; floors: parts of the first step that
    stay everywhere. Imperfections: `c2c` (sigma), `d2d` (bounds and steps). Raises OutOfRange for steps of at most 0 or
    above the window, bends outside [0, 50], floors outside [0, 1], a sigma outside [0, 10] or a spread outside [0, 2].
    """

    imperfections: ClassVar[tuple[str, ...]] = ("c2c", "d2d")
    directions: ClassVar[Directions] = "both"
    restarts: ClassVar[bool] = False

    window: Window
    step_up_s: float
    step_down_s: float
    bend_up: float
    bend_down: float
    sigma: float = 0.0
    spread_step: float = 0.0
    floor_up: float = 0.0
    floor_down: float = 0.0

    def __post_init__(self) -> None:
        for name in ("step_up_s", "step_down_s"):
            within(name, getattr(self, name), 1e-9 * self.window.span_s, self.window.span_s * (1 + 1e-9), "S")
        for name in ("bend_up", "bend_down"):
            within(name, getattr(self, name), 0.0, 50.0, "")
        for name in ("floor_up", "floor_down"):
            within(name, getattr(self, name), 0.0, 1.0, "of the first step")
        within("sigma", self.sigma, 0.0, 10.0, "of a step")
        within("spread_step", self.spread_step, 0.0, 2.0, "of ln step")

    def fresh(self, count: int, imperfections: Iterable[str], seed: int) -> SoftBoundsDevices:
        """Return `count` devices at their lower bound; raises ValueError for an unknown name or no device."""
        checked_count(count)
        chosen = chosen_imperfections(imperfections, self.imperfections)
        on = float("d2d" in chosen)
        start = at_lower_bound(self.window, "d2d" in chosen, count, seed, _NAME)
        return SoftBoundsDevices(
            model=self,
            imperfections=chosen,
            seed=seed,
            **start,
            up=spread(self.step_up_s, on * self.spread_step, count, seed, _NAME, "up").div_(start["span_s"]),
            down=spread(self.step_down_s, on * self.spread_step, count, seed, _NAME, "down").div_(start["span_s"]),
        )


def gong2018(window: Window) -> SoftBounds:
    """Return the fit to a ReRAM device of Gong et al., Nat. Commun. 9:2102, 2018, in a window that the caller states.

    Numbers of aihwkit's preset ReRamES, whose steps for w in [-1, 1] are dw (1 + 1.18445 exp(-5 x)) up and
    0.740641 dw (1 + 0.081404 exp(5 x)) down. Left out: its write noise (75 dw, so 5 % of the window).
    """
    step = 0.00135 / 2 * window.span_s  # S; dw of w, and w spans 2
    up, down = 1.18445, 0.081404 * math.exp(5)  # exponential part over constant part at the start of the direction
    return SoftBounds(
        window,
        step_up_s=step * (1 + up),
        step_down_s=step * (1 - 0.259359) * (1 + down),  # up_down 0.259359 shortens the down steps
        bend_up=5.0,
        bend_down=5.0,
        sigma=5.0,  # of the present step
        spread_step=0.2,  # stated as normal, here log-normal
        floor_up=1 / (1 + up),
        floor_down=1 / (1 + down),
    )


@dataclass(frozen=True, eq=False)
class SoftBoundsDevices(WindowedDevices):
    """A batch of devices, float64 (count,): bounds, steps in parts of the device's span, place x in the window."""

    model: SoftBounds

    def pulse(self, n: int | torch.Tensor) -> SoftBoundsDevices:
        """Return the devices after n more pulses each (see `interface.pulse`)."""
        return advanced(self, n, ("x",), _step, one_by_one=True)


def _step(devices: SoftBoundsDevices, n: torch.Tensor) -> SoftBoundsDevices:
    model, x, rising = devices.model, devices.x, n > 0
    size = torch.where(rising, x * -model.bend_up, (1 - x) * -model.bend_down).exp_()
    if model.floor_up or model.floor_down:
        floor = by_direction(rising, model.floor_up, model.floor_down)
        size += floor * (1 - size)
    size *= torch.where(rising, devices.up, -devices.down)
    if "c2c" in devices.imperfections:
        size *= normal(devices.keys(_NAME, "c2c"), devices.pulses).mul_(model.sigma).add_(1)
    return replace(devices, x=size.add_(x).clamp_(0, 1))
