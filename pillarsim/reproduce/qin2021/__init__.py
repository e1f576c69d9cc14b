"""Row `qin2021`: states of TaOx RRAM with and without local Al doping.

Of the paper the abstract alone was available: more than 150 states, tighter distributions, incremental switching. All
device numbers are assumed; they stand in two cards and, where a card has no key for them, in `states` and `claims`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pillarsim.reproduce.claims import Parameter, Result
from pillarsim.reproduce.qin2021 import claims, states
from pillarsim.reproduce.qin2021.pulses import PULSES, staircase
from pillarsim.reproduce.qin2021.states import DOPED, UNDOPED, Written
from pillarsim.reproduce.rows import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "simulate"]

REFERENCE = "Qin et al., TaOx RRAM with local Al doping, Electronics 10(20):2451, 2021"


def simulate(quick: bool, progress: Progress, data_dir: Path | None = None) -> Result:
    """Write the grid, pulse the devices and decide claims e1 to e5 and a1 to a4; quick: fewer cells and devices."""
    cells, devices = (2_000, 500) if quick else (20_000, 5_000)
    noise = states.card(DOPED).read_noise
    written = {name: states.write_states(name, noise, cells, progress) for name in claims.LABELS}
    counts = {
        one: {
            name: states.count(written[name] if one == noise else states.write_states(name, one, 2_000, progress), one)
            for name in claims.LABELS
        }
        for one in (noise / 2, noise, 2 * noise)
    }
    steps = {name: staircase(name, devices) for name in claims.LABELS}
    doped, undoped = written[DOPED], written[UNDOPED]
    return Result(
        name="qin2021",
        reference=REFERENCE,
        quick=quick,
        parameters=_parameters(cells, devices),
        claims=(
            claims.doped_claim(doped, noise),
            claims.undoped_claim(doped, undoped, noise),
            claims.spread_claim(),
            *claims.staircase_claims(steps[DOPED], steps[UNDOPED]),
            claims.bound_claim(counts),
            claims.noise_claim(counts),
            claims.open_loop_claim(doped, undoped, noise),
            claims.limit_claim(noise),
        ),
        series={
            **{f"states_{claims.LABELS[name]}": _states_series(name, of) for name, of in written.items()},
            "staircase": {
                "pulses": [float(number) for number in range(2 * PULSES + 1)],
                **{f"{claims.LABELS[name]}_median": np.median(of.place, axis=1).tolist() for name, of in steps.items()},
                **{f"{claims.LABELS[name]}_first": of.read[:, 0].tolist() for name, of in steps.items()},
            },
        },
    )


def _states_series(name: str, written: Written) -> dict[str, list[float]]:
    return {
        "median_ohm": np.exp(written.ln_medians).tolist(),
        "verified": written.verified.tolist(),
        "open_loop_sigma": states.error_sigmas(name, written.ln_targets).tolist(),
    }


def _parameters(cells: int, devices: int) -> tuple[Parameter, ...]:
    doped, undoped = states.card(DOPED), states.card(UNDOPED)
    cards = f"cards {DOPED} and {UNDOPED} (assumed there)"
    voltages, currents = states.STOP_V, states.COMPLIANCE_A
    return (
        Parameter("R_LRS", f"V_T / I_CC, V_T = {states.VOLTAGE_V:g} V", "assumed: 0.4 to 0.6 V is typical"),
        Parameter("I_CC", f"{1e3 * currents[0]:g} to {1e3 * currents[-1]:g} mA in steps of 0.05 mA", "assumed"),
        Parameter("stop voltage", f"{voltages[0]:g} to {voltages[-1]:g} V in steps of 20 mV", "assumed"),
        Parameter("d ln R / d|V|", f"{states.SLOPE_PER_V:.3f} per V, a factor of 17 over the range", "assumed"),
        Parameter("window", f"{doped.lrs:g} Ohm to {doped.hrs / 1e3:g} kOhm, both devices", cards),
        Parameter(
            "sigma of ln R after one write",
            f"doped {doped.programming_error.lrs:g} (LRS) to {doped.programming_error.hrs:g} (HRS), "
            f"undoped {undoped.programming_error.lrs:g} to {undoped.programming_error.hrs:g}",
            cards,
        ),
        Parameter(
            "CV of V_set and V_reset",
            f"doped {claims.VOLTAGE_CV[DOPED]:g}, undoped {claims.VOLTAGE_CV[UNDOPED]:g}, about 1 V",
            "assumed",
        ),
        Parameter("read noise", f"{100 * doped.read_noise:g} % of the current, both devices", cards),
        Parameter(
            "write-verify",
            f"within one sigma of read noise of the target, at most {states.MAX_PULSES} pulses, verify without noise; "
            f"a state is delivered where {100 * states.YIELD:g} % of the cells arrive",
            "pulse limit as preset hfox_planar_128 (assumed there), the rest our choice",
        ),
        Parameter(
            "identical pulses", f"{PULSES} SET, then {PULSES} RESET; first SET step 5 % and 75 % of the window", cards
        ),
        Parameter("samples", f"{cells} cells a state, {devices} devices pulsed, seed {states.SEED}", "our choice"),
    )


def draw(result: Result) -> Figure:
    """Draw the spread of one write and the share of verified cells against R, and the staircases. Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = {"doped": "#2a78d6", "undoped": "#eb6834"}
    for name, colour in colours.items():
        of = result.series[f"states_{name}"]
        left.plot([ohm / 1e3 for ohm in of["median_ohm"]], of["verified"], ".", ms=3, color=colour, label=name)
        stairs = result.series["staircase"]
        right.plot(stairs["pulses"], stairs[f"{name}_median"], color=colour, label=f"{name}, median")
        right.plot(stairs["pulses"], stairs[f"{name}_first"], color=colour, alpha=0.4, lw=0.8, label="one device, read")
    left.axhline(states.YIELD, color="#6b7280", lw=0.8, label="needed")
    left.set_xscale("log")
    left.set_xlabel("median resistance of the state (kOhm)")
    left.set_ylabel(f"cells verified within {states.MAX_PULSES} pulses")
    right.set_xlabel("identical pulses: SET, then RESET")
    right.set_ylabel("place in the window")
    for axes in (left, right):
        axes.grid(True, which="major", color="#d9dce1", linewidth=0.6)
        axes.legend(fontsize=8)
    figure.suptitle(result.name, fontsize=10)
    return figure
