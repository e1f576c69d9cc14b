"""The one interface of all pulse models: fresh devices, pulses, conductance.

    devices = fresh(model, count, imperfections, seed)
    devices = pulse(devices, n)          n > 0 raises the conductance (SET), n < 0 lowers it (RESET)
    conductance_s(devices)

`Model.directions`: "both"; "up": only n > 0 moves in steps; "down": every pulse lowers the conductance, n counts these
pulses and is not negative. `Model.restarts`: n < 0 returns a device of an "up" model to its start at once.
`Model.imperfections`: names that may be switched on; with none every device is the stated one, without noise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

import torch

from pillarsim.devices.pulses.batch import Batch, Devices, Parameters

_Made = TypeVar("_Made", bound=Batch, covariant=True)


class Model(Parameters, Protocol[_Made]):
    """Parameters of a pulse model."""

    def fresh(self, count: int, imperfections: Iterable[str], seed: int) -> _Made:
        """Return devices before their first pulse."""


def fresh(model: Model[Devices], count: int, imperfections: Iterable[str], seed: int) -> Devices:
    """Return `count` devices before their first pulse.

    imperfections: names of `model.imperfections`. Device k is the same for every count and for every choice of the
    other imperfections. Raises ValueError for an unknown name or no device.
    """
    return model.fresh(count, imperfections, seed)


def pulse(devices: Devices, n: int | torch.Tensor) -> Devices:
    """Return the devices after n more pulses each: a number, or integers (count,). 0 changes nothing.

    Raises ValueError for fractional pulses, a wrong shape, a direction that the model lacks, or more than 2^31 - 1
    pulses of one device.
    """
    return devices.pulse(n)


def conductance_s(devices: Batch) -> torch.Tensor:
    """Return the conductance of each device in siemens, float64 (count,)."""
    return devices.conductance_s()
