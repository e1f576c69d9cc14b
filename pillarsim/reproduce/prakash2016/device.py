"""The device of row `prakash2016`: its three schemes, what time and cycling do to it, and how it is written.

The review was available as an abstract. Spreads are those measured in HfO2 arrays; medians and times are assumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.cells import CellStates, WriteRule, write_cells
from pillarsim.devices.endurance import Endurance
from pillarsim.devices.multilevel import ComplianceScheme, PulseWidthScheme, Scheme, Spread, StopVoltageScheme
from pillarsim.devices.noise import noisy_read_s
from pillarsim.devices.programming_error import LogNormalError
from pillarsim.devices.retention import ArrheniusLoss
from pillarsim.devices.streams import stream_seed

Array = NDArray[np.float64]

SEED = 2016  # our choice, made once
BITS = (1, 2, 3)
ARRAYS = "HfO2 arrays, 10.1109/TED.2021.3097975"
LRS_OHM, RATIO = 5e3, 17.0  # ohm, LRS measured there; HRS/LRS, assumed: 85 kOhm, measured 74 to 101 kOhm
CYCLE, DEVICE = (0.13, 0.74), (0.10, 0.97)  # ln-sigma of LRS and HRS over cycles and over devices, measured there
_WIDE = math.log(RATIO)
_SPREAD = Spread(CYCLE[0], DEVICE[0], (CYCLE[1] - CYCLE[0]) / _WIDE, (DEVICE[1] - DEVICE[0]) / _WIDE)

SCHEMES: dict[str, Scheme] = {
    # V_T 0.5 V assumed; 20 uA: set current of Xie et al. 2023; 500 uA assumed; spreads measured at 5 kOhm = 100 uA
    "compliance": ComplianceScheme(0.5, 20e-6, 500e-6, 100e-6, CYCLE[0], DEVICE[0], 0.5),
    # 0.8 to 1.5 V assumed
    "stop voltage": StopVoltageScheme(LRS_OHM, _WIDE / 0.7, 0.8, 1.5, _SPREAD),
    # 60 ns: pulse width of Xie et al. 2023; three decades assumed; spreads taken as those of the stop voltage
    "pulse width": PulseWidthScheme(LRS_OHM, _WIDE / math.log(1e3), 60e-9, 60e-6, _SPREAD),
}

READ_NOISE = 0.01  # of the current, assumed
MAX_PULSES = 100  # of one write, assumed as preset hfox_planar_128
TOLERANCE = 0.25  # of the gap between levels, our choice

HOT_K, BAKE_S, CYCLES = 358.15, 1e4, 1e6  # K (85 C), s, cycles: conditions of Xie et al. 2023
LOWEST_S, HIGHEST_S = 1 / (LRS_OHM * RATIO), 1 / 1e3  # S, deepest HRS and strongest LRS of the schemes above
ACTIVATION_EV = 1.1  # eV, assumed within the 1 to 1.5 eV that are usual
# Two mechanisms, both assumed. A filament dissolves, the thinner the sooner: ln tau linear in ln G, towards the HRS.
LRS_LOSS = ArrheniusLoss(2e4, 1e8, HOT_K, ACTIVATION_EV, 1.0, "hrs")  # s at 85 kOhm and at 1 kOhm
# A gap refills with vacancies, the narrower the sooner: ln tau linear in ln G, towards the LRS that was RESET.
HRS_LOSS = ArrheniusLoss(1e8, 1e5, HOT_K, ACTIVATION_EV, 1.0, "lrs")  # s at 85 kOhm and at 5 kOhm
ENDURANCE = Endurance(1e7, 1.0)  # cycles until the window is gone, exponent; assumed, ten times Xie's 10^6


@dataclass(frozen=True)
class Aged:
    """States that one mechanism ages: the scheme that writes them and the bounds between which they move (S)."""

    scheme: str
    loss: ArrheniusLoss
    low_s: float
    high_s: float


FAMILIES = {
    "LRS": Aged("compliance", LRS_LOSS, LOWEST_S, HIGHEST_S),
    "HRS": Aged("stop voltage", HRS_LOSS, LOWEST_S, 1 / LRS_OHM),
}


def scaled(scheme: Scheme, factor: float) -> Scheme:
    """Return the scheme with all spreads times `factor`."""
    if isinstance(scheme, ComplianceScheme):
        return replace(scheme, sigma_cycle=factor * scheme.sigma_cycle, sigma_device=factor * scheme.sigma_device)
    assert isinstance(scheme, StopVoltageScheme | PulseWidthScheme)
    of = scheme.spread
    wider = Spread(factor * of.cycle, factor * of.device, factor * of.cycle_rise, factor * of.device_rise)
    return replace(scheme, spread=wider)


def verified_ohm(ln_medians: Array, sigmas: Array, cells: int, name: str) -> tuple[Array, float]:
    """Write `cells` cells to each level with verify; return one read of each (levels, cells), ohm, and mean pulses.

    A pulse leaves ln G normal about the target with the level's sigma, device and cycle together: a device's own
    offset is not remembered from pulse to pulse. Cells that fail to verify stay where the last pulse left them.
    """
    tolerance = -math.expm1(-TOLERANCE * float(np.diff(ln_medians).min()))
    read, pulses = np.empty((len(ln_medians), cells)), 0.0
    for level, (ln_median, sigma) in enumerate(zip(ln_medians, sigmas, strict=True)):
        target_s = math.exp(-ln_median)
        states = CellStates(target_s / 2, target_s, 2, LogNormalError(sigma, sigma, target_s / 2, target_s), 0, 0)
        seed = stream_seed(SEED, "verify", name, level)
        rule = WriteRule(tolerance * target_s, MAX_PULSES)
        done = write_cells(torch.ones(cells, dtype=torch.uint8), states, rule, seed)
        read[level] = 1 / noisy_read_s(done.conductance_s.double(), READ_NOISE, seed, 0).numpy()
        pulses += float(done.pulses.double().mean()) / len(ln_medians)
    return read, pulses
