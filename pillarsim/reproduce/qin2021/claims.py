"""The claims of row `qin2021`. Every parameter is assumed, so none can be more than consistent with the paper."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from pillarsim.devices.streams import generator
from pillarsim.reproduce.claims import Claim
from pillarsim.reproduce.qin2021 import states
from pillarsim.reproduce.qin2021.pulses import PULSES, Staircase
from pillarsim.reproduce.qin2021.states import DOPED, UNDOPED, Written

WANTED = 150  # states; the paper's abstract says more than that
SMALL_STEP, LARGE_STEP = 0.2, 0.5  # of the window: no step above it, and one step above it; thresholds of our choice
FEWEST_STEPS = 10  # pulses to 90 % of the window that count as many small steps; our choice
# CV of SET and RESET voltages over cycles and devices; assumed
VOLTAGE_CV = {DOPED: 0.05, UNDOPED: 0.15}
SWITCHING_V = 1.0  # V, median of both voltages; assumed, about 1 V in TaOx
CYCLES = 20_000  # switching events drawn for each coefficient of variation; our choice
PULSE_LIMITS = (10, 20, 50, 100, 200, 500)  # of the check of what the pulse limit does; our choice
LABELS = {DOPED: "doped", UNDOPED: "undoped"}


def doped_claim(written: Written, read_noise: float) -> Claim:
    """Claim e1: states of the doped device."""
    found, most = states.count(written, read_noise), states.bound(read_noise)
    return Claim(
        "e1",
        "doped: states after write-verify whose medians lie two sigma of read noise apart, compliance x stop voltage",
        f"more than {WANTED}",
        f"{found}; at most {most} fit in the range, 1 + floor(ln range / (2 sigma))",
        "states",
        "assumed",
        found > WANTED,
        f"{len(written.ln_targets)} points of the grid, {int(written.delivered.sum())} delivered (99 % of the cells "
        f"within {100 * written.tolerance:g} % of the target in {states.MAX_PULSES} pulses), "
        f"{written.mean_pulses:.1f} pulses a cell. "
        f"The count rests on the read noise of {100 * read_noise:g} %, assumed: the grid keeps more than {WANTED} up "
        f"to {100 * states.noisiest(WANTED + 1):.2f} % (a2).",
    )


def undoped_claim(doped: Written, undoped: Written, read_noise: float) -> Claim:
    """Claim e2: fewer states without doping, by the same criterion."""
    found, best = states.count(undoped, read_noise), states.count(doped, read_noise)
    exact = states.expected_count(UNDOPED, read_noise, states.MAX_PULSES)
    return Claim(
        "e2",
        "undoped: fewer states by the same criterion",
        "fewer than doped",
        f"{found} against {best}; closed form {exact}",
        "states",
        "assumed",
        found < best,
        f"{int(undoped.delivered.sum())} of {len(undoped.ln_targets)} points delivered, {undoped.mean_pulses:.1f} "
        f"pulses a cell against {doped.mean_pulses:.1f}. Both windows are the same: the pulse limit decides, since "
        "write-verify brings any spread within tolerance in the end (a4).",
    )


def spread_claim() -> Claim:
    """Claim e3: coefficients of variation of voltages and resistances."""
    found = {name: variations(name) for name in (DOPED, UNDOPED)}
    return Claim(
        "e3",
        "doped: smaller coefficients of variation of V_set, V_reset, R_LRS and R_HRS",
        "each smaller than undoped",
        "; ".join(f"{what} {found[DOPED][what]:.3f} against {found[UNDOPED][what]:.3f}" for what in found[DOPED]),
        "",
        "assumed",
        all(found[DOPED][what] < found[UNDOPED][what] for what in found[DOPED]),
        "Follows from the assumed spreads; voltages and resistances are drawn apart, their correlation is left out.",
    )


def variations(name: str) -> dict[str, float]:
    """Coefficients of variation of drawn switching events; resistances are log-normal."""
    out = {}
    for what in ("V_set", "V_reset"):
        drawn = SWITCHING_V * (1 + VOLTAGE_CV[name] * _normal(name, what))
        out[what] = float(drawn.std() / drawn.mean())
    of = states.card(name)
    for what, ohm, sigma in (
        ("R_LRS", of.lrs, of.programming_error.lrs),
        ("R_HRS", of.hrs, of.programming_error.hrs),
    ):
        drawn = ohm * torch.exp(sigma * _normal(name, what))
        out[what] = float(drawn.std() / drawn.mean())
    return out


def staircase_claims(doped: Staircase, undoped: Staircase) -> tuple[Claim, Claim]:
    """Claims e4 and e5: identical pulses."""
    largest = max(float(doped.largest(rising).max()) for rising in (True, False))
    falls = doped.falls(True) + doped.falls(False)
    median = np.median(doped.place, axis=1)
    needed = int(np.argmax(median >= 0.9)) if (median >= 0.9).any() else PULSES
    jump = undoped.largest(True)
    return (
        Claim(
            "e4",
            f"doped, identical pulses: a monotone staircase of small steps, none above {100 * SMALL_STEP:g} % of the "
            f"window, SET and RESET, {doped.place.shape[1]} devices",
            f"monotone, no step above {100 * SMALL_STEP:g} %",
            f"largest step {100 * largest:.1f} %, {falls} steps back, {needed} SET pulses to 90 %",
            "",
            "assumed",
            largest <= SMALL_STEP and falls == 0 and needed >= FEWEST_STEPS,
            f"Of the conductance itself; in single reads {100 * doped.reads_that_fall():.1f} % of the SET steps up to "
            "90 % are hidden by read noise and look like steps back.",
        ),
        Claim(
            "e5",
            f"undoped, identical pulses: abrupt SET, one step above {100 * LARGE_STEP:g} % of the window",
            f"above {100 * LARGE_STEP:g} %",
            f"median over devices {100 * float(np.median(jump)):.0f} %; so in "
            f"{100 * float((jump > LARGE_STEP).mean()):.1f} % of the devices",
            "",
            "assumed",
            float(np.median(jump)) > LARGE_STEP,
            "The size of the first step is the card's own number.",
        ),
    )


def bound_claim(found: dict[float, dict[str, int]]) -> Claim:
    """Claim a1: no count exceeds the closed-form bound."""
    return Claim(
        "a1",
        "no count exceeds 1 + floor(ln range / (2 sigma))",
        ", ".join(f"{states.bound(noise)} at {100 * noise:g} %" for noise in found),
        "; ".join(f"doped {row[DOPED]}, undoped {row[UNDOPED]} at {100 * noise:g} %" for noise, row in found.items()),
        "states",
        "assumed",
        all(max(row.values()) <= states.bound(noise) for noise, row in found.items()),
        "Below the bound, because the knobs move in steps.",
    )


def noise_claim(found: dict[float, dict[str, int]]) -> Claim:
    """Claim a2: the count at half and at double the read noise."""
    noises = sorted(found)
    counts = [found[noise][DOPED] for noise in noises]
    above = [f"{100 * noise:g} %" for noise in noises if found[noise][DOPED] > WANTED]
    return Claim(
        "a2",
        "doped: the count falls as the read noise rises, tolerance one sigma of it each time",
        "falls",
        ", ".join(f"{n} at {100 * noise:g} %" for n, noise in zip(counts, noises, strict=True)),
        "states",
        "assumed",
        all(b < a for a, b in pairwise(counts)),
        f"More than {WANTED} at {', '.join(above) or 'none of them'} alone: e1 is no property of the device without "
        f"its read noise. Nor is e2: undoped {', '.join(str(found[noise][UNDOPED]) for noise in noises)}.",
    )


def open_loop_claim(doped: Written, undoped: Written, read_noise: float) -> Claim:
    """Claim a3: the count without write-verify."""
    found = {name: states.open_loop_count(name) for name in (DOPED, UNDOPED)}
    return Claim(
        "a3",
        "open loop, two sigma of one unverified write apart: fewer than after write-verify, and fewer undoped",
        "fewer",
        f"doped {found[DOPED]}, undoped {found[UNDOPED]}",
        "states",
        "assumed",
        found[UNDOPED] < found[DOPED] < states.count(doped, read_noise)
        and found[UNDOPED] <= states.count(undoped, read_noise),
    )


def limit_claim(read_noise: float) -> Claim:
    """Claim a4: the count against the pulse limit, closed form."""
    found = {
        name: [states.expected_count(name, read_noise, limit) for limit in PULSE_LIMITS] for name in (DOPED, UNDOPED)
    }
    rows = "; ".join(f"{LABELS[name]} {', '.join(map(str, counts))}" for name, counts in found.items())
    return Claim(
        "a4",
        f"count against the pulse limit {', '.join(map(str, PULSE_LIMITS))}, closed form: never falls, doped never "
        "below undoped",
        "rises to the grid's count",
        rows,
        "states",
        "assumed",
        all(b >= a for counts in found.values() for a, b in pairwise(counts))
        and all(d >= u for d, u in zip(found[DOPED], found[UNDOPED], strict=True)),
        "e2 holds between the limits at which doped and undoped reach the grid's count; without a limit both do.",
    )


def _normal(*names: str) -> torch.Tensor:
    return torch.randn(CYCLES, generator=generator(states.SEED, "qin2021", *names), dtype=torch.float64)
