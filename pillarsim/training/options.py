"""What is asked of a training run, and what of it is refused before any work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pillarsim.arch.chip import Array, Chip
from pillarsim.arch.chip.learning import Learning
from pillarsim.arch.errors import InputError
from pillarsim.device.choices import chosen
from pillarsim.samples import DEFAULT_SAMPLES, Count
from pillarsim.workloads.datasets import Dataset, TooFewImages, load_dataset
from pillarsim.workloads.network import Network
from pillarsim.workloads.on_chip.setup import default_batch, imperfection_names

__all__ = ["TrainOptions", "batch_of", "check_options", "datasets_of", "imperfections_of", "learning_of"]

EXAMPLE = "hfox_learning_128"  # the default chip of `pillarsim train`


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training run.

    train_samples, samples: training and test images, the first ones; of training None: all, of test None: 1000, or all
    of a dataset that has fewer. imperfections: `all`, `none`, or some names with commas between. learning_rate, batch:
    None takes the rule's own. learning_rate_decay: rate of an epoch over that of the epoch before. seeds: devices, on
    each of which the network is trained anew. checkpoint: folder that keeps the state of each, at the end of every
    epoch and about every `checkpoint_s` seconds; resume: go on from what it holds. Neither these nor threads change a
    number.
    """

    epochs: int = 5
    train_samples: int | None = None
    samples: Count = None
    imperfections: str = "all"
    learning_rate: float | None = None
    learning_rate_decay: float = 1.0
    batch: int | None = None
    seed: int = 0
    seeds: int = 1
    threads: int = 1
    data_dir: Path | None = None
    checkpoint: Path | None = None
    resume: bool = False
    checkpoint_s: float = 30.0


def check_options(options: TrainOptions) -> None:
    """Raise InputError for numbers that make no run."""
    for name in ("epochs", "train_samples", "samples", "batch", "seeds", "threads"):
        value = getattr(options, name)
        if isinstance(value, int) and value < 1:
            raise InputError(f"{name}: expected at least 1, found {value}")
    rate = options.learning_rate
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise InputError(f"learning_rate: expected a number above 0, found {rate:g}")
    if not 0 < options.learning_rate_decay <= 1:
        raise InputError(f"learning_rate_decay: expected above 0 and at most 1, found {options.learning_rate_decay:g}")
    if options.resume and options.checkpoint is None:
        raise InputError("--resume: expected with --checkpoint DIR, the folder to go on from")


def learning_of(chip: Chip) -> Learning:
    """How the chip learns; raises InputError where it does not say, or where pulses do not move its cells."""
    if chip.learning is None:
        raise InputError(f"{chip.name} has no section 'learning': expected one, or a chip that has, such as {EXAMPLE}")
    if chip.array.cell.pulse_update is None:
        raise InputError(
            "array.cell: the device card has no pulse_update, which says how pulses move a cell: expected one that "
            "has (pillarsim device list)"
        )
    if chip.retention is not None:
        raise InputError("retention: expected none for training: weights that learn do not age in this model")
    return chip.learning


def imperfections_of(array: Array, text: str) -> tuple[str, ...]:
    """Names that are switched on, of those that the card's devices have under pulses and reads, in their order.

    Raises InputError for an unknown name, with the nearest.
    """
    return chosen(text, imperfection_names(array), "the chip's device card")


def batch_of(learning: Learning, options: TrainOptions, images: int) -> int:
    """Images a step: those that were asked for, or the rule's own number, where there are as many training images."""
    return min(default_batch(learning.rule), images) if options.batch is None else options.batch


def datasets_of(network: Network, options: TrainOptions) -> tuple[Dataset, Dataset]:
    """(training images, test images) of a workload; raises InputError for one without a dataset, or fewer images."""
    if network.dataset is None:
        raise InputError(f"workload {network.name!r} names no dataset to train on: expected one that does")
    train = _images(network.dataset, "train", options.train_samples or "all", options.data_dir)
    test = _images(network.dataset, "test", options.samples, options.data_dir)
    if train.labels.ndim != 1:
        raise InputError(f"workload {network.name!r}: expected a dataset of one class a sample, found {train.name}")
    return train, test


def _images(name: str, split: Literal["train", "test"], count: Count, data_dir: Path | None) -> Dataset:
    """The first images of a split; None: DEFAULT_SAMPLES, or all of fewer."""
    limit = DEFAULT_SAMPLES if count is None else None if count == "all" else count
    try:
        return load_dataset(name, split, limit, data_dir)
    except TooFewImages as error:
        if count is None:
            return load_dataset(name, split, None, data_dir)
        option = "--samples" if split == "test" else "--train-samples"
        raise InputError(f"{option}: {error}") from None
