"""Binary devices that switch by chance: a SET pulse switches a low device up with probability p_set, RESET likewise.

n pulses switch with probability 1 - (1 - p)^n. The conductance of a state is log-normal: a factor of the device
(`d2d`) and a factor new at every switching (`c2c`). Without `switching` the device is the mean one: it holds the
expected share of high states, G = low + share (high - low), and c2c factors are new with every call that gives pulses.
Source: binary ReRAM as proposed for the multi-ReRAM synapses of Boybat et al., ISCAS 2019.
Left out: a probability that depends on pulse voltage, width or on the state before; read noise; failure of a state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.pulses.batch import (
    Batch,
    Directions,
    advanced,
    by_direction,
    checked_count,
    parts,
)
from pillarsim.devices.pulses.draws import bits, keys_of, normal, stream, uniform
from pillarsim.devices.pulses.window import Window, spread
from pillarsim.devices.ranges import within

_NAME = "stochastic binary"


@dataclass(frozen=True)
class StochasticBinary:
    """Parameters: median conductances of the states, probabilities a pulse, standard deviations of ln G.

    c2c_low, c2c_high: from switching to switching; d2d_low, d2d_high: from device to device. Imperfections:
    `switching`, `c2c`, `d2d`. Raises OutOfRange unless 0 < g_low_s < g_high_s, the probabilities lie in [0, 1] and the
    spreads in [0, 3].
    """

    imperfections: ClassVar[tuple[str, ...]] = ("switching", "c2c", "d2d")
    directions: ClassVar[Directions] = "both"
    restarts: ClassVar[bool] = False

    g_low_s: float
    g_high_s: float
    p_set: float
    p_reset: float
    c2c_low: float = 0.0
    c2c_high: float = 0.0
    d2d_low: float = 0.0
    d2d_high: float = 0.0

    def __post_init__(self) -> None:
        within("g_low_s", self.g_low_s, 1e-15, 1.0, "S")
        Window(self.g_low_s, self.g_high_s)
        for name in ("p_set", "p_reset"):
            within(name, getattr(self, name), 0.0, 1.0, "a pulse")
        for name in ("c2c_low", "c2c_high", "d2d_low", "d2d_high"):
            within(name, getattr(self, name), 0.0, 3.0, "of ln G")

    def fresh(self, count: int, imperfections: Iterable[str], seed: int) -> StochasticBinaryDevices:
        """Return `count` devices in their low state; raises ValueError for an unknown name or no device."""
        checked_count(count)
        chosen = chosen_imperfections(imperfections, self.imperfections)
        on = float("d2d" in chosen)
        return StochasticBinaryDevices(
            model=self,
            imperfections=chosen,
            seed=seed,
            number=torch.arange(count, dtype=torch.int32),
            pulses=torch.zeros(count, dtype=torch.int32),
            low_s=spread(self.g_low_s, on * self.d2d_low, count, seed, _NAME, "low"),
            high_s=spread(self.g_high_s, on * self.d2d_high, count, seed, _NAME, "high"),
            high=torch.zeros(count, dtype=torch.float64),
            written=torch.zeros(count, dtype=torch.int32),
        )


@dataclass(frozen=True, eq=False)
class StochasticBinaryDevices(Batch):
    """A batch of devices (count,): conductances of the states, share of the high state (0 or 1 with `switching`).

    written: the device's pulses at its last switching, int32; it numbers the c2c draw.
    """

    model: StochasticBinary
    low_s: torch.Tensor
    high_s: torch.Tensor
    high: torch.Tensor
    written: torch.Tensor

    def pulse(self, n: int | torch.Tensor) -> StochasticBinaryDevices:
        """Return the devices after n more pulses each (see `interface.pulse`)."""
        return advanced(self, n, ("high", "written"), _step, one_by_one=False)

    def conductance_s(self) -> torch.Tensor:
        """Return the conductance of each device in siemens, float64 (count,)."""
        if "c2c" not in self.imperfections:
            return torch.lerp(self.low_s, self.high_s, self.high)
        of, model, conductance = stream(self.seed, _NAME, "c2c"), self.model, torch.empty_like(self.high)
        for part in parts(self.count):
            z = normal(keys_of(of, self.number[part]), self.written[part]).double()
            low = self.low_s[part] * torch.exp(model.c2c_low * z)
            high = self.high_s[part] * torch.exp(model.c2c_high * z)
            torch.lerp(low, high, self.high[part], out=conductance[part])
        return conductance


def _step(devices: StochasticBinaryDevices, n: torch.Tensor) -> StochasticBinaryDevices:
    model, rising = devices.model, n > 0
    p = by_direction(rising, model.p_set, model.p_reset)
    chance = torch.expm1(n.abs() * torch.log1p(-p)).neg_()
    target = rising.double()
    if "switching" not in devices.imperfections:
        return replace(devices, high=torch.lerp(devices.high, target, chance), written=devices.pulses)
    switched = uniform(bits(devices.keys(_NAME, "switching"), devices.pulses)) < chance
    switched &= devices.high != target
    return replace(
        devices,
        high=torch.where(switched, target, devices.high),
        written=torch.where(switched, devices.pulses, devices.written),
    )
