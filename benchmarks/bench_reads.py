"""Speed of reads of nonlinear cells, on one thread.

laws: the currents of 10 million cells, each at a voltage of its own. Asked: sinh within 0.5 s.
values: the default chip's arrays with 8-bit amplitude inputs on linear cells, and on nonlinear ones of the same levels;
asked: nothing, a law of k terms takes about k products where linear cells take one.
CPU times, the best of the repeats. Run: python benchmarks/bench_reads.py [--repeats K] [--images N] [--json -]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import torch
from tabulate import tabulate

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.converters import converter_ranges
from pillarsim.arch.compute.evaluate import run_images, set_up
from pillarsim.arch.compute.program import ideal_layers, placement_levels
from pillarsim.arch.compute.reading import read_rule
from pillarsim.devices.current_voltage import Law, Polynomial, PooleFrenkel, Sinh
from pillarsim.devices.polynomial import HIGHEST_S, LOWEST_S
from pillarsim.mapping.compile import compile_network
from pillarsim.workloads.datasets import load_dataset
from pillarsim.workloads.topology import load_network

Row = dict[str, Any]

CELLS, READ_V, ROOM_K = 10_000_000, 0.3, 300.0
SINH_ASKED_S = 0.5
LAWS: dict[str, Law] = {"sinh": Sinh(0.25), "poole_frenkel": PooleFrenkel(25.0, 10e-9), "polynomial": Polynomial()}
AMPLITUDE = ("input.coding=amplitude", "input.driver.component=dac_multibit", "array.access.on_resistance=0 Ohm")
CARDS: dict[str, tuple[str, ...]] = {
    "linear": (),
    "sinh": ("array.cell.iv={model: sinh, voltage: 0.1 V, stated_at: 0.2 V}",),
    "poole_frenkel": (
        "array.cell.iv={model: poole_frenkel, permittivity: 25, thickness: 10 nm, stated_at: 0.2 V}",
    ),
    "polynomial": ("array.cell={lrs: 5 kOhm, hrs: 18 kOhm, iv: {model: polynomial}}",),
}  # fmt: skip


def best(work: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the fastest of several calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def bench_laws(repeats: int) -> list[Row]:
    """Currents of every law, in the precision in which conductances are kept and in double."""
    rows = []
    for kind in (torch.float32, torch.float64):
        volts = torch.linspace(0.0, READ_V, CELLS, dtype=kind)
        slopes = torch.linspace(1.01 * LOWEST_S, 0.99 * HIGHEST_S, CELLS, dtype=kind)
        for name, law in LAWS.items():

            def read(law: Law = law, slopes: torch.Tensor = slopes, volts: torch.Tensor = volts) -> object:
                return law.current_a(slopes, volts, ROOM_K)

            asked = f"<= {SINH_ASKED_S:g} s" if name == "sinh" and kind == torch.float32 else ""
            label = f"{name}, {str(kind).removeprefix('torch.')}"
            rows.append({"what": f"10 million reads, {label}", "seconds": best(read, repeats), "asked": asked})
    return rows


def bench_values(repeats: int, images: int) -> list[Row]:
    """The value model of LeNet-5 with each card."""
    network = load_network("mnist-lenet5")
    calibration = load_dataset("mnist", "train", 64).images
    test = load_dataset("mnist", "test", images).images
    rows = []
    for name, sets in CARDS.items():
        chip = load_chip("hfox_planar_128", (*AMPLITUDE, "array.cell.read_noise=0", *sets)).chip
        bits = chip.bits_per_cell
        placement = compile_network(
            network, calibration, array=chip.array, tile=chip.tile, weights=chip.weights, bits_per_cell=bits,
            inputs=chip.input, mapping=chip.mapping,
        )  # fmt: skip
        device = ideal_layers(placement_levels(placement, chip.weights, bits), chip.array, bits)
        rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, bits)
        setups = set_up(placement, device, rule, converter_ranges(placement, rule, calibration), 1)

        def work(placement: Any = placement, setups: Any = setups) -> object:
            return run_images(placement, setups, test, 0)

        work()  # compiles
        rows.append({"what": f"{images} images of LeNet-5, {name}", "seconds": best(work, repeats), "asked": ""})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--json", help="write JSON to this file; - is standard output")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = [*bench_laws(args.repeats), *bench_values(args.repeats, args.images)]
    if args.json is None:
        print(tabulate(rows, headers="keys", floatfmt=".3f"))
    elif args.json == "-":
        print(json.dumps(rows))
    else:
        with open(args.json, "w", encoding="utf-8") as stream:
            json.dump(rows, stream)


if __name__ == "__main__":
    main()
