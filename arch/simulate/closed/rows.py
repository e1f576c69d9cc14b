"""The recurrences, compiled: windows of a stage, rows of the source, each as far as what they wait for is known.

Names of parts and columns are those of the compiled engine (`at`) and of `columns` (`to`).
"""

from __future__ import annotations

from pillarsim.arch.simulate.closed import columns as to
from pillarsim.arch.simulate.closed.columns import Work
from pillarsim.arch.simulate.closed.sending import deliver, room, send_out
from pillarsim.arch.simulate.closed.serving import note, path_through, serve
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import (
    Ints,
    part_at,
    replica_at,
    ring_at,
    service_at,
    set_at,
    stage_at,
    step_at,
)
from pillarsim.arch.simulate.fast.power import hold, ready, use
from pillarsim.arch.simulate.fast.requests import first_step, keep_after
from pillarsim.devices.jit import compiled

__all__ = ["DONE", "FULL", "STUCK", "advance"]

DONE, FULL, STUCK = range(3)


@compiled
def advance(m: Ints, w: Work, images: int) -> int:
    """Go on until the first `images` images are through every stage: DONE; FULL: empty or enlarge the log; STUCK.

    No image at all compiles the code and does nothing.
    """
    stages = len(w.stages)
    while True:
        moved, done = _source(m, w, images * m[at.H_IMAGE_ROWS]), m[at.H_SENT] == images * m[at.H_IMAGE_ROWS]
        w.head[to.Z_CALLS] += moved
        for number in range(stages):
            stage = stage_at(m, number)
            limit = images * m[stage + at.T_WINDOWS]
            if m[stage + at.T_NEXT] < limit:
                steps = _stage(m, w, number, limit)
                w.head[to.Z_CALLS] += steps > 0
                moved |= steps > 0
            done = done and m[stage + at.T_NEXT] == limit
        if w.head[to.Z_LOGGED] + w.head[to.Z_MARGIN] > len(w.log):
            return FULL
        if done:
            return DONE
        if not moved:
            return STUCK


@compiled
def _source(m: Ints, w: Work, rows: int) -> bool:
    """Send the next rows of the input."""
    moved = False
    for _ in range(w.head[to.Z_ROW_CHUNK]):
        row = m[at.H_SENT]
        if row == rows or w.head[to.Z_LOGGED] + w.head[to.Z_MARGIN] > len(w.log):
            break
        time_ps = w.head[to.Z_PUMP_PS]
        for place in range(m[at.H_IN_TARGET], m[at.H_IN_TARGET_END]):
            ring = ring_at(m, m[place])
            free_ps = room(m, w, m[place], (row + 1) * m[ring + at.G_COUNT] - 1)
            if free_ps < 0:
                return moved
            time_ps = max(time_ps, free_ps)
        offer_ps, places = w.head[to.Z_LINK_PS], w.head[to.Z_ROWS]
        if places and row >= places:
            offer_ps = max(offer_ps, w.times[w.head[to.Z_ROWS_AT] + row % places])
        move = m[at.H_IN_SERVICE]
        moved_ps = serve(m, w, w.border[to.IN_MOVE], move, offer_ps) + _total(m, move)
        w.head[to.Z_LINK_PS] = moved_ps
        stored = serve(m, w, w.border[to.IN_WRITE], move + 1, moved_ps + m[at.H_LATENCY_PS]) + _total(m, move + 1)
        time_ps = max(time_ps, stored)
        w.head[to.Z_PUMP_PS] = time_ps
        read_ps = serve(m, w, w.border[to.IN_READ], move + 2, time_ps) + _total(m, move + 2)
        if places:
            w.times[w.head[to.Z_ROWS_AT] + row % places] = read_ps
        w.head[to.Z_SPAN] = max(w.head[to.Z_SPAN], read_ps)
        for place in range(m[at.H_IN_TARGET], m[at.H_IN_TARGET_END]):
            deliver(m, w, m[place], row * m[ring_at(m, m[place]) + at.G_COUNT], w.ring_at[m[place]], read_ps)
        m[at.H_SENT] += 1
        moved = True
    return moved


@compiled
def _total(m: Ints, service: int) -> int:
    total: int = m[service_at(m, service) + at.S_TOTAL]
    return total


@compiled
def _stage(m: Ints, w: Work, number: int, limit: int) -> int:
    """Windows and pixels that a call could do."""
    stage = stage_at(m, number)
    ahead = 2 * m[stage + at.T_REPLICAS]  # OUTPUT_WINDOWS of each replica
    begun = steps = 0
    while True:
        before = steps
        window = w.stages[number, to.G_FRONT]
        if (
            window < limit
            and begun < w.stages[number, to.G_CHUNK]
            and window - ahead < m[stage + at.T_NEXT]
            and w.head[to.Z_LOGGED] + w.head[to.Z_MARGIN] <= len(w.log)
        ):
            arrived = _arrived(m, w, number, window)
            if arrived >= 0:
                _window(m, w, number, window, arrived)
                w.stages[number, to.G_FRONT] += 1
                begun += 1
                steps += 1
        steps += _emit(m, w, number)
        if steps == before:
            return steps


@compiled
def _arrived(m: Ints, w: Work, number: int, sequence: int) -> int:
    """When all inputs of a window have arrived; -1: not known yet."""
    stage = stage_at(m, number)
    replica = replica_at(m, m[stage + at.T_REPLICA] + sequence % m[stage + at.T_REPLICAS])
    image, window = sequence // m[stage + at.T_WINDOWS], sequence % m[stage + at.T_WINDOWS]
    time_ps = 0
    for part in range(m[replica + at.R_PART], m[replica + at.R_PART_END]):
        place = m[part_at(m, part) + at.Q_RING]
        ring = ring_at(m, place)
        need = m[m[ring + at.G_FIELD] + window]
        if need > 0:
            pixel = image * m[ring + at.G_PIXELS] + need
            if m[ring + at.G_ARRIVED] < pixel:
                return -1
            row = w.rings[place]
            time_ps = max(time_ps, w.times[row[to.R_ARRIVED] + (pixel - 1) % row[to.R_ARRIVED_SIZE]])
    return time_ps


@compiled
def _window(m: Ints, w: Work, number: int, sequence: int, arrived_ps: int) -> None:
    """One window from its fetch to its finish at home."""
    stage = stage_at(m, number)
    owner = m[stage + at.T_REPLICA] + sequence % m[stage + at.T_REPLICAS]
    turn = sequence // m[stage + at.T_REPLICAS] % 2
    replica, own = replica_at(m, owner), w.replicas[owner]
    fetch_ps = max(arrived_ps, own[to.B_BEGIN])
    if m[replica + at.R_FIRST_PS] < 0:
        m[replica + at.R_FIRST_PS] = fetch_ps
    fetched_ps = _fetch(m, w, owner, sequence, fetch_ps)
    due_ps = max(fetched_ps, m[replica + at.R_FREE_PS])
    ready_ps = max(due_ps, own[to.B_SENT + turn])
    m[replica + at.R_STALLED_PS] += ready_ps - due_ps
    start_ps = _awake(m, w, owner, ready_ps)
    own[to.B_BEGIN] = start_ps
    m[replica + at.R_WINDOWS] += 1
    done_ps = start_ps
    m[replica + at.R_FREE_PS] = start_ps
    if m[replica + at.R_ARRAYS]:
        done_ps = _read(m, w, owner, start_ps)
    done_ps = _gather(m, w, owner, sequence, done_ps)
    step = first_step(m, owner, sequence, m[stage + at.T_STEP])
    while step >= 0:
        row = step_at(m, step)
        place = sequence % m[stage + at.T_WINDOWS] if m[row + at.U_VARIES] else 0
        service = m[m[row + at.U_SERVICE] + place]
        done_ps = serve(m, w, w.step_slots[owner, m[row + at.U_UNIT]], service, done_ps) + _total(m, service)
        step = first_step(m, owner, sequence, step + 1)
    own[to.B_DONE + turn] = done_ps
    m[stage + at.T_LAST_END] = max(m[stage + at.T_LAST_END], done_ps)
    w.head[to.Z_SPAN] = max(w.head[to.Z_SPAN], done_ps)


@compiled
def _fetch(m: Ints, w: Work, owner: int, sequence: int, time_ps: int) -> int:
    """When a window's inputs are in their register; what its reads free is free from then on."""
    replica = replica_at(m, owner)
    stage = stage_at(m, m[replica + at.R_STAGE])
    fetched_ps = time_ps
    for number in range(m[replica + at.R_PART], m[replica + at.R_PART_END]):
        part = part_at(m, number)
        place = sequence % m[stage + at.T_WINDOWS] if m[part + at.Q_VARIES] else 0
        fetch, transfer = m[m[part + at.Q_FETCH] + place], m[m[part + at.Q_TRANSFER] + place]
        read_ps = serve(m, w, w.part_slots[number, 0], fetch, time_ps) + _total(m, fetch)
        _release(m, w, number, keep_after(m, number, sequence), read_ps)
        moved_ps = serve(m, w, w.part_slots[number, 1], transfer, read_ps) + _total(m, transfer)
        fetched_ps = max(fetched_ps, moved_ps)
    return fetched_ps


@compiled
def _release(m: Ints, w: Work, number: int, keep: int, time_ps: int) -> None:
    """A part's reader needs nothing before pixel `keep` from `time_ps` on."""
    part = part_at(m, number)
    place = m[part + at.Q_KEEP]
    before = m[m[at.H_KEEPS] + place]
    if keep <= before:
        return
    m[m[at.H_KEEPS] + place] = keep
    w.keep_ps[place] = time_ps
    row = w.rings[m[part + at.Q_RING]]
    size = row[to.R_FREED_SIZE]
    if size:
        # pixels that arrive later look at `keep_ps`: no reader moves on twice past what has not arrived
        for pixel in range(before, min(keep, m[ring_at(m, m[part + at.Q_RING]) + at.G_ARRIVED])):
            spot = row[to.R_FREED] + pixel % size
            w.times[spot] = max(w.times[spot], time_ps)


@compiled
def _awake(m: Ints, w: Work, owner: int, time_ps: int) -> int:
    """When a replica's own arrays and converters are awake."""
    start_ps = time_ps
    for place in range(w.set_at[owner], w.set_at[owner + 1]):
        if w.set_slots[place, 1] < 0:
            one = set_at(m, w.set_slots[place, 0])
            start_ps = max(start_ps, ready(m, m[one + at.A_ARRAYS], time_ps))
            start_ps = max(start_ps, ready(m, m[one + at.A_CONVERTERS], time_ps))
    if start_ps > time_ps:
        for place in range(w.set_at[owner], w.set_at[owner + 1]):
            if w.set_slots[place, 1] < 0:
                one = set_at(m, w.set_slots[place, 0])
                hold(m, m[one + at.A_ARRAYS], start_ps)
                hold(m, m[one + at.A_CONVERTERS], start_ps)
    return start_ps


@compiled
def _read(m: Ints, w: Work, owner: int, start_ps: int) -> int:
    """Reads and conversions of a window in closed form (see `engine`); returns when all is shifted and added."""
    replica, own = replica_at(m, owner), w.replicas[owner]
    first = start_ps + m[replica + at.R_PHASE_PS]
    if m[at.H_SAMPLE_HOLD]:
        first = max(first, own[to.B_CONVERTED])
        free = first + m[replica + at.R_REST_PS]
        converted = free + m[at.H_CONVERT_PS]
    else:
        free = converted = start_ps + m[replica + at.R_REST_PS]
    own[to.B_CONVERTED] = converted
    done: int = converted + m[at.H_SHIFT_ADD_PS]
    m[replica + at.R_FREE_PS] = free
    m[replica + at.R_BUSY_PS] += free - start_ps
    m[replica + at.R_CONVERT_PS] += converted - first
    for place in range(w.set_at[owner], w.set_at[owner + 1]):
        if w.set_slots[place, 1] < 0:
            one = set_at(m, w.set_slots[place, 0])
            use(m, m[one + at.A_ARRAYS], start_ps, free)
            hold(m, m[one + at.A_CONVERTERS], first)
            use(m, m[one + at.A_CONVERTERS], first, converted)
        else:
            note(w, w.set_slots[place, 1], start_ps, free)
            note(w, w.set_slots[place, 2], first, converted)
    for place in range(w.tile_at[owner], w.tile_at[owner + 1]):
        note(w, w.tile_slots[place], start_ps, done)
    return done


@compiled
def _gather(m: Ints, w: Work, owner: int, sequence: int, time_ps: int) -> int:
    """When the partial sums of a window that are ready at `time_ps` have met at its home."""
    replica = replica_at(m, owner)
    met_ps = time_ps
    if m[replica + at.R_AWAY]:
        for place in range(m[replica + at.R_PART], m[replica + at.R_PART_END]):
            number = w.part_order[place]
            if w.part_path[number] >= 0:
                part = part_at(m, number)
                hop, down = m[part + at.Q_HOP], m[part + at.Q_DOWN]
                met_ps = max(met_ps, path_through(m, w, w.part_path[number], hop, down, time_ps))
    return met_ps


@compiled
def _emit(m: Ints, w: Work, number: int) -> int:
    """Send the pixels of finished windows as far as it is known when there is room; returns what was done."""
    stage = stage_at(m, number)
    steps = 0
    while m[stage + at.T_NEXT] < w.stages[number, to.G_FRONT]:
        sequence = m[stage + at.T_NEXT]
        index = sequence % m[stage + at.T_REPLICAS]
        own, turn = w.replicas[m[stage + at.T_REPLICA] + index], sequence // m[stage + at.T_REPLICAS] % 2
        time_ps = max(w.stages[number, to.G_SENT_PS], own[to.B_DONE + turn])
        window = sequence % m[stage + at.T_WINDOWS]
        complete = sequence // m[stage + at.T_WINDOWS] * m[stage + at.T_PIXELS] + m[m[stage + at.T_EMITTED] + window]
        while m[stage + at.T_SENT] < complete:
            pixel = m[stage + at.T_SENT]
            if w.head[to.Z_LOGGED] + w.head[to.Z_MARGIN] > len(w.log):
                w.stages[number, to.G_SENT_PS] = time_ps
                return steps
            for place in range(m[stage + at.T_TARGET], m[stage + at.T_TARGET_END]):
                free_ps = room(m, w, m[place], pixel)
                if free_ps < 0:
                    w.stages[number, to.G_SENT_PS] = time_ps
                    return steps
                time_ps = max(time_ps, free_ps)
            if m[stage + at.T_OUT] and w.head[to.Z_OUT] and pixel >= w.head[to.Z_OUT]:
                time_ps = max(time_ps, w.times[w.head[to.Z_OUT_AT] + pixel % w.head[to.Z_OUT]])
            m[stage + at.T_SENT] += 1
            steps += 1
            for place in range(m[stage + at.T_TARGET], m[stage + at.T_TARGET_END]):
                deliver(m, w, m[place], pixel, w.ring_at[m[place]] + index, time_ps)
            if m[stage + at.T_OUT]:
                send_out(m, w, pixel, w.out_ways[index], time_ps)
        w.stages[number, to.G_SENT_PS] = time_ps
        own[to.B_SENT + turn] = time_ps
        m[stage + at.T_NEXT] += 1
        steps += 1
    return steps
