"""Services of a client's own parts, compiled, and the log of when it used them."""

from __future__ import annotations

from pillarsim.arch.simulate.closed import columns as to
from pillarsim.arch.simulate.closed.columns import slot_at
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints, service_at
from pillarsim.devices.jit import compiled

__all__ = ["log_use", "note", "path_through", "serve"]


@compiled
def serve(m: Ints, w: Ints, slot: int, service: int, at_ps: int) -> int:
    """Serve what is asked for at `at_ps`, first come first served within the slot; return the start."""
    place = service_at(m, service)
    total_ps = m[place + at.S_TOTAL]
    m[place + at.S_DONE] += 1
    if total_ps == 0:
        return at_ps
    row = slot_at(w, slot)
    if at_ps < w[row + to.X_ASKED]:
        w[row + to.X_MIXED] = 1
    else:
        w[row + to.X_ASKED] = at_ps
    start: int = max(at_ps, w[row + to.X_FREE])
    end, spot = start + total_ps, row + to.X_FREE
    for later in range(row + to.X_FREE + 1, row + to.X_FREE + w[row + to.X_PORTS]):  # keep the free times in order
        if w[later] >= end:
            break
        w[spot] = w[later]
        spot = later
    w[spot] = end
    if w[row + to.X_SUM] >= 0:
        m[w[row + to.X_SUM]] += total_ps
    if w[row + to.X_CHECK] >= 0 or w[row + to.X_UNION] >= 0:
        note(w, slot, start, end)
    return start


@compiled
def note(w: Ints, slot: int, start_ps: int, end_ps: int) -> None:
    """A client uses its slot in [start, end); uses that touch become one, but for those of several ports."""
    row = slot_at(w, slot)
    if w[row + to.X_PORTS] > 1:
        log_use(w, slot, start_ps, end_ps)
        w[row + to.X_OPEN] = w[row + to.X_END] = max(w[row + to.X_OPEN], start_ps)
    elif start_ps <= w[row + to.X_END]:
        w[row + to.X_END] = max(w[row + to.X_END], end_ps)
    else:
        log_use(w, slot, w[row + to.X_OPEN], w[row + to.X_END])
        w[row + to.X_OPEN], w[row + to.X_END] = start_ps, end_ps


@compiled
def log_use(w: Ints, slot: int, start_ps: int, end_ps: int) -> None:
    """Write a use into the log of its slot's channels."""
    if end_ps <= start_ps:
        return
    row = slot_at(w, slot)
    for column in range(row + to.X_CHECK, row + to.X_UNION + 1):
        channel = w[column]
        if channel >= 0:
            place = w[to.W_LOG] + 2 * w[to.Z_LOGGED]
            w[place], w[place + 1] = channel, 2 * start_ps + 1
            w[place + 2], w[place + 3] = channel, 2 * end_ps
            w[to.Z_LOGGED] += 2


@compiled
def path_through(m: Ints, w: Ints, path: int, hop: int, down: int, at_ps: int) -> int:
    """Send a packet over the links of a path; return when its tail is delivered."""
    while True:
        slot = w[path]
        if w[path + 1] < 0:
            start = serve(m, w, slot, down, at_ps)
            tail: int = start + m[service_at(m, down) + at.S_TOTAL] + m[at.H_ROUTER_PS]
            return tail
        head = serve(m, w, slot, hop, at_ps)
        if m[service_at(m, hop) + at.S_TOTAL] > 0:
            head += m[service_at(m, hop) + at.S_STEP]
        at_ps = head + m[at.H_ROUTER_PS]
        path += 1
