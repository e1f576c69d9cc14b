"""The event model at scale: large networks, long streams of images, and chips of 16 to 1024 tiles.

    python benchmarks/bench_event_scale.py [--chip CHIP] [--networks NAME ...] [--stream IMAGES]
        [--tiles COUNT ...] [--repeat K] [--json FILE|-]

Each network runs on a chip of as many tiles as it needs (a square mesh). CPU seconds are `events.cpu_s` of a run in
detail `window`, the least of the repeats; peak memory is of a process of its own, compiler included. The scan runs a
pipeline of convolutions, a stage a tile, on meshes of several sizes: once one that fills the smallest mesh, once one
that fills each; image by image, and as the difference of two lengths, so that an event's time is the engine's.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
from typing import Any

import numpy as np

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.errors import FitError
from pillarsim.arch.placement import (
    Codes,
    Edge,
    PlacedArray,
    PlacedLayer,
    Placement,
    Post,
    QuantizedMatrix,
    RowBlock,
    Stage,
)
from pillarsim.arch.simulate import simulate
from pillarsim.arch.trace import Trace
from pillarsim.compiled import compile_for
from pillarsim.workloads.operators import Relu
from pillarsim.workloads.topology import load_network

_SIDES = (4, 8, 12, 16, 18, 20, 24, 32, 40, 48, 64)  # of square meshes that are tried for a network


def chip_of(name: str, side: int, *sets: str) -> Chip:
    """A shipped chip with a square mesh of tiles."""
    return load_chip(name, (f"tile.count.x={side}", f"tile.count.y={side}", *sets)).chip


def place(chip: Chip, workload: str) -> Placement:
    """Compile a workload for a chip; calibration images are random, they set scales and not times."""
    network = load_network(workload)
    calibration = np.random.default_rng(0).random((1, *network.input_shape), dtype=np.float32)
    return compile_for(chip, network, calibration, build_timing(chip, build_components(chip), chip.idle))


def fitted(name: str, workload: str) -> tuple[Chip, Placement]:
    """The smallest of the tried meshes that holds a workload."""
    for side in _SIDES:
        chip = chip_of(name, side)
        try:
            return chip, place(chip, workload)
        except FitError:
            continue
    raise SystemExit(f"{workload}: needs more than {_SIDES[-1]} x {_SIDES[-1]} tiles of {name}")


def run(chip: Chip, placement: Placement, images: int, skip: bool = True, detail: str = "window") -> Trace:
    """One simulation."""
    timing, arrays = build_timing(chip, build_components(chip), chip.idle), chip.tile.arrays_per_level
    return simulate(placement, timing, chip.idle, images, detail, arrays_per_tile=arrays, skip=skip)


def best(chip: Chip, placement: Placement, images: int, repeat: int, detail: str = "window") -> Trace:
    """The run of the repeats that took the least CPU time."""
    return min((run(chip, placement, images, detail=detail) for _ in range(repeat)), key=lambda trace: trace.cpu_s)


def measured(name: str, workload: str, stream: int, repeat: int) -> dict[str, Any]:
    """One network: one image, a stream of images, and this process's peak memory after the one image."""
    chip, placement = fitted(name, workload)
    one = best(chip, placement, 1, repeat)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kilobytes on Linux
    many = best(chip, placement, stream, repeat)
    rows = best(chip, placement, 1, repeat, "row")
    return {
        "network": workload,
        "tiles": chip.tile.count.total,
        "arrays": sum(layer.arrays for layer in placement.layers),
        "windows": sum(layer.windows for layer in one.layers),
        "events": one.events,
        "cpu_s": one.cpu_s,
        "peak_bytes": peak,
        "stream_images": stream,
        "stream_cpu_s": many.cpu_s,
        "stream_over_one": many.cpu_s / one.cpu_s,
        "stream_skipped": many.skipped,
        "row_cpu_s": rows.cpu_s,
        "row_finish_error": rows.finished_ps[0] / one.finished_ps[0] - 1,
    }


def in_its_own_process(options: argparse.Namespace, workload: str) -> dict[str, Any]:
    """`measured` in a fresh process, so that its peak memory is its own."""
    arguments = ["--chip", options.chip, "--stream", str(options.stream), "--repeat", str(options.repeat)]
    command = [sys.executable, __file__, *arguments, "--one", workload]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def pipeline(stages: int, tiles: int) -> Placement:
    """A chain of 3x3 convolutions of 16 channels over a map of 16 x 16, one in each of the first `stages` tiles."""
    codes, side, channels = Codes(8, False, 1.0), 16, 16
    shape = (channels, side, side)
    rows, slices = 9 * channels, 8
    blocks = (RowBlock(0, 128, ((0, 128),)), RowBlock(128, rows, ((128, rows),)))
    layers, nodes = [], []
    for number in range(stages):
        matrix = QuantizedMatrix(
            weight=np.zeros((rows, channels), np.int32),
            bias=np.zeros(channels, np.int64),
            multiplier=np.ones(channels),
            input=codes,
            output=codes,
            kernel=(3, 3),
            stride=(1, 1),
            padding=(1, 1, 1, 1),
            in_shape=shape,
            out_shape=shape,
        )
        arrays = tuple(PlacedArray(number, block, block, (0, channels * slices)) for block in range(2))
        layers.append(PlacedLayer(f"conv{number}", matrix, slices, 1, blocks, (arrays,), 8, (0, channels)))
        edge = Edge(number - 1, (), shape, "window", channels)
        post = (Post(Relu(f"relu{number}"), codes),)
        nodes.append(Stage(f"conv{number}", (edge,), (number,), None, (), codes, post, shape, shape, shape, shape))
    return Placement("pipeline", codes, shape, shape, tuple(layers), tuple(nodes), tiles)


def scanned(name: str, tiles: list[int], repeat: int) -> list[dict[str, Any]]:
    """Microseconds an event on meshes of several sizes, of a network of fixed size and of one that fills the chip."""
    rows = []
    for full in (False, True):
        for count in tiles:
            chip = chip_of(name, math.isqrt(count))
            stages = count if full else min(tiles)
            placement = pipeline(stages, count)
            images = 2 * max(tiles) // stages
            few, many = (
                min((run(chip, placement, times * images, False) for _ in range(repeat)), key=lambda found: found.cpu_s)
                for times in (1, 3)
            )
            each_us = (many.cpu_s - few.cpu_s) / (many.events - few.events) * 1e6
            rows.append({"tiles": count, "stages": stages, "events": many.events, "us_per_event": each_us})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chip", default="isaac_isca_2016")
    parser.add_argument("--networks", nargs="*", default=["resnet18", "vgg16", "resnet50"])
    parser.add_argument("--stream", type=int, default=1000)
    parser.add_argument("--tiles", nargs="*", type=int, default=[16, 64, 256, 1024])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="'-' is standard output")
    parser.add_argument("--one", metavar="NAME", help="measure one network in this process and print it as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.chip, options.one, options.stream, options.repeat)))
        return
    networks = [in_its_own_process(options, workload) for workload in options.networks]
    scan = scanned(options.chip, options.tiles, options.repeat) if options.tiles else []
    text = json.dumps({"chip": options.chip, "networks": networks, "scan": scan}, indent=2)
    if options.json == "-":
        print(text)
        return
    for row in (*networks, *scan):
        print(
            "  ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
        )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
