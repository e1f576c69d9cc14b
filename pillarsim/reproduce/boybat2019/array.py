"""The paper's array: 32 word lines, 2 bit lines, Pt/HfO2/Ti/TiN cells, programmed by pulses and read back.

Cells are written in a closed loop to levels over the window and read twice: as the synapses of the bank are read, and
by the circuit solver, one word line after another and all at once, with wires of no resistance.
Left out: wires, half-selected cells while writing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import solve_reads
from pillarsim.devices.synapses.bank import Synapse, make_bank
from pillarsim.devices.synapses.counts import RESETS, SETS, no_counts
from pillarsim.devices.synapses.laws import PulseModel, window_of
from pillarsim.devices.synapses.programming import bring_to
from pillarsim.reproduce.boybat2019.plan import SEED
from pillarsim.reproduce.claims import Claim

__all__ = ["ArrayRead", "array_claim", "read_back"]

ROWS, COLUMNS = 32, 2  # of the paper's crossbar
LEVELS = 4  # told apart after one pulse too many; our choice
MARGIN = 0.25  # of the window left free at both ends: devices differ in their bounds; our choice
MOST_PULSES = 100  # a cell
READ_V = 0.2  # V, assumed
CIRCUIT = 1e-9  # relative: ideal wires leave G V

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ArrayRead:
    """targets_s, bank_s, alone_s (rows, columns): conductances asked for, found by the bank, found by the circuit.

    together: largest relative difference of the currents of all word lines at once from the sum of G V; step_s: mean
    step of a nominal cell in the middle of its window; pulses: given to all cells.
    """

    targets_s: Doubles
    bank_s: Doubles
    alone_s: Doubles
    together: float
    step_s: float
    pulses: int


def read_back(model: PulseModel) -> ArrayRead:
    """Write a random pattern of levels and read it back."""
    window = window_of(model)
    rng = np.random.default_rng(SEED)
    levels = np.linspace(MARGIN, 1 - MARGIN, LEVELS)
    places = levels[rng.permutation(ROWS * COLUMNS) % LEVELS].reshape(ROWS, COLUMNS)
    bank = make_bank(model, Synapse(), ROWS, COLUMNS, 1.0, ("c2c", "d2d"), SEED, "32 x 2")
    counts, sums = no_counts()
    bring_to(bank, (2 * places - 1).astype(np.float32), MOST_PULSES, counts, sums)
    found = bank.conductance_s()[:, :, 0]
    spec = {
        "geometry": "2d", "mode": "compute", "rows": ROWS, "cols": COLUMNS, "r_row": 0.0, "r_col": 0.0,
        "r_driver": 0.0, "r_sense": 0.0, "cell": {"model": "linear"}, "selector": None,
    }  # fmt: skip
    volts = np.concatenate([np.eye(ROWS) * READ_V, rng.uniform(0, READ_V, (1, ROWS))])
    currents = solve_reads(spec, found, volts).i_col
    expected = volts[-1] @ found
    return ArrayRead(
        window.g_min_s + places * window.span_s,
        found,
        currents[:-1] / READ_V,
        float(np.abs(currents[-1] / expected - 1).max()),
        bank.step / 2 * window.span_s,
        int(counts[SETS] + counts[RESETS]),
    )


def array_claim(read: ArrayRead) -> Claim:
    """Claim e9."""
    levels = np.unique(read.targets_s)
    nearest = levels[np.abs(read.bank_s[..., None] - levels).argmin(axis=-1)]
    right = int((nearest == read.targets_s).sum())
    error = np.abs(read.bank_s - read.targets_s)
    off = max(float(np.abs(read.alone_s / read.bank_s - 1).max()), read.together)
    return Claim(
        "e9",
        f"a {ROWS} x {COLUMNS} array of Pt/HfO2/Ti/TiN cells is programmed and read back: every cell is nearest to the "
        f"level that was written, of {LEVELS}, and the same by the circuit with ideal wires",
        f"{ROWS * COLUMNS} cells",
        f"{right} of {error.size} cells; levels {1e6 * float(np.diff(levels).min()):.1f} uS apart, largest error "
        f"{1e6 * float(error.max()):.2f} uS ({1e6 * read.step_s:.2f} uS a mean step), {read.pulses / error.size:.1f} "
        f"pulses a cell; circuit within {off:.1g} of the bank's reads",
        "",
        "assumed",
        right == error.size and off <= CIRCUIT,
        "A cell stops at the first pulse that passes its level. Eight levels in the same part of the window would be "
        "closer than that pulse's scatter.",
    )
