"""Watch the compiled engine event by event and write down what it did, from its tables before and after each event.

The engine knows nothing of it: a run that is watched does what it does without. Rows have eight columns, the first is
one of SERVED, WINDOW, FILL, BORDER, ACTIVE and GATED; times are in picoseconds:

SERVED  server, service, start, end, kind of request, A, number   number: window, pixel or row, over all images
WINDOW  replica, window, start, arrays free, first sample, converted, shifted and added
FILL    ring, time, pixels held, pixels on their way              both take room
BORDER  time, rows of the input and output pixels in the global buffer, or on their way into it
ACTIVE  power tracker, start, end                                 of what a use adds to the active time
GATED   power tracker, start, end, wakes                          wakes: 1 where it was woken at the end

A service without duration leaves no row.
"""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.loop import PAUSED, advance
from pillarsim.arch.simulate.fast.machine import (
    Ints,
    event_at,
    replica_at,
    ring_at,
    server_at,
    service_at,
    set_at,
    tracker_at,
)
from pillarsim.devices.jit import compiled

__all__ = [
    "ACTIVE",
    "BORDER",
    "FILL",
    "GATED",
    "LOGGED",
    "LOG_COLUMNS",
    "L_COUNT",
    "L_HELD",
    "L_OUT",
    "L_SEEN",
    "SEEN_COLUMNS",
    "SERVED",
    "TRACED",
    "WINDOW",
    "observe",
]

SERVED, WINDOW, FILL, BORDER, ACTIVE, GATED = range(6)
LOG_COLUMNS = 8
LOGGED, TRACED = 10, 11  # why `observe` returned, besides what `advance` returns: log full, images finished
# what was seen last: rows in the log, global buffer, then 2 numbers a ring and 4 a tracker
L_COUNT, L_HELD, L_OUT, L_SEEN = range(4)
SEEN_COLUMNS = 2, 4
_NEVER = 1 << 62


@compiled
def observe(m: Ints, seen: Ints, log: Ints, images: int, events: int) -> int:
    """Process up to `events` events, until the log may not take another one's rows, or `images` images have left."""
    rings = (m[at.H_SETS] - m[at.H_RINGS]) // at.RING_COLUMNS
    trackers = (m[at.H_STAGES] - m[at.H_TRACKERS]) // at.TRACKER_COLUMNS
    room = len(log) - (rings + trackers + 4)
    if not m[at.H_STARTED]:
        margin = m[at.H_MARGIN]
        m[at.H_MARGIN] = _NEVER  # the engine starts, and comes back for want of rows before its first event
        advance(m, 1)
        m[at.H_MARGIN] = margin
        _look_at_border(m, seen, log)
        _look_at_rings(m, seen, log, rings)
    for _ in range(events):
        if m[at.H_FINISHED] >= images:
            return TRACED
        if seen[L_COUNT] > room:
            return LOGGED
        status = _one(m, seen, log, rings, trackers)
        if status != PAUSED:
            return status
    return PAUSED


@compiled
def _one(m: Ints, seen: Ints, log: Ints, rings: int, trackers: int) -> int:
    """Process one event and write down what it did."""
    if m[at.H_QUEUED] == 0:
        return advance(m, 1)
    event = event_at(m, m[m[at.H_QUEUE] + at.QUEUE_COLUMNS - 1])
    kind, a, server, service = m[event + at.KIND], m[event + at.A], m[event + at.SERVER], m[event + at.SERVICE]
    number = m[event + (at.C if kind in (at.FETCH, at.TRANSFER) else at.B)]
    if server >= 0:
        place = server_at(m, server)
        free = _free_times(m, place)
        earliest = m[place + at.V_FREE]
        status: int = advance(m, 1)
        if status == PAUSED:
            end = earliest + _free_times(m, place) - free
            start = end - m[service_at(m, service) + at.S_TOTAL]
            _write(seen, log, SERVED, server, service, start, end, kind, a, number)
            if m[place + at.V_POWER] >= 0:
                _look_at_tracker(m, seen, log, rings, m[place + at.V_POWER])
        return status
    window = converting = 0
    if kind == at.BEGIN:
        window, converting = m[replica_at(m, a) + at.R_FETCHED], m[replica_at(m, a) + at.R_CONVERT_PS]
    status = advance(m, 1)
    if status != PAUSED:
        return status
    if kind == at.BEGIN and m[replica_at(m, a) + at.R_ARRAYS]:
        _window(m, seen, log, a, window, converting)
    if kind in (at.WAKE, at.BEGIN, at.CLAIMS):
        for tracker in range(trackers):
            _look_at_tracker(m, seen, log, rings, tracker)
    else:
        _look_at_border(m, seen, log)
        _look_at_rings(m, seen, log, rings)
    return status


@compiled
def _free_times(m: Ints, server: int) -> int:
    """The sum of a server's free times: a service takes the earliest away and adds its end."""
    total = 0
    for port in range(m[server + at.V_PORTS]):
        total += m[server + at.V_FREE + port]
    return total


@compiled
def _write(seen: Ints, log: Ints, what: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int) -> None:
    row = log[seen[L_COUNT]]
    row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7] = what, b, c, d, e, f, g, h
    seen[L_COUNT] += 1


@compiled
def _window(m: Ints, seen: Ints, log: Ints, number: int, window: int, converting: int) -> None:
    replica = replica_at(m, number)
    converted = m[set_at(m, m[m[replica + at.R_SET]]) + at.A_FREE]
    first = converted - (m[replica + at.R_CONVERT_PS] - converting)
    done = converted + m[at.H_SHIFT_ADD_PS]
    _write(seen, log, WINDOW, number, window, m[at.H_NOW], m[replica + at.R_FREE_PS], first, converted, done)


@compiled
def _look_at_rings(m: Ints, seen: Ints, log: Ints, rings: int) -> None:
    for number in range(rings):
        ring, place = ring_at(m, number), L_SEEN + 2 * number
        held, coming = m[ring + at.G_ARRIVED] - m[ring + at.G_FREED], m[ring + at.G_TAKEN] - m[ring + at.G_ARRIVED]
        if held != seen[place] or coming != seen[place + 1]:
            seen[place], seen[place + 1] = held, coming
            _write(seen, log, FILL, number, m[at.H_NOW], held, coming, 0, 0, 0)


@compiled
def _look_at_border(m: Ints, seen: Ints, log: Ints) -> None:
    out = m[at.H_OUT_TAKEN] - m[at.H_OUT_FREED]
    if m[at.H_HELD] != seen[L_HELD] or out != seen[L_OUT]:
        seen[L_HELD], seen[L_OUT] = m[at.H_HELD], out
        _write(seen, log, BORDER, m[at.H_NOW], m[at.H_HELD], out, 0, 0, 0, 0)


@compiled
def _look_at_tracker(m: Ints, seen: Ints, log: Ints, rings: int, number: int) -> None:
    """A tracker is woken and used at most once an event."""
    power, place = tracker_at(m, number), L_SEEN + 2 * rings + 4 * number
    gated = m[power + at.P_GATED_PS] - seen[place + 1]
    if gated > 0:
        start = max(seen[place + 2], seen[place + 3]) + m[at.H_AFTER_PS]
        _write(seen, log, GATED, number, start, start + gated, 1, 0, 0, 0)
    active = m[power + at.P_ACTIVE] - seen[place]
    if active > 0:
        _write(seen, log, ACTIVE, number, m[power + at.P_END] - active, m[power + at.P_END], 0, 0, 0, 0)
    seen[place], seen[place + 1] = m[power + at.P_ACTIVE], m[power + at.P_GATED_PS]
    seen[place + 2], seen[place + 3] = m[power + at.P_END], m[power + at.P_HELD]
