"""Events in order until something is to be done outside: more rows for events, a look at the state, or the end.

Events of one picosecond may come in any order (see `kernel`).
"""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.arriving import arrive, release
from pillarsim.arch.simulate.fast.border import gone, offer, out_release, pump_source, row_read, stored
from pillarsim.arch.simulate.fast.claims import arrays_free, grant_claims, wake
from pillarsim.arch.simulate.fast.machine import Ints, event_at
from pillarsim.arch.simulate.fast.queue import pop
from pillarsim.arch.simulate.fast.requests import ask_all, grant
from pillarsim.arch.simulate.fast.sending import pump
from pillarsim.arch.simulate.fast.windows import begin, finish, try_fetch
from pillarsim.devices.jit import compiled

__all__ = ["ENDED", "FULL", "MARKED", "PAUSED", "advance"]

ENDED, FULL, MARKED, PAUSED = range(4)


@compiled
def _start(m: Ints) -> None:
    """Offer the first row; windows that need nothing but padding start by themselves."""
    offer(m)
    for number in range((m[at.H_PARTS] - m[at.H_REPLICAS]) // at.REPLICA_COLUMNS):
        try_fetch(m, number)


@compiled
def advance(m: Ints, events: int) -> int:
    """Process up to `events` events, the first ones from the start on; none compiles the code and does nothing.

    Returns ENDED (no event is left), FULL (enlarge the machine), MARKED (a mark of the source was reached and all of
    its picosecond has happened) or PAUSED (so many events were processed).
    """
    if events and not m[at.H_STARTED]:
        m[at.H_STARTED] = 1
        _start(m)
        ask_all(m)
    for _ in range(events):
        if m[at.H_QUEUED] == 0:
            return ENDED
        if m[at.H_UNUSED] < m[at.H_MARGIN] or m[at.H_EARLY_LEFT] == 0:
            return FULL
        if m[at.H_MARK] and m[m[at.H_QUEUE]] > m[at.H_NOW]:
            m[at.H_MARK] = 0
            return MARKED
        m[at.H_NOW] = m[m[at.H_QUEUE]]
        row = pop(m)
        m[at.H_EVENTS] += 1
        if m[event_at(m, row) + at.SERVER] >= 0:
            grant(m, row)
            continue
        _happen(m, m[event_at(m, row) + at.KIND], m[event_at(m, row) + at.A], m[event_at(m, row) + at.B])
        ask_all(m)
    return PAUSED


@compiled
def _happen(m: Ints, kind: int, a: int, b: int) -> None:
    """What an event does, by its kind."""
    if kind == at.RELEASE:
        release(m, a, b)
    elif kind == at.ARRIVE:
        arrive(m, a, b)
    elif kind == at.WAKE:
        wake(m, a)
    elif kind == at.BEGIN:
        begin(m, a)
    elif kind == at.FINISH:
        finish(m, a, b)
    elif kind == at.NEXT_ROW:
        m[at.H_LINK_BUSY] = 0
        offer(m)
    elif kind == at.STORED:
        stored(m)
    elif kind == at.ROW_READ:
        row_read(m, b)
    elif kind == at.OUT_RELEASE:
        out_release(m)
    elif kind == at.GONE:
        gone(m, b)
    elif kind == at.ARRAYS_FREE:
        arrays_free(m, a)
    elif kind == at.CLAIMS:
        grant_claims(m, a)
    elif kind == at.PUMP:
        pump(m, a)
    elif kind == at.PUMP_SOURCE:
        pump_source(m)
