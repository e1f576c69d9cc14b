"""Claims about the counters: which device an update programs, how evenly devices are used, how updates are thinned.

All of them are counted on the bank that the trainings use, its pulses read back device by device; the decisions are
compared with counters in plain Python (`devices.synapses.arbitration.requested`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.pulses.linear_step import LinearStep
from pillarsim.devices.pulses.window import Window
from pillarsim.devices.synapses.arbitration import requested
from pillarsim.devices.synapses.bank import Bank, Synapse, make_bank
from pillarsim.devices.synapses.counts import no_counts
from pillarsim.devices.synapses.updates import requested_update
from pillarsim.reproduce.boybat2019.plan import SEED
from pillarsim.reproduce.claims import Claim

__all__ = ["selection_claims"]

INPUTS, OUTPUTS = 6, 5  # synapses of the small layer that is counted; our choice
REQUESTS = 1_000  # one at a time, of random synapses and directions
ALONE = 1_000  # requests of one synapse alone
PERIODS = ((1, 1), (2, 1), (3, 5))  # of the potentiation and the depression counter
# devices to choose from, increment
COPRIME = ((3, 1), (3, 2), (7, 1), (7, 3), (8, 5), (31, 1), (31, 12))
SHARED = ((4, 2), (6, 2), (6, 3), (8, 6), (30, 12))
MOST = 1.5  # dispersion of pulses over a synapse's devices (1: a device chosen by chance); rule ours

Pulses = NDArray[np.int64]
# Pulses alone are counted here: any model that moves both ways will do.
_MODEL = LinearStep(Window(1e-6, 10e-6), 0.03, 0.03)


@dataclass(frozen=True)
class _Update:
    """One request: how many devices were pulsed, and whether these are the ones that the plain counters choose."""

    fired: bool
    pulsed: int
    right: bool


def selection_claims() -> tuple[Claim, ...]:
    """Claims e1, e2, e3 and a1."""
    updates = [update for synapse in _synapses() for update in _updates(synapse)]
    return (one_device(updates), equal_use(), unused(), thinned())


def layer(synapse: Synapse, name: str) -> Bank:
    """A small layer of fresh synapses."""
    return make_bank(_MODEL, synapse, INPUTS, OUTPUTS, 1.0, (), SEED, name)


def ask(bank: Bank, requests: NDArray[np.int32]) -> Pulses:
    """Make the requests (I, O) one synapse after another; return the pulses of each device (I, O, N) by them."""
    before = bank.pulses.astype(np.int64)
    requested_update(bank, requests, *no_counts())
    return bank.pulses - before


def _synapses() -> Iterator[Synapse]:
    for up, down in PERIODS:
        yield Synapse(7, False, 3, up, down)
        yield Synapse(14, True, 3, up, down)


def _updates(synapse: Synapse) -> Iterator[_Update]:
    """Requests of random synapses, one at a time, beside the same counters in plain Python."""
    bank, counters = layer(synapse, "one by one"), synapse.arbiter.counters()
    rng = np.random.default_rng(SEED)
    for _ in range(REQUESTS):
        place, up = (int(rng.integers(INPUTS)), int(rng.integers(OUTPUTS))), bool(rng.integers(2))
        wanted = np.zeros((INPUTS, OUTPUTS), np.int32)
        wanted[place] = 1 if up else -1
        pulses = ask(bank, wanted)
        chosen = requested(synapse.arbiter, counters, up)
        expected = np.zeros_like(pulses)
        if chosen >= 0:
            expected[(*place, chosen + (synapse.arbiter.devices if synapse.differential and not up else 0))] = 1
        yield _Update(chosen >= 0, int(pulses.sum()), bool((pulses == expected).all()))


def one_device(updates: list[_Update]) -> Claim:
    """Claim e1."""
    fired = [update.pulsed for update in updates if update.fired]
    refused = [update.pulsed for update in updates if not update.fired]
    wrong = sum(not update.right for update in updates)
    return Claim(
        "e1",
        "exactly one device is programmed by each update that fires, the one that the selection counter points to, and "
        "none by one that does not",
        "1 device",
        f"{min(fired)} to {max(fired)} devices in {len(fired)} updates that fire, {min(refused)} to {max(refused)} in "
        f"{len(refused)} that do not; {wrong} other devices than those of counters in plain Python",
        "",
        "published",
        set(fired) == {1} and set(refused) == {0} and not wrong,
        "Single and differential synapses of seven devices to choose from, periods 1/1, 2/1 and 3/5.",
    )


def alone(devices: int, increment: int) -> Pulses:
    """Pulses (devices,) of one synapse that is updated alone, in random directions."""
    bank = layer(Synapse(devices, False, increment), f"alone {devices} {increment}")
    signs = np.random.default_rng(SEED).choice((-1, 1), ALONE)
    found = np.zeros(devices, np.int64)
    for sign in signs:
        wanted = np.zeros((INPUTS, OUTPUTS), np.int32)
        wanted[0, 0] = sign
        found += ask(bank, wanted)[0, 0]
    return found


def dispersion(pulses: Pulses) -> float:
    """Mean over synapses (S, N) of chi-square a degree of freedom; 1 where each pulse takes a device by chance."""
    mean = pulses.mean(axis=1, keepdims=True)
    chi = ((pulses - mean) ** 2 / np.maximum(mean, 1e-300)).sum(axis=1)
    return float(np.mean(chi)) / int(pulses.shape[1] - 1)


def together(devices: int, increment: int) -> Pulses:
    """Pulses (S, devices) of a layer whose synapses are updated side by side, each with probability a fifth a row."""
    bank = layer(Synapse(devices, False, increment), f"together {devices} {increment}")
    rng = np.random.default_rng(SEED)
    for _ in range(ALONE):
        ask(bank, rng.choice((-1, 0, 1), (INPUTS, OUTPUTS), p=(0.1, 0.8, 0.1)).astype(np.int32))
    return bank.pulses.reshape(-1, devices).astype(np.int64)


def equal_use() -> Claim:
    """Claim e2."""
    spans = {pair: int(np.ptp(alone(*pair))) for pair in COPRIME}
    spread = {pair: dispersion(together(*pair)) for pair in COPRIME}
    worst = max(spread, key=lambda pair: spread[pair])
    return Claim(
        "e2",
        "increments without a common factor with N use all devices equally: pulses of a synapse updated alone differ "
        f"by 1 at most, those of a layer are near-uniform (chi-square a degree of freedom up to {MOST:g})",
        "at most 1",
        f"alone: differences of {max(spans.values())} at most for N/increment "
        f"{', '.join(f'{n}/{step}' for n, step in COPRIME)}; in a layer: chi-square a degree of freedom "
        f"{spread[worst]:.2f} at most (N = {worst[0]}, increment {worst[1]}), 1 by chance alone",
        "pulses",
        "published",
        max(spans.values()) <= 1 and spread[worst] <= MOST,
        f"{ALONE} requests alone; {ALONE} rounds of a layer of {INPUTS * OUTPUTS} synapses.",
    )


def unused() -> Claim:
    """Claim e3, the negative test."""
    used = {pair: int(np.count_nonzero(alone(*pair))) for pair in SHARED}
    return Claim(
        "e3",
        "increments that share a factor with N leave devices unused: N / gcd are pulsed, the others never",
        ", ".join(f"{n // math.gcd(n, step)} of {n}" for n, step in SHARED),
        ", ".join(f"{used[pair]} of {pair[0]}" for pair in SHARED),
        "devices",
        "published",
        all(used[pair] == pair[0] // math.gcd(*pair) < pair[0] for pair in SHARED),
        f"N/increment {', '.join(f'{n}/{step}' for n, step in SHARED)}, one synapse updated alone.",
    )


def thinned() -> Claim:
    """Claim a1."""
    rates = {}
    for periods in PERIODS:
        bank = layer(Synapse(14, True, 3, *periods), "thinned")
        for sign, which in ((1, 0), (-1, 1)):
            fired = ask(bank, np.full((INPUTS, OUTPUTS), 100 * sign, np.int32)).sum()
            rates[periods, which] = int(fired), math.ceil(100 * INPUTS * OUTPUTS / periods[which])
    return Claim(
        "a1",
        "potentiation and depression counters thin updates by their periods, each direction by its own",
        ", ".join(f"1/{up} up, 1/{down} down" for up, down in PERIODS),
        ", ".join(
            f"{rates[periods, 0][0]} up, {rates[periods, 1][0]} down of {100 * INPUTS * OUTPUTS}" for periods in PERIODS
        ),
        "",
        "published",
        all(found == expected for found, expected in rates.values()),
    )
