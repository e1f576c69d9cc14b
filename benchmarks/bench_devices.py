"""Speed of the device models, each section in a process of its own.

programming: write-verify of every cell of a network of 11 million weights in 8 cells each, in one call: 4 levels, 2-bit
cells of 1 MOhm to 50 kOhm, log-normal error 0.13 (LRS) and 0.74 (HRS), tolerance 1 uS, at most 20 pulses. Asked: under
10 s on two threads (aim 5 s) and memory bounded: of cells and outcome, and little besides.
networks: programming statistics of every cell of a network compiled for `isaac_isca_2016` (16-bit weights in 8 cells,
as many tiles as it needs), with the sums that default activity needs; memory above that of compiling. Once each.
pulses: one pulse on each device of 784 x 3000 pairs, all imperfections on, one thread; of weak RESET (Majumdar
et al. 2021) with reading the resistance too, asked under 0.5 s, of the other models without.
Wall times, the best of the repeats. Peak memory is that of the process less what it held before (VmHWM, Linux).
Run: python benchmarks/bench_devices.py [--repeats K] [--sections programming,networks,pulses] [--json -]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tabulate import tabulate

from pillarsim.arch.chip.load import load_card, load_chip
from pillarsim.arch.compute.activities import written_sums
from pillarsim.arch.compute.program import placement_levels
from pillarsim.arch.compute.programming import write_network
from pillarsim.arch.compute.reading import read_rule
from pillarsim.arch.device import device_of
from pillarsim.devices.cells import CellStates, WriteRule, write_cells
from pillarsim.devices.programming_error import LogNormalError
from pillarsim.devices.pulses import resistance_ohm
from pillarsim.mapping import compile_network
from pillarsim.workloads.topology import load_network

Row = dict[str, Any]

WEIGHTS, CELLS_A_WEIGHT, LEVELS = 11_000_000, 8, 4
G_MIN_S, G_MAX_S = 1e-6, 20e-6
BYTES_A_CELL = 1 + 4 + 4 + 1  # level in; conductance, pulses, failed out
ASKED_S, AIM_S = 10.0, 5.0
PAIRS = 784 * 3000 * 2  # devices of the first layer of a 784-3000-10 network in pairs
ASKED_PULSE_S = 0.5
ASKED_BESIDE_MB = 50.0  # besides cells and outcome; assumed


def row(what: str, seen: float, asked: str = "") -> Row:
    """One line of the table."""
    return {"what": what, "seen": seen, "asked": asked}


def best(work: Callable[[], object], repeats: int) -> float:
    """Shortest wall time of the repeats."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def memory_mb(name: str) -> float:
    """A line of the process's status, MB: VmRSS now, VmHWM at its highest."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(name + ":")) * 1024 / 1e6


def programming(repeats: int) -> list[Row]:
    """Write every cell of the network on one and on two threads."""
    error = LogNormalError(0.74, 0.13, G_MIN_S, G_MAX_S)
    states, rule = CellStates(G_MIN_S, G_MAX_S, LEVELS, error, 0.0, 0.0), WriteRule(1e-6, 20)
    write_cells(torch.zeros(1, dtype=torch.uint8), states, rule, 1)  # compile
    before = memory_mb("VmRSS")
    count = WEIGHTS * CELLS_A_WEIGHT
    random = torch.Generator().manual_seed(0)
    levels = torch.randint(0, LEVELS, (count,), generator=random, dtype=torch.uint8)
    one = best(lambda: write_cells(levels, states, rule, 1, threads=1), repeats)
    two = best(lambda: write_cells(levels, states, rule, 1, threads=2), repeats)
    beside = memory_mb("VmHWM") - before - count * BYTES_A_CELL / 1e6
    million = f"{count / 1e6:g} million cells"
    return [
        row(f"programming: {million}, one thread, s", one),
        row(f"programming: {million}, two threads, s", two, f"< {ASKED_S:g} (aim {AIM_S:g})"),
        row("programming: levels and outcome, MB", count * BYTES_A_CELL / 1e6),
        row("programming: peak memory besides them, MB", beside, f"< {ASKED_BESIDE_MB:g}"),
    ]


def networks(repeats: int) -> list[Row]:
    """Write every cell of whole networks as a run without images does; `repeats` is not used."""
    rows = []
    for name, sets in (("resnet18", ()), ("vgg16", ("tile.count={x: 14, y: 51}",))):
        chip, network = load_chip("isaac_isca_2016", sets).chip, load_network(name)
        bits, array = chip.bits_per_cell, chip.array
        images = np.random.default_rng(0).random((1, *network.input_shape), dtype=np.float32)
        placement = compile_network(
            network, images, array=array, tile=chip.tile, weights=chip.weights, bits_per_cell=bits, inputs=chip.input,
            mapping=chip.mapping,
        )  # fmt: skip
        levels = placement_levels(placement, chip.weights, bits)
        rule = read_rule(array, chip.weights, chip.input, chip.readout, bits)
        look = partial(written_sums, rule=rule, array=array, retention=None, temperature_k=300.0, seed=1)
        rails = {volts: volts for volts in (array.read_voltage, chip.write.voltage)}
        before, cells = memory_mb("VmHWM"), sum(layer.cells for layer in placement.layers) / 1e6
        for threads in (1, 2):
            start = time.perf_counter()
            write_network(
                placement, levels, array, chip.write, bits, rails, 1, look=look, threads=threads
            )  # fmt: skip
            what = f"networks: {name}, {cells:.4g} million cells, threads: {threads}, s"
            rows.append(row(what, time.perf_counter() - start))
        rows.append(row(f"networks: {name}, peak memory above compiling, MB", memory_mb("VmHWM") - before))
    return rows


def pulses(repeats: int) -> list[Row]:
    """One pulse on every device of a layer of pairs, for each pulse model that a shipped card has."""
    rows = []
    for name in ("majumdar2021", "pt_hfo2_ti_tin", "neurosim_analog", "pcm_nandakumar_2018", "stanford_pku"):
        device = device_of(load_card(name).card)
        assert device.update is not None
        devices = device.pulse(device.fresh(PAIRS, device.update.imperfections, 1), 1)
        taken = best(lambda device=device, devices=devices: device.pulse(devices, 1), repeats)  # type: ignore[misc]
        rows.append(row(f"pulses: {name}, {PAIRS / 1e6:.3g} million devices, s", taken))
        if name == "majumdar2021":
            after = device.pulse(devices, 1)
            read = best(lambda after=after: resistance_ohm(after), repeats)  # type: ignore[misc]
            rows.append(row("pulses: the same with its resistance, s", taken + read, f"< {ASKED_PULSE_S:g}"))
    return rows


SECTIONS: dict[str, Callable[[int], list[Row]]] = {
    "programming": programming,
    "networks": networks,
    "pulses": pulses,
}


def in_child(section: str, repeats: int) -> list[Row]:
    """Rows of a section run in a fresh process, so that its peak memory is its own."""
    command = [sys.executable, __file__, "--child", section, "--repeats", str(repeats)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: list[Row] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sections", default=",".join(SECTIONS))
    parser.add_argument("--child", choices=list(SECTIONS), help=argparse.SUPPRESS)
    parser.add_argument("--json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.child:
        print(json.dumps(SECTIONS[options.child](options.repeats)))
        return
    rows = [one for section in options.sections.split(",") for one in in_child(section, options.repeats)]
    if options.json == "-":
        print(json.dumps(rows, indent=2))
        return
    print(tabulate([[one["what"], f"{one['seen']:.3g}", one["asked"]] for one in rows], ["", "seen", "asked"]))


if __name__ == "__main__":
    main()
