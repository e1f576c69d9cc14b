"""What the chip is compared with: the same network trained in software, with the same images, epochs and batches."""

from __future__ import annotations

from dataclasses import dataclass

from pillarsim.arch.errors import InputError
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.network import NetworkError
from pillarsim.workloads.on_chip.interface import Setup
from pillarsim.workloads.on_chip.start import float_baseline
from pillarsim.workloads.train import accuracy
from pillarsim.workloads.train_binary import BinaryOptions, train_binary

__all__ = ["Baseline", "baseline"]


@dataclass(frozen=True)
class Baseline:
    """Test accuracy of the network trained in software; None where there is none, and why."""

    accuracy: float | None
    why_not: str = ""


def baseline(setup: Setup, test: Dataset, epochs: int) -> Baseline:
    """Train the network in software.

    Rule 'binary': binary weights with real-valued ones behind them (`train_binary`), at a learning rate of their own;
    there is none for networks with convolutions. Other rules: plain gradient descent in float, with the setup's first
    weights, order of images and learning rate; there is none where its loss is not a number, though pulses, which are
    limited, may still learn at that rate.
    """
    if setup.learning.rule == "binary":
        try:
            trained = train_binary(setup.network, setup.train, BinaryOptions(epochs, setup.batch), setup.seed)
        except NetworkError as error:
            return Baseline(None, f"no float baseline: {error}")
        return Baseline(accuracy(trained, test))
    try:
        found = float_baseline(
            setup.network, setup.train, test, epochs, setup.batch, setup.learning_rate, setup.seed,
            setup.learning_rate_decay,
        )  # fmt: skip
    except InputError as error:
        return Baseline(None, f"no float baseline: {str(error).removeprefix('float baseline: ')}")
    return Baseline(found)
