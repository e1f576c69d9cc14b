"""What time, temperature and one read make of sampled conductances."""

from __future__ import annotations

from dataclasses import replace

import torch

from pillarsim.device.choices import Sampling
from pillarsim.devices.current_voltage import Linear
from pillarsim.devices.device import Device


def aged_and_read_s(
    device: Device, conductance_s: torch.Tensor, sampling: Sampling, imperfections: tuple[str, ...], seed: int
) -> torch.Tensor:
    """Return what one read at the card's stated voltage sees, siemens: kept for `time_s`, read at `temperature_k`.

    At the stated voltage a conductance is I / V whatever the law, so a linear one stands in for the card's. Raises
    OutOfRange for a time or a temperature beyond what the card states.
    """
    kelvin = device.stated_k if sampling.temperature_k is None else sampling.temperature_k
    if sampling.time_s is not None:
        conductance_s = device.aged_s(conductance_s, sampling.time_s, kelvin, seed)
    return replace(device, law=Linear(), stated_v=0.0).read_a(conductance_s, 1.0, kelvin, imperfections, seed)
