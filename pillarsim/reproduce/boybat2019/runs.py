"""Training runs of the row: one chip or the float network, one seed each, kept in the row's store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pillarsim.devices.streams import stream_seed
from pillarsim.mapping.learn import place_synapses
from pillarsim.reproduce.boybat2019.plan import BATCH, DECAY, LEARNING_RATE, NETWORK, SEED, Plan, Point, chip_of
from pillarsim.reproduce.rows import Progress
from pillarsim.reproduce.store import Store
from pillarsim.workloads.checkpoint import dataset_digest
from pillarsim.workloads.datasets import Dataset, Split, load_dataset
from pillarsim.workloads.load import load_network
from pillarsim.workloads.network import Network
from pillarsim.workloads.on_chip.interface import Setup
from pillarsim.workloads.on_chip.setup import imperfection_names, make_learner
from pillarsim.workloads.on_chip.start import float_baseline

__all__ = ["Run", "Runs", "Trained", "digits", "run_all"]


@dataclass(frozen=True)
class Run:
    """One trained chip: share of test images right after each epoch, and pulses of a device in all, on average."""

    accuracy: tuple[float, ...]
    pulses: float

    @property
    def final(self) -> float:
        """Accuracy after the last epoch: no epoch is chosen."""
        return self.accuracy[-1]


Runs = Mapping[Point, Sequence[Run]]  # seeds in order


@dataclass(frozen=True)
class Trained:
    """What all trainings found. baseline: of the float network, seed by seed, after the same epochs."""

    runs: Runs
    baseline: tuple[float, ...]


def digits(plan: Plan, data_dir: Path | None) -> tuple[Dataset, Dataset]:
    """The first images of both splits of MNIST, as many as there are up to those asked for."""

    def first(split: Split, count: int) -> Dataset:
        found = load_dataset("mnist", split, None, data_dir)
        return Dataset(found.name, split, found.images[:count], found.labels[:count], found.source)

    return first("train", plan.training), first("test", plan.test)


def run_all(plan: Plan, data: tuple[Dataset, Dataset], checkpoint: Path | None, progress: Progress) -> Trained:
    """Train the network on every chip and in float, every seed, `plan.threads` runs at once.

    A seed's runs start from the same first weights and see the same images in one order: differences are paired.
    """
    network = load_network(NETWORK, seed=SEED)
    digests = " ".join(dataset_digest(one)[:16] for one in data)
    store = Store(checkpoint, "boybat2019", {"sizes": _sizes(plan), "images": digests})
    wanted: list[tuple[Point | None, int]] = [(at, seed) for seed in range(plan.seeds) for at in (None, *plan.points)]

    def work(one: tuple[Point | None, int]) -> dict[str, Any]:
        point, seed = one
        if point is None:
            return store.result(f"float-{seed}", lambda: _float(network, data, plan.epochs, seed))
        return store.result(f"{point.name}-{seed}", lambda: _learned(network, data, point, plan.epochs, seed))

    found: dict[Point | None, list[dict[str, Any]]] = {at: [] for at in (None, *plan.points)}
    with ThreadPoolExecutor(plan.threads) as pool:
        try:
            futures = [pool.submit(work, one) for one in wanted]
            for done, (future, (point, _)) in enumerate(zip(futures, wanted, strict=True), 1):
                found[point].append(future.result())
                progress("networks on MNIST", done, len(wanted))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    baseline = tuple(float(one["accuracy"]) for one in found.pop(None))
    return Trained(
        {
            point: [Run(tuple(one["accuracy"]), one["pulses"]) for one in of]
            for point, of in found.items()
            if point is not None
        },
        baseline,
    )


def _sizes(plan: Plan) -> str:
    """What a single run depends on: the store's identity of a chip's run is in its name."""
    return f"{plan.training} images, {plan.test} test images, {plan.epochs} epochs"


def _seed(seed: int) -> int:
    return stream_seed(SEED, "boybat2019", seed)


def _float(network: Network, data: tuple[Dataset, Dataset], epochs: int, seed: int) -> dict[str, Any]:
    return {"accuracy": float_baseline(network, *data, epochs, BATCH, LEARNING_RATE, _seed(seed), DECAY)}


def _learned(network: Network, data: tuple[Dataset, Dataset], point: Point, epochs: int, seed: int) -> dict[str, Any]:
    chip = chip_of(point)
    hardware = chip.hardware
    assert hardware.learning is not None
    learner = make_learner(
        Setup(
            network=network,
            placement=place_synapses(network, hardware),
            learning=hardware.learning,
            array=hardware.array,
            weights=hardware.weights,
            input=hardware.input,
            readout=hardware.readout,
            write=hardware.write,
            train=data[0],
            imperfections=frozenset(imperfection_names(hardware.array)),
            learning_rate=LEARNING_RATE,
            learning_rate_decay=DECAY,
            batch=BATCH,
            seed=_seed(seed),
        )
    )
    accuracy = []
    for _ in range(epochs):
        learner.advance(learner.steps_per_epoch)
        accuracy.append(learner.accuracy(data[1]))
    wear = learner.wear()
    devices = sum(layer.devices for layer in wear)
    return {"accuracy": accuracy, "pulses": sum(layer.pulses for layer in wear) / devices}
