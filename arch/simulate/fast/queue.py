"""The queue of events, compiled: a binary heap in the order of (time, phase and key).

Of a picosecond, what happens comes first, then claims of shared arrays, group by group, then grants of servers by key.
"""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints, event_at
from pillarsim.devices.jit import compiled

__all__ = ["pop", "push"]


@compiled
def push(
    m: Ints, time_ps: int, order: int, tie: int, kind: int, a: int, b: int, c: int, server: int, service: int
) -> None:
    """Put an event in the queue."""
    m[at.H_UNUSED] -= 1
    row = m[m[at.H_UNUSED_ROWS] + m[at.H_UNUSED]]
    event = event_at(m, row)
    m[event], m[event + 1], m[event + 2], m[event + 3], m[event + 4] = time_ps, order, tie, kind, a
    m[event + 5], m[event + 6], m[event + 7], m[event + 8] = b, c, server, service
    queue, place = m[at.H_QUEUE], m[at.H_QUEUED]
    m[at.H_QUEUED] = place + 1
    while place > 0:
        above = (place - 1) >> 1
        time_above = m[queue + 2 * above]
        if time_above < time_ps:
            break
        if time_above == time_ps:
            other = event_at(m, m[queue + 2 * above + 1])
            if m[other + at.ORDER] < order or (m[other + at.ORDER] == order and m[other + at.TIE] <= tie):
                break
        m[queue + 2 * place], m[queue + 2 * place + 1] = time_above, m[queue + 2 * above + 1]
        place = above
    m[queue + 2 * place], m[queue + 2 * place + 1] = time_ps, row


@compiled
def pop(m: Ints) -> int:
    """Take the first event out of the queue and return its row, which is unused from now on but still to be read."""
    queue = m[at.H_QUEUE]
    first: int = m[queue + 1]
    last = m[at.H_QUEUED] - 1
    m[at.H_QUEUED] = last
    m[m[at.H_UNUSED_ROWS] + m[at.H_UNUSED]] = first
    m[at.H_UNUSED] += 1
    time_ps, row = m[queue + 2 * last], m[queue + 2 * last + 1]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= last:
            break
        if below + 1 < last and _before(m, queue + 2 * below + 2, queue + 2 * below):
            below += 1
        if not _before(m, queue + 2 * below, queue + 2 * last):
            break
        m[queue + 2 * place], m[queue + 2 * place + 1] = m[queue + 2 * below], m[queue + 2 * below + 1]
        place = below
    m[queue + 2 * place], m[queue + 2 * place + 1] = time_ps, row
    return first


@compiled
def _before(m: Ints, one: int, other: int) -> bool:
    """Whether the event at one place of the queue goes before that at another."""
    before: bool = m[one] < m[other]
    if m[one] == m[other]:
        event, late = event_at(m, m[one + 1]), event_at(m, m[other + 1])
        before = m[event + at.ORDER] < m[late + at.ORDER]
        if m[event + at.ORDER] == m[late + at.ORDER]:
            before = m[event + at.TIE] < m[late + at.TIE]
    return before
