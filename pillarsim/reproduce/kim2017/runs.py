"""Training of both networks of a task, and their runs on chips."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.chip import Chip
from pillarsim.arch.compute.converters import converter_ranges
from pillarsim.arch.compute.evaluate import evaluate
from pillarsim.arch.compute.program import placement_levels, program
from pillarsim.arch.compute.reading import read_rule
from pillarsim.compiled import compile_for
from pillarsim.devices.streams import stream_seed
from pillarsim.mapping import cell_law
from pillarsim.reproduce.kim2017.plan import LENET_BV, LENET_SEEDS, LENET_TEST, Plan, perceptron
from pillarsim.workloads.datasets import Dataset, load_dataset
from pillarsim.workloads.forward import forward
from pillarsim.workloads.network import CellLaw, Network
from pillarsim.workloads.topology import load_network
from pillarsim.workloads.train import TrainingOptions, initial_network, train_software

SEED = 2017  # our choice, made once
BATCH, SHIFT = 64, 1  # images a step; pixels that images are shifted in training; our choice
WEIGHT_NOISE = 0.03  # of the weight range, in training: 2 % of levels, 2 % of write-verify, as on the sinh chip
CALIBRATION = 256  # training images that set the converters' ranges, as the preset

Right = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Task:
    """A task's images and its conventional network, trained to products; `start`: what both networks start from."""

    name: str
    train: Dataset
    test: Dataset
    start: Network
    conventional: Network
    retraining: TrainingOptions


@dataclass(frozen=True)
class Difference:
    """Accuracy a less accuracy b, and its standard error over images and devices."""

    mean: float
    error: float


@dataclass(frozen=True, eq=False)
class Run:
    """One network: which images it gets right in software (N,), and on a chip by device seed (seeds, N)."""

    software: Right
    chip: Right
    logits: NDArray[np.float64]

    @property
    def loss(self) -> Difference:
        """Software accuracy less the chip's."""
        return difference(self.software[None], self.chip)


@dataclass(frozen=True, eq=False)
class Point:
    """Both networks at one setting of the cells: b V_r, or the read voltage."""

    at: float
    conventional: Run
    reconstructed: Run

    @property
    def gap(self) -> Difference:
        """Accuracy of the reconstructed network on the chip less that of the conventional one."""
        return difference(self.reconstructed.chip, self.conventional.chip)


def difference(first: Right, second: Right) -> Difference:
    """Mean of first - second on the same images, (devices, N) each.

    The error adds the variance over images of the mean over devices, and the variance over devices.
    """
    each = first.mean(axis=0) - second.mean(axis=0)
    variance = float(each.var(ddof=1)) / each.size
    for one in (first, second):
        if len(one) > 1:
            variance += float(one.mean(axis=1).var(ddof=1)) / len(one)
    return Difference(float(each.mean()), math.sqrt(variance))


def prepare(name: str, plan: Plan, chip: Chip, data_dir: Path | None) -> Task:
    """Load a task, and train its conventional network with the ranges that the other one has too."""
    train, test = first_images(name, plan, data_dir)
    start = train_software(
        initial_network(perceptron(plan.hidden, name), SEED),
        train,
        TrainingOptions(epochs=plan.epochs, batch=BATCH, shift=SHIFT),
        SEED,
    )
    retraining = TrainingOptions(epochs=plan.retraining, batch=BATCH, shift=SHIFT, weight_noise=WEIGHT_NOISE)
    linear = replace(cell_law(chip.array), name="linear", parameters=())
    return Task(name, train, test, start, retrained(start, train, retraining, linear), retraining)


def first_images(name: str, plan: Plan, data_dir: Path | None) -> tuple[Dataset, Dataset]:
    """The first images of both splits, as many as there are up to the plan's."""
    train, test = load_dataset(name, "train", None, data_dir), load_dataset(name, "test", None, data_dir)
    return first(train, plan.training), first(test, plan.test)


def first(dataset: Dataset, count: int) -> Dataset:
    """The first images of a dataset, all where it has fewer."""
    return replace(dataset, images=dataset.images[:count], labels=dataset.labels[:count])


def retrained(start: Network, train: Dataset, options: TrainingOptions, law: CellLaw) -> Network:
    """Train on from `start` with cells of `law` in the network; the draws are the same for every law."""
    return train_software(start, train, options, SEED + 1, device=law)


def reconstruct(task: Task, chip: Chip) -> Network:
    """The task's network for the cells of a chip."""
    return retrained(task.start, task.train, task.retraining, cell_law(chip.array))


def run_on(task: Task, network: Network, chip: Chip, seeds: int, threads: int) -> Run:
    """Run the task's test images in software and on `seeds` devices of the chip, programming errors included."""
    calibration = task.train.images[:CALIBRATION]
    placement = compile_for(chip, network, calibration)
    levels = placement_levels(placement, chip.weights, chip.bits_per_cell)
    devices = [stream_seed(SEED, "device", number) for number in range(seeds)]
    programmed = [program(placement, levels, chip.array, chip.write, chip.bits_per_cell, device) for device in devices]
    rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
    ranges = converter_ranges(placement, rule, calibration)
    found = evaluate(placement, programmed, rule, ranges, task.test.images, seeds=devices, threads=threads)
    return Run(software_right(network, task.test), found.logits.argmax(axis=2) == task.test.labels, found.logits)


def software_right(network: Network, test: Dataset) -> Right:
    """Which images the float network gets right, (N,)."""
    with torch.inference_mode():
        parts = torch.split(torch.from_numpy(test.images), 1000)
        found = [forward(network, part).argmax(dim=1) for part in parts]
    right: Right = torch.cat(found).numpy() == test.labels
    return right


def point(task: Task, at: float, chip: Chip, plan: Plan) -> Point:
    """Reconstruct the task for a chip and run both networks on it."""
    both = (task.conventional, reconstruct(task, chip))
    return Point(at, *(run_on(task, network, chip, plan.seeds, plan.threads) for network in both))


def convolutional(plan: Plan, chip: Chip, data_dir: Path | None) -> Point:
    """The shipped LeNet-5, trained on for products and for the chip's cells, both on the chip."""
    network = load_network("mnist-lenet5")
    train, test = first_images("mnist", plan, data_dir)
    options = TrainingOptions(epochs=plan.convolutional, batch=BATCH, shift=SHIFT, weight_noise=WEIGHT_NOISE)
    linear = replace(cell_law(chip.array), name="linear", parameters=())
    task = Task(
        "mnist-lenet5", train, first(test, LENET_TEST), network, retrained(network, train, options, linear), options
    )
    return point(task, LENET_BV, chip, replace(plan, seeds=LENET_SEEDS))
