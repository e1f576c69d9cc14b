"""Identical pulses: staircases of many devices of a card, and their steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.noise import noisy_read_s
from pillarsim.reproduce.qin2021.states import SEED, card, device

Array = NDArray[np.float64]
PULSES = 100  # SET pulses, then as many RESET pulses; our choice


@dataclass(frozen=True, eq=False)
class Staircase:
    """Place of each device in the card's window, (2 PULSES + 1, devices): SET pulses, then RESET pulses.

    `place` is the conductance without read noise, `read` one noisy read of it.
    """

    place: Array
    read: Array

    def steps(self, rising: bool) -> Array:
        """Steps in the direction of the pulses (PULSES, devices), positive where a pulse does what it should."""
        change = np.diff(self.place, axis=0)
        return np.asarray(change[:PULSES] if rising else -change[PULSES:])

    def largest(self, rising: bool) -> Array:
        """Largest step of each device."""
        return np.asarray(self.steps(rising).max(axis=0))

    def falls(self, rising: bool) -> int:
        """Steps of all devices that go the wrong way."""
        return int((self.steps(rising) < 0).sum())

    def reads_that_fall(self) -> float:
        """Share of SET pulses after which a read is below the one before, while the median device is below 90 %."""
        climbing = np.median(self.place[:PULSES], axis=1) < 0.9
        return float((np.diff(self.read[: PULSES + 1], axis=0)[climbing] < 0).mean())


def staircase(name: str, count: int) -> Staircase:
    """Pulse `count` fresh devices of a card with all its imperfections: PULSES of SET, then PULSES of RESET."""
    of = device(name)
    assert of.update is not None
    devices = of.fresh(count, of.update.imperfections, SEED)
    found, seen = [], []
    for number in range(2 * PULSES + 1):
        if number:
            devices = of.pulse(devices, 1 if number <= PULSES else -1)
        conductance = of.conductance_s(devices)
        found.append(conductance)
        seen.append(noisy_read_s(conductance, of.read_noise, SEED, number))
    window = 1 / card(name).lrs - 1 / card(name).hrs
    place, read = ((torch.stack(rows).numpy() - 1 / card(name).hrs) / window for rows in (found, seen))
    return Staircase(place, read)
