"""Accuracy of the default chip, and against ADC bits, programming error and permuted weights.

Asked: float >= 98.9 % (LeNet-5) and >= 98.0 % (MLP) on the 10 000 test images, the default chip's mean within
0.5 point of float with ideal wires and within 1 point with exact circuits; accuracy goes from ideal to clear loss;
permuted weights give chance.
Run: python benchmarks/bench_accuracy.py [--samples N|all] [--seeds K] [--json -]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any

import numpy as np

from pillarsim.arch.chip.load import load_chip
from pillarsim.job import RunOptions, run
from pillarsim.workloads.network import Conv2d, Linear, Network
from pillarsim.workloads.topology import load_network

WORKLOADS = ("mnist-lenet5", "mnist-mlp")
UNVERIFIED = "write.verify=null"
ANY_BITS = ("readout.model=zigzag_28nm", "readout.rate=null")  # the survey's cost model covers 4 bits and more


def accuracy(network: Network, sets: tuple[str, ...], options: RunOptions) -> dict[str, Any]:
    """The accuracy object of one run."""
    found: dict[str, Any] = run(load_chip("hfox_planar_128", sets), network, options)["accuracy"]
    return found


def permuted(network: Network, seed: int = 0) -> Network:
    """The network with the weights of every matrix layer shuffled."""
    random = np.random.default_rng(seed)
    layers = tuple(
        replace(layer, weight=random.permutation(layer.weight.reshape(-1)).reshape(layer.weight.shape))
        if isinstance(layer, Conv2d | Linear)
        else layer
        for layer in network.layers
    )
    return replace(network, layers=layers)


def exact_wires(ohm: float) -> tuple[str, ...]:
    """Overrides for solved arrays whose word and bit lines have this resistance a cell."""
    lines = (f"array.resistance.{line}_segment={ohm} Ohm" for line in ("word_line", "bit_line"))
    return ("array.circuit=exact", *lines)


def studies() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Study -> (point, overrides)."""
    errors = (0, 5, 10, 15, 20, 30)
    return {
        "default": [
            ("as shipped", ()),
            ("exact", ("array.circuit=exact",)),
            ("exact, trimmed", ("array.circuit=exact", "readout.column_gain=calibrated")),
        ],
        "wire segment, exact": [
            (f"{ohm} Ohm{label}", (*exact_wires(ohm), *sets))
            for ohm in (20, 100)
            for label, sets in (("", ()), (", trimmed", ("readout.column_gain=calibrated",)))
        ],
        "adc bits": [(f"{bits} bits", (*ANY_BITS, f"readout.bits={bits}")) for bits in range(3, 10)],
        "programming error": [
            (f"{error} %", (f"array.cell.programming_error={{lrs: {error} %, hrs: {error} %}}", UNVERIFIED))
            for error in errors
        ],
    }


def main() -> None:
    """Print one table a workload."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", default="all")
    parser.add_argument("--sweep-samples", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json")
    options = parser.parse_args()
    samples = None if options.samples == "all" else int(options.samples)
    rows = []
    for name in WORKLOADS:
        network = load_network(name)
        for study, points in studies().items():
            count = samples if study == "default" else options.sweep_samples
            for point, sets in points:
                found = accuracy(network, sets, RunOptions(count, options.seeds, 1, threads=options.threads))
                rows.append({"workload": name, "study": study, "point": point, **found})
        found = accuracy(permuted(network), (), RunOptions(options.sweep_samples, 1, 1, threads=options.threads))
        rows.append({"workload": name, "study": "permuted weights", "point": "", **found})
    if options.json == "-":
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        spread = 0.0 if row["chip_std"] is None else 100 * row["chip_std"]
        print(
            f"{row['workload']:13} {row['study']:20} {row['point']:16} float {100 * row['float']:6.2f} %   "
            f"quantised {100 * row['quantized']:6.2f} %   chip {100 * row['chip_mean']:6.2f} +- {spread:.2f} %   "
            f"({row['samples']} images)"
        )


if __name__ == "__main__":
    main()
