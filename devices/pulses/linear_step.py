"""Bidirectional steps that change linearly with the state, between hard bounds.

    SET    x += up (1 - slope_up x) + noise           x = (G - Gmin) / (Gmax - Gmin), clipped to [0, 1]
    RESET  x -= down (1 - slope_down (1 - x)) + noise
noise = sigma times the step at the start of the direction (`relative` False), or times the present step (True), times
z, standard normal and new for every pulse. Write noise: what is read is x + write_noise (up + down) / 2 z', clipped,
with z' new after every pulse that the device gets; the steps act on the x behind it.
Slope 0 is a constant step, slope 1 a soft bound that equal pulses approach geometrically: 1 - x = (1 - up)^n.
The idea is that of the linear-step and soft-bounds devices of aihwkit (Rasch et al., AICAS 2021). In its weights w in
[-1, 1] a step is dw (1 - gamma w): up = dw (1 + gamma) / 2 and slope = 2 gamma / (1 + gamma) here.
Left out: decay, corrupt devices, steps that differ in their slope from device to device.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.pulses.batch import Directions, advanced, checked_count, parts
from pillarsim.devices.pulses.draws import keys_of, normal, stream
from pillarsim.devices.pulses.window import Window, WindowedDevices, at_lower_bound, spread
from pillarsim.devices.ranges import within

_NAME = "linear step"


@dataclass(frozen=True)
class LinearStep:
    """Parameters: steps at the start of each direction and noises, in parts of the window; slopes.

    spread_step: standard deviation of ln(step) over devices, of up and down apart. Imperfections: `c2c` (sigma),
    `write` (write noise), `d2d` (bounds and steps). Raises OutOfRange for steps outside (0, 1], slopes outside [-10, 1]
    (above 1 a step would change its sign), a sigma outside [0, 100], a write noise outside [0, 1000] or a spread
    outside [0, 2].
    """

    imperfections: ClassVar[tuple[str, ...]] = ("c2c", "write", "d2d")
    directions: ClassVar[Directions] = "both"
    restarts: ClassVar[bool] = False

    window: Window
    up: float
    down: float
    slope_up: float = 0.0
    slope_down: float = 0.0
    sigma: float = 0.0
    relative: bool = False
    write_noise: float = 0.0
    spread_step: float = 0.0

    def __post_init__(self) -> None:
        for name in ("up", "down"):
            within(name, getattr(self, name), 1e-9, 1.0, "of the window")
        for name in ("slope_up", "slope_down"):
            within(name, getattr(self, name), -10.0, 1.0, "")
        within("sigma", self.sigma, 0.0, 100.0, "of a step")
        within("write_noise", self.write_noise, 0.0, 1000.0, "of a step")
        within("spread_step", self.spread_step, 0.0, 2.0, "of ln step")

    def fresh(self, count: int, imperfections: Iterable[str], seed: int) -> LinearStepDevices:
        """Return `count` devices at their lower bound; raises ValueError for an unknown name or no device."""
        checked_count(count)
        chosen = chosen_imperfections(imperfections, self.imperfections)
        on = float("d2d" in chosen)
        return LinearStepDevices(
            model=self,
            imperfections=chosen,
            seed=seed,
            **at_lower_bound(self.window, "d2d" in chosen, count, seed, _NAME),
            up=spread(self.up, on * self.spread_step, count, seed, _NAME, "up"),
            down=spread(self.down, on * self.spread_step, count, seed, _NAME, "down"),
        )


@dataclass(frozen=True, eq=False)
class LinearStepDevices(WindowedDevices):
    """A batch of devices, float64 (count,): bounds, steps in parts of the window, place x in the window."""

    model: LinearStep

    def pulse(self, n: int | torch.Tensor) -> LinearStepDevices:
        """Return the devices after n more pulses each (see `interface.pulse`)."""
        return advanced(self, n, ("x",), _step, one_by_one=True)

    def conductance_s(self) -> torch.Tensor:
        """Return the conductance of each device in siemens, float64 (count,)."""
        if "write" not in self.imperfections:
            return super().conductance_s()
        of, size = stream(self.seed, _NAME, "write"), self.model.write_noise * (self.model.up + self.model.down) / 2
        conductance = torch.empty_like(self.x)
        for part in parts(self.count):
            x = normal(keys_of(of, self.number[part]), self.pulses[part]).double().mul_(size)
            x.add_(self.x[part]).clamp_(0, 1)
            torch.addcmul(self.low_s[part], self.span_s[part], x, out=conductance[part])
        return conductance


def _step(devices: LinearStepDevices, n: torch.Tensor) -> LinearStepDevices:
    model, x, rising = devices.model, devices.x, n > 0
    share = torch.where(rising, 1 - model.slope_up * x, 1 - model.slope_down * (1 - x))
    if "c2c" in devices.imperfections:
        noise = normal(devices.keys(_NAME, "c2c"), devices.pulses).mul_(model.sigma)
        share = share * (1 + noise) if model.relative else share + noise
    share *= torch.where(rising, devices.up, -devices.down)
    return replace(devices, x=share.add_(x).clamp_(0, 1))


def gong2022_hfo2(window: Window) -> LinearStep:
    """Return the fit to the plain HfO2 array of Gong, Rasch et al., IEDM 2022, about four states, in a stated window.

    Numbers of aihwkit's preset ReRamArrayHfO2. Its spread of the bounds (normal) is the window's here. Left out:
    corrupt devices (about 10 %).
    """
    return _soft_bounds_array(window, 0.4622, 0.7125, 0.2174, 0.5841)


def gong2022_optimised(window: Window) -> LinearStep:
    """Return the fit to the optimised material of the same paper; preset ReRamArrayOM, else as `gong2022_hfo2`."""
    return _soft_bounds_array(window, 0.0949, 0.7829, 0.4158, 1.4113)


def _soft_bounds_array(window: Window, step: float, spread_step: float, sigma: float, write: float) -> LinearStep:
    """Steps dw (1 - w) up and dw (1 + w) down, noises in steps dw; w in [-1, 1] is 2 x - 1, so noises of x are half."""
    return LinearStep(
        window, step, step, 1.0, 1.0, sigma=sigma / 2, write_noise=write / 2, spread_step=spread_step
    )  # fmt: skip
