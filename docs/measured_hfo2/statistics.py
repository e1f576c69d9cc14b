"""Statistics of the measured HfO2 arrays, each as lines of YAML. Keys of the raw arrays as in their file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
from measured_hfo2.text import DOI, PROBABILITIES, Array, kohm, listed, numbers, quantiles, siemens
from numpy.typing import NDArray

Data = Mapping[str, Array]
COUNT_QUANTILES = (0.5, 0.95, 0.99, 1.0)
WINDOWS_OHM = ((8e4, 1e10), (8510.0, 9310.0), (5770.0, 6010.0), (0.0, 5000.0))  # of the four levels, lowest G first
RUNS = ("5_1_20", "5_25_20")
RELAXED_AT = (0.0, 0.01, 0.05, 0.16, 0.25, 0.5, 0.75, 0.84, 0.95, 0.99, 1.0)
# uS before the bake: 24 to 105 cells a bin, narrow where the law changes fast, wide where it hardly does
RELAXED_BINS_US = (0, 4, 8, 15, 28, 45, 60, 75, 90, 105, 120, 140, 165, 190, 215, 300)
STUCK_ABOVE_S = 200e-6  # S, the edge of the lowest-resistance level
# Bakes of the 3-bit experiments as the notes beside the authors' raw data state them (data/retention/data/README.md in
# github.com/akashlevy/RRAM-RADAR-Tuning); the array file itself states none.
BAKES = {
    1: "30 min at 80 C", 2: "30 min at 100 C", 3: "30 min at 100 C", 4: "30 min at 120 C",
    5: "not stated", 6: "not stated", 7: "not stated, after 5000 cycles",
}  # fmt: skip
BOLTZMANN_EV = 8.617333262e-5  # eV/K, CODATA 2018
ONSET_S, ACTIVATION_EV = 1.0, 1.1  # s, eV, assumed
ENDURANCE_EXPONENT = 0.5  # assumed
NOTED_CYCLES = 5000  # before the 3-bit experiment 7, same notes


# 1. Write-verify of four levels


def written(data: Data, window: tuple[float, float], chips: Iterable[int] = (1, 2)) -> tuple[Array, NDArray[np.bool_]]:
    """Rows of the cells written to one window on some chips, and which of them succeeded."""
    rows = np.concatenate([data[f"sdr2bpc_chip{chip}"] for chip in chips])
    rows = rows[(rows[:, 5:7] == window).all(1)]
    return rows, rows[:, 7] == 1


def write_verify(data: Data) -> list[str]:
    """Conductance, success and pulses by level: each chip, both, successes and all."""
    out = [f"write_verify:  # {DOI}, sdr2bpc; columns R_final, success, reads, sets, resets",
           f"  probabilities: {numbers(PROBABILITIES)}"]  # fmt: skip
    for name, chips in (("chip_1", (1,)), ("chip_2", (2,)), ("both", (1, 2))):
        out.append(f"  {name}:")
        for window in WINDOWS_OHM:
            rows, good = written(data, window, chips)
            g = 1 / rows[:, 4]
            out += [f"  - window: [{window[0]:g} Ohm, {window[1]:g} Ohm]",
                    f"    cells: {len(rows)}",
                    f"    success: {good.mean():.4f}",
                    listed("    successes: ", quantiles(g[good])),
                    listed("    all: ", quantiles(g))]  # fmt: skip
            if not good.all():
                out.append(listed("    failures: ", quantiles(g[~good])))
            for column, what in ((1, "reads"), (2, "sets"), (3, "resets")):
                n = rows[:, column]
                top = numbers(np.quantile(n, COUNT_QUANTILES))
                out.append(f"    {what}: {{mean: {n.mean():.3f}, at {numbers(COUNT_QUANTILES)}: {top}}}")
    return out


# 2. Set-reset cycling


def spreads(ohm: Array) -> dict[str, float]:
    """Spreads of ln R of (cells, cycles): cycle to cycle within a cell, and of the cells' centres.

    pooled: root mean variance within cells, and the standard deviation of cell means less the share of the former
    (analysis of variance). typical: median over cells of a cell's standard deviation, and the standard deviation of
    cell medians; rare far-off cycles count less in it.
    """
    log = np.log(ohm)
    within = log.var(1, ddof=1).mean()
    return {
        "cycle_pooled": float(np.sqrt(within)),
        "cycle_typical": float(np.median(log.std(1, ddof=1))),
        "device_pooled": float(np.sqrt(log.mean(1).var(ddof=1) - within / log.shape[1])),
        "device_typical": float(np.median(log, 1).std(ddof=1)),
        "all": float(log.std(ddof=1)),
    }


def cycled(data: Data, state: str) -> Array:
    """Resistances of both runs, cells of the second below those of the first (200 cells, 300 cycles)."""
    return np.concatenate([data[f"cycling_{run}_{state}_ohm"] for run in RUNS])


def cycling(data: Data) -> list[str]:
    """Medians, spreads and quantiles of the low- and the high-resistance state by run."""
    out = [f"cycling:  # {DOI}, cycling_*: 100 cells, 300 cycles a run; spreads are of ln R",
           f"  probabilities: {numbers(PROBABILITIES)}"]  # fmt: skip
    for state in ("LRS", "HRS"):
        for run, ohm in [(r, data[f"cycling_{r}_{state}_ohm"]) for r in RUNS] + [("both", cycled(data, state))]:
            early, late = np.median(ohm[:, :30]), np.median(ohm[:, -30:])
            out += [f"  {state}_{run}:",
                    f"    median: {kohm(np.median(ohm))}",
                    "    spread: {" + ", ".join(f"{k}: {v:.4f}" for k, v in spreads(ohm).items()) + "}",
                    f"    median_of_cycles: {{first 30: {kohm(early)}, last 30: {kohm(late)}}}",
                    listed("    resistance: ", [kohm(x) for x in np.quantile(ohm, PROBABILITIES)])]  # fmt: skip
    return out


# 3. Bake of 32 levels


def relaxation_table(data: Data) -> list[tuple[float, Array, int]]:
    """Of each bin of conductance before the bake: median before, quantiles after, number of cells; lowest first.

    Cells are binned by what they had, not by level: a level of low conductance holds cells from 1 to 100 uS. Each is
    first carried from its own conductance to the bin's median: one that fell by its ratio, one that rose by its
    change, so that the width of a bin adds nothing and nothing becomes negative. By the same rule the lowest bin also
    gives the quantiles at 0, which keep a cell below its median from losing more than it has.
    """
    before, after = 1 / data["relax_pre_ohm"], 1 / data["relax_post_ohm"]
    rows = []
    for low, high in pairwise(np.array(RELAXED_BINS_US) * 1e-6):
        cells = (before >= low) & (before < high)
        median = float(np.median(before[cells]))
        for knot in (0.0, median) if low == 0 else (median,):
            g0, g1 = before[cells], after[cells]
            carried = np.where(g1 < g0, g1 * knot / g0, g1 - g0 + knot)
            rows.append((knot, np.quantile(carried, RELAXED_AT), int(cells.sum())))
    return rows


def bake(data: Data) -> list[str]:
    """The table of the cards, and the single levels of the experiment."""
    out = [f"bake:  # {DOI}, relax_*: 32 levels of 32 cells, before and after 30 min at 80 C",
           f"  probabilities: {numbers(RELAXED_AT)}"]  # fmt: skip
    for knot, after_s, cells in relaxation_table(data):
        out += [f"  - {{before: {siemens([knot])[0]}, cells: {cells}}}", listed("    after: ", siemens(after_s))]
    before, after = 1 / data["relax_pre_ohm"], 1 / data["relax_post_ohm"]
    out.append(
        "  levels:  # medians before; change: mean, median, standard deviation; standard deviations before, after"
    )
    for level in range(31, -1, -1):
        g0, g1 = (g[data["relax_level"] == level] for g in (before, after))
        d = g1 - g0
        parts = (np.median(g0), d.mean(), np.median(d), d.std(ddof=1), g0.std(ddof=1), g1.std(ddof=1))
        out.append(listed("  - ", siemens(parts)))
    return out


# 4. Bake of 3-bit cells


def three_bit_levels() -> NDArray[np.int64]:
    """Level (0 the lowest conductance) of each of 1024 cells: the pattern steps down by one, skipping one each row."""
    cell = np.arange(1024)
    return 7 - (cell + cell // 32) % 8


def three_bit(data: Data) -> list[str]:
    """Median before, and median, mean and standard deviation of the change, by level and experiment."""
    level = three_bit_levels()
    out = [f"three_bit:  # {DOI}, ret3bpc*: 1024 cells; the array file says 'bake' and no more; bakes by the notes"]
    for number, what in BAKES.items():
        g0, g1 = (1 / data[f"ret3bpc{number}_{when}"][:1024] for when in ("pre", "post"))
        d = g1 - g0
        cells = [level == k for k in range(8)]
        out += [f"  experiment_{number}:", f"    bake: {what}",
                listed("    median_before: ", siemens(np.median(g0[c]) for c in cells)),
                listed("    change_median: ", siemens(np.median(d[c]) for c in cells)),
                listed("    change_mean: ", siemens(d[c].mean() for c in cells)),
                listed("    change_spread: ", siemens(d[c].std(ddof=1) for c in cells))]  # fmt: skip
    growth = bake_growth(data)
    out += ["  variance_of_levels_2_to_4:  # relative to 80 C; write windows differ a little between experiments",
            f"    100 C: [{growth[2]:.3f}, {growth[3]:.3f}]",
            f"    120 C: {growth[4]:.3f}",
            f"  read_noise: {read_noise(data):.5f}  # of ln G between repeated reads, upper 7 levels",
            f"  endurance_cycles: {endurance_cycles(data):.3g}  # see endurance of the card"]  # fmt: skip
    return out


def bake_growth(data: Data) -> dict[int, float]:
    """Variance that levels 2 to 4 (95 to 155 uS) gain in experiments 2 to 4, relative to experiment 1 at 80 C."""
    level = three_bit_levels()
    gained = {}
    for number in (1, 2, 3, 4):
        g0, g1 = (1 / data[f"ret3bpc{number}_{when}"][:1024] for when in ("pre", "post"))
        gained[number] = float(sum((g1 - g0)[level == k].var(ddof=1) for k in (1, 2, 3)))
    return {number: gained[number] / gained[1] for number in (2, 3, 4)}


def modelled_growth(kelvin: float) -> float:
    """The same by the model of the card, 30 min at `kelvin` relative to 353.15 K."""
    faster = np.exp(ACTIVATION_EV / BOLTZMANN_EV * (1 / 353.15 - 1 / kelvin))
    return float(np.log1p(1800 * faster / ONSET_S) / np.log1p(1800 / ONSET_S))


def read_noise(data: Data) -> float:
    """Relative standard deviation of one read, from repeated reads of the same cells (the wait is not stated)."""
    upper = three_bit_levels() > 0
    squares = []
    for name in ("ret3bpc2_post", "ret3bpc3_pre", "ret3bpc4_post"):
        reads = np.log(data[name].reshape(-1, 1024)[:, upper])
        squares.append((np.diff(reads, axis=0) ** 2).mean() / 2)
    return float(np.sqrt(np.mean(squares)))


def endurance_cycles(data: Data) -> float:
    """Cycles that close the window if its logarithm closes as n^0.5, from the lowest level before and after cycling."""
    level = three_bit_levels()
    low = [np.median(1 / data[f"ret3bpc{n}_pre"][:1024][level == 0]) for n in (6, 7)]
    high = np.median(1 / data["ret3bpc6_pre"][level == 7])
    closed = np.log(low[1] / low[0]) / np.log(high / low[0])
    return float(NOTED_CYCLES / closed ** (1 / ENDURANCE_EXPONENT))


# 5. Sweeps of single pulses


def sweeps(data: Data) -> list[str]:
    """Change of ln R from the start of a ladder of rising pulses, by voltage.

    Both ladders step a voltage by 50 mV a pulse (set: word line, bit line at 2 V; reset: column 3, column 4 at 3.5 V,
    200 ns), and a ladder ends early once its cell has switched far: later rows keep the cells that switch least.
    Nothing here repeats equal pulses, so no update per pulse at fixed amplitude follows.
    """
    out = [f"sweeps:  # {DOI}, set_sweep and reset_sweep: 50 cells, 10 ladders each; ln(R / R at the start)"]
    for name, column in (("set_sweep", 3), ("reset_sweep", 2)):
        rows = data[name]
        ladder = np.concatenate([[0], np.cumsum(np.diff(rows[:, column]) < 0)])
        start = rows[np.flatnonzero(np.diff(ladder, prepend=-1)), 4][ladder]
        log = np.log(rows[:, 5] / start)
        out.append(f"  {name}:  # V: [ladders left, 16 %, 50 %, 84 %]")
        for volts in np.arange(0, 4.01, 0.25):
            here = log[np.abs(rows[:, column] - volts) < 0.01]
            out.append(f"    {volts:.2f} V: [{len(here)}, {', '.join(f'{q:.3f}' for q in quantiles(here, True))}]")
    return out


# The cards
