"""What each event does, compiled: the counterparts of `replicas`, `stages`, `buffers`, `sharing` and `source_sink`.

Events of one picosecond may come in any order (see `kernel`). Long loops are cut: a pump that has sent `_AT_ONCE`
pixels or rows goes on in an event of the same picosecond, so that no event needs more than a known number of rows.
"""

from __future__ import annotations

import numpy as np

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import (
    Ints,
    early_at,
    group_at,
    part_at,
    replica_at,
    ring_at,
    set_at,
    stage_at,
)
from pillarsim.arch.simulate.fast.power import hold, ready, use
from pillarsim.arch.simulate.fast.queue import push
from pillarsim.arch.simulate.fast.requests import after, first_step, request, ring_services, try_begin
from pillarsim.devices.jit import compiled

__all__ = [
    "arrays_free",
    "arrive",
    "begin",
    "finish",
    "gone",
    "grant_claims",
    "offer",
    "out_release",
    "pump",
    "pump_source",
    "release",
    "row_read",
    "stored",
    "try_fetch",
    "wake",
]

AT_ONCE = 64  # pixels or rows that a pump sends before it lets other events in; assumed, changes no result


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
def wake(m: Ints, number: int) -> None:
    """A window is fetched, its replica free: begin, or claim arrays that others use too."""
    replica = replica_at(m, number)
    if m[replica + at.R_RIVAL] < m[replica + at.R_RIVAL_END]:
        m[replica + at.R_CLAIM_PS] = m[at.H_NOW]
        _look(m, m[replica + at.R_GROUP])
    else:
        _start(m, number)


@compiled
def _look(m: Ints, number: int) -> None:
    """Let a group's claims be looked at when all else of this picosecond has happened."""
    group = group_at(m, number)
    if m[group + at.K_ASKED]:
        return
    for place in range(m[group + at.K_MEMBER], m[group + at.K_MEMBER_END]):
        if m[replica_at(m, m[place]) + at.R_CLAIM_PS] >= 0:
            m[group + at.K_ASKED] = 1
            push(m, m[at.H_NOW], at.CLAIM_PHASE | number, 0, at.CLAIMS, number, 0, 0, -1, -1)
            return


@compiled
def arrays_free(m: Ints, number: int) -> None:
    """A replica gives the arrays back that others use too."""
    m[replica_at(m, number) + at.R_RUNNING] = 0
    _look(m, m[replica_at(m, number) + at.R_GROUP])


@compiled
def grant_claims(m: Ints, number: int) -> None:
    """Grant the claims of a group first come first served, ties by replica, past those that a rival holds up."""
    group = group_at(m, number)
    m[group + at.K_ASKED] = 0
    waiting = np.empty(m[group + at.K_MEMBER_END] - m[group + at.K_MEMBER], np.int64)
    count = 0
    for place in range(m[group + at.K_MEMBER], m[group + at.K_MEMBER_END]):
        member = m[place]
        if m[replica_at(m, member) + at.R_CLAIM_PS] < 0:
            continue
        spot = count
        while (
            spot > 0 and m[replica_at(m, waiting[spot - 1]) + at.R_CLAIM_PS] > m[replica_at(m, member) + at.R_CLAIM_PS]
        ):
            waiting[spot] = waiting[spot - 1]
            spot -= 1
        waiting[spot] = member
        count += 1
    for spot in range(count):
        replica = replica_at(m, waiting[spot])
        clear = True
        for place in range(m[replica + at.R_RIVAL], m[replica + at.R_RIVAL_END]):
            rival = replica_at(m, m[place])
            clear = clear and not m[rival + at.R_RUNNING] and not m[rival + at.R_AHEAD]
        m[replica + (at.R_RUNNING if clear else at.R_AHEAD)] = 1
    for spot in range(count):
        replica = replica_at(m, waiting[spot])
        if m[replica + at.R_AHEAD]:
            m[replica + at.R_AHEAD] = 0
        else:
            m[replica + at.R_CLAIM_PS] = -1
            _start(m, waiting[spot])


@compiled
def _start(m: Ints, number: int) -> None:
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
def offer(m: Ints) -> None:
    """Put the next row on the link if it and the buffer are free."""
    if m[at.H_LINK_BUSY] or m[at.H_OFFERED] == m[at.H_ROWS] or m[at.H_HELD] == m[at.H_ROW_CAPACITY]:
        return
    m[at.H_LINK_BUSY] = 1
    m[at.H_HELD] += 1
    m[at.H_OFFERED] += 1
    request(m, at.IN_MOVE, 0, m[at.H_OFFERED] - 1, 0, m[at.H_NOW])


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
def stored(m: Ints) -> None:
    """A row is in the global buffer."""
    m[at.H_WRITTEN] += 1
    pump_source(m)


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
