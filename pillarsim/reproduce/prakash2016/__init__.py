"""Row `prakash2016`: multi-level cells by compliance current, stop voltage and pulse width, and their reliability.

A review; its abstract alone was available. Spreads are measured ones, all else is assumed, so the claims are trends.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pillarsim.devices.multilevel import ComplianceScheme, PulseWidthScheme, StopVoltageScheme
from pillarsim.reproduce.claims import Parameter, Result
from pillarsim.reproduce.prakash2016 import ageing, device, levels
from pillarsim.reproduce.rows import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "simulate"]

REFERENCE = "Prakash and Hwang, Multilevel cell storage and resistance variability in ReRAM, Phys. Sci. Rev. 1(6), 2016"
_XIE = "Xie et al. 2023, monolithic 3-D 1T-4R VRRAM"


def simulate(quick: bool, progress: Progress, data_dir: Path | None = None) -> Result:
    """Write, read and age the levels and decide claims e1 to e6 and a1 to a3; quick: fewer devices."""
    devices = 20_000 if quick else 200_000
    found = levels.overlaps(devices, progress)
    after = levels.verified(devices, progress)
    bits = [float(number) for number in device.BITS]
    return Result(
        name="prakash2016",
        reference=REFERENCE,
        quick=quick,
        parameters=_parameters(devices),
        claims=(
            levels.monotone_claim(devices // 10, 10),
            levels.constant_claim(devices // 10, 10),
            levels.overlap_claim(found),
            levels.verify_claim(found, after),
            ageing.drift_claim(),
            ageing.failure_claim(),
            ageing.anchor_claim(),
            ageing.endurance_claim(),
            ageing.wan_claim(),
        ),
        series={
            "open_loop_overlap": {
                "bits": bits,
                **{name: [found[name, number, 1.0].sampled for number in device.BITS] for name in device.SCHEMES},
            },
            "verified_overlap": {
                "bits": bits,
                **{name: [after[name, number].share for number in device.BITS] for name in device.SCHEMES},
            },
            **{
                f"drift_{name}": {
                    "resistance_ohm": ageing.level_ohm(family, 3).tolist(),
                    "ln_change": np.abs(ageing.drift(family, 3, device.BAKE_S, device.HOT_K)).tolist(),
                }
                for name, family in device.FAMILIES.items()
            },
        },
    )


def _parameters(devices: int) -> tuple[Parameter, ...]:
    compliance, stop, width = device.SCHEMES.values()
    assert isinstance(compliance, ComplianceScheme)
    assert isinstance(stop, StopVoltageScheme)
    assert isinstance(width, PulseWidthScheme)
    cycle, own = device.CYCLE, device.DEVICE
    lrs, hrs = device.LRS_LOSS, device.HRS_LOSS
    return (
        Parameter(
            "compliance",
            f"R = {compliance.voltage_v:g} V / I_CC, {1e6 * compliance.low_a:g} to {1e6 * compliance.high_a:g} uA",
            f"20 uA: {_XIE}; the rest assumed",
        ),
        Parameter(
            "stop voltage",
            f"ln R = ln {stop.r0_ohm / 1e3:g} kOhm + {stop.slope_per_v:.3f} (|V| - {stop.low_v:g} V), "
            f"to {stop.high_v:g} V",
            f"5 kOhm: LRS of {device.ARRAYS}; the rest assumed",
        ),
        Parameter(
            "pulse width",
            f"ln R = ln {width.r0_ohm / 1e3:g} kOhm + {width.rate:.3f} ln(t / {1e9 * width.low_s:g} ns), "
            f"to {1e6 * width.high_s:g} us",
            f"60 ns: {_XIE}; the rest assumed",
        ),
        Parameter(
            "sigma of ln R over cycles",
            f"{cycle[0]:g} at 5 kOhm to {cycle[1]:g} at 85 kOhm",
            f"measured, {device.ARRAYS}",
        ),
        Parameter(
            "sigma of ln R over devices", f"{own[0]:g} at 5 kOhm to {own[1]:g} at 85 kOhm", f"measured, {device.ARRAYS}"
        ),
        Parameter(
            "both, compliance", "as at 5 kOhm for 100 uA, times (100 uA / I_CC)^(1/2)", "assumed: a Poisson filament"
        ),
        Parameter("levels", "2^b over a scheme's range, equal steps of ln R, thresholds halfway", "our choice"),
        Parameter("read noise", f"{100 * device.READ_NOISE:g} % of the current", "assumed"),
        Parameter(
            "write-verify",
            f"within {device.TOLERANCE:g} of the gap, at most {device.MAX_PULSES} pulses",
            "pulse limit as preset hfox_planar_128 (assumed there); tolerance our choice",
        ),
        Parameter(
            "loss of the LRS",
            f"towards HRS, tau {lrs.tau_min_s:g} s at 85 kOhm to {lrs.tau_max_s:g} s at 1 kOhm, 85 C",
            "assumed",
        ),
        Parameter(
            "loss of the HRS",
            f"towards LRS, tau {hrs.tau_min_s:g} s at 85 kOhm to {hrs.tau_max_s:g} s at 5 kOhm, 85 C",
            "assumed",
        ),
        Parameter("activation energy", f"{device.ACTIVATION_EV:g} eV", "assumed: 1 to 1.5 eV is usual"),
        Parameter("bake", "85 C, 10^4 s, four levels: negligible degradation", _XIE),
        Parameter(
            "endurance",
            f"window gone at {device.ENDURANCE.cycles:g} cycles, ln(HRS/LRS) falls linearly",
            f"assumed: ten times the 10^6 cycles of {_XIE}",
        ),
        Parameter("samples", f"{devices} devices, seed {device.SEED}", "our choice"),
    )


def draw(result: Result) -> Figure:
    """Draw the overlap against bits, and the drift against resistance. Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = dict(zip(device.SCHEMES, ("#2a78d6", "#eb6834", "#2f9e6e"), strict=True))
    for series, style, words in (("open_loop_overlap", "o-", "open loop"), ("verified_overlap", "s--", "verified")):
        of = result.series[series]
        for name, colour in colours.items():
            left.plot(of["bits"], of[name], style, color=colour, fillstyle="none", label=f"{name}, {words}")
    left.set_yscale("symlog", linthresh=1e-4)
    left.set_xticks(result.series["open_loop_overlap"]["bits"])
    left.set_xlabel("bits a cell")
    left.set_ylabel("cells read as another level")
    for name, colour in zip(device.FAMILIES, ("#2a78d6", "#eb6834"), strict=True):
        of = result.series[f"drift_{name}"]
        right.plot([ohm / 1e3 for ohm in of["resistance_ohm"]], of["ln_change"], "o-", color=colour, label=name)
    right.set_xscale("log")
    right.set_xlabel("resistance (kOhm)")
    right.set_ylabel("|change of ln R|, 10^4 s at 85 C")
    for axes in (left, right):
        axes.grid(True, which="major", color="#d9dce1", linewidth=0.6)
        axes.legend(fontsize=8)
    figure.suptitle(result.name, fontsize=10)
    return figure
