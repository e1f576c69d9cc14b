"""Speed of the value model against the float forward pass of the same images, on one thread.

The default chip: 8-bit weights as four 2-bit slices in differential pairs of 128x128 arrays, 8 bit-serial inputs, an
8-bit conversion for each bit. Ratios within one run, medians of alternating repeats; compile time stands apart.
Asked: LeNet-5 within 25x, the MLP within 35x, noise at most 3x of that again; ambition 10x, 15x and 2x.
Run: python benchmarks/bench_values.py [--images N] [--repeats K] [--json -]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
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
from pillarsim.workloads.topology import load_network

# workload -> asked, ambition (ratio to the float forward pass)
ASKED = {"mnist-lenet5": (25.0, 10.0), "mnist-mlp": (35.0, 15.0)}
NOISE_ASKED, NOISE_AMBITION = 3.0, 2.0
IDEAL = "array.cell.read_noise=0"


def seconds(work: Callable[[], object]) -> float:
    """CPU time of one call: other work on the machine must not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def chip_work(chip: Chip, workload: str, images: int, written: bool) -> Callable[[], object]:
    """The value model of `images` test images on one device: as written (with errors), or on target."""
    network = load_network(workload)
    calibration = load_dataset("mnist", "train", 64).images
    test = load_dataset("mnist", "test", images).images
    bits = chip.bits_per_cell
    placement = compile_network(
        network, calibration, array=chip.array, tile=chip.tile, weights=chip.weights, bits_per_cell=bits,
        inputs=chip.input, mapping=chip.mapping,
    )  # fmt: skip
    levels = placement_levels(placement, chip.weights, bits)
    device = (
        program(placement, levels, chip.array, chip.write, bits, 1)
        if written
        else ideal_layers(levels, chip.array, bits)
    )
    rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, bits)
    setups = set_up(placement, device, rule, converter_ranges(placement, rule, calibration), 1)

    def work() -> None:
        for first in range(0, images, IMAGES_PER_CHUNK):
            run_images(placement, setups, test[first : first + IMAGES_PER_CHUNK], first)

    return work


def measure(workload: str, images: int, repeats: int) -> dict[str, float | str]:
    """Times and ratios of one workload."""
    network = load_network(workload)
    test = torch.from_numpy(load_dataset("mnist", "test", images).images)
    named = tensors(network)

    def float_work() -> None:
        with torch.inference_mode():
            forward(network, test, named)

    ideal = chip_work(load_chip("hfox_planar_128", (IDEAL,)).chip, workload, images, written=False)
    noisy = chip_work(load_chip("hfox_planar_128").chip, workload, images, written=True)
    compile_s = seconds(ideal) + seconds(noisy)
    float_work()
    times: dict[str, list[float]] = {"float": [], "ideal": [], "noisy": []}
    for _ in range(repeats):
        # The float pass is short: several of them make one sample.
        times["float"].append(min(seconds(float_work) for _ in range(3)))
        times["ideal"].append(seconds(ideal))
        times["noisy"].append(seconds(noisy))
    float_s, ideal_s, noisy_s = (statistics.median(values) for values in times.values())
    return {
        "workload": workload,
        "float_s": float_s,
        "ideal_s": ideal_s,
        "noisy_s": noisy_s,
        "ideal_ratio": ideal_s / float_s,
        "noisy_over_ideal": noisy_s / ideal_s,
        "asked": ASKED[workload][0],
        "ambition": ASKED[workload][1],
        "first_calls_s": compile_s,
    }


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(workload, options.images, options.repeats) for workload in ASKED]
    if options.json == "-":
        print(json.dumps(rows, indent=2))
        return
    table = [
        [
            row["workload"],
            f"{float(row['float_s']) * 1e3:.1f}",
            f"{row['ideal_ratio']:.1f}",
            f"{row['asked']:g} ({row['ambition']:g})",
            f"{row['noisy_over_ideal']:.2f}",
            f"{NOISE_ASKED:g} ({NOISE_AMBITION:g})",
            f"{row['first_calls_s']:.1f}",
        ]
        for row in rows
    ]
    heads = ["workload", "float ms", "ideal / float", "asked", "noisy / ideal", "asked", "first calls s"]
    print(tabulate(table, headers=heads))


if __name__ == "__main__":
    main()
