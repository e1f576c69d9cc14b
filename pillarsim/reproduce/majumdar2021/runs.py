"""Training runs of the row: one network, one set of imperfections, one seed each, kept in the row's store."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.training.placement import SynapseArray, SynapseLayer, TrainingPlacement
from pillarsim.devices.streams import stream_seed
from pillarsim.reproduce.majumdar2021.plan import CHIP, SEED, VARIANTS, Plan, VggPlan, perceptron, vgg
from pillarsim.reproduce.rows import Progress
from pillarsim.reproduce.store import Store
from pillarsim.workloads.checkpoint import dataset_digest
from pillarsim.workloads.datasets import Dataset, Split, load_dataset
from pillarsim.workloads.network import Network
from pillarsim.workloads.on_chip.binary import BinaryLearner
from pillarsim.workloads.on_chip.binary_network import blocks_of
from pillarsim.workloads.on_chip.interface import Setup
from pillarsim.workloads.readers.common import data_folder

__all__ = ["LAST", "Run", "Runs", "images_of", "photographs", "run_all", "run_vgg"]

LAST = 3  # epochs that an accuracy is the mean of; our choice


@dataclass(frozen=True)
class Run:
    """One trained network: share of test images right after each epoch, and how worn its devices are at the end.

    pulses: mean of a device; past_knee: share of devices with more pulses than their t*.
    """

    accuracy: tuple[float, ...]
    pulses: float
    past_knee: float

    @property
    def final(self) -> float:
        """Mean accuracy of the last epochs, which scatter: no epoch is chosen."""
        last = self.accuracy[-LAST:]
        return sum(last) / len(last)


Runs = Mapping[str, Sequence[Run]]  # variant -> seeds


def images_of(name: str, training: int, test: int, data_dir: Path | None) -> tuple[Dataset, Dataset]:
    """The first images of both splits, as many as there are up to those asked for."""

    def first(split: Split, count: int) -> Dataset:
        found = load_dataset(name, split, None, data_dir)
        return Dataset(name, split, found.images[:count], found.labels[:count], found.source)

    return first("train", training), first("test", test)


def photographs(plan: VggPlan, data_dir: Path | None) -> tuple[Dataset, Dataset] | None:
    """The first images of CIFAR-10, whose classes are mixed, or None without a data directory that has them."""
    folder = data_folder(data_dir)
    there = ("cifar10/cifar10_jpeg_full.tar.xz", "cifar-10-batches-bin", "cifar-10-batches-py")
    if folder is None or not any((folder / name).exists() for name in there):
        return None
    train = load_dataset("cifar10", "train", plan.training, data_dir)
    return train, load_dataset("cifar10", "test", plan.test, data_dir)


def run_all(plan: Plan, data: tuple[Dataset, Dataset], checkpoint: Path | None, progress: Progress) -> Runs:
    """Train the perceptron with each variant's imperfections on every seed, `plan.threads` runs at once."""
    network = perceptron(plan.hidden)
    store = _store(checkpoint, plan, data)
    wanted = [(name, seed) for seed in range(plan.seeds) for name in VARIANTS]

    def work(one: tuple[str, int]) -> Run:
        name, seed = one

        def compute() -> dict[str, Any]:
            # Every variant of a seed sees the same order of images: their differences are paired.
            return _trained(network, data, name, plan.epochs, plan.batch, plan.learning_rate, seed)

        return _run(store.result(f"mnist-{name}-{seed}", compute))

    found: dict[str, list[Run]] = {name: [] for name in VARIANTS}
    with ThreadPoolExecutor(plan.threads) as pool:
        try:
            futures = [pool.submit(work, one) for one in wanted]
            for done, (future, (name, _)) in enumerate(zip(futures, wanted, strict=True), 1):
                found[name].append(future.result())
                progress("networks on MNIST", done, len(wanted))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return found


def run_vgg(
    plan: Plan, sizes: VggPlan, data: tuple[Dataset, Dataset], checkpoint: Path | None, progress: Progress
) -> dict[str, Run]:
    """Train the convolutional network once with each of its variants."""
    network, store, found = vgg(sizes), _store(checkpoint, plan, data), {}
    for done, name in enumerate(sizes.variants):
        progress("network on CIFAR-10", done, len(sizes.variants))

        def compute(name: str = name) -> dict[str, Any]:
            return _trained(network, data, name, sizes.epochs, sizes.batch, plan.learning_rate, 0, plan.threads)

        found[name] = _run(store.result(f"cifar10-{name}-0", compute))
    progress("network on CIFAR-10", len(sizes.variants), len(sizes.variants))
    return found


def _store(checkpoint: Path | None, plan: Plan, data: tuple[Dataset, Dataset]) -> Store:
    digests = " ".join(dataset_digest(one)[:16] for one in data)
    return Store(checkpoint, "majumdar2021", {"sizes": repr(plan), "images": digests})


def _run(held: Mapping[str, Any]) -> Run:
    return Run(tuple(held["accuracy"]), held["pulses"], held["past_knee"])


def _trained(
    network: Network, data: tuple[Dataset, Dataset], variant: str, epochs: int, batch: int, rate: float, seed: int,
    threads: int = 1,
) -> dict[str, Any]:  # fmt: skip
    learner = BinaryLearner(_setup(network, data[0], variant, batch, rate, seed, threads))
    accuracy = []
    for _ in range(epochs):
        learner.advance(learner.steps_per_epoch)
        accuracy.append(learner.accuracy(data[1]))
    wear = learner.wear()
    devices = sum(layer.devices for layer in wear)
    return {
        "accuracy": accuracy,
        "pulses": sum(layer.pulses for layer in wear) / devices,
        "past_knee": sum(layer.saturated * layer.devices for layer in wear) / devices,
    }


def _setup(network: Network, train: Dataset, variant: str, batch: int, rate: float, seed: int, threads: int) -> Setup:
    hardware = load_chip(CHIP).chip.hardware
    assert hardware.learning is not None
    return Setup(
        network=network,
        placement=_one_array_a_layer(network),
        learning=hardware.learning,
        array=hardware.array,
        weights=hardware.weights,
        input=hardware.input,
        readout=hardware.readout,
        write=hardware.write,
        train=train,
        imperfections=frozenset(VARIANTS[variant]),
        learning_rate=rate,
        batch=batch,
        seed=stream_seed(SEED, "majumdar2021", seed),
        threads=threads,
    )


def _one_array_a_layer(network: Network) -> TrainingPlacement:
    """The row asks for no time and no energy, so where pairs sit does not matter."""
    shapes = dict(zip((layer.name for layer in network.layers), network.shapes, strict=True))
    layers = tuple(
        SynapseLayer(
            block.name,
            block.inputs,
            block.outputs,
            math.prod(shapes[block.name]) // block.outputs,
            2,
            False,
            1,
            (SynapseArray(0, slot, (0, block.inputs), (0, block.outputs)),),
        )
        for slot, block in enumerate(blocks_of(network))
    )
    return TrainingPlacement(network.name, layers, math.prod(network.input_shape), 1)
