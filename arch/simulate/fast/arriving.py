"""Pixels arrive in the buffers of tiles and go when nobody needs them, compiled: the counterpart of `buffers`."""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.border import pump_source
from pillarsim.arch.simulate.fast.machine import Ints, early_at, part_at, ring_at
from pillarsim.arch.simulate.fast.sending import pump
from pillarsim.arch.simulate.fast.windows import try_fetch
from pillarsim.devices.jit import compiled

__all__ = ["arrive", "release"]


@compiled
def arrive(m: Ints, number: int, first: int) -> None:
    """Pixels from `first` on are in a ring's buffer; they are readable when all before them are."""
    ring = ring_at(m, number)
    if first != m[ring + at.G_ARRIVED]:
        node = m[at.H_EARLY_UNUSED]
        m[at.H_EARLY_UNUSED] = m[early_at(m, node) + at.Y_NEXT]
        m[at.H_EARLY_LEFT] -= 1
        m[early_at(m, node) + at.Y_FIRST], m[early_at(m, node) + at.Y_NEXT] = first, m[ring + at.G_EARLY]
        m[ring + at.G_EARLY] = node
    else:
        m[ring + at.G_ARRIVED] += m[ring + at.G_COUNT]
        before, node = -1, m[ring + at.G_EARLY]
        while node >= 0:
            following = m[early_at(m, node) + at.Y_NEXT]
            if m[early_at(m, node) + at.Y_FIRST] != m[ring + at.G_ARRIVED]:
                before, node = node, following
                continue
            m[ring + at.G_ARRIVED] += m[ring + at.G_COUNT]
            if before < 0:
                m[ring + at.G_EARLY] = following
            else:
                m[early_at(m, before) + at.Y_NEXT] = following
            m[early_at(m, node) + at.Y_NEXT] = m[at.H_EARLY_UNUSED]
            m[at.H_EARLY_UNUSED] = node
            m[at.H_EARLY_LEFT] += 1
            before, node = -1, m[ring + at.G_EARLY]
    _free(m, number)
    for place in range(m[ring + at.G_KEEP_END] - m[ring + at.G_KEEP]):
        try_fetch(m, m[m[ring + at.G_READER] + place])


@compiled
def release(m: Ints, part: int, keep: int) -> None:
    """A window's inputs are read: its reader needs nothing before pixel `keep` any more."""
    place = m[part_at(m, part) + at.Q_KEEP]
    if keep > m[m[at.H_KEEPS] + place]:  # windows of one picosecond come in any order
        m[m[at.H_KEEPS] + place] = keep
        _free(m, m[part_at(m, part) + at.Q_RING])


@compiled
def _free(m: Ints, number: int) -> None:
    """Free what has arrived and no reader needs; its sender may go on."""
    ring = ring_at(m, number)
    low = m[ring + at.G_ARRIVED]
    for place in range(m[ring + at.G_KEEP], m[ring + at.G_KEEP_END]):
        low = min(low, m[m[at.H_KEEPS] + place])
    if low > m[ring + at.G_FREED]:
        m[ring + at.G_FREED] = low
        if m[ring + at.G_SOURCE] < 0:
            pump_source(m)
        else:
            pump(m, m[ring + at.G_SOURCE])
