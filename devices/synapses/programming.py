"""Writing weights by pulses and reads: the first weights, and refresh of differential synapses.

A synapse is read, pulsed towards its target and read again, until its weight passes the target. Its devices take the
pulses in turn, so they stay near each other; the arbitration's counters are not used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.synapses.bank import Bank
from pillarsim.devices.synapses.core import Floats
from pillarsim.devices.synapses.counts import VERIFIES, Counts, Sums
from pillarsim.devices.synapses.serial import Block, Given, account, give, whole

ERASED = 0.05  # of its window, place of a device that counts as erased; assumed


def bring_to(
    bank: Bank, targets: Floats, max_pulses: int, counts: Counts, sums: Sums, given: Given | None = None,
    block: Block | None = None,
) -> None:  # fmt: skip
    """Pulse each synapse until its weight passes its target, (I, O), a device at most max_pulses times.

    A synapse is read before each pulse and after its last one (each read of a synapse counts once). Targets that are
    NaN leave their synapses alone. given (I, O, N): receives the pulses, SET +, RESET -. Raises ValueError for targets
    of another shape or a negative number of pulses.
    """
    if targets.shape != bank.weights.shape:
        raise ValueError(f"targets: expected {bank.weights.shape}, found {targets.shape}")
    if max_pulses < 0:
        raise ValueError(f"max_pulses: expected none below 0, found {max_pulses}")
    sets, resets = np.zeros(bank.pulses.shape, np.int32), np.zeros(bank.pulses.shape, np.int32)
    pulsed_s = _towards(bank, targets, max_pulses, counts, sets, resets)
    account(bank, sets, -resets, pulsed_s, block or whole(bank), counts, sums)
    if given is not None:
        given += sets + resets


def refresh(
    bank: Bank, threshold: float, max_pulses: int, counts: Counts, sums: Sums, given: Given | None = None,
    block: Block | None = None,
) -> int:  # fmt: skip
    """Erase and write again the synapses with a device at `threshold` of its window or above; return how many.

    The weight that was read stays the target; both signs are erased, then `bring_to`. Models that restart are erased by
    one RESET pulse; others get RESET pulses, each followed by a read, until at most 5 % of their window are left. At
    most max_pulses for erasing a device, and as many for writing it. All synapses are read once to find them. given as
    in `bring_to`. Raises ValueError where synapses are not differential, for a threshold outside (0, 1], or a negative
    number of pulses.
    """
    if not bank.synapse.differential:
        raise ValueError("refresh: expected differential synapses, found single ones")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: expected above 0, at most 1, found {threshold:g}")
    if max_pulses < 0:
        raise ValueError(f"max_pulses: expected none below 0, found {max_pulses}")
    counts[VERIFIES] += bank.pulses.size
    worn: NDArray[np.bool_] = np.any(bank.core.x >= np.float32(threshold), axis=2)
    found = int(worn.sum())
    if not found:
        return 0
    targets = np.where(worn, bank.weights, np.float32(np.nan))
    sets, resets = np.zeros(bank.pulses.shape, np.int32), np.zeros(bank.pulses.shape, np.int32)
    pulsed_s = _erase(bank, worn, max_pulses, counts, resets)
    pulsed_s += _towards(bank, targets, max_pulses, counts, sets, resets)
    account(bank, sets, -resets, pulsed_s, block or whole(bank), counts, sums)
    if given is not None:
        given += sets + resets
    return found


def _erase(bank: Bank, worn: NDArray[np.bool_], max_pulses: int, counts: Counts, resets: Given) -> float:
    """RESET all devices of worn synapses; return their conductance summed over pulses."""
    devices = np.flatnonzero(np.repeat(worn.reshape(-1), bank.synapse.devices))
    if bank.model.restarts:
        return give(bank, devices, False, resets)
    x, pulsed_s = bank.core.x.reshape(-1), 0.0
    for _ in range(max_pulses):
        devices = devices[x[devices] > ERASED]
        counts[VERIFIES] += len(devices)
        if not len(devices):
            break
        pulsed_s += give(bank, devices, False, resets)
    return pulsed_s


def _towards(bank: Bank, targets: Floats, max_pulses: int, counts: Counts, sets: Given, resets: Given) -> float:
    """Pulse synapses until they pass their targets; return the conductance of pulsed devices summed over pulses."""
    many, differential = bank.synapse.devices, bank.synapse.differential
    among = bank.synapse.arbiter.devices
    wanted, weights, pulsed_s = targets.reshape(-1), bank.weights.reshape(-1), 0.0
    # Rising and falling synapses never change sides: they stop when they pass.
    rising, falling = np.flatnonzero(weights < wanted), np.flatnonzero(weights > wanted)
    counts[VERIFIES] += int(np.count_nonzero(~np.isnan(wanted)))
    for turn in range(max_pulses * among):
        if not (len(rising) or len(falling)):
            break
        n = turn % among
        pulsed_s += give(bank, rising * many + n, True, sets)
        if differential:
            pulsed_s += give(bank, falling * many + n + among, True, sets)
        else:
            pulsed_s += give(bank, falling * many + n, False, resets)
        counts[VERIFIES] += len(rising) + len(falling)
        rising, falling = rising[weights[rising] < wanted[rising]], falling[weights[falling] > wanted[falling]]
    return pulsed_s
