"""Speed of learning with weak RESET: an epoch of MNIST on the binary perceptron 784-3000-10, everything on.

epoch: 60 000 images in batches of 1000 (drawn images of MNIST's density where no data directory has them), on one and
on two threads, from the first epoch on: later ones give fewer pulses and are faster. Asked: under 60 s on two threads.
shares: of the one-thread steps, by what they spend their time in: matrix products, Adam's step, devices (pulses on
pairs and reading them again), counts for the event model, and the rest (batch norm, signs, softmax, order of images).
Wall times; compiling is done before.
Run: python benchmarks/bench_binary_training.py [--steps N] [--data-dir DIR] [--json -]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.training.placement import SynapseArray, SynapseLayer, TrainingPlacement
from pillarsim.devices.synapses.weak_reset import WeakResetPairs
from pillarsim.reproduce.majumdar2021.plan import CHIP, perceptron
from pillarsim.workloads.datasets import Dataset, load_dataset
from pillarsim.workloads.on_chip import binary, binary_network
from pillarsim.workloads.on_chip.binary import BATCH, LEARNING_RATE, BinaryLearner
from pillarsim.workloads.on_chip.binary_counts import Counter
from pillarsim.workloads.on_chip.interface import Setup

Row = tuple[str, float, str]

IMAGES, HIDDEN, ROWS, PAIRS = 60_000, 3000, 128, 64  # of MNIST, of the paper; an array of 128 x 128 cells
ASKED_S = 60.0
IMPERFECTIONS = frozenset({"d2d", "rtn", "pink"})
# where time goes -> functions, by the module or class that their callers find them in
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "matrix products": ((binary_network, "matrix_sums"), (binary, "weight_gradient"), (binary, "input_errors")),
    "Adam": ((binary, "adam_pulses"), (BinaryLearner, "_learn_norm")),
    "devices": ((WeakResetPairs, "give"),),
    "counts": ((Counter, "forward"), (Counter, "transposed"), (Counter, "pulsed")),
}


def images(data_dir: Path | None) -> Dataset:
    """All training images, or as many drawn ones of the same density."""
    found = load_dataset("mnist", "train", None, data_dir)
    if len(found.images) == IMAGES:
        return found
    random = np.random.default_rng(0)
    there = random.integers(0, len(found.images), IMAGES)
    return Dataset("mnist", "train", found.images[there], found.labels[there], "drawn from the shipped images")


def setup(train: Dataset, threads: int) -> Setup:
    """The paper's network on arrays of 128 x 128 cells."""
    network, hardware = perceptron(HIDDEN), load_chip(CHIP).chip.hardware
    assert hardware.learning is not None
    layers = []
    for name, inputs, outputs in (("fc1", 784, HIDDEN), ("fc2", HIDDEN, 10)):
        arrays = tuple(
            SynapseArray(0, 0, (row, min(row + ROWS, inputs)), (pair, min(pair + PAIRS, outputs)))
            for row in range(0, inputs, ROWS)
            for pair in range(0, outputs, PAIRS)
        )
        layers.append(SynapseLayer(name, inputs, outputs, 1, 2, False, 1, arrays))
    return Setup(
        network=network,
        placement=TrainingPlacement(network.name, tuple(layers), 784, 1),
        learning=hardware.learning,
        array=hardware.array,
        weights=hardware.weights,
        input=hardware.input,
        readout=hardware.readout,
        write=hardware.write,
        train=train,
        imperfections=IMPERFECTIONS,
        learning_rate=LEARNING_RATE,
        batch=BATCH,
        seed=1,
        threads=threads,
    )


def timed(spent: dict[str, float]) -> Callable[[], None]:
    """Measure the parts from now on; returns what puts the functions back."""
    kept: list[tuple[Any, str, Any]] = []

    def watch(part: str, home: Any, name: str) -> None:
        work = getattr(home, name)

        @wraps(work)
        def watched(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            found = work(*given, **named)
            spent[part] += time.perf_counter() - start
            return found

        kept.append((home, name, work))
        setattr(home, name, watched)

    for part, functions in PARTS.items():
        for home, name in functions:
            watch(part, home, name)

    def restore() -> None:
        for home, name, work in kept:
            setattr(home, name, work)

    return restore


def epoch(train: Dataset, threads: int, steps: int) -> float:
    """Seconds of an epoch, from its first `steps` steps."""
    learner = BinaryLearner(setup(train, threads))
    start = time.perf_counter()
    learner.advance(steps)
    return (time.perf_counter() - start) * learner.steps_per_epoch / steps


def measured(steps: int, data_dir: Path | None) -> list[Row]:
    """All lines of the table."""
    train = images(data_dir)
    epoch(train, 1, 1)  # compile
    rows = []
    for threads, asked in ((1, ""), (2, f"< {ASKED_S:g}")):
        rows.append((f"epoch, threads: {threads}, s", epoch(train, threads, steps), asked))
    spent: dict[str, float] = defaultdict(float)
    restore = timed(spent)
    total = epoch(train, 1, steps) * steps / (IMAGES // BATCH)
    restore()
    rows += [(f"share of {part}, one thread, %", 100 * seconds / total, "") for part, seconds in spent.items()]
    return [*rows, ("share of the rest, one thread, %", 100 * (1 - sum(spent.values()) / total), "")]


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=IMAGES // BATCH, help="of the epoch's 60 that are timed")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--json")
    options = parser.parse_args()
    rows = measured(options.steps, options.data_dir)
    if options.json == "-":
        print(json.dumps([{"what": what, "seen": seen, "asked": asked} for what, seen, asked in rows], indent=2))
        return
    print(tabulate([[what, f"{seen:.3g}", asked] for what, seen, asked in rows], ["", "seen", "asked"]))


if __name__ == "__main__":
    main()
