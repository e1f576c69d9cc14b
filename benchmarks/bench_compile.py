"""Compiling large networks for ISAAC: time and peak memory, each in a fresh process.

    python benchmarks/bench_compile.py [NAME ...] [--set KEY=VALUE ...] [--json FILE|-]

The chip is `isaac_isca_2016` with as many tiles as the largest network needs; scales come from 2 random inputs. Asked:
ResNet-18 within 10 s, ResNet-50 and VGG-16 within 25 s, all within 4 GB. Loading the network stands apart; the peak is
that of the whole process, network and libraries included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

ASKED_S = {"resnet18": 10.0, "resnet50": 25.0, "vgg16": 25.0}
ASKED_BYTES = 4e9
TILES = "tile.count={x: 28, y: 28}"


def measure(name: str, sets: list[str]) -> dict[str, float | int | str]:
    """Compile one network in this process."""
    import numpy as np
    import torch

    from pillarsim.arch.chip.load import load_chip
    from pillarsim.arch.components.build import build_components
    from pillarsim.arch.components.timing import build_timing
    from pillarsim.compiled import compile_for
    from pillarsim.workloads.load import load_network

    torch.set_num_threads(1)
    start = time.perf_counter()
    network = load_network(name)
    loaded = time.perf_counter()
    chip = load_chip("isaac_isca_2016", (TILES, *sets)).chip
    timing = build_timing(chip.hardware, build_components(chip.hardware), chip.idle)
    inputs = np.random.default_rng(0).random((2, *network.input_shape), dtype=np.float32)
    before, cpu = time.perf_counter(), time.process_time()
    placement = compile_for(chip, network, inputs, timing)
    return {
        "network": name,
        "load_s": loaded - start,
        "compile_s": time.perf_counter() - before,
        "compile_cpu_s": time.process_time() - cpu,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "arrays": placement.arrays,
        "tiles": len({tile for _, tile, _ in placement.sharers}),
    }


def fresh(name: str, sets: list[str]) -> dict[str, float | int | str]:
    """Compile one network in a process of its own."""
    options = [part for text in sets for part in ("--set", text)]
    done = subprocess.run(
        [sys.executable, __file__, name, *options, "--here"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])
    found: dict[str, float | int | str] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", metavar="FILE", help="'-' is standard output")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.names or list(ASKED_S)
    if options.here:
        print(json.dumps(measure(names[0], options.sets)))
        return
    rows = [fresh(name, options.sets) for name in names]
    for row in rows:
        row["asked_s"], row["asked_bytes"] = ASKED_S.get(str(row["network"]), float("nan")), ASKED_BYTES
    text = json.dumps(rows, indent=2)
    if options.json == "-":
        print(text)
        return
    print(f"{'network':12}{'compile s':>10}{'asked':>7}{'cpu s':>8}{'peak GB':>9}{'asked':>7}{'arrays':>8}{'tiles':>7}")
    for row in rows:
        print(
            f"{row['network']:12}{row['compile_s']:10.2f}{row['asked_s']:7.0f}{row['compile_cpu_s']:8.2f}"
            f"{float(row['peak_bytes']) / 1e9:9.2f}{ASKED_BYTES / 1e9:7.0f}{row['arrays']:8}{row['tiles']:7}"
        )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
