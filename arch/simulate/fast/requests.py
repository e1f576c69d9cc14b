"""Requests to servers, compiled: who is asked for what, and when it is served.

`ask` puts a request in the queue, to be granted in the order of its key at the end of its picosecond; a service of no
duration is never queued. What follows from a grant is known then (`follow`).
"""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.follow import follow
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

__all__ = ["ask", "ask_all", "grant", "request", "ring_services"]


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
        kind, a, b, c, at_ps = follow(m, kind, a, b, c, at_ps, at_ps)


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
    kind, a, b, c, at_ps = follow(m, kind, a, b, c, start + step_ps, end)
    if kind >= 0:
        ask(m, kind, a, b, c, at_ps)


@compiled
def ask_all(m: Ints) -> None:
    """Ask for what an event has requested."""
    for number in range(m[at.H_ASKED]):
        place = m[at.H_OUTBOX] + number * at.OUTBOX_COLUMNS
        ask(m, m[place], m[place + 1], m[place + 2], m[place + 3], m[place + 4])
    m[at.H_ASKED] = 0
