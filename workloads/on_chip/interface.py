"""What a training run on the chip is made of: its setup, and the learner that goes through it step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Array, Input, Readout, Weights, Write
from pillarsim.arch.chip.learning import Learning
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.placement import TrainingPlacement
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.network import Network

State = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Setup:
    """One device seed's run. train: the images that it learns from, as many as were asked for.

    imperfections: names that are switched on, of the card's pulse model and "read_noise". learning_rate_decay: rate of
    an epoch over that of the epoch before.
    """

    network: Network
    placement: TrainingPlacement
    learning: Learning
    array: Array
    weights: Weights
    input: Input
    readout: Readout
    write: Write
    train: Dataset
    imperfections: frozenset[str]
    learning_rate: float
    batch: int
    seed: int
    threads: int = 1
    learning_rate_decay: float = 1.0

    def rate(self, epoch: int) -> float:
        """Learning rate of epoch 0, 1, ..."""
        return self.learning_rate * self.learning_rate_decay**epoch


@dataclass(frozen=True)
class LayerWear:
    """Pulses that a layer's devices have had, programming and refresh included, and devices at a bound of their window.

    saturated: share of devices that no pulse of one direction moves any more; updated: share of devices that had
    pulses since the first weights were written.
    """

    name: str
    devices: int
    pulses: int
    pulses_max: int
    saturated: float
    updated: float = 1.0


class Learner(Protocol):
    """A network that learns on the chip; what it does depends on setup and step number alone."""

    step: int
    """steps done"""
    steps_per_epoch: int

    def advance(self, steps: int) -> StepCounts:
        """Do `steps` more steps, not across the end of an epoch; raises InputError where the loss is not a number."""
        ...

    def programming(self) -> StepCounts:
        """One step of no images: the pulses that wrote the first weights, as a refresh."""
        ...

    def accuracy(self, test: Dataset) -> float:
        """Share of images that the chip gets right as it now is, read noise included; changes nothing."""
        ...

    def loss(self) -> float:
        """Mean loss of the images of the last `advance`."""
        ...

    def wear(self) -> tuple[LayerWear, ...]:
        """Wear of each layer so far."""
        ...

    def state(self) -> State:
        """All that changes, as arrays: what `restore` needs to go on bit for bit."""
        ...

    def restore(self, state: State) -> None:
        """Go on from a state; raises InputError where it is of another setup."""
        ...
