"""Weak RESET of HfOx: pulses raise the resistance gradually and noisily (Majumdar et al. 2021), batched over devices.

R(t) = R0 exp(w), t the pulses so far and w = w_mean + w_telegraph + w_pink:
    w_mean = c1 + m1 t up to the knee t*, and c1 + m1 t* + m2 (t - t*) after it
    w_telegraph = u1 u2 amplitude in the high state of a two-state chain (`telegraph`), else 0; u1 and u2 are uniform
    on (0, 1) and new after every call of `pulse` that gives pulses; a fresh device is in the low state
    w_pink: `pink`
Three imperfections, each switchable: `d2d` (R0, m1, t*, c1, m2 and the telegraph amplitude drawn once for each device
from truncated distributions), `rtn` and `pink`. Without `d2d` every device has the medians of the distributions, the
amplitude too. The published program redraws u1 and u2 also where no pulse is given; here no pulse changes nothing.
Left out: SET (the published program has none), read noise, dependence on pulse voltage, width and temperature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch

from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.pulses.batch import (
    Batch,
    Directions,
    checked_count,
    checked_pulses,
    parts,
)
from pillarsim.devices.pulses.draws import Keys, bits, keys_of, stream, uniform
from pillarsim.devices.pulses.pink import Pink, pink_noise
from pillarsim.devices.pulses.telegraph import Telegraph, switch_probability
from pillarsim.devices.pulses.truncated import Exponential, LogNormal, Normal, Truncated
from pillarsim.devices.streams import generator

# Draws of the telegraph noise after a call of `pulse`: for the state, u1 and u2.
_DRAWS, _SWITCH, _FIRST, _SECOND = 3, 0, 1, 2


@dataclass(frozen=True)
class WeakReset:
    """Parameters of the model; units as in MAJUMDAR2021."""

    imperfections: ClassVar[tuple[str, ...]] = ("d2d", "rtn", "pink")
    directions: ClassVar[Directions] = "down"  # n counts RESET pulses
    restarts: ClassVar[bool] = False

    r0_ohm: Truncated
    m1: Truncated
    t_star: Truncated
    c1: Truncated
    m2: Truncated
    amplitude_max: float
    telegraph: Telegraph
    pink: Pink

    def fresh(self, count: int, imperfections: Iterable[str], seed: int) -> WeakResetDevices:
        """Return `count` devices before their first pulse; raises ValueError for an unknown name or no device."""
        checked_count(count)
        chosen = chosen_imperfections(imperfections, self.imperfections)

        def parameter(name: str, of: Truncated) -> torch.Tensor:
            if "d2d" in chosen:
                return of.draw(count, generator(seed, "weak reset", name))
            return torch.full((count,), of.median(), dtype=torch.float64)

        spread = generator(seed, "weak reset", "amplitude")
        places = (
            torch.rand(count, generator=spread, dtype=torch.float64) if "d2d" in chosen else torch.full((count,), 0.5)
        )
        return WeakResetDevices(
            model=self,
            imperfections=chosen,
            seed=seed,
            number=torch.arange(count, dtype=torch.int32),
            pulses=torch.zeros(count, dtype=torch.int32),
            r0_ohm=parameter("r0", self.r0_ohm),
            m1=parameter("m1", self.m1),
            t_star=parameter("t_star", self.t_star),
            c1=parameter("c1", self.c1),
            m2=parameter("m2", self.m2),
            amplitude=places.double() * self.amplitude_max,
            high=torch.zeros(count, dtype=torch.bool),
        )


# Source of every number: ConvNet/utils_device.py in github.com/Atreya95/Learning-with-memory-device-imperfections,
# the program of Majumdar et al., IEEE TED 68(10):4925, 2021.
MAJUMDAR2021 = WeakReset(
    r0_ohm=Truncated(Normal(6988.0, 381.7), 6252.0, 7897.0),  # ohm, low-resistance state
    m1=Truncated(Exponential(3.74158e-5, 6.56468e-4), 3.74e-5, 7.6e-3),  # 1/pulse, slope before the knee
    t_star=Truncated(LogNormal(0.803382, 542.539), 41.0, 2000.0),  # pulses, knee
    c1=Truncated(Normal(0.00529314, 0.0532080), -0.15, 0.15),  # of ln R, offset
    m2=Truncated(Exponential(0.0, 2.88905e-5), 0.0, 1.3e-4),  # 1/pulse, slope after the knee
    amplitude_max=0.5,  # of ln R, telegraph noise: amplitude uniform on (0, 0.5) over devices
    telegraph=Telegraph(0.0008, 0.002),  # 1/pulse, low -> high and high -> low
    pink=Pink(0.025, 15),  # of ln R, coupling; taps
)


@dataclass(frozen=True, eq=False)
class WeakResetDevices(Batch):
    """A batch of devices, all tensors (count,): drawn parameters (float64) and telegraph state (bool)."""

    model: WeakReset
    r0_ohm: torch.Tensor
    m1: torch.Tensor
    t_star: torch.Tensor
    c1: torch.Tensor
    m2: torch.Tensor
    amplitude: torch.Tensor
    high: torch.Tensor

    def pulse(self, n: int | torch.Tensor) -> Self:
        """Return the devices after n >= 0 more RESET pulses each: a number, or integers (count,). 0 changes nothing.

        Raises ValueError for negative or fractional pulses, a wrong shape, or more than 2^31 - 1 pulses of a device.
        """
        given = checked_pulses(self.pulses, n, 0)
        total = self.pulses + given
        if "rtn" not in self.imperfections:
            return replace(self, pulses=total)
        high = torch.empty_like(self.high)
        of = stream(self.seed, "weak reset", "telegraph")
        for part in parts(self.count):
            before = self.high[part]
            chance = switch_probability(self.model.telegraph, before, given[part])
            drawn = _telegraph_draw(keys_of(of, self.number[part]), total[part], _SWITCH)
            torch.bitwise_xor(before, drawn < chance, out=high[part])
        return replace(self, pulses=total, high=high)

    def conductance_s(self) -> torch.Tensor:
        """Return the conductance of each device in siemens, float64 (count,)."""
        return resistance_ohm(self).reciprocal_()


def log_ratio(devices: WeakResetDevices) -> torch.Tensor:
    """Return w = ln(R / R0) of each device, float64 (count,)."""
    w = torch.empty_like(devices.r0_ohm)
    for part in parts(devices.count):
        _log_ratio(devices, part, w[part])
    return w


def resistance_ohm(devices: WeakResetDevices) -> torch.Tensor:
    """Return the resistance of each device in ohm, float64 (count,)."""
    resistance = torch.empty_like(devices.r0_ohm)
    for part in parts(devices.count):
        here = resistance[part]
        _log_ratio(devices, part, here)
        here.exp_().mul_(devices.r0_ohm[part])
    return resistance


def _log_ratio(devices: WeakResetDevices, part: slice, w: torch.Tensor) -> None:
    """Write ln(R / R0) of some devices to `w`."""
    pulses, number = devices.pulses[part], devices.number[part]
    total = pulses.double()
    early = torch.minimum(total, devices.t_star[part])
    torch.mul(devices.m1[part], early, out=w)
    w += devices.c1[part]
    total.sub_(early).mul_(devices.m2[part])
    w += total
    if "rtn" in devices.imperfections:
        _add_telegraph(devices, part, w)
    if "pink" in devices.imperfections:
        w += pink_noise(devices.model.pink, keys_of(stream(devices.seed, "weak reset", "pink"), number), pulses)


def _telegraph_draw(keys: Keys, pulses: torch.Tensor, which: int) -> torch.Tensor:
    """One of the three uniform draws that belong to the state after `pulses` pulses."""
    return uniform(bits(keys, pulses * _DRAWS + which))


def _add_telegraph(devices: WeakResetDevices, part: slice, w: torch.Tensor) -> None:
    """Add the telegraph noise of some devices to `w`."""
    # index_select stays on one thread, as indexing does not.
    high = devices.high[part].nonzero().squeeze(1)
    pulses, number = (tensor[part].index_select(0, high) for tensor in (devices.pulses, devices.number))
    keys = keys_of(stream(devices.seed, "weak reset", "telegraph"), number)
    share = _telegraph_draw(keys, pulses, _FIRST).mul_(_telegraph_draw(keys, pulses, _SECOND))
    w.index_add_(0, high, share.mul_(devices.amplitude[part].index_select(0, high)))
