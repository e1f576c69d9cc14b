"""The queue of events, compiled: a heap with four branches in the order of (time, phase and key).

Of a picosecond, what happens comes first, then claims of shared arrays, group by group, then grants of servers by key.
"""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints, event_at
from pillarsim.devices.jit import compiled

__all__ = ["after", "pop", "push"]


@compiled
def push(
    m: Ints, time_ps: int, order: int, tie: int, kind: int, a: int, b: int, c: int, server: int, service: int
) -> None:
    """Put an event in the queue."""
    m[at.H_UNUSED] -= 1
    row = m[m[at.H_UNUSED_ROWS] + m[at.H_UNUSED]]
    event = event_at(m, row)
    m[event + at.TIME], m[event + at.KIND], m[event + at.A], m[event + at.B] = time_ps, kind, a, b
    m[event + at.C], m[event + at.SERVER], m[event + at.SERVICE] = c, server, service
    queue, place = m[at.H_QUEUE], m[at.H_QUEUED]
    m[at.H_QUEUED] = place + 1
    while place > 0:
        above = (place - 1) >> 2
        entry = queue + at.QUEUE_COLUMNS * above
        if not _before(m, time_ps, order, tie, entry):
            break
        _copy(m, entry, queue + at.QUEUE_COLUMNS * place)
        place = above
    entry = queue + at.QUEUE_COLUMNS * place
    m[entry], m[entry + 1], m[entry + 2], m[entry + 3] = time_ps, order, tie, row


@compiled
def pop(m: Ints) -> int:
    """Take the first event out of the queue and return its row, which is unused from now on but still to be read."""
    queue = m[at.H_QUEUE]
    first: int = m[queue + 3]
    last = m[at.H_QUEUED] - 1
    m[at.H_QUEUED] = last
    m[m[at.H_UNUSED_ROWS] + m[at.H_UNUSED]] = first
    m[at.H_UNUSED] += 1
    end = queue + at.QUEUE_COLUMNS * last
    time_ps, order, tie = m[end], m[end + 1], m[end + 2]
    place = 0
    while True:
        below = 4 * place + 1
        if below >= last:
            break
        least = queue + at.QUEUE_COLUMNS * below
        for number in range(below + 1, min(below + 4, last)):
            entry = queue + at.QUEUE_COLUMNS * number
            if _before(m, m[entry], m[entry + 1], m[entry + 2], least):
                least, below = entry, number
        if _before(m, time_ps, order, tie, least):
            break
        _copy(m, least, queue + at.QUEUE_COLUMNS * place)
        place = below
    _copy(m, end, queue + at.QUEUE_COLUMNS * place)
    return first


@compiled
def _before(m: Ints, time_ps: int, order: int, tie: int, entry: int) -> bool:
    """Whether an event goes before that of an entry of the queue."""
    before: bool = time_ps < m[entry]
    if m[entry] == time_ps:
        before = order < m[entry + 1]
        if m[entry + 1] == order:
            before = tie < m[entry + 2]
    return before


@compiled
def _copy(m: Ints, source: int, target: int) -> None:
    """Copy an entry of the queue."""
    m[target], m[target + 1] = m[source], m[source + 1]
    m[target + 2], m[target + 3] = m[source + 2], m[source + 3]


@compiled
def after(m: Ints, time_ps: int, kind: int, a: int, b: int) -> None:
    """Let an event happen at `time_ps`."""
    push(m, time_ps, 0, 0, kind, a, b, 0, -1, -1)
