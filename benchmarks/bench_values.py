"""Speed of the value model against the float forward pass of the same images, on one thread.

The default chip: 8-bit weights as four 2-bit slices in differential pairs of 128x128 arrays, 8 bit-serial inputs, an
8-bit conversion for each bit. Ratios within one run, medians of alternating repeats; compile time stands apart.
ideal: cells on target, no noise; written: cells with their programming errors; noisy: the same with read noise.
Asked: LeNet-5 within 25x, the MLP within 35x and the small VGG within 50x, cells on target, and read noise at most 3x
of the same reads without it; ambition 10x, 15x, 15x and 2x.
Run: python benchmarks/bench_values.py [WORKLOAD ...] [--images N] [--repeats K] [--json -]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tabulate import tabulate

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.converters import converter_ranges
from pillarsim.arch.compute.evaluate import IMAGES_PER_CHUNK, run_images, set_up
from pillarsim.arch.compute.program import ideal_layers, placement_levels, program
from pillarsim.arch.compute.reading import read_rule
from pillarsim.mapping.compile import compile_network
from pillarsim.workloads.datasets import load_dataset
from pillarsim.workloads.forward import forward, tensors
from pillarsim.workloads.network import Conv2d, Flatten, Layer, Linear, MaxPool2d, Network, Relu
from pillarsim.workloads.topology import load_network

# workload -> asked, ambition (ratio to the float forward pass)
ASKED = {"mnist-lenet5": (25.0, 10.0), "mnist-mlp": (35.0, 15.0), "small-vgg": (50.0, 15.0)}
NOISE_ASKED, NOISE_AMBITION = 3.0, 2.0
QUIET = "array.cell.read_noise=0"
CALIBRATION = 64  # images
SEED = 1


@dataclass(frozen=True, eq=False)
class Work:
    """A network, its calibration images, and the images that are timed."""

    network: Network
    calibration: NDArray[np.float32]
    images: NDArray[np.float32]


def work_of(workload: str, images: int) -> Work:
    """A shipped network on MNIST, or the small VGG on a twenty-fifth as many random images in [0, 1]."""
    if workload == "small-vgg":
        network, random = small_vgg(), np.random.default_rng(SEED)
        calibration, test = (
            random.random((count, *network.input_shape), np.float32) for count in (CALIBRATION, max(1, images // 25))
        )
        return Work(network, calibration, test)
    calibration = load_dataset("mnist", "train", CALIBRATION).images
    return Work(load_network(workload), calibration, load_dataset("mnist", "test", images).images)


def small_vgg() -> Network:
    """Convolutions 3x3 of 32-32-64-64-128-128 channels on 3x32x32, 2x2 pools after each pair, one linear layer.

    38 653 952 multiply-accumulates; seeded normal weights of variance 2 / inputs.
    """
    random = np.random.default_rng(SEED)
    layers: list[Layer] = []

    def weight(*shape: int) -> NDArray[np.float32]:
        drawn: NDArray[np.float32] = random.standard_normal(shape, np.float32)
        return drawn * np.float32(np.sqrt(2 / np.prod(shape[1:])))

    inputs = 3
    for number, channels in enumerate((32, 32, 64, 64, 128, 128), start=1):
        kernels = weight(channels, inputs, 3, 3)
        layers.append(Conv2d(f"conv{number}", kernels, np.zeros(channels, np.float32), padding=(1, 1)))
        layers.append(Relu(f"relu{number}"))
        if number % 2 == 0:
            layers.append(MaxPool2d(f"pool{number}", (2, 2), (2, 2)))
        inputs = channels
    features = inputs * 4 * 4
    layers += [Flatten("flatten"), Linear("fc", weight(10, features), np.zeros(10, np.float32))]
    return Network("small-vgg", (3, 32, 32), tuple(layers), None)


def seconds(work: Callable[[], object]) -> float:
    """CPU time of one call: other work on the machine must not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def chip_work(chip: Chip, work: Work, written: bool) -> Callable[[], object]:
    """The value model of the images on one device: as written (with errors), or on target."""
    bits = chip.bits_per_cell
    placement = compile_network(
        work.network, work.calibration, array=chip.array, tile=chip.tile, weights=chip.weights, bits_per_cell=bits,
        inputs=chip.input, mapping=chip.mapping,
    )  # fmt: skip
    levels = placement_levels(placement, chip.weights, bits)
    device = (
        program(placement, levels, chip.array, chip.write, bits, SEED)
        if written
        else ideal_layers(levels, chip.array, bits)
    )
    rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, bits)
    setups = set_up(placement, device, rule, converter_ranges(placement, rule, work.calibration), SEED)

    def run() -> None:
        for first in range(0, len(work.images), IMAGES_PER_CHUNK):
            run_images(placement, setups, work.images[first : first + IMAGES_PER_CHUNK], first)

    return run


def measure(workload: str, images: int, repeats: int) -> dict[str, float | str]:
    """Times and ratios of one workload."""
    work = work_of(workload, images)
    test, named = torch.from_numpy(work.images), tensors(work.network)

    def float_work() -> None:
        with torch.inference_mode():
            forward(work.network, test, named)

    quiet, noisy = (load_chip("hfox_planar_128", changes).chip for changes in ((QUIET,), ()))
    chips = {
        "ideal": chip_work(quiet, work, written=False),
        "written": chip_work(quiet, work, written=True),
        "noisy": chip_work(noisy, work, written=True),
    }
    compile_s = sum(seconds(run) for run in chips.values())
    float_work()
    times: dict[str, list[float]] = {name: [] for name in ("float", *chips)}
    for _ in range(repeats):
        # The float pass is short: several of them make one sample.
        times["float"].append(min(seconds(float_work) for _ in range(3)))
        for name, run in chips.items():
            times[name].append(seconds(run))
    float_s, ideal_s, written_s, noisy_s = (statistics.median(values) for values in times.values())
    return {
        "workload": workload,
        "images": len(work.images),
        "float_s": float_s,
        "ideal_s": ideal_s,
        "written_s": written_s,
        "noisy_s": noisy_s,
        "ideal_ratio": ideal_s / float_s,
        "written_ratio": written_s / float_s,
        "noisy_ratio": noisy_s / float_s,
        "noisy_over_written": noisy_s / written_s,
        "asked": ASKED[workload][0],
        "ambition": ASKED[workload][1],
        "first_calls_s": compile_s,
    }


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(ASKED)}; all if absent")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json")
    options = parser.parse_args()
    unknown = sorted(set(options.workloads) - set(ASKED))
    if unknown:
        parser.error(f"unknown workload {', '.join(unknown)}: expected {', '.join(ASKED)}")
    torch.set_num_threads(1)
    rows = [measure(workload, options.images, options.repeats) for workload in options.workloads or ASKED]
    if options.json == "-":
        print(json.dumps(rows, indent=2))
        return
    table = [
        [
            row["workload"],
            f"{float(row['float_s']) / float(row['images']) * 1e6:.1f}",
            f"{row['ideal_ratio']:.1f}",
            f"{row['asked']:g} ({row['ambition']:g})",
            f"{row['written_ratio']:.1f}",
            f"{row['noisy_ratio']:.1f}",
            f"{row['noisy_over_written']:.2f}",
            f"{NOISE_ASKED:g} ({NOISE_AMBITION:g})",
            f"{row['first_calls_s']:.1f}",
        ]
        for row in rows
    ]
    heads = [
        "workload", "float us/image", "ideal / float", "asked", "written / float", "noisy / float", "noisy / written",
        "asked", "first calls s",
    ]  # fmt: skip
    print(tabulate(table, headers=heads))


if __name__ == "__main__":
    main()
