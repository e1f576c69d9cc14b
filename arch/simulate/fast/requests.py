"""Requests to servers, compiled: who is asked for what, and what follows from a grant.

`ask` puts a request in the queue, to be granted in the order of its key at the end of its picosecond; a service of no
duration is never queued. What follows from a grant is known then: the next request, or events to come.
"""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import (
    Ints,
    event_at,
    part_at,
    replica_at,
    ring_at,
    server_at,
    service_at,
    stage_at,
    step_at,
    tile_at,
)
from pillarsim.arch.simulate.fast.power import ready, use
from pillarsim.arch.simulate.fast.queue import push
from pillarsim.devices.jit import compiled

__all__ = ["after", "ask", "first_step", "grant", "keep_after", "try_begin"]


@compiled
def after(m: Ints, time_ps: int, kind: int, a: int, b: int) -> None:
    """Let an event happen at `time_ps`."""
    push(m, time_ps, 0, 0, kind, a, b, 0, -1, -1)


@compiled
def request(m: Ints, kind: int, a: int, b: int, c: int, at_ps: int) -> None:
    """Ask for a service when the event that is being processed is over (see `ask`)."""
    place = m[at.H_OUTBOX] + m[at.H_ASKED] * at.OUTBOX_COLUMNS
    m[at.H_ASKED] += 1
    m[place], m[place + 1], m[place + 2], m[place + 3], m[place + 4] = kind, a, b, c, at_ps


@compiled
def _order(stage: int, kind: int, replica: int) -> int:
    """The first part of a request's key."""
    return at.GRANT_PHASE | (stage + 1) << at.STAGE_SHIFT | kind << at.KIND_SHIFT | replica


@compiled
def ask(m: Ints, kind: int, a: int, b: int, c: int, at_ps: int) -> None:
    """Ask for a service at `at_ps` (now or later); kinds and their A, B, C:

    FETCH, TRANSFER (part, 0, window)          of a window's inputs, through buffer port and bus
    PIXEL_HOP (ring, first pixel, hop)         of pixels, or of a row of the input
    PARTIAL_HOP (part, window, hop)            of partial sums
    OUT_HOP (0, pixel, hop)                    of an output pixel to the global buffer
    WRITE (ring, first pixel, 0)               into a tile's buffer
    STEP (replica, window, step)               of a digital unit
    OUT_WRITE, OUT_READ, OUT_MOVE (0, pixel, 0), IN_MOVE, IN_WRITE, IN_READ (0, row, 0)   at the border
    """
    while kind >= 0:
        order = tie = server = service = 0
        if kind in (at.FETCH, at.TRANSFER):
            part = part_at(m, a)
            replica = replica_at(m, m[part + at.Q_REPLICA])
            stage = m[replica + at.R_STAGE]
            place = c % m[stage_at(m, stage) + at.T_WINDOWS] if m[part + at.Q_VARIES] else 0
            if kind == at.FETCH:
                server, service = m[tile_at(m, m[part + at.Q_TILE]) + at.L_PORT], m[m[part + at.Q_FETCH] + place]
            else:
                server, service = m[tile_at(m, m[part + at.Q_TILE]) + at.L_BUS], m[m[part + at.Q_TRANSFER] + place]
            order, tie = _order(stage, 0, m[replica + at.R_INDEX]), c << at.TIE_SHIFT | m[part + at.Q_RING]
        elif kind == at.STEP:
            replica, step = replica_at(m, a), step_at(m, c)
            stage = m[replica + at.R_STAGE]
            server = m[tile_at(m, m[replica + at.R_HOME]) + at.L_UNIT + m[step + at.U_UNIT]]
            service = m[
                m[step + at.U_SERVICE] + (b % m[stage_at(m, stage) + at.T_WINDOWS] if m[step + at.U_VARIES] else 0)
            ]
            order, tie = _order(stage, 0, m[replica + at.R_INDEX]), b << at.TIE_SHIFT
        elif kind == at.PIXEL_HOP:
            ring = ring_at(m, a)
            services = ring_services(m, a, b)
            server = m[c]
            service = m[services + (1 if m[c + 1] >= 0 else 2)]
            order, tie = _order(m[ring + at.G_SOURCE], 2, 0), b << at.TIE_SHIFT | a
        elif kind == at.WRITE:
            ring = ring_at(m, a)
            server, service = m[tile_at(m, m[ring + at.G_TILE]) + at.L_PORT], m[ring_services(m, a, b)]
            order, tie = _order(m[ring + at.G_SOURCE], 1, 0), b << at.TIE_SHIFT | a
        elif kind == at.PARTIAL_HOP:
            part = part_at(m, a)
            replica = replica_at(m, m[part + at.Q_REPLICA])
            server = m[c]
            service = m[part + at.Q_HOP] if m[c + 1] >= 0 else m[part + at.Q_DOWN]
            order = _order(m[replica + at.R_STAGE], 1, m[replica + at.R_INDEX])
            tie = b << at.TIE_SHIFT | m[part + at.Q_RING]
        elif kind == at.OUT_HOP:
            server = m[c]
            service = m[at.H_OUT_HOP] if m[c + 1] >= 0 else m[at.H_OUT_DOWN]
            order, tie = _order(m[at.H_OUT_STAGE] - 1, 2, 0), b << at.TIE_SHIFT | m[at.H_OUT_RING]
        elif kind >= at.IN_MOVE:
            server = m[at.H_LINK] if kind == at.IN_MOVE else m[at.H_BUFFER]
            service = m[at.H_IN_SERVICE] + kind - at.IN_MOVE
            order, tie = _order(-1, 1 if kind == at.IN_READ else 0, 0), b << at.TIE_SHIFT
        else:
            server = m[at.H_LINK] if kind == at.OUT_MOVE else m[at.H_BUFFER]
            # services stand in the order move, write, read
            service = m[at.H_OUT_SERVICE] + (0 if kind == at.OUT_MOVE else 1 + kind - at.OUT_WRITE)
            order, tie = _order(m[at.H_OUT_STAGE], 1 if kind == at.OUT_READ else 0, 0), b << at.TIE_SHIFT
        if m[service_at(m, service) + at.S_TOTAL] > 0:
            push(m, at_ps, order, tie, kind, a, b, c, server, service)
            return
        m[service_at(m, service) + at.S_DONE] += 1
        kind, a, b, c, at_ps = _follow(m, kind, a, b, c, at_ps, at_ps)


@compiled
def ring_services(m: Ints, number: int, first: int) -> int:
    """Where the services of pixels from `first` on (or of the row that they are) stand."""
    ring = ring_at(m, number)
    if not m[ring + at.G_VARIES]:
        first = 0
    place: int = m[ring + at.G_SERVICE] + 3 * (first % m[ring + at.G_PIXELS] // m[ring + at.G_COUNT])
    return place


@compiled
def grant(m: Ints, row: int) -> None:
    """The server of a request serves it."""
    event = event_at(m, row)
    kind, a, b, c, service = (
        m[event + at.KIND],
        m[event + at.A],
        m[event + at.B],
        m[event + at.C],
        m[event + at.SERVICE],
    )
    server = server_at(m, m[event + at.SERVER])
    step_ps, total_ps = m[service_at(m, service) + at.S_STEP], m[service_at(m, service) + at.S_TOTAL]
    start = max(m[at.H_NOW], m[server + at.V_FREE])
    if m[server + at.V_POWER] >= 0:
        start = ready(m, m[server + at.V_POWER], start)
        use(m, m[server + at.V_POWER], start, start + total_ps)
    end = start + total_ps
    m[service_at(m, service) + at.S_DONE] += 1
    place = at.V_FREE
    for later in range(at.V_FREE + 1, at.V_FREE + m[server + at.V_PORTS]):  # keep the free times in order
        if m[server + later] >= end:
            break
        m[server + place] = m[server + later]
        place = later
    m[server + place] = end
    kind, a, b, c, at_ps = _follow(m, kind, a, b, c, start + step_ps, end)
    if kind >= 0:
        ask(m, kind, a, b, c, at_ps)


@compiled
def _follow(m: Ints, kind: int, a: int, b: int, c: int, head_ps: int, tail_ps: int) -> tuple[int, int, int, int, int]:
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


@compiled
def ask_all(m: Ints) -> None:
    """Ask for what an event has requested."""
    for number in range(m[at.H_ASKED]):
        place = m[at.H_OUTBOX] + number * at.OUTBOX_COLUMNS
        ask(m, m[place], m[place + 1], m[place + 2], m[place + 3], m[place + 4])
    m[at.H_ASKED] = 0
