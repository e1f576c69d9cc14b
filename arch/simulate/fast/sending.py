"""Output pixels leave a stage as far as credits go, compiled: the counterpart of `stages`.

Long loops are cut: a pump that has sent `AT_ONCE` pixels or rows goes on in an event of the same picosecond, so that
no event needs more than a known number of rows.
"""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.follow import try_begin
from pillarsim.arch.simulate.fast.machine import Ints, replica_at, ring_at, stage_at
from pillarsim.arch.simulate.fast.queue import after
from pillarsim.arch.simulate.fast.requests import request, ring_services
from pillarsim.devices.jit import compiled

__all__ = ["AT_ONCE", "deliver", "pump"]

AT_ONCE = 64  # pixels or rows that a pump sends before it lets other events in; assumed, changes no result


@compiled
def pump(m: Ints, number: int) -> None:
    """Send the output pixels of finished windows in raster order, as far as credits go."""
    stage = stage_at(m, number)
    count = 0
    while True:
        sequence = m[stage + at.T_NEXT]
        owner = m[stage + at.T_REPLICA] + sequence % m[stage + at.T_REPLICAS]
        replica = replica_at(m, owner)
        turn = at.R_DONE + sequence // m[stage + at.T_REPLICAS] % 2
        if m[replica + turn] != sequence:
            return
        window = sequence % m[stage + at.T_WINDOWS]
        complete = sequence // m[stage + at.T_WINDOWS] * m[stage + at.T_PIXELS] + m[m[stage + at.T_EMITTED] + window]
        while m[stage + at.T_SENT] < complete:
            if count == AT_ONCE:
                after(m, m[at.H_NOW], at.PUMP, number, 0)
                return
            if m[stage + at.T_OUT] and m[at.H_OUT_TAKEN] - m[at.H_OUT_FREED] >= m[at.H_OUT_CAPACITY]:
                return
            for place in range(m[stage + at.T_TARGET], m[stage + at.T_TARGET_END]):
                ring = ring_at(m, m[place])
                if m[ring + at.G_TAKEN] - m[ring + at.G_FREED] >= m[ring + at.G_CAPACITY]:
                    return
            first = m[stage + at.T_SENT]
            m[stage + at.T_SENT] += 1
            count += 1
            for place in range(m[stage + at.T_TARGET], m[stage + at.T_TARGET_END]):
                ring = ring_at(m, m[place])
                m[ring + at.G_TAKEN] += 1
                deliver(m, m[place], first, m[m[ring + at.G_PATH] + m[replica + at.R_INDEX]], m[at.H_NOW])
            if m[stage + at.T_OUT]:
                m[at.H_OUT_TAKEN] += 1
                m[at.H_PACKETS] += 1
                request(m, at.OUT_HOP, 0, first, m[m[at.H_OUT_PATH] + m[replica + at.R_INDEX]], m[at.H_NOW])
        m[replica + turn] = -1
        m[stage + at.T_NEXT] += 1
        m[replica + at.R_SLOTS] += 1
        try_begin(m, owner)


@compiled
def deliver(m: Ints, number: int, first: int, path: int, at_ps: int) -> None:
    """Bring pixels whose credits are taken to a ring, by a path of links; -1: in the same tile."""
    if m[ring_services(m, number, first)] < 0:
        after(m, at_ps, at.ARRIVE, number, first)
    elif path < 0:
        request(m, at.WRITE, number, first, 0, at_ps)
    else:
        m[at.H_PACKETS] += 1
        request(m, at.PIXEL_HOP, number, first, path, at_ps)
