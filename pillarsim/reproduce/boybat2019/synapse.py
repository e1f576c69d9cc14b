"""Claims about one synapse: its read sums all devices, both arrangements work, refresh keeps the weight."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.pulses.soft_bounds import SoftBounds
from pillarsim.devices.synapses.bank import Bank, Synapse, make_bank
from pillarsim.devices.synapses.counts import no_counts
from pillarsim.devices.synapses.laws import PulseModel, window_of
from pillarsim.devices.synapses.programming import refresh
from pillarsim.devices.synapses.updates import requested_update
from pillarsim.reproduce.boybat2019.plan import SEED
from pillarsim.reproduce.claims import Claim

__all__ = ["synapse_claims"]

LINES = (20, 25)  # synapses (inputs, outputs), our choice
DEVICES = (1, 2, 7, 14, 31)  # of a synapse whose reads are checked; even ones in both arrangements
REFRESHED = 8  # devices of the refreshed synapses, half of each sign
THRESHOLD, MOST_PULSES = 0.8, 100  # of refresh, as `learning.refresh` by default
RELATIVE = 1e-5  # of the weight range: weights are single precision
NAMES = ("c2c", "d2d")

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Read:
    """A synapse of N devices after random updates, in parts of the weight range: see `read_of`."""

    devices: int
    differential: bool
    off: float
    missed: float
    right: bool


def synapse_claims(model: PulseModel) -> tuple[Claim, ...]:
    """Claims e8, a2 and a3; model: of the card."""
    reads = [
        read_of(model, Synapse(devices, differential))
        for devices in DEVICES
        for differential in (False, True)
        if not (differential and devices % 2)
    ]
    return (sums_claim(reads), arrangement_claim(reads), refresh_claim(model))


def bank_of(model: PulseModel, synapse: Synapse, name: str) -> Bank:
    """Fresh synapses with weights in [-1, 1]."""
    return make_bank(model, synapse, *LINES, 1.0, NAMES, SEED, name)


def weight(bank: Bank, conductance_s: Doubles, model: PulseModel) -> Doubles:
    """Weights (I, O) by hand: all devices' places in the nominal window summed, the negative ones with their sign."""
    window = window_of(model)
    places, devices = (conductance_s - window.g_min_s) / window.span_s, bank.synapse.devices
    if bank.synapse.differential:
        half = devices // 2
        signed: Doubles = places[:, :, :half].sum(axis=2) - places[:, :, half:].sum(axis=2)
        return 2 / devices * signed
    total: Doubles = places.sum(axis=2)
    return 2 / devices * total - 1


def read_of(model: PulseModel, synapse: Synapse) -> Read:
    """Update synapses at random, and compare their weights with the sum of conductances.

    off: largest difference; missed: largest difference where one device, any of them, is left out of the sum, which
    must be far more; right: whether one more update of a fresh synapse moves its weight where it was asked to go.
    """
    bank = bank_of(model, synapse, "reads")
    rng = np.random.default_rng(SEED)
    for _ in range(10):
        requested_update(bank, rng.integers(-3, 4, LINES).astype(np.int32), *no_counts())
    conductance = bank.conductance_s()
    off = float(np.abs(bank.weights - weight(bank, conductance, model)).max())
    missed = []
    for device in range(synapse.devices):
        without = conductance.copy()
        without[:, :, device] = window_of(model).g_min_s
        missed.append(float(np.abs(bank.weights - weight(bank, without, model)).max()))
    before = bank.weights.copy()
    signs = np.where(rng.random(LINES) < 0.5, -1, 1).astype(np.int32)
    requested_update(bank, 4 * signs * np.int32(synapse.devices), *no_counts())
    moved = (bank.weights - before) * signs
    return Read(synapse.devices, synapse.differential, off, min(missed), float(np.median(moved)) > 0)


def sums_claim(reads: list[Read]) -> Claim:
    """Claim e8."""
    off, missed = max(read.off for read in reads), min(read.missed for read in reads)
    return Claim(
        "e8",
        f"reads sum all N devices: the weight is the scaled sum of N conductances, N = {', '.join(map(str, DEVICES))}",
        "all devices",
        f"largest difference {off:.1g} of the weight range; at least {missed:.2g} where any one device is left out",
        "",
        "published",
        off <= RELATIVE and missed > 100 * RELATIVE,
    )


def arrangement_claim(reads: list[Read]) -> Claim:
    """Claim a2."""
    words = {False: "single", True: "differential"}
    moved = {words[kind]: [read for read in reads if read.differential is kind] for kind in (False, True)}
    return Claim(
        "a2",
        "differential and non-differential synapses: updates up raise the weight, updates down lower it",
        "both arrangements",
        "; ".join(f"{word}: {sum(r.right for r in found)} of {len(found)} sizes" for word, found in moved.items()),
        "",
        "published",
        all(read.right for read in reads) and all(moved.values()),
        "Differential ones raise a device of the positive or of the negative sign and never lower one; single ones "
        "count against a fixed reference in the middle of the window.",
    )


def refresh_claim(model: PulseModel) -> Claim:
    """Claim a3: devices of both signs driven high, refreshed."""
    bank = bank_of(model, Synapse(REFRESHED, True), "refresh")
    rng = np.random.default_rng(SEED)
    for sign in (1, -1):
        pulses = sign * rng.integers(5, 21, LINES) * (REFRESHED // 2)
        requested_update(bank, pulses.astype(np.int32), *no_counts())
    before, high_before = bank.weights.copy(), _high(bank, model)
    refreshed = refresh(bank, THRESHOLD, MOST_PULSES, *no_counts())
    error = np.abs(bank.weights - before)
    high_after = _high(bank, model)
    passing = largest_step(model, REFRESHED)
    within = float((error <= passing).mean())
    return Claim(
        "a3",
        "refresh keeps the weight while it frees range: the error stays within the step of the pulse that passes it, "
        f"and devices above {100 * THRESHOLD:g} % of their window get rare",
        "weight kept, range freed",
        f"{refreshed} of {before.size} synapses refreshed; {100 * within:.1f} % within {passing:.3f}, mean error "
        f"{float(error.mean()):.4f} (a mean step: {bank.step:.3f}); devices above the threshold "
        f"{100 * high_before:.1f} % before, {100 * high_after:.1f} % after",
        "",
        "assumed",
        within >= 0.99 and float(error.mean()) < bank.step and high_after < 0.5 * high_before and refreshed > 0,
        "Rule ours: 99 % of the weights within the first step of a device three sigma of its spreads above the mean, "
        "the mean error below a mean step, and less than half of the high devices left.",
    )


def largest_step(model: PulseModel, devices: int) -> float:
    """First step of a device, in parts of the weight range: three sigma of its pulse and of its own above the mean."""
    assert isinstance(model, SoftBounds)
    first = model.step_up_s / model.window.span_s * 2 / devices
    return first * (1 + 3 * math.hypot(model.sigma, model.spread_step))


def _high(bank: Bank, model: PulseModel) -> float:
    """Share of devices above the threshold of their windows."""
    window = window_of(model)
    return float((bank.conductance_s() > window.g_min_s + THRESHOLD * window.span_s).mean())
