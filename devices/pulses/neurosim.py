"""Potentiation and depression by equal pulses, in the form of NeuroSim.

    potentiation  G(P) = Gmin + B (1 - exp(-P / A)),  B = (Gmax - Gmin) / (1 - exp(-Pmax / A)),  0 <= P <= Pmax
    depression    the same form along its own P, which counts down from its own Pmax, with its own A (negative: the
                  first depression pulses take the largest steps)
A pulse moves from the place on the curve that has the present G, so n pulses are one step in closed form. Noise of a
call with n pulses: G += N(0, c2c (Gmax - Gmin)) sqrt(n). Spread over devices acts on the nonlinearity label.
Source: the MLP+NeuroSim V3.0 program (Chen, Peng, Yu, IEEE TCAD 37(12), 2018).

Nonlinearity label NL to A: NL is how far the curve, drawn in a unit square, leaves the diagonal: its largest distance
perpendicular to it is 0.07 |NL|. We found this relation from the program's own values; it gives A / Pmax = 126.27,
1.2267 and 0.02281 at NL 0.01, 1.02 and 9, to the digits printed there. Sign: positive bends above the diagonal.
Left out: dependence on pulse voltage and width, read noise.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.pulses.batch import (
    Directions,
    advanced,
    by_direction,
    checked_count,
    parts,
)
from pillarsim.devices.pulses.draws import normal
from pillarsim.devices.pulses.window import Window, WindowedDevices, at_lower_bound, standard
from pillarsim.devices.ranges import within

_NAME = "neurosim"
_LABEL = 0.07 * math.sqrt(2)  # height above the diagonal for NL 1; derived, see the module's text
_MOST_LABEL = 9.0  # NeuroSim's labels end here
_STEEPEST = 44.0  # Pmax / A at label 9 is 43.84
_STRAIGHT = 1e-9  # Pmax / A that counts as a straight line; its height is 1.25e-10


@dataclass(frozen=True)
class NeuroSim:
    """Parameters: window, pulses through it, nonlinearity labels (as printed: depression negative), c2c (of the span).

    spread_label: standard deviation of the labels over devices, of up and down apart; labels stay in [-9, 9].
    Imperfections: `c2c`, `d2d` (labels and bounds). Raises OutOfRange for less than 1 pulse, labels outside [-9, 9],
    c2c outside [0, 1] or a spread outside [0, 9].
    """

    imperfections: ClassVar[tuple[str, ...]] = ("c2c", "d2d")
    directions: ClassVar[Directions] = "both"
    restarts: ClassVar[bool] = False

    window: Window
    pulses_up: int
    pulses_down: int
    label_up: float
    label_down: float
    c2c: float = 0.0
    spread_label: float = 0.0

    def __post_init__(self) -> None:
        for name in ("pulses_up", "pulses_down"):
            within(name, getattr(self, name), 1, 2**31 - 1, "pulses")
        for name in ("label_up", "label_down"):
            within(name, getattr(self, name), -_MOST_LABEL, _MOST_LABEL, "")
        within("c2c", self.c2c, 0.0, 1.0, "of the window")
        within("spread_label", self.spread_label, 0.0, _MOST_LABEL, "")

    def fresh(self, count: int, imperfections: Iterable[str], seed: int) -> NeuroSimDevices:
        """Return `count` devices at their lower bound; raises ValueError for an unknown name or no device."""
        checked_count(count)
        chosen = chosen_imperfections(imperfections, self.imperfections)
        on = float("d2d" in chosen)

        def bend(label: float, name: str) -> torch.Tensor:
            bends = torch.full((count,), float(steepness(np.asarray(label))), dtype=torch.float64)
            for part in parts(count) if on and self.spread_label else ():
                labels = standard(part, seed, _NAME, name).mul_(self.spread_label).add_(label)
                bends[part] = torch.from_numpy(steepness(labels.clamp_(-_MOST_LABEL, _MOST_LABEL).numpy()))
            return bends

        return NeuroSimDevices(
            model=self,
            imperfections=chosen,
            seed=seed,
            **at_lower_bound(self.window, "d2d" in chosen, count, seed, _NAME),
            up=bend(self.label_up, "up"),
            down=bend(-self.label_down, "down"),
        )


# Source: defaults of MLP+NeuroSim V3.0 for a measured analog device; +3.2 / -2.8 V, 300 us pulses
NEUROSIM_ANALOG = NeuroSim(
    window=Window(3.08e-9, 38.5e-9),  # S
    pulses_up=97,
    pulses_down=100,
    label_up=2.4,
    label_down=-4.88,
    c2c=0.035,  # of the window
)


@dataclass(frozen=True, eq=False)
class NeuroSimDevices(WindowedDevices):
    """A batch of devices, float64 (count,): bounds, Pmax / A of both directions, place x in the window.

    Pmax / A is positive where the first steps from the bound are the largest, in both directions.
    """

    model: NeuroSim

    def pulse(self, n: int | torch.Tensor) -> NeuroSimDevices:
        """Return the devices after n more pulses each (see `interface.pulse`); the noise comes once a call."""
        return advanced(self, n, ("x",), _step, one_by_one=False)


def height(steep: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest height of (1 - exp(-k p)) / (1 - exp(-k)) above p, p in [0, 1], for k = Pmax / A > 0."""
    k = np.asarray(steep, dtype=np.float64)
    share = -np.expm1(-k)
    found: NDArray[np.float64] = 1 / share - 1 / k - np.log(k / share) / k
    # The three terms cancel for small k; there the height is k / 8 to order k^2.
    return np.where(k < 1e-3, k / 8, found)


def steepness(label: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pmax / A for nonlinearity labels in [-9, 9]; negative labels give the negative."""
    heights, steep = _table()
    found: NDArray[np.float64] = np.interp(np.abs(label) * _LABEL, heights, steep)
    return np.copysign(found, label)


@functools.cache
def _table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Heights and Pmax / A, dense enough that a straight line between entries is off by less than 1e-7 of Pmax / A."""
    steep = np.concatenate(([0.0], np.linspace(1e-3, _STEEPEST, 60_001)))
    return np.concatenate(([0.0], height(steep[1:]))), steep


def _step(devices: NeuroSimDevices, n: torch.Tensor) -> NeuroSimDevices:
    model, rising = devices.model, n > 0
    # Both directions are one curve, seen from the bound that they leave.
    y = torch.where(rising, devices.x, 1 - devices.x)
    k = torch.where(rising, devices.up, devices.down)
    k = torch.where(k.abs() < _STRAIGHT, _STRAIGHT, k)
    along = n.abs() * by_direction(rising, -1 / model.pulses_up, -1 / model.pulses_down)
    moved = torch.expm1(k * along)
    y = (y + moved * y).add_(moved.div_(torch.expm1(-k)))
    x = torch.where(rising, y, 1 - y)
    if "c2c" in devices.imperfections:
        x += normal(devices.keys(_NAME, "c2c"), devices.pulses).double().mul_(n.abs().sqrt()).mul_(model.c2c)
    return replace(devices, x=x.clamp_(0, 1))
