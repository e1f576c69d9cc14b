"""Services of a client's own parts, compiled, and the log of when it used them."""

from __future__ import annotations

from pillarsim.arch.simulate.closed import columns as to
from pillarsim.arch.simulate.closed.columns import Work
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints, service_at
from pillarsim.devices.jit import compiled

__all__ = ["log_use", "note", "path_through", "serve"]


@compiled
def serve(m: Ints, w: Work, slot: int, service: int, at_ps: int) -> int:
    """Serve what is asked for at `at_ps`, first come first served within the slot; return the start."""
    place = service_at(m, service)
    total_ps = m[place + at.S_TOTAL]
    m[place + at.S_DONE] += 1
    if total_ps == 0:
        return at_ps
    row = w.slots[slot]
    if at_ps < row[to.X_ASKED]:
        row[to.X_MIXED] = 1
    else:
        row[to.X_ASKED] = at_ps
    start = max(at_ps, row[to.X_FREE])
    end, spot = start + total_ps, to.X_FREE
    for later in range(to.X_FREE + 1, to.X_FREE + row[to.X_PORTS]):  # keep the free times in order
        if row[later] >= end:
            break
        row[spot] = row[later]
        spot = later
    row[spot] = end
    if row[to.X_SUM] >= 0:
        m[row[to.X_SUM]] += total_ps
    if row[to.X_CHECK] >= 0 or row[to.X_UNION] >= 0:
        note(w, slot, start, end)
    return start


@compiled
def note(w: Work, slot: int, start_ps: int, end_ps: int) -> None:
    """A client uses its slot in [start, end); uses that touch become one, but for those of several ports."""
    row = w.slots[slot]
    if row[to.X_PORTS] > 1:
        log_use(w, slot, start_ps, end_ps)
        row[to.X_OPEN] = row[to.X_END] = max(row[to.X_OPEN], start_ps)
    elif start_ps <= row[to.X_END]:
        row[to.X_END] = max(row[to.X_END], end_ps)
    else:
        log_use(w, slot, row[to.X_OPEN], row[to.X_END])
        row[to.X_OPEN], row[to.X_END] = start_ps, end_ps


@compiled
def log_use(w: Work, slot: int, start_ps: int, end_ps: int) -> None:
    """Write a use into the log of its slot's channels."""
    if end_ps <= start_ps:
        return
    for column in range(to.X_CHECK, to.X_UNION + 1):
        channel = w.slots[slot, column]
        if channel >= 0:
            count = w.head[to.Z_LOGGED]
            w.log[count, 0] = w.log[count + 1, 0] = channel
            w.log[count, 1], w.log[count + 1, 1] = 2 * start_ps + 1, 2 * end_ps
            w.head[to.Z_LOGGED] = count + 2


@compiled
def path_through(m: Ints, w: Work, path: int, hop: int, down: int, at_ps: int) -> int:
    """Send a packet over the links of a path; return when its tail is delivered."""
    while True:
        slot = w.paths[path]
        if w.paths[path + 1] < 0:
            start = serve(m, w, slot, down, at_ps)
            tail: int = start + m[service_at(m, down) + at.S_TOTAL] + m[at.H_ROUTER_PS]
            return tail
        head = serve(m, w, slot, hop, at_ps)
        if m[service_at(m, hop) + at.S_TOTAL] > 0:
            head += m[service_at(m, hop) + at.S_STEP]
        at_ps = head + m[at.H_ROUTER_PS]
        path += 1
