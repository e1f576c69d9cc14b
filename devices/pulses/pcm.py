"""Phase-change memory: accumulation by equal SET pulses, abrupt RESET, drift and read noise (Nandakumar et al. 2018).

A SET pulse: P <- P exp(-1 / 2.6), then G += mu + sigma z, clipped, with G in microsiemens
    mu    = -0.084 G + 0.880 + 1.40 P        sigma = 0.091 G + 0.260 + 2.15 P
z standard normal, P = 1 after a RESET. A RESET (n < 0, however many) returns G to G0 and P to 1.
`conductance_s` is G at the time T0 = 38.6 s after the last pulse, without read noise. `read_s` adds drift,
G (t / T0)^-0.04, and read noise of 0.03 G + 0.13 uS, both clipped below at G0 as in the published program.
Source: Nandakumar et al., J. Appl. Phys. 124, 152135, 2018, constants as in the program of github.com/YigitDemirag/
srnn-pcm, which clips to [0.1, 12] or, for the paper's figure 5, [0.1, 20] uS.
Left out: spread from device to device and of G0 (the program draws G0 with 10 %), temperature, structural relaxation
that depends on the state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.pulses.batch import Batch, Directions, advanced, checked_count, parts
from pillarsim.devices.pulses.draws import keys_of, normal, stream
from pillarsim.devices.pulses.window import Window
from pillarsim.devices.ranges import within

_NAME = "pcm"


@dataclass(frozen=True)
class Pcm:
    """Parameters; (slope, constant in S, and for pulses the factor of P in S). Defaults: source in the module's text.

    Imperfections: `c2c` (sigma of a pulse), `read` (read noise), `drift`. Raises OutOfRange for a clip that is no
    window, a decay outside (0, 1000] pulses, an exponent outside [0, 1] or T0 outside [1 ns, 1e9 s].
    """

    imperfections: ClassVar[tuple[str, ...]] = ("c2c", "read", "drift")
    directions: ClassVar[Directions] = "up"
    restarts: ClassVar[bool] = True

    g0_s: float = 0.1e-6  # S, after RESET and lower clip
    g_max_s: float = 20e-6  # S, upper clip, as for the paper's figure 5
    decay_pulses: float = 2.6
    mean: tuple[float, float, float] = (-0.084, 0.880e-6, 1.40e-6)  # of G, S, S
    sigma: tuple[float, float, float] = (0.091, 0.260e-6, 2.15e-6)  # of G, S, S
    read_noise: tuple[float, float] = (0.03, 0.13e-6)  # of G, S
    drift: float = 0.04  # exponent
    t0_s: float = 38.6  # s, time of the read after a pulse that G is stated for

    def __post_init__(self) -> None:
        Window(self.g0_s, self.g_max_s)
        within("decay_pulses", self.decay_pulses, 1e-3, 1e3, "pulses")
        within("drift", self.drift, 0.0, 1.0, "")
        within("t0_s", self.t0_s, 1e-9, 1e9, "s")

    def fresh(self, count: int, imperfections: Iterable[str], seed: int) -> PcmDevices:
        """Return `count` devices after a RESET; raises ValueError for an unknown name or no device."""
        checked_count(count)
        return PcmDevices(
            model=self,
            imperfections=chosen_imperfections(imperfections, self.imperfections),
            seed=seed,
            number=torch.arange(count, dtype=torch.int32),
            pulses=torch.zeros(count, dtype=torch.int32),
            since=torch.zeros(count, dtype=torch.int32),
            g_s=torch.full((count,), self.g0_s, dtype=torch.float64),
        )


@dataclass(frozen=True, eq=False)
class PcmDevices(Batch):
    """A batch of devices (count,): SET pulses since the last RESET (int32), programmed conductance (float64)."""

    model: Pcm
    since: torch.Tensor
    g_s: torch.Tensor

    def pulse(self, n: int | torch.Tensor) -> PcmDevices:
        """Return the devices after n more pulses each (see `interface.pulse`); n < 0 is a RESET."""
        return advanced(self, n, ("since", "g_s"), _step, one_by_one=True)

    def conductance_s(self) -> torch.Tensor:
        """Return the programmed conductance of each device in siemens, at T0 and without noise, float64 (count,)."""
        return self.g_s.clone()

    def read_s(self, time_s: float, read: int) -> torch.Tensor:
        """Return read number `read` of the devices, time_s after their last pulse, in siemens, float64 (count,).

        Equal numbers give equal noise. Raises OutOfRange for a time outside [T0 / 1000, 1e10 s], in which the power law
        is used, or a number outside [0, 2^31).
        """
        model = self.model
        within("time_s", time_s, model.t0_s / 1000, 1e10, "s")
        within("read", read, 0, 2**31 - 1, "")
        factor = (time_s / model.t0_s) ** -model.drift if "drift" in self.imperfections else 1.0
        found = self.g_s * factor
        if "read" in self.imperfections:
            slope, constant = model.read_noise
            for part in parts(self.count):
                keys = keys_of(stream(self.seed, _NAME, "read", read), self.number[part])
                found[part] += normal(keys, self.pulses[part]) * (slope * found[part] + constant)
        return found.clamp_(model.g0_s, model.g_max_s)


def _step(devices: PcmDevices, n: torch.Tensor) -> PcmDevices:
    model, g, rising = devices.model, devices.g_s, n > 0
    since = devices.since + 1
    memory = torch.exp(since.double() * (-1 / model.decay_pulses))
    slope, constant, gain = model.mean
    after = g + (slope * g + constant + gain * memory)
    if "c2c" in devices.imperfections:
        slope, constant, gain = model.sigma
        after += normal(devices.keys(_NAME, "c2c"), devices.pulses) * (slope * g + constant + gain * memory)
    after.clamp_(model.g0_s, model.g_max_s)
    return replace(devices, since=torch.where(rising, since, 0), g_s=torch.where(rising, after, model.g0_s))
