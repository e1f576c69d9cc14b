"""Pixels on their way, compiled: room at the other end, the links, the write, the arrival; and out of the chip."""

from __future__ import annotations

from pillarsim.arch.simulate.closed import columns as to
from pillarsim.arch.simulate.closed.columns import room_at
from pillarsim.arch.simulate.closed.serving import path_through, serve
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints, ring_at, service_at
from pillarsim.arch.simulate.fast.requests import ring_services
from pillarsim.devices.jit import compiled

__all__ = ["deliver", "room", "send_out"]


@compiled
def room(m: Ints, w: Ints, number: int, pixel: int) -> int:
    """When a ring has room for a pixel; -1: not known yet."""
    row = room_at(w, number)
    size = w[row + to.R_FREED_SIZE]
    if size == 0 or pixel < size:
        return 0
    ring, freed = ring_at(m, number), pixel - size
    if freed >= m[ring + at.G_FREED]:
        low = m[ring + at.G_ARRIVED]
        for place in range(m[ring + at.G_KEEP], m[ring + at.G_KEEP_END]):
            low = min(low, m[m[at.H_KEEPS] + place])
        m[ring + at.G_FREED] = low
        if freed >= low:
            return -1
    time_ps: int = w[w[row + to.R_FREED] + freed % size]
    return time_ps


@compiled
def deliver(m: Ints, w: Ints, number: int, first: int, way: int, at_ps: int) -> None:
    """Bring pixels (or a row) that have room to a ring, by a row of `ring_ways` at `way`."""
    ring = ring_at(m, number)
    services = ring_services(m, number, first)
    write = m[services]
    if write >= 0:
        if w[way] >= 0:
            at_ps = path_through(m, w, w[way], m[services + 1], m[services + 2], at_ps)
        at_ps = serve(m, w, w[way + 1], write, at_ps) + m[service_at(m, write) + at.S_TOTAL]
    w[to.Z_SPAN] = max(w[to.Z_SPAN], at_ps)
    row = room_at(w, number)
    at_ps = w[row + to.R_LAST_PS] = max(w[row + to.R_LAST_PS], at_ps)  # readable when all before them are
    count, size = m[ring + at.G_COUNT], w[row + to.R_FREED_SIZE]
    for pixel in range(first, first + count):
        w[w[row + to.R_ARRIVED] + pixel % w[row + to.R_ARRIVED_SIZE]] = at_ps
        if size:
            spot = w[row + to.R_EARLY] + pixel % w[row + to.R_EARLY_SIZE]
            w[w[row + to.R_FREED] + pixel % size] = max(at_ps, w[spot])
            w[spot] = 0
    m[ring + at.G_ARRIVED] += count


@compiled
def send_out(m: Ints, w: Ints, pixel: int, path: int, at_ps: int) -> None:
    """Bring an output pixel through the global buffer and over the link."""
    at_ps = path_through(m, w, path, m[at.H_OUT_HOP], m[at.H_OUT_DOWN], at_ps)
    move = m[at.H_OUT_SERVICE]
    slot = w[w[to.W_BORDER] + to.OUT_BUFFER]
    at_ps = serve(m, w, slot, move + 1, at_ps) + m[service_at(m, move + 1) + at.S_TOTAL]
    at_ps = serve(m, w, slot, move + 2, at_ps) + m[service_at(m, move + 2) + at.S_TOTAL]
    if w[to.Z_OUT]:
        if at_ps < w[to.Z_OUT_PS]:
            w[to.Z_OUT_MIXED] = 1
        w[to.Z_OUT_PS] = max(w[to.Z_OUT_PS], at_ps)
        w[w[to.Z_OUT_AT] + pixel % w[to.Z_OUT]] = w[to.Z_OUT_PS]
    at_ps = serve(m, w, w[w[to.W_BORDER] + to.OUT_MOVE], move, at_ps) + m[service_at(m, move) + at.S_TOTAL]
    at_ps += m[at.H_LATENCY_PS]
    w[to.Z_SPAN] = max(w[to.Z_SPAN], at_ps)
    image = pixel // m[at.H_OUT_PIXELS]
    m[m[at.H_LEFTS] + image] -= 1
    m[m[at.H_TIMES] + image] = max(m[m[at.H_TIMES] + image], at_ps)
    if m[m[at.H_LEFTS] + image] == 0:
        m[at.H_FINISHED] += 1
