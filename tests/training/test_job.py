"""`pillarsim.train`: runs that are cut within an epoch, longer runs from shorter ones, and what is compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pillarsim
from pillarsim.arch.chip.load import LoadedChip, load_chip
from pillarsim.arch.errors import InputError
from pillarsim.report.json import json_text
from pillarsim.training.job import train
from pillarsim.training.options import TrainOptions
from pillarsim.workloads.network import Activation, Conv2d, Flatten, Linear, MaxPool2d, Network, Relu

# Two chunks of steps an epoch: 1000 images and 200.
OPTIONS = TrainOptions(epochs=2, train_samples=1200, samples=50, batch=10, learning_rate=0.1, checkpoint_s=0.0)
REFRESHED = ("learning.arrangement=differential", "learning.devices_per_synapse=4", "learning.refresh.every=300")


class Cut(Exception):
    """Stands for the end of the process."""


def linear(name: str, inputs: int, outputs: int) -> Linear:
    """A layer whose parameters nobody looks at."""
    return Linear(name, np.zeros((outputs, inputs), np.float32), np.zeros(outputs, np.float32))


def tiny() -> Network:
    """49-8-10 on pooled digits."""
    pooled = MaxPool2d("pool", (4, 4), (4, 4)), Flatten("flat"), linear("fc1", 49, 8)
    return Network("tiny", (1, 28, 28), (*pooled, Relu("act"), linear("fc2", 8, 10)), "mnist")


def chip(*sets: str) -> LoadedChip:
    """The preset that learns."""
    return load_chip("hfox_learning_128", sets)


def cut_at(step: int, loaded: LoadedChip, options: TrainOptions) -> None:
    """A run whose process ends after a step."""

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "training" and done == step:
            raise Cut

    with pytest.raises(Cut):
        train(loaded, tiny(), options, progress)


@pytest.mark.parametrize(
    ("sets", "step"),
    [
        (("learning.rule=stochastic",), 220),
        (("learning.rule=mixed_precision", "learning.verify=true"), 100),
        (("learning.rule=per_device", *REFRESHED), 220),
    ],
)
def test_a_run_cut_within_an_epoch_ends_with_the_same_bytes(sets: tuple[str, ...], step: int, tmp_path: Path) -> None:
    """Accumulators, counters, refresh, ranges, times and sums of energies go on as if nothing had happened."""
    loaded, kept = chip(*sets), replace(OPTIONS, checkpoint=tmp_path)
    whole = json_text(train(loaded, tiny(), OPTIONS))
    cut_at(step, loaded, kept)
    seen: list[int] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "training":
            seen.append(done)

    resumed = train(loaded, tiny(), replace(kept, resume=True), progress)
    assert seen[0] == step
    assert json_text(resumed) == whole


def test_more_epochs_and_seeds_go_on_from_a_finished_run(tmp_path: Path) -> None:
    """One seed and epoch, then two seeds of two epochs: what two seeds of two epochs give at once."""
    few = replace(OPTIONS, train_samples=200, seeds=2)
    whole = train(chip(), tiny(), few)
    train(chip(), tiny(), replace(few, epochs=1, seeds=1, checkpoint=tmp_path))
    assert train(chip(), tiny(), replace(few, checkpoint=tmp_path, resume=True)) == whole
    with pytest.raises(InputError, match="--epochs: 2 are done already"):
        train(chip(), tiny(), replace(few, epochs=1, checkpoint=tmp_path, resume=True))


def test_a_chip_that_learns_beats_chance() -> None:
    """After two epochs of 1200 digits eight hidden neurons get far more than a tenth right, and float more still."""
    report = train(chip("learning.rule=mixed_precision"), tiny(), replace(OPTIONS, samples=500))
    assert report["accuracy"]["final_mean"] > 0.25
    assert report["accuracy"]["float_baseline"] > report["accuracy"]["final_mean"] - 0.05
    assert report["loss"]["per_epoch"][1] < report["loss"]["per_epoch"][0]


def test_no_baseline_is_said_so() -> None:
    """A rate at which the float network diverges leaves null and a warning; pulses are limited and go on."""
    found = train(chip(), tiny(), replace(OPTIONS, epochs=1, train_samples=200, learning_rate=1e38))
    assert found["accuracy"]["float_baseline"] is None
    assert found["warnings"][0].startswith("no float baseline: the loss is not a number")


def test_binary_learning_is_compared_with_binary_software() -> None:
    """Rule 'binary' on its own chip: signs, batches of its own, and a baseline of binary weights."""
    layers = Flatten("flat"), linear("fc1", 784, 8), Activation("act", "sign"), linear("fc2", 8, 10)
    network = Network("signs", (1, 28, 28), layers, "mnist")
    weak = load_chip("hfox_weak_reset_128")
    report = train(weak, network, replace(OPTIONS, epochs=1, batch=100, learning_rate=None))
    assert report["options"]["rule"] == "binary"
    assert report["accuracy"]["float_baseline"] > 0.2
    assert report["pulses"]["set"] == 0
    assert report["pulses"]["reset"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TrainOptions(epochs=0), "epochs: expected at least 1, found 0"),
        (TrainOptions(train_samples=0), "train_samples: expected at least 1, found 0"),
        (TrainOptions(learning_rate=-1.0), "learning_rate: expected a number above 0, found -1"),
        (TrainOptions(resume=True), "--resume: expected with --checkpoint"),
        (TrainOptions(imperfections="c2c,no"), "no imperfection 'no'"),
    ],
)
def test_bad_options(options: TrainOptions, message: str) -> None:
    """Options from Python are checked as those of the command line."""
    with pytest.raises(InputError, match=message):
        train(chip(), tiny(), options)


def test_networks_that_cannot_learn_are_named() -> None:
    """One without a dataset, and one with a grouped convolution."""
    with pytest.raises(InputError, match="workload 'tiny' names no dataset to train on"):
        train(chip(), replace(tiny(), dataset=None))
    grouped = Conv2d("deep", np.zeros((2, 1, 3, 3), np.float32), np.zeros(2, np.float32), groups=2)
    first = Conv2d("first", np.zeros((2, 1, 3, 3), np.float32), np.zeros(2, np.float32))
    network = Network("deep", (1, 28, 28), (first, grouped, Flatten("flat"), linear("fc", 1152, 10)), "mnist")
    with pytest.raises(InputError, match=r"workload 'deep': layer 'deep'"):
        train(chip(), network, OPTIONS)


def test_the_public_name_stays_a_function() -> None:
    """`pillarsim.train` is the function also after its modules have been imported."""
    assert pillarsim.train is train
