"""Speed of pulsed training beside the float SGD step of torch, one thread, in one run.

MLP 784-256-10 on MNIST. Float: forward, cross-entropy, backward and SGD step as a user of torch writes them. Pulsed:
the same forward and backward with the synapses' weights, then stochastic pulse trains of 31 slots for every image;
linear steps with soft bounds, smallest step 0.002 of a weight in [-1, 1] (1000 steps over the window), c2c 0.3 of a
step, device to device 0.3 of steps and windows, each coincidence with its own draw. With 8-bit codes and converters, in
arrays of 128 lines, and plain. Asked: at most the float step's time at batch 1 and 2.5 times at batch 10.
The pulsed step is timed over calls of 100 steps, the float step over loops of 100, in turn; medians of CPU times and of
their ratios. Compile time is apart (the first call). `ns a coincidence` is the whole step's time over its pulses.
Run: python benchmarks/bench_training.py [--rounds K] [--rate R]
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from tabulate import tabulate

from pillarsim.devices.pulses import LinearStep, Window
from pillarsim.devices.synapses.bank import Bank, Synapse, make_bank
from pillarsim.devices.synapses.counts import COUNTS, RESETS, SETS, SUMS, no_counts
from pillarsim.devices.synapses.programming import bring_to
from pillarsim.workloads.datasets import load_dataset
from pillarsim.workloads.on_chip.dense_kernel import RELU, SOFTMAX, Reads, dense_steps

SIZES, TRAIN, STEPS, LINES = (784, 256, 10), 31, 100, 128
STEP = 0.002  # of a weight in [-1, 1], at weight 0
MODEL = LinearStep(
    Window(1e-6, 20e-6, 0.0, 0.3), up=STEP, down=STEP, slope_up=1.0, slope_down=1.0, sigma=0.3, spread_step=0.3
)
ASKED = {1: 1.0, 10: 2.5}


def banks() -> tuple[Bank, Bank]:
    """Both layers, written to the weights that torch starts with."""
    made = []
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(SIZES)):
        bank = make_bank(MODEL, Synapse(), inputs, outputs, 1.0, ("c2c", "d2d"), 0, f"layer {layer}")
        start = np.random.default_rng(layer).uniform(-1, 1, (inputs, outputs)) / np.sqrt(inputs)
        bring_to(bank, start.astype(np.float32), 2000, *no_counts())
        made.append(bank)
    return made[0], made[1]


def reads(inputs: int, outputs: int, converters: bool) -> Reads:
    """8-bit codes, inputs unsigned and errors signed, and converters of 8 bits; or nothing rounded."""
    input_starts, output_starts = (
        np.array([*range(0, lines, LINES), lines]) if converters else np.array([0, lines])
        for lines in (inputs, outputs)
    )
    forward, back = len(input_starts) - 1, len(output_starts) - 1
    place = np.arange(256)
    return Reads(
        bias=False,
        scale=np.zeros(2, np.float32),
        codes=np.array([255, 127]) if converters else np.array([0, 0]),
        weight_of=np.stack([(place / 255) ** 2, (place / 127) ** 2]),
        drives_of=np.stack([place > 0] * 2).astype(np.int64),
        input_starts=input_starts,
        output_starts=output_starts,
        step=np.full(forward, 8 / 127 if converters else 0, np.float32),
        bound=np.full(forward, 8, np.float32),
        step_back=np.full(back, 1 / 127 if converters else 0, np.float32),
        bound_back=np.full(back, 1, np.float32),
        noise=0.0,
        start=np.uint64(0),
    )


def float_steps(batch: int, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Callable[[int], None]:
    """Torch's own loop, from image `at` on."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(SIZES[0], SIZES[1], bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(SIZES[1], SIZES[2], bias=False),
    )
    loss, optimiser = torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)

    def run(at: int) -> None:
        for first in range(at, at + STEPS * batch, batch):
            optimiser.zero_grad()
            loss(model(x[first : first + batch]), y[first : first + batch]).backward()
            optimiser.step()

    return run


def pulsed_steps(
    batch: int, images: NDArray[np.float32], labels: NDArray[np.int64], rate: float, converters: bool
) -> tuple[Callable[[int], None], dict[str, list[float]]]:
    """The compiled loop, from image `at` on, and what it collects: pulses a call, mean loss."""
    made = banks()
    seen: dict[str, list[float]] = {"pulses": [], "loss": []}
    how = tuple(reads(inputs, outputs, converters) for inputs, outputs in itertools.pairwise(SIZES))
    cores = tuple(bank.core for bank in made)

    def run(at: int) -> None:
        counts, sums = np.zeros((STEPS, 2, COUNTS), np.int64), np.zeros((STEPS, 2, SUMS))
        drives, read_s, losses = np.zeros((STEPS, 2, 2), np.int64), np.zeros((STEPS, 2, 2)), np.zeros(STEPS)
        part = slice(at, at + STEPS * batch)
        dense_steps(cores, how, np.array([RELU, SOFTMAX]), images[part], labels[part], at, batch, rate, TRAIN, 0.0,
                    counts, sums, drives, read_s, losses)  # fmt: skip
        seen["pulses"].append(float(counts[:, :, [SETS, RESETS]].sum()))
        seen["loss"].append(float(losses.mean()))

    return run, seen


def spent(work: Callable[[int], None], at: int) -> float:
    """CPU seconds of a call."""
    start = time.process_time()
    work(at)
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="calls of 100 steps timed (default 30)")
    parser.add_argument("--rate", type=float, default=0.02, help="step of one image's gradient (default 0.02)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_dataset("mnist", "train")
    images = np.ascontiguousarray(data.images.reshape(len(data.images), -1), np.float32)
    images /= images.max()
    labels = np.asarray(data.labels, np.int64)
    start = time.perf_counter()
    pulsed_steps(1, images, labels, options.rate, True)[0](0)
    print(f"compile or load, and the first 100 steps: {time.perf_counter() - start:.1f} s")
    rows = []
    for batch, asked in ASKED.items():
        for converters in (True, False):
            float_run = float_steps(batch, images, labels)
            pulsed_run, seen = pulsed_steps(batch, images, labels, options.rate, converters)
            room = len(images) // (STEPS * batch)
            times = []
            for turn in range(options.rounds):
                at = turn % room * STEPS * batch
                times.append((spent(float_run, at), spent(pulsed_run, at)))
            ratios = [pulsed / of_float for of_float, pulsed in times]
            of_float, pulsed = (statistics.median(column) for column in zip(*times, strict=True))
            pulses = statistics.mean(seen["pulses"])
            rows.append(
                {
                    "batch": batch,
                    "reads": "8 bits" if converters else "plain",
                    "float step, us": of_float / STEPS * 1e6,
                    "pulsed step, us": pulsed / STEPS * 1e6,
                    "ratio": statistics.median(ratios),
                    "worst": max(ratios),
                    "asked": asked,
                    "coincidences an image": pulses / STEPS / batch,
                    "ns a coincidence": statistics.mean(pulsed for _, pulsed in times) / pulses * 1e9,
                    "last loss": seen["loss"][-1],
                }
            )
    print(tabulate(rows, headers="keys", floatfmt=".3g"))


if __name__ == "__main__":
    main()
