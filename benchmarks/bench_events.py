"""The event model on the default run: events per CPU second, CPU time an image, and memory against images.

    python benchmarks/bench_events.py [--images N] [--workload NAME] [--chip CHIP] [--repeat K] [--json FILE|-]

Calibration images are random: they set scales, not times. Peak memory is traced in runs of their own, since tracing
slows them; the CPU time is the median of the repeats.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tracemalloc

import numpy as np

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.trace import Trace
from pillarsim.compiled import compile_for
from pillarsim.workloads.topology import load_network


def place(chip: Chip, workload: str) -> Placement:
    """Compile a workload for a chip."""
    network = load_network(workload)
    calibration = np.random.default_rng(0).random((8, *network.input_shape), dtype=np.float32)
    return compile_for(chip, network, calibration, build_timing(chip, build_components(chip), chip.idle))


def peak_bytes(chip: Chip, placement: Placement, images: int) -> int:
    """Peak of traced memory during a simulation."""
    gc.collect()
    tracemalloc.start()
    run(chip, placement, images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def run(chip: Chip, placement: Placement, images: int) -> Trace:
    """One simulation in detail `window`, image by image."""
    timing, arrays = build_timing(chip, build_components(chip), chip.idle), chip.tile.arrays_per_level
    return simulate(placement, timing, chip.idle, images, "window", arrays_per_tile=arrays, skip=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--workload", default="mnist-lenet5")
    parser.add_argument("--chip", default="hfox_planar_128")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="'-' is standard output")
    options = parser.parse_args()
    chip = load_chip(options.chip).chip
    placement = place(chip, options.workload)
    traces = [run(chip, placement, options.images) for _ in range(options.repeat)]
    cpu_s = statistics.median(trace.cpu_s for trace in traces)
    result = {
        "workload": options.workload,
        "chip": options.chip,
        "images": options.images,
        "events": traces[0].events,
        "cpu_s": cpu_s,
        "events_per_cpu_s": traces[0].events / cpu_s,
        "cpu_s_per_image": cpu_s / options.images,
        "peak_bytes_few_images": peak_bytes(chip, placement, 2),
        "peak_bytes_many_images": peak_bytes(chip, placement, 20),
    }
    text = json.dumps(result, indent=2)
    if options.json == "-":
        print(text)
        return
    for key, value in result.items():
        print(f"{key:24}{value:,.6g}" if isinstance(value, float) else f"{key:24}{value}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
