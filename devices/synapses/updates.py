"""Updates of a layer's synapses: outer products of pulses on lines, and requests to single synapses.

All of them change the bank in place and add what they did to counts and sums (`counts`). Outer products serve all
synapses side by side and do the samples one after another; requests go through the arbitration one after another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled
from pillarsim.devices.synapses.arbitration import Counters, Rule, request
from pillarsim.devices.synapses.bank import Bank
from pillarsim.devices.synapses.core import Core, Floats
from pillarsim.devices.synapses.counts import REQUESTS, Counts, Sums
from pillarsim.devices.synapses.disturb import disturb_all
from pillarsim.devices.synapses.outer import sign_sample, stochastic_sample
from pillarsim.devices.synapses.serial import Block, Given, account, give, whole

MOST_SLOTS = 63  # of a train: bits of a word, less one


def stochastic_update(
    bank: Bank, x: Floats, d: Floats, rate: float, train: int, counts: Counts, sums: Sums
) -> None:  # fmt: skip
    """Change the weights by -rate x^T d in expectation, x (M, I) and d (M, O): trains of `train` random pulses.

    The expectation holds for nominal devices at weight 0 (`Bank.step`) and while no line pulses in every slot: a
    sample moves a weight by at most `train` steps. Raises ValueError for a train outside 1 to 63 slots, vectors of
    other lengths than the layer's, or a rate that is negative or not finite.
    """
    if not 1 <= train <= MOST_SLOTS:
        raise ValueError(f"train: expected 1 to {MOST_SLOTS} slots, found {train}")
    if not 0 <= rate < np.inf:
        raise ValueError(f"rate: expected 0 or more and finite, found {rate:g}")
    _stochastic(bank.core, *_checked(bank, x, d), float(rate), train, counts, sums)


def sign_update(bank: Bank, x: Floats, d: Floats, threshold: float, counts: Counts, sums: Sums) -> None:
    """Move each weight one pulse against the sign of x d, for each of M samples where both lines are large.

    x (M, I), d (M, O); a line pulses where it is at least `threshold` of its side's largest magnitude, and not 0.
    Raises ValueError for a threshold outside [0, 1] or vectors of other lengths than the layer's.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: expected 0 to 1, found {threshold:g}")
    _sign(bank.core, *_checked(bank, x, d), float(threshold), counts, sums)


def requested_update(
    bank: Bank, n: NDArray[np.int32], counts: Counts, sums: Sums, given: Given | None = None, block: Block | None = None
) -> None:
    """Ask for |n| pulses at each synapse, towards higher weights where n > 0, through the arbitration.

    n (I, O): whole numbers. Synapse after synapse, row by row; all requests of a synapse together. given (I, O, N):
    the pulses of each device are added, SET +, RESET -, for `serial.serial_slots`; block: the arrays, one by default.
    Raises ValueError for n of another shape.
    """
    if n.shape != bank.weights.shape:
        raise ValueError(f"requests: expected {bank.weights.shape}, found {n.shape}")
    counted = np.ascontiguousarray(n, dtype=np.int64)
    asked = int(np.abs(counted).sum())
    counts[REQUESTS] += asked
    if not asked:
        return
    core = bank.core
    devices, up = np.empty(asked, np.int64), np.empty(asked, np.bool_)
    fired = _requests(core.rule, core.counters, counted, core.pulses.shape[2], core.differential, devices, up)
    rising = up[:fired] | core.differential
    sets, resets = np.zeros(bank.pulses.shape, np.int32), np.zeros(bank.pulses.shape, np.int32)
    pulsed_s = give(bank, devices[:fired][rising], True, sets)
    pulsed_s += give(bank, devices[:fired][~rising], False, resets)
    account(bank, sets, -resets, pulsed_s, block or whole(bank), counts, sums)
    if given is not None:
        given += sets + resets


def disturb(bank: Bank, ratio: float) -> None:
    """Move half-selected devices by `ratio` of a step for each pulse of their lines since the last call (`disturb`).

    Raises ValueError for a ratio outside [0, 1].
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio: expected 0 to 1 of a step, found {ratio:g}")
    disturb_all(bank.core, float(ratio))


def _checked(bank: Bank, x: Floats, d: Floats) -> tuple[Floats, Floats]:
    inputs, outputs = bank.weights.shape
    if x.shape != (len(x), inputs) or d.shape != (len(x), outputs):
        raise ValueError(f"expected x (M, {inputs}) and d (M, {outputs}), found {x.shape} and {d.shape}")
    return np.ascontiguousarray(x, np.float32), np.ascontiguousarray(d, np.float32)


@compiled
def _stochastic(core: Core, x: Floats, d: Floats, rate: float, train: int, counts: Counts, sums: Sums) -> None:
    for m in range(x.shape[0]):
        stochastic_sample(core, x[m], d[m], rate, train, counts, sums)


@compiled
def _sign(core: Core, x: Floats, d: Floats, threshold: float, counts: Counts, sums: Sums) -> None:
    for m in range(x.shape[0]):
        sign_sample(core, x[m], d[m], threshold, counts, sums)


@compiled
def _requests(
    rule: Rule, counters: Counters, n: NDArray[np.int64], many: int, differential: bool, devices: NDArray[np.int64],
    ups: NDArray[np.bool_],
) -> int:  # fmt: skip
    """Write the device of each request that fires and its direction, in the order of requests; return how many."""
    fired = 0
    for i in range(n.shape[0]):
        for o in range(n.shape[1]):
            up = n[i, o] > 0
            for _ in range(abs(n[i, o])):
                selected = request(rule, counters, up)
                if selected >= 0:
                    selected += rule.devices if differential and not up else 0
                    devices[fired], ups[fired] = (i * n.shape[1] + o) * many + selected, up
                    fired += 1
    return fired
