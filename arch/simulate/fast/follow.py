"""What follows from a service, compiled: the next request, or events to come."""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints, part_at, replica_at, ring_at, stage_at, step_at
from pillarsim.arch.simulate.fast.queue import after
from pillarsim.devices.jit import compiled

__all__ = ["first_step", "follow", "keep_after", "try_begin"]


@compiled
def follow(m: Ints, kind: int, a: int, b: int, c: int, head_ps: int, tail_ps: int) -> tuple[int, int, int, int, int]:
    """What follows from a service whose first step ends at `head_ps` and whose last at `tail_ps`.

    Returns the next request (kind, A, B, C, time), of kind -1 where there is none.
    """
    if kind == at.FETCH:
        after(m, tail_ps, at.RELEASE, a, keep_after(m, a, c))
        return at.TRANSFER, a, b, c, tail_ps
    if kind == at.TRANSFER:
        _fetched(m, m[part_at(m, a) + at.Q_REPLICA], c, tail_ps)
    elif kind == at.STEP:
        step = first_step(m, a, b, c + 1)
        if step >= 0:
            return at.STEP, a, b, step, tail_ps
        after(m, tail_ps, at.FINISH, a, b)
    elif kind in (at.PIXEL_HOP, at.PARTIAL_HOP, at.OUT_HOP):
        if m[c + 1] >= 0:
            return kind, a, b, c + 1, head_ps + m[at.H_ROUTER_PS]
        m[at.H_DELIVERED] += 1
        at_ps = tail_ps + m[at.H_ROUTER_PS]
        if kind == at.PIXEL_HOP:
            return at.WRITE, a, b, 0, at_ps
        if kind == at.OUT_HOP:
            return at.OUT_WRITE, 0, b, 0, at_ps
        return _gather(m, m[part_at(m, a) + at.Q_REPLICA], b, at_ps)
    elif kind == at.WRITE:
        after(m, tail_ps, at.ARRIVE, a, b)
    elif kind == at.IN_MOVE:
        after(m, tail_ps, at.NEXT_ROW, 0, 0)
        return at.IN_WRITE, 0, b, 0, tail_ps + m[at.H_LATENCY_PS]
    elif kind == at.IN_WRITE:
        after(m, tail_ps, at.STORED, 0, 0)
    elif kind == at.IN_READ:
        after(m, tail_ps, at.ROW_READ, 0, b)
    elif kind == at.OUT_WRITE:
        return at.OUT_READ, 0, b, 0, tail_ps
    elif kind == at.OUT_READ:
        after(m, tail_ps, at.OUT_RELEASE, 0, 0)
        return at.OUT_MOVE, 0, b, 0, tail_ps
    else:
        after(m, tail_ps + m[at.H_LATENCY_PS], at.GONE, 0, b)
    return -1, 0, 0, 0, 0


@compiled
def keep_after(m: Ints, part: int, sequence: int) -> int:
    """First pixel of its ring that a part's reader needs after window `sequence`."""
    stage = stage_at(m, m[ring_at(m, m[part_at(m, part) + at.Q_RING]) + at.G_STAGE])
    sequence += m[stage + at.T_REPLICAS]
    ring = ring_at(m, m[part_at(m, part) + at.Q_RING])
    windows = m[stage + at.T_WINDOWS]
    keep: int = m[stage + at.T_TOTAL] // windows * m[ring + at.G_PIXELS]
    if sequence < m[stage + at.T_TOTAL]:
        keep = sequence // windows * m[ring + at.G_PIXELS] + m[m[ring + at.G_FIELD] + windows + sequence % windows]
    return keep


@compiled
def _fetched(m: Ints, number: int, sequence: int, time_ps: int) -> None:
    replica = replica_at(m, number)
    m[replica + at.R_FETCHED_PS] = max(m[replica + at.R_FETCHED_PS], time_ps)
    m[replica + at.R_LEFT] -= 1
    if m[replica + at.R_LEFT] == 0:
        m[replica + at.R_FETCHED] = sequence
        try_begin(m, number)


@compiled
def try_begin(m: Ints, number: int) -> None:
    """Plan the start of the fetched window."""
    replica = replica_at(m, number)
    if m[replica + at.R_FETCHED] < 0 or m[replica + at.R_SLOTS] == 0 or m[replica + at.R_BEGINNING]:
        return
    m[replica + at.R_BEGINNING] = 1
    after(m, max(m[replica + at.R_FETCHED_PS], m[replica + at.R_FREE_PS], m[at.H_NOW]), at.WAKE, number, 0)


@compiled
def _gather(m: Ints, number: int, sequence: int, time_ps: int) -> tuple[int, int, int, int, int]:
    """Partial sums of a window are at its home; the last ones start its steps."""
    replica = replica_at(m, number)
    turn = sequence // m[stage_at(m, m[replica + at.R_STAGE]) + at.T_REPLICAS] % 2
    m[replica + at.R_GATHER_PS + turn] = max(m[replica + at.R_GATHER_PS + turn], time_ps)
    m[replica + at.R_GATHER + turn] -= 1
    if m[replica + at.R_GATHER + turn] > 0:
        return -1, 0, 0, 0, 0
    step = first_step(m, number, sequence, m[stage_at(m, m[replica + at.R_STAGE]) + at.T_STEP])
    if step < 0:
        after(m, m[replica + at.R_GATHER_PS + turn], at.FINISH, number, sequence)
        return -1, 0, 0, 0, 0
    return at.STEP, number, sequence, step, m[replica + at.R_GATHER_PS + turn]


@compiled
def first_step(m: Ints, number: int, sequence: int, step: int) -> int:
    """The first step of a window from `step` on that does anything; -1: none."""
    stage = stage_at(m, m[replica_at(m, number) + at.R_STAGE])
    while step < m[stage + at.T_STEP_END]:
        place = sequence % m[stage + at.T_WINDOWS] if m[step_at(m, step) + at.U_VARIES] else 0
        if m[m[step_at(m, step) + at.U_SERVICE] + place] >= 0:
            return step
        step += 1
    return -1
