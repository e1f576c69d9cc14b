"""States over the compliance x stop-voltage grid: where they lie, how write-verify lands on them, how many separate.

A cell is SET at a compliance current and then RESET to a stop voltage: ln R = ln(V_T / I_CC) + slope (|V| - V_0). The
two knobs overlap, so that a fine grid of resistances arises from coarse grids of the knobs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.chip.cell import CellCard
from pillarsim.arch.chip.load import load_card
from pillarsim.arch.device import device_of
from pillarsim.devices.cells import WriteRule
from pillarsim.devices.device import Device
from pillarsim.devices.multilevel import ComplianceScheme, Spread, StopVoltageScheme, most_states, separable_states
from pillarsim.devices.programming_error import LogNormalError
from pillarsim.devices.streams import stream_seed
from pillarsim.reproduce.rows import Progress

Array = NDArray[np.float64]

DOPED, UNDOPED = "taox_al_doped", "taox_undoped"
VOLTAGE_V = 0.5  # V, V_T of R = V_T / I_CC; assumed, 0.4 to 0.6 V is typical of oxide cells
COMPLIANCE_A = tuple(k * 50e-6 for k in range(2, 21))  # A, 0.1 to 1 mA in steps of 0.05 mA; assumed
STOP_V = tuple(1.0 + 0.02 * k for k in range(36))  # V, 1.0 to 1.7 V in steps of 20 mV; assumed, 1.0 V leaves the LRS
SLOPE_PER_V = math.log(17) / 0.7  # 1/V, d ln R / d|V|; assumed: a factor of 17 over the range
MULTIPLE = 2.0  # sigma of read noise between medians, the row's criterion
MAX_PULSES = 100  # of one write; assumed, as preset hfox_planar_128
YIELD = 0.99  # share of cells that write-verify must bring within tolerance; our choice
SEED = 2021  # our choice, made once


@dataclass(frozen=True, eq=False)
class Written:
    """States after write-verify (states,): targets and medians of ln R, and the share of verified cells."""

    tolerance: float
    ln_targets: Array
    ln_medians: Array
    verified: Array
    mean_pulses: float

    @property
    def delivered(self) -> NDArray[np.bool_]:
        """States that write-verify delivers: enough cells within tolerance in the pulse limit."""
        return np.asarray(self.verified >= YIELD)


@lru_cache(maxsize=2)
def card(name: str) -> CellCard:
    """The shipped device card."""
    return load_card(name).card


@lru_cache(maxsize=2)
def device(name: str) -> Device:
    """The device that the shipped card states."""
    return device_of(card(name))


def ln_grid() -> Array:
    """Medians of ln R over the grid (compliance currents x stop voltages,), unsorted."""
    lrs = ComplianceScheme(VOLTAGE_V, COMPLIANCE_A[0], COMPLIANCE_A[-1], COMPLIANCE_A[0], 0.0, 0.0, 0.5)
    stops = np.array(STOP_V)
    start = lrs.median_ohm(np.array(COMPLIANCE_A))
    rows = [StopVoltageScheme(r, SLOPE_PER_V, stops[0], stops[-1], Spread(0, 0)).median_ohm(stops) for r in start]
    return np.asarray(np.log(np.concatenate(rows)))


def error_sigmas(name: str, ln_resistance: Array) -> Array:
    """Standard deviation of ln R that one unverified write leaves at each state."""
    of = card(name)
    error = LogNormalError(of.programming_error.hrs, of.programming_error.lrs, 1 / of.hrs, 1 / of.lrs)
    return error.sigma(np.exp(-ln_resistance))


def write_states(name: str, tolerance: float, cells: int, progress: Progress | None = None) -> Written:
    """Write `cells` cells to each state until |G - target| <= tolerance x target, at most MAX_PULSES times."""
    ln_targets = np.sort(ln_grid())
    medians, verified, pulses = np.empty_like(ln_targets), np.empty_like(ln_targets), 0.0
    for place, ln_target in enumerate(ln_targets):
        target_s = math.exp(-ln_target)
        rule = WriteRule(tolerance * target_s, MAX_PULSES)
        targets = torch.full((cells,), target_s, dtype=torch.float64)
        done = device(name).program(targets, rule, ("programming",), stream_seed(SEED, name, place))
        medians[place] = -math.log(float(done.conductance_s.median()))
        verified[place] = 1 - float(done.failed.double().mean())
        pulses += float(done.pulses.double().mean()) / len(ln_targets)
        if progress is not None:
            progress(f"write-verify, {name}", place + 1, len(ln_targets))
    return Written(tolerance, ln_targets, medians, verified, pulses)


def count(written: Written, read_noise: float) -> int:
    """Delivered states whose medians lie at least two sigma of read noise apart; read_noise: sigma of ln R."""
    medians = written.ln_medians[written.delivered]
    return len(separable_states(medians, np.full(len(medians), read_noise), MULTIPLE))


def bound(read_noise: float) -> int:
    """How many states the grid's range of ln R could hold at best: 1 + floor(range / (2 sigma))."""
    return most_states(float(np.ptp(ln_grid())), read_noise, MULTIPLE)


def open_loop_count(name: str) -> int:
    """States whose medians lie two sigma apart, sigma that of one unverified write."""
    ln_targets = ln_grid()
    return len(separable_states(ln_targets, error_sigmas(name, ln_targets), MULTIPLE))


def expected_count(name: str, read_noise: float, max_pulses: int) -> int:
    """The count with exact medians and yields in closed form, for another pulse limit; tolerance one sigma."""
    ln_targets = ln_grid()
    target_s = np.exp(-ln_targets)
    error = device(name).error
    assert error is not None
    accepted = error.cdf(target_s, target_s * (1 + read_noise)) - error.cdf(target_s, target_s * (1 - read_noise))
    reached = ln_targets[1 - (1 - accepted) ** max_pulses >= YIELD]
    return len(separable_states(reached, np.full(len(reached), read_noise), MULTIPLE)) if len(reached) else 0


def noisiest(count_wanted: int) -> float:
    """The largest read noise (sigma of ln R) at which the grid, exactly written, still has so many states."""
    ln_targets = ln_grid()
    low, high = 1e-5, 1.0
    for _ in range(40):
        middle = math.sqrt(low * high)
        found = len(separable_states(ln_targets, np.full(len(ln_targets), middle), MULTIPLE))
        low, high = (middle, high) if found >= count_wanted else (low, middle)
    return low
