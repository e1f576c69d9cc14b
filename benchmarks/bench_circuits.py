"""Speed of effective matrices against scipy's sparse factorisation and badcrossbar, on one thread, in one run.

Planar arrays as badcrossbar has them: a wire segment between every two cells, before the first cell of a row and after
the last cell of a column, ideal sources and virtual grounds (r_driver = r_sense = 0). The sparse baseline is `splu` of
the same circuit with the ordering that suits it best, and 64 solves; building its matrix is not counted.
CPU times, medians of alternating repeats. Asked, 128x128: at most 0.3x of splu, 5x (ambition 10x) faster than
badcrossbar for the first 64 vectors, later vectors at the cost of a plain product; 256x256: 0.5x and 2.5x; 512x512 in
under 2 GB; 8 layers of 64x64 pillars under 10 s; a nonlinear 8x16x16 memory case under 1 s; LeNet-5 under 10 s.
Without badcrossbar its rows are left out: `pip install badcrossbar` (it needs Debian's libcairo2-dev).
Run: python benchmarks/bench_circuits.py [--repeats K] [--sides 128,256] [--json -]
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import importlib
import importlib.util
import json
import logging
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.linalg import SuperLU, splu
from tabulate import tabulate

from pillarsim.devices import effective_matrix, solve
from pillarsim.devices.circuits.effective import effective_matrices

Array = NDArray[np.float64]
Row = dict[str, Any]

OHM = 1.0  # of every segment of the compared arrays
VECTORS = 64
# side -> asked: at most this share of splu's time, at least so many times as fast as badcrossbar
ASKED = {128: (0.3, 5.0), 256: (0.5, 2.5)}
BADCROSSBAR_AMBITION = 10.0
PEAK_SIDE, PEAK_ASKED_GB = 512, 2.0
WEIGHTS_PER_ARRAY = 2048  # 8 bits as four 2-bit slices in pairs of columns of a 128x128 array
NETWORKS = {"LeNet-5": 61_706, "ResNet-18": 11_000_000}
SAMPLE = 32  # arrays that are solved; networks with more of them are extrapolated


def seconds(work: Callable[[], object]) -> float:
    """CPU time of one call: other work on the machine must not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def medians(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median CPU time of each, alternating, after one call each that is not counted."""
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            times[name].append(seconds(work))
    return {name: statistics.median(values) for name, values in times.items()}


def conductances(*shape: int) -> Array:
    """Conductances over two decades, 1 to 100 uS."""
    return np.asarray(10 ** np.random.default_rng(0).uniform(-6, -4, shape), dtype=np.float64)


def planar(rows: int, cols: int, r_driver: float = 0.0, r_sense: float = 0.0) -> Row:
    """The spec of a planar compute case."""
    return {"geometry": "2d", "mode": "compute", "rows": rows, "cols": cols, "r_row": OHM, "r_col": OHM,
            "r_driver": r_driver, "r_sense": r_sense, "cell": {"model": "linear"}}  # fmt: skip


def vertical(layers: int, rows: int, cols: int, wl: str, **more: Any) -> Row:
    """The spec of a vertical case."""
    return {"geometry": "3d", "mode": "compute", "layers": layers, "rows": rows, "cols": cols, "wl": {"type": wl},
            "r_wl": 4.0, "r_pillar": 11.0, "r_bl": 2.5, "r_driver": 110.0, "r_sense": 45.0, "r_on": 2e3, "r_off": 1e9,
            "cell": {"model": "linear"}, "on_rows": [0]} | more  # fmt: skip


def nodal_matrix(g: Array) -> Any:
    """Conductance matrix of the compared circuit: row nodes, then column nodes; sources and grounds left out."""
    rows, cols = g.shape
    a = np.arange(rows * cols).reshape(rows, cols)
    b = a + rows * cols
    pairs = [(a[:, :-1], a[:, 1:]), (b[:-1], b[1:])]
    one = np.concatenate([*(first.ravel() for first, _ in pairs), a.ravel()])
    two = np.concatenate([*(second.ravel() for _, second in pairs), b.ravel()])
    siemens = np.concatenate([np.full(len(one) - g.size, 1 / OHM), g.ravel()])
    ends = np.concatenate([a[:, 0], b[-1]])
    values = np.concatenate([siemens, siemens, -siemens, -siemens, np.full(len(ends), 1 / OHM)])
    place = (np.concatenate([one, two, one, two, ends]), np.concatenate([one, two, two, one, ends]))
    return coo_array((values, place), shape=(2 * g.size, 2 * g.size)).tocsc()


def sparse_work(g: Array, volts: Array, **how: Any) -> Callable[[], Array]:
    """Factor and solve for all vectors; returns the column currents (vectors, columns)."""
    matrix, rows = nodal_matrix(g), np.arange(len(g)) * g.shape[1]
    right = np.zeros((matrix.shape[0], volts.shape[1]))
    right[rows] = volts / OHM

    def work() -> Array:
        lu: SuperLU = splu(matrix, **how)
        return np.asarray(lu.solve(right)[-g.shape[1] :].T / OHM)

    return work


def badcrossbar_work(g: Array, volts: Array) -> Callable[[], Array] | None:
    """badcrossbar's output currents alone, the least that it can be asked for; None where it is not installed."""
    if importlib.util.find_spec("badcrossbar") is None:
        return None
    badcrossbar = importlib.import_module("badcrossbar")
    logging.disable(logging.INFO)

    def work() -> Array:
        solved = badcrossbar.compute(volts, 1 / g, r_i=OHM, node_voltages=False, all_currents=False)
        return np.asarray(solved.currents.output)

    return work


def compare(side: int, repeats: int) -> list[Row]:
    """One array size: ours, splu, badcrossbar, and a plain product."""
    g = conductances(side, side)
    volts = np.random.default_rng(1).uniform(0, 0.3, (side, VECTORS))
    spec = planar(side, side)
    symmetric = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    works: dict[str, Callable[[], Any]] = {
        "matrix": lambda: effective_matrix(spec, g),
        "first vectors": lambda: volts.T @ effective_matrix(spec, g),
        "splu": sparse_work(g, volts, **symmetric),
    }
    other = badcrossbar_work(g, volts)
    if other is not None:
        works["badcrossbar"] = other
    found = {name: work() for name, work in works.items() if name != "matrix"}
    taken = medians(works, repeats)
    difference = max(float(np.abs(one / found["splu"] - 1).max()) for one in found.values())
    share, speedup = ASKED.get(side, (None, None))
    rows = [
        row(f"{side}x{side}: set-up, ms", 1e3 * taken["matrix"], ""),
        row(f"{side}x{side}: set-up / splu factor and {VECTORS} solves", taken["matrix"] / taken["splu"],
            f"<= {share}" if share else ""),
    ]  # fmt: skip
    if other is not None:
        asked = f">= {speedup} ({BADCROSSBAR_AMBITION:g})" if speedup else ""
        ratio = taken["badcrossbar"] / taken["first vectors"]
        rows.append(row(f"{side}x{side}: badcrossbar / ours, first {VECTORS} vectors", ratio, asked))
    rows.append(row(f"{side}x{side}: largest relative difference of the solvers", difference, "<= 1e-10"))
    return [*rows, later_vectors(g, effective_matrix(spec, g), repeats)]


def later_vectors(g: Array, matrix: Array, repeats: int) -> Row:
    """Products with the effective matrix against products with the conductances."""
    volts = np.random.default_rng(1).uniform(0, 0.3, (4096, len(g)))
    taken = medians({"exact": lambda: volts @ matrix, "ideal": lambda: volts @ g}, max(repeats, 9))
    return row(f"{len(g)}x{len(g)}: later vectors / plain product", taken["exact"] / taken["ideal"], "about 1")


def row(what: str, seen: float, asked: str) -> Row:
    """One line of the table."""
    return {"what": what, "seen": seen, "asked": asked}


def peak_of_child(side: int) -> list[Row]:
    """Set-up of one large array in a process of its own, and the memory that the process took."""
    done = subprocess.run([sys.executable, __file__, "--peak", str(side)], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return [
        row(f"{side}x{side}: set-up, s", found["seconds"], ""),
        row(f"{side}x{side}: peak memory of the process, GB", found["peak_gb"], f"< {PEAK_ASKED_GB:g}"),
    ]


def measure_peak(side: int) -> None:
    """What the child process does."""
    g = conductances(side, side)
    taken = seconds(lambda: effective_matrix(planar(side, side), g))
    # ru_maxrss would be the parent's where that is larger; VmHWM (kB, Linux) is of this process alone.
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak_kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(json.dumps({"seconds": taken, "peak_gb": peak_kib * 1024 / 1e9}))


def vertical_rows(repeats: int) -> list[Row]:
    """Vertical arrays: compute with fingers, and a nonlinear memory case."""
    g = conductances(8, 64, 64)
    fingers = vertical(8, 64, 64, "finger")
    memory = vertical(
        8, 16, 16, "plane", mode="memory", scheme="half", v=1.0, sel_row=3, sel_layers=[4], sel_cols=[5],
        cell={"model": "sinh", "g_lrs": 1e-5, "g_hrs": 1e-7, "k": 3.0},
        pattern={"kind": "random", "seed": 1, "p_lrs": 0.5},
    )  # fmt: skip
    taken = medians(
        {
            "one": lambda: effective_matrix(fingers, g),
            "two": lambda: effective_matrices(fingers, g, [[0], [1]]),
            "eight": lambda: effective_matrices(fingers, g, [[group] for group in range(8)]),
            "memory": lambda: solve(memory),
        },
        repeats,
    )
    return [
        row("8 layers of 64x64 pillars, finger: set-up, s", taken["one"], "< 10"),
        row("the same, two groups of rows / one", taken["two"] / taken["one"], ""),
        row("the same, eight groups of rows / one", taken["eight"] / taken["one"], ""),
        row("8x16x16 sinh cells, planes, read of both states, s", taken["memory"], "< 1"),
    ]


def network_rows(repeats: int) -> list[Row]:
    """Arrays of whole networks: a stack of some is solved, time grows linearly with their number."""
    spec, g = planar(128, 128, 100.0, 50.0), conductances(SAMPLE, 128, 128)
    half = SAMPLE // 2
    taken = medians(
        {"half": lambda: effective_matrix(spec, g[:half]), "all": lambda: effective_matrix(spec, g)}, repeats
    )
    tracemalloc.start()
    found = effective_matrix(spec, g)
    peak = tracemalloc.get_traced_memory()[1] - found.nbytes - g.nbytes
    tracemalloc.stop()
    each = taken["all"] / SAMPLE
    rows = [
        row("stack of 128x128: ms an array", 1e3 * each, ""),
        row(f"stack of {SAMPLE} / stack of {half}", taken["all"] / taken["half"], "about 2"),
        row("stack of 128x128: memory besides cells and matrices, MB", peak / 1e6, ""),
        row(f"stack of {SAMPLE} on two threads, wall time / one thread", on_two_threads(spec, g), ""),
        row("stack of 64 of 16x16: ms an array", 1e3 * seconds_each(16), ""),
        row("stack of 64 of 32x32: ms an array", 1e3 * seconds_each(32), ""),
    ]
    for name, weights in NETWORKS.items():
        arrays = -(-weights // WEIGHTS_PER_ARRAY)
        kept = arrays * found[0].nbytes / 1e9
        rows.append(row(f"{name}: {arrays} arrays, set-up, s", each * arrays, "< 10" if name == "LeNet-5" else ""))
        rows.append(row(f"{name}: matrices kept, GB", kept, ""))
    return rows


def seconds_each(side: int) -> float:
    """Set-up of one of 64 small arrays solved as a stack."""
    spec, g = planar(side, side, 100.0, 50.0), conductances(64, side, side)
    return medians({"stack": lambda: effective_matrix(spec, g)}, 5)["stack"] / 64


def on_two_threads(spec: Row, g: Array) -> float:
    """Wall time of two halves of a stack on two threads, as a share of one after the other."""
    halves = np.array_split(g, 2)

    def wall(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    with ThreadPoolExecutor(2) as pool:
        together = [wall(lambda: list(pool.map(lambda part: effective_matrix(spec, part), halves))) for _ in range(3)]
    apart = [wall(lambda: [effective_matrix(spec, part) for part in halves]) for _ in range(3)]
    return min(together) / min(apart)


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sides", default=",".join(map(str, ASKED)))
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.peak:
        measure_peak(options.peak)
        return
    rows = [one for side in options.sides.split(",") for one in compare(int(side), options.repeats)]
    rows += peak_of_child(PEAK_SIDE) + vertical_rows(options.repeats) + network_rows(options.repeats)
    if options.json == "-":
        print(json.dumps(rows, indent=2))
        return
    print(tabulate([[one["what"], f"{one['seen']:.3g}", one["asked"]] for one in rows], ["", "seen", "asked"]))
    if importlib.util.find_spec("badcrossbar") is None:
        print("badcrossbar is not installed, so its rows are missing: pip install badcrossbar (needs libcairo2-dev)")


if __name__ == "__main__":
    main()
