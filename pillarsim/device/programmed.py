"""Devices programmed to each level of a card, aged and read once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.device.aged import aged_and_read_s
from pillarsim.device.choices import Sampling
from pillarsim.device.statistics import resistances_ohm
from pillarsim.devices.device import Device
from pillarsim.devices.streams import stream_seed


@dataclass(frozen=True, eq=False)
class LevelSample:
    """One level: its target, the resistances (ohm) of the sample, and what writing took."""

    level: int
    target_s: float
    ohm: NDArray[np.float64]
    write_pulses_mean: float
    failed: int


def programmed(device: Device, sampling: Sampling) -> list[LevelSample]:
    """Return a sample of every level, HRS first; each level has a stream of its own. Raises ValueError, InputError."""
    return [_level(device, sampling, level, target) for level, target in enumerate(device.targets_s().tolist())]


def _level(device: Device, sampling: Sampling, level: int, target_s: float) -> LevelSample:
    seed = stream_seed(sampling.seed, "device sample", "level", level)
    targets = torch.full((sampling.count,), target_s, dtype=torch.float64)
    written = device.program(targets, sampling.rule, sampling.imperfections, seed)
    seen = aged_and_read_s(device, written.conductance_s, sampling, sampling.imperfections, seed)
    return LevelSample(
        level, target_s, resistances_ohm(seen), float(written.pulses.double().mean()), int(written.failed.sum())
    )
