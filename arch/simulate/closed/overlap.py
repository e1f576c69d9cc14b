"""Uses of parts over time: whether two clients want one at once, how long it is active, idle and gated.

Slots write starts and ends into a log. All before a channel's horizon, the earliest that one of its slots may still
start a use, is looked at in order of time (ends before starts) and forgotten.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.simulate.closed import columns as to
from pillarsim.arch.simulate.closed.clients import Clients
from pillarsim.arch.simulate.closed.columns import Work, make_work, slot_at
from pillarsim.arch.simulate.closed.serving import log_use
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Machine
from pillarsim.devices.jit import compiled

__all__ = ["close_uses", "contended", "enlarged", "look"]

Ints = NDArray[np.int64]
_NEVER = 1 << 62


@compiled
def close_uses(w: Ints) -> None:
    """Write every slot's last use into the log."""
    for slot in range((w[to.W_CHANNELS] - w[to.W_SLOTS]) // w[to.Z_SLOT_COLUMNS]):
        row = slot_at(w, slot)
        log_use(w, slot, w[row + to.X_OPEN], w[row + to.X_END])
        w[row + to.X_OPEN] = w[row + to.X_END]


@compiled
def _take(w: Ints, horizon: Ints) -> tuple[Ints, Ints]:
    """Take what lies before each channel's horizon out of the log: (where each channel's entries stand, entries)."""
    count = w[to.Z_LOGGED]
    first = np.zeros(len(horizon) + 1, np.int64)
    for entry in range(count):
        channel = w[w[to.W_LOG] + 2 * entry]
        if w[w[to.W_LOG] + 2 * entry + 1] < 2 * horizon[channel]:
            first[channel + 1] += 1
    for channel in range(len(horizon)):
        first[channel + 1] += first[channel]
    taken, place = np.empty(first[-1], np.int64), first.copy()
    kept = 0
    for entry in range(count):
        channel, key = w[w[to.W_LOG] + 2 * entry], w[w[to.W_LOG] + 2 * entry + 1]
        if key < 2 * horizon[channel]:
            taken[place[channel]] = key
            place[channel] += 1
        else:
            w[w[to.W_LOG] + 2 * kept], w[w[to.W_LOG] + 2 * kept + 1] = channel, key
            kept += 1
    w[to.Z_LOGGED] = kept
    return first, taken


@compiled
def _scan(w: Ints, first: Ints, taken: Ints, after_ps: int) -> None:
    """Go through the entries of each channel in order."""
    for channel in range(len(first) - 1):
        row = w[to.W_CHANNELS] + channel * to.CHANNEL_COLUMNS
        for place in range(first[channel], first[channel + 1]):
            time_ps = taken[place] >> 1
            if taken[place] & 1:
                if w[row + to.C_COUNT] == 0:
                    w[row + to.C_START] = time_ps
                    gap = time_ps - w[row + to.C_LAST] - after_ps
                    if w[row + to.C_GATED] and gap > 0:
                        w[row + to.C_GATED_PS] += gap
                        w[row + to.C_WAKES] += 1
                w[row + to.C_COUNT] += 1
                if w[row + to.C_PORTS] and w[row + to.C_COUNT] > w[row + to.C_PORTS]:
                    w[row + to.C_FULL] = 1
            else:
                w[row + to.C_COUNT] -= 1
                if w[row + to.C_COUNT] == 0:
                    w[row + to.C_ACTIVE] += time_ps - w[row + to.C_START]
                    w[row + to.C_LAST] = time_ps


def look(w: Work, after_ps: int, *, last: bool = False) -> None:
    """Look at the log, all of it if it is the `last` time; what is known to be contended is logged no more."""
    horizon = np.full(len(w.channels), _NEVER >> 1, np.int64)
    if not last:
        for column in (to.X_CHECK, to.X_UNION):
            used = w.slots[:, column] >= 0
            np.minimum.at(horizon, w.slots[used, column], w.slots[used, to.X_OPEN])
    first, taken = _take(w.memory, horizon)
    for start, stop in zip(first[:-1].tolist(), first[1:].tolist(), strict=True):
        if stop - start > 1:
            taken[start:stop].sort()
    _scan(w.memory, first, taken, after_ps)
    known = (w.channels[:, to.C_COUNT] > 0) & (w.channels[:, to.C_START] < horizon)
    w.channels[known, to.C_ACTIVE] += horizon[known] - w.channels[known, to.C_START]
    w.channels[known, to.C_START] = horizon[known]
    checks = w.slots[:, to.X_CHECK]
    w.slots[(checks >= 0) & (w.channels[checks, to.C_FULL] > 0), to.X_CHECK] = -1


def enlarged(w: Work) -> Work:
    """The same tables with a log of four times the length."""
    tables = {name: getattr(w, name) for name in Work._fields[2:-1]}
    made, used = make_work(w.head, tables, 4 * len(w.log)), int(w.head[to.Z_LOGGED])
    made.log[:used] = w.log[:used]
    return made


def contended(clients: Clients, w: Work, m: Machine) -> list[str]:
    """Names of the parts that make the result other than that of detail `window`, or may do so."""
    wake_ps = int(m.head[at.H_WAKE_PS])
    found = [clients.channel_names[channel] for channel in np.flatnonzero(w.channels[:, to.C_FULL])]
    found += [clients.slot_names[slot] for slot in np.flatnonzero(w.slots[:, to.X_MIXED])]
    if w.head[to.Z_OUT_MIXED]:
        found.append("global buffer")
    late = {int(w.slots[slot, to.X_UNION]) for slot in clients.shared_converters}
    for channel in np.flatnonzero(w.channels[:, to.C_WAKES]):
        # shared converters sleep from their last use to the next window's begin, which their log does not know
        if wake_ps or channel in late:
            found.append(f"{clients.channel_names[channel]} (asleep)")
    return list(dict.fromkeys(found))
