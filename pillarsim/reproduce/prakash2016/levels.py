"""Claims e1 to e4 of row `prakash2016`: levels of the three schemes, their overlap, and what write-verify does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pillarsim.devices.multilevel import (
    ComplianceScheme,
    level_overlap,
    margins,
    misread,
    open_loop_ohm,
    plan_levels,
    total_sigmas,
)
from pillarsim.devices.streams import stream_seed
from pillarsim.reproduce.claims import Claim
from pillarsim.reproduce.prakash2016.device import BITS, MAX_PULSES, SCHEMES, SEED, TOLERANCE, scaled, verified_ohm
from pillarsim.reproduce.rows import Progress

FACTORS = (0.5, 1.0, 2.0)  # of all spreads; our choice
ERRORS = 4.0  # standard errors that a sampled overlap may be off; 27 are compared
CONSTANT = 0.02  # by which R I_CC may vary over the compliance currents; our choice, above the medians' sampling error


@dataclass(frozen=True)
class Overlap:
    """Share of cells read as another level, mean over the levels: closed form, sampled, and its standard error."""

    closed: float
    sampled: float
    error: float


@dataclass(frozen=True)
class Verified:
    """The same after write-verify, and the mean number of pulses."""

    share: float
    pulses: float


Overlaps = dict[tuple[str, int, float], Overlap]


def overlaps(devices: int, progress: Progress) -> Overlaps:
    """Write every scheme open loop at all bits and spreads, one cycle a device: (scheme, bits, factor) -> overlap."""
    found: Overlaps = {}
    keys = [(name, bits, factor) for name in SCHEMES for bits in BITS for factor in FACTORS]
    for done, (name, bits, factor) in enumerate(keys):
        scheme = scaled(SCHEMES[name], factor)
        knobs = plan_levels(scheme, bits, "ln")
        medians = np.log(scheme.median_ohm(knobs))
        written = np.log(open_loop_ohm(scheme, knobs, devices, 1, stream_seed(SEED, name)))[:, :, 0]
        wrong = misread(medians, written).mean(axis=0)  # by device: its levels are not independent
        closed = float(level_overlap(medians, total_sigmas(scheme, knobs)).mean())
        error = float(wrong.std()) / math.sqrt(devices)
        found[name, bits, factor] = Overlap(closed, float(wrong.mean()), error)
        progress("open-loop overlap", done + 1, len(keys))
    return found


def verified(cells: int, progress: Progress) -> dict[tuple[str, int], Verified]:
    """Write every scheme with verify at all bits: (scheme, bits) -> share misread, pulses."""
    found = {}
    keys = [(name, bits) for name in SCHEMES for bits in BITS]
    for done, (name, bits) in enumerate(keys):
        knobs = plan_levels(SCHEMES[name], bits, "ln")
        medians = np.log(SCHEMES[name].median_ohm(knobs))
        read, pulses = verified_ohm(medians, total_sigmas(SCHEMES[name], knobs), cells, name)
        found[name, bits] = Verified(float(misread(medians, np.log(read)).mean()), pulses)
        progress("write-verify", done + 1, len(keys))
    return found


def monotone_claim(devices: int, cycles: int) -> Claim:
    """Claim e1: 2^b levels in order, from each scheme."""
    rises, closest = {}, {}
    for name, scheme in SCHEMES.items():
        for bits in BITS:
            written = open_loop_ohm(scheme, plan_levels(scheme, bits, "ln"), devices, cycles, stream_seed(SEED, name))
            steps = np.diff(np.log(np.median(written, axis=(1, 2))))
            rises[name, bits], closest[name, bits] = bool((steps > 0).all()), float(steps.min())
    most = max(BITS)
    return Claim(
        "e1",
        "each of the three schemes gives 2, 4 and 8 levels with medians in strict order of the knob",
        "monotone",
        f"{sum(rises.values())} of {len(rises)} monotone; least step of ln R with 8 levels "
        + ", ".join(f"{closest[name, most]:.2f} ({name})" for name in SCHEMES),
        "",
        "assumed",
        all(rises.values()),
        "R falls with the compliance current and rises with stop voltage and pulse width; a pulse lengthens by "
        "1000^(1/7) = 2.7 from level to level.",
    )


def constant_claim(devices: int, cycles: int) -> Claim:
    """Claim e2: R I_CC over the compliance currents."""
    scheme = SCHEMES["compliance"]
    assert isinstance(scheme, ComplianceScheme)
    currents = plan_levels(scheme, max(BITS), "ln")
    found = np.median(open_loop_ohm(scheme, currents, devices, cycles, SEED), axis=(1, 2)) * currents
    change = float(found.max() / found.min() - 1)
    return Claim(
        "e2",
        f"low-resistance states: R I_CC constant over the compliance currents, within {100 * CONSTANT:g} %",
        "constant",
        f"{found.min():.4f} to {found.max():.4f} V from {1e6 * currents.min():.0f} to {1e6 * currents.max():.0f} uA",
        "",
        "assumed",
        change <= CONSTANT,
        "The law is the scheme's own; published: linear over six orders of magnitude (Liu et al., NVMTS 2013).",
    )


def overlap_claim(found: Overlaps) -> Claim:
    """Claim e3: overlap against bits and spread, and against the closed form."""
    off = max(abs(one.sampled - one.closed) / max(one.error, 1e-12) for one in found.values() if one.sampled > 0)
    silent = max((one.closed for one in found.values() if one.sampled == 0), default=0.0)
    rises = [
        a < b
        for name in SCHEMES
        for rows in (
            *([found[name, bits, factor].closed for bits in BITS] for factor in FACTORS),
            *([found[name, bits, factor].closed for factor in FACTORS] for bits in BITS),
        )
        for a, b in pairwise(rows)
    ]
    margin = []
    for name, scheme in SCHEMES.items():
        good = [
            bits
            for bits in BITS
            for knobs in (plan_levels(scheme, bits, "ln"),)
            if (margins(np.log(scheme.median_ohm(knobs)), total_sigmas(scheme, knobs), 2.0) > 0).all()
        ]
        margin.append(f"{name} {max(good, default=0)}")
    return Claim(
        "e3",
        "open loop: the share of cells read as another level rises with bits and with spread, and is Q(half gap/sigma)",
        "rises",
        "; ".join(f"{name} {_listed([found[name, bits, 1.0].sampled for bits in BITS])}" for name in SCHEMES)
        + f" for 1, 2, 3 bits; sampled within {off:.1f} standard errors of the closed form",
        "",
        "assumed",
        all(rises) and off <= ERRORS and silent < 1e-4,
        "Spreads as measured, halved and doubled. Most bits at which all neighbours lie two sigma of each "
        f"apart: {', '.join(margin)}. Stop voltage and pulse width differ by their draws alone: range and "
        "spread are assumed the same.",
    )


def verify_claim(found: Overlaps, after: dict[tuple[str, int], Verified]) -> Claim:
    """Claim e4: write-verify lowers the overlap."""
    lower = [after[name, bits].share < found[name, bits, 1.0].closed for name in SCHEMES for bits in BITS]
    return Claim(
        "e4",
        f"write-verify lowers the overlap: within a quarter of the gap, at most {MAX_PULSES} pulses, one noisy read",
        "lower",
        "; ".join(f"{name} {_listed([after[name, bits].share for bits in BITS])}" for name in SCHEMES)
        + " for 1, 2, 3 bits",
        "",
        "assumed",
        all(lower),
        "Pulses a cell with 3 bits: "
        + ", ".join(f"{after[name, max(BITS)].pulses:.1f} ({name})" for name in SCHEMES)
        + f". Tolerance {TOLERANCE:g} of the gap; what is left are cells that never verified.",
    )


def _listed(shares: list[float]) -> str:
    return ", ".join(f"{share:.2g}" for share in shares)
