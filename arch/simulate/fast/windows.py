"""A window of a replica from its fetch to its end, compiled: the counterpart of `replicas` and `stages`."""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.follow import first_step
from pillarsim.arch.simulate.fast.machine import Ints, part_at, replica_at, ring_at, set_at, stage_at
from pillarsim.arch.simulate.fast.power import hold, ready, use
from pillarsim.arch.simulate.fast.queue import after
from pillarsim.arch.simulate.fast.requests import request
from pillarsim.arch.simulate.fast.sending import pump
from pillarsim.devices.jit import compiled

__all__ = ["begin", "finish", "make_ready", "try_fetch"]


@compiled
def try_fetch(m: Ints, number: int) -> None:
    """Start to fetch a replica's next window if its register is empty and all inputs have arrived."""
    replica = replica_at(m, number)
    stage = stage_at(m, m[replica + at.R_STAGE])
    sequence = m[replica + at.R_NEXT]
    if m[replica + at.R_FILLING] or sequence >= m[stage + at.T_TOTAL]:
        return
    image, window = sequence // m[stage + at.T_WINDOWS], sequence % m[stage + at.T_WINDOWS]
    for part in range(m[replica + at.R_PART], m[replica + at.R_PART_END]):
        ring = ring_at(m, m[part_at(m, part) + at.Q_RING])
        need = m[m[ring + at.G_FIELD] + window]
        if need > 0 and m[ring + at.G_ARRIVED] < need + image * m[ring + at.G_PIXELS]:
            return
    m[replica + at.R_FILLING] = 1
    m[replica + at.R_NEXT] = sequence + m[stage + at.T_REPLICAS]
    m[replica + at.R_LEFT] = m[replica + at.R_PART_END] - m[replica + at.R_PART]
    now = m[at.H_NOW]
    m[replica + at.R_FETCHED_PS] = now
    if m[replica + at.R_FIRST_PS] < 0:
        m[replica + at.R_FIRST_PS] = now
    for part in range(m[replica + at.R_PART], m[replica + at.R_PART_END]):
        request(m, at.FETCH, part, 0, sequence, now)


@compiled
def make_ready(m: Ints, number: int) -> None:
    """The arrays are this replica's: wake what sleeps, then begin."""
    replica, now = replica_at(m, number), m[at.H_NOW]
    m[replica + at.R_STALLED_PS] += now - max(m[replica + at.R_FETCHED_PS], m[replica + at.R_FREE_PS])
    start = now
    for place in range(m[replica + at.R_SET], m[replica + at.R_SET_END]):
        one = set_at(m, m[place])
        start = max(start, ready(m, m[one + at.A_ARRAYS], now), ready(m, m[one + at.A_CONVERTERS], now))
    for place in range(m[replica + at.R_DIGITAL], m[replica + at.R_DIGITAL_END]):
        start = max(start, ready(m, m[place], now))
    if start > now:
        for place in range(m[replica + at.R_SET], m[replica + at.R_SET_END]):
            one = set_at(m, m[place])
            hold(m, m[one + at.A_ARRAYS], start)
            hold(m, m[one + at.A_CONVERTERS], start)
        for place in range(m[replica + at.R_DIGITAL], m[replica + at.R_DIGITAL_END]):
            hold(m, m[place], start)
    after(m, start, at.BEGIN, number, 0)


@compiled
def begin(m: Ints, number: int) -> None:
    """A window begins: its reads and conversions in closed form (see `engine`)."""
    replica, start = replica_at(m, number), m[at.H_NOW]
    sequence = m[replica + at.R_FETCHED]
    m[replica + at.R_FETCHED] = -1
    m[replica + at.R_BEGINNING] = m[replica + at.R_FILLING] = 0
    m[replica + at.R_SLOTS] -= 1
    m[replica + at.R_WINDOWS] += 1
    free = done = start
    if m[replica + at.R_ARRAYS]:
        first = start + m[replica + at.R_PHASE_PS]
        if m[at.H_SAMPLE_HOLD]:
            for place in range(m[replica + at.R_SET], m[replica + at.R_SET_END]):
                first = max(first, m[set_at(m, m[place]) + at.A_FREE])
            free = first + m[replica + at.R_REST_PS]
            converted = free + m[at.H_CONVERT_PS]
        else:
            free = converted = start + m[replica + at.R_REST_PS]
        done = converted + m[at.H_SHIFT_ADD_PS]
        for place in range(m[replica + at.R_SET], m[replica + at.R_SET_END]):
            one = set_at(m, m[place])
            m[one + at.A_FREE] = converted
            use(m, m[one + at.A_ARRAYS], start, free)
            hold(m, m[one + at.A_CONVERTERS], first)
            use(m, m[one + at.A_CONVERTERS], first, converted)
        for place in range(m[replica + at.R_DIGITAL], m[replica + at.R_DIGITAL_END]):
            use(m, m[place], start, done)
        m[replica + at.R_BUSY_PS] += free - start
        m[replica + at.R_CONVERT_PS] += converted - first
    m[replica + at.R_FREE_PS] = free
    if m[replica + at.R_RIVAL] < m[replica + at.R_RIVAL_END]:
        after(m, free, at.ARRAYS_FREE, number, 0)
    _send_partials(m, number, sequence, done)
    try_fetch(m, number)


@compiled
def _send_partials(m: Ints, number: int, sequence: int, at_ps: int) -> None:
    """Partial sums go to the home tile; without any the window's steps start."""
    replica = replica_at(m, number)
    stage = stage_at(m, m[replica + at.R_STAGE])
    if m[replica + at.R_AWAY] == 0:
        step = first_step(m, number, sequence, m[stage + at.T_STEP])
        if step < 0:
            after(m, at_ps, at.FINISH, number, sequence)
        else:
            request(m, at.STEP, number, sequence, step, at_ps)
        return
    turn = sequence // m[stage + at.T_REPLICAS] % 2
    m[replica + at.R_GATHER + turn] = m[replica + at.R_AWAY]
    m[replica + at.R_GATHER_PS + turn] = at_ps
    for part in range(m[replica + at.R_PART], m[replica + at.R_PART_END]):
        if m[part_at(m, part) + at.Q_PATH] >= 0:
            m[at.H_PACKETS] += 1
            request(m, at.PARTIAL_HOP, part, sequence, m[part_at(m, part) + at.Q_PATH], at_ps)


@compiled
def finish(m: Ints, number: int, sequence: int) -> None:
    """A window is finished at its home."""
    replica = replica_at(m, number)
    stage = stage_at(m, m[replica + at.R_STAGE])
    m[stage + at.T_LAST_END] = m[at.H_NOW]
    m[replica + at.R_DONE + sequence // m[stage + at.T_REPLICAS] % 2] = sequence
    pump(m, m[replica + at.R_STAGE])
