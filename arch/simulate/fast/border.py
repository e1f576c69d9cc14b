"""Rows of the input and output pixels at the border of the chip, compiled: the counterpart of `source_sink`."""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints, ring_at
from pillarsim.arch.simulate.fast.queue import after
from pillarsim.arch.simulate.fast.requests import request
from pillarsim.arch.simulate.fast.sending import AT_ONCE, deliver, pump
from pillarsim.devices.jit import compiled

__all__ = ["gone", "offer", "out_release", "pump_source", "row_read", "stored"]


@compiled
def offer(m: Ints) -> None:
    """Put the next row on the link if it and the buffer are free."""
    if m[at.H_LINK_BUSY] or m[at.H_OFFERED] == m[at.H_ROWS] or m[at.H_HELD] == m[at.H_ROW_CAPACITY]:
        return
    m[at.H_LINK_BUSY] = 1
    m[at.H_HELD] += 1
    m[at.H_OFFERED] += 1
    request(m, at.IN_MOVE, 0, m[at.H_OFFERED] - 1, 0, m[at.H_NOW])


@compiled
def stored(m: Ints) -> None:
    """A row is in the global buffer."""
    m[at.H_WRITTEN] += 1
    pump_source(m)


@compiled
def pump_source(m: Ints) -> None:
    """Read stored rows for which every ring that takes the input has room, and send them."""
    count = 0
    while m[at.H_SENT] < m[at.H_WRITTEN]:
        if count == AT_ONCE:
            after(m, m[at.H_NOW], at.PUMP_SOURCE, 0, 0)
            return
        for place in range(m[at.H_IN_TARGET], m[at.H_IN_TARGET_END]):
            ring = ring_at(m, m[place])
            if m[ring + at.G_CAPACITY] - (m[ring + at.G_TAKEN] - m[ring + at.G_FREED]) < m[ring + at.G_COUNT]:
                return
        for place in range(m[at.H_IN_TARGET], m[at.H_IN_TARGET_END]):
            ring = ring_at(m, m[place])
            m[ring + at.G_TAKEN] += m[ring + at.G_COUNT]
        row = m[at.H_SENT]
        m[at.H_SENT] += 1
        count += 1
        if m[at.H_SENT] % m[at.H_IMAGE_ROWS] % m[at.H_MARK_ROWS] == 0:
            m[at.H_MARK] = 1
        request(m, at.IN_READ, 0, row, 0, m[at.H_NOW])


@compiled
def row_read(m: Ints, row: int) -> None:
    """A row has left the global buffer for every ring that takes the input; there is room for another."""
    for place in range(m[at.H_IN_TARGET], m[at.H_IN_TARGET_END]):
        number = m[place]
        deliver(m, number, row * m[ring_at(m, number) + at.G_COUNT], m[m[ring_at(m, number) + at.G_PATH]], m[at.H_NOW])
    m[at.H_HELD] -= 1
    offer(m)


@compiled
def out_release(m: Ints) -> None:
    """An output pixel has left the global buffer."""
    m[at.H_OUT_FREED] += 1
    pump(m, m[at.H_OUT_STAGE] - 1)


@compiled
def gone(m: Ints, pixel: int) -> None:
    """An output pixel has left the chip."""
    image = pixel // m[at.H_OUT_PIXELS]
    m[m[at.H_LEFTS] + image] -= 1
    if m[m[at.H_LEFTS] + image] == 0:
        m[m[at.H_TIMES] + image] = m[at.H_NOW]
        m[at.H_FINISHED] += 1
