"""The recurrences, compiled: windows of a stage, rows of the source, each as far as what they wait for is known.

Names of parts and columns are those of the compiled engine (`at`) and of `columns` (`to`).
"""

from __future__ import annotations

from pillarsim.arch.digital_work import UNITS
from pillarsim.arch.simulate.closed import columns as to
from pillarsim.arch.simulate.closed.columns import own_at, room_at
from pillarsim.arch.simulate.closed.sending import deliver, room, send_out
from pillarsim.arch.simulate.closed.serving import note, path_through, serve
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.follow import first_step, keep_after
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
from pillarsim.devices.jit import compiled

__all__ = ["DONE", "FULL", "STUCK", "advance"]

DONE, FULL, STUCK = range(3)
_UNITS = len(UNITS)


@compiled
def advance(m: Ints, w: Ints, images: int) -> int:
    """Go on until the first `images` images are through every stage: DONE; FULL: empty or enlarge the log; STUCK.

    No image at all compiles the code and does nothing.
    """
    stages = (w[to.W_RINGS] - w[to.W_STAGES]) // to.STAGE_COLUMNS
    while True:
        moved, done = _source(m, w, images * m[at.H_IMAGE_ROWS]), m[at.H_SENT] == images * m[at.H_IMAGE_ROWS]
        w[to.Z_CALLS] += moved
        for number in range(stages):
            stage = stage_at(m, number)
            limit = images * m[stage + at.T_WINDOWS]
            if m[stage + at.T_NEXT] < limit:
                steps = _stage(m, w, number, limit)
                w[to.Z_CALLS] += steps > 0
                moved |= steps > 0
            done = done and m[stage + at.T_NEXT] == limit
        if w[to.Z_LOGGED] + w[to.Z_MARGIN] > w[to.Z_LOG_END]:
            return FULL
        if done:
            return DONE
        if not moved:
            return STUCK


@compiled
def _way(w: Ints, ring: int, index: int) -> int:
    """Where the way of a ring's pixels from a replica of its source stands."""
    place: int = w[to.W_RING_WAYS] + 2 * (w[w[to.W_RING_AT] + ring] + index)
    return place


@compiled
def _source(m: Ints, w: Ints, rows: int) -> bool:
    """Send the next rows of the input."""
    moved = False
    for _ in range(w[to.Z_ROW_CHUNK]):
        row = m[at.H_SENT]
        if row == rows or w[to.Z_LOGGED] + w[to.Z_MARGIN] > w[to.Z_LOG_END]:
            break
        time_ps = w[to.Z_PUMP_PS]
        for place in range(m[at.H_IN_TARGET], m[at.H_IN_TARGET_END]):
            ring = ring_at(m, m[place])
            free_ps = room(m, w, m[place], (row + 1) * m[ring + at.G_COUNT] - 1)
            if free_ps < 0:
                return moved
            time_ps = max(time_ps, free_ps)
        offer_ps, places = w[to.Z_LINK_PS], w[to.Z_ROWS]
        if places and row >= places:
            offer_ps = max(offer_ps, w[w[to.Z_ROWS_AT] + row % places])
        move = m[at.H_IN_SERVICE]
        moved_ps = serve(m, w, w[w[to.W_BORDER] + to.IN_MOVE], move, offer_ps) + _total(m, move)
        w[to.Z_LINK_PS] = moved_ps
        stored = serve(m, w, w[w[to.W_BORDER] + to.IN_WRITE], move + 1, moved_ps + m[at.H_LATENCY_PS]) + _total(
            m, move + 1
        )
        time_ps = max(time_ps, stored)
        w[to.Z_PUMP_PS] = time_ps
        read_ps = serve(m, w, w[w[to.W_BORDER] + to.IN_READ], move + 2, time_ps) + _total(m, move + 2)
        if places:
            w[w[to.Z_ROWS_AT] + row % places] = read_ps
        w[to.Z_SPAN] = max(w[to.Z_SPAN], read_ps)
        for place in range(m[at.H_IN_TARGET], m[at.H_IN_TARGET_END]):
            deliver(m, w, m[place], row * m[ring_at(m, m[place]) + at.G_COUNT], _way(w, m[place], 0), read_ps)
        m[at.H_SENT] += 1
        moved = True
    return moved


@compiled
def _total(m: Ints, service: int) -> int:
    total: int = m[service_at(m, service) + at.S_TOTAL]
    return total


@compiled
def _stage(m: Ints, w: Ints, number: int, limit: int) -> int:
    """Windows and pixels that a call could do."""
    stage = stage_at(m, number)
    own = w[to.W_STAGES] + number * to.STAGE_COLUMNS
    ahead = 2 * m[stage + at.T_REPLICAS]  # OUTPUT_WINDOWS of each replica
    begun = steps = 0
    while True:
        before = steps
        window = w[own + to.G_FRONT]
        if (
            window < limit
            and begun < w[own + to.G_CHUNK]
            and window - ahead < m[stage + at.T_NEXT]
            and w[to.Z_LOGGED] + w[to.Z_MARGIN] <= w[to.Z_LOG_END]
        ):
            arrived = _arrived(m, w, number, window)
            if arrived >= 0:
                _window(m, w, number, window, arrived)
                w[own + to.G_FRONT] += 1
                begun += 1
                steps += 1
        steps += _emit(m, w, number)
        if steps == before:
            return steps


@compiled
def _arrived(m: Ints, w: Ints, number: int, sequence: int) -> int:
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
            row = room_at(w, place)
            time_ps = max(time_ps, w[w[row + to.R_ARRIVED] + (pixel - 1) % w[row + to.R_ARRIVED_SIZE]])
    return time_ps


@compiled
def _window(m: Ints, w: Ints, number: int, sequence: int, arrived_ps: int) -> None:
    """One window from its fetch to its finish at home."""
    stage = stage_at(m, number)
    owner = m[stage + at.T_REPLICA] + sequence % m[stage + at.T_REPLICAS]
    turn = sequence // m[stage + at.T_REPLICAS] % 2
    replica, own = replica_at(m, owner), own_at(w, owner)
    fetch_ps = max(arrived_ps, w[own + to.B_BEGIN])
    if m[replica + at.R_FIRST_PS] < 0:
        m[replica + at.R_FIRST_PS] = fetch_ps
    fetched_ps = _fetch(m, w, owner, sequence, fetch_ps)
    due_ps = max(fetched_ps, m[replica + at.R_FREE_PS])
    ready_ps = max(due_ps, w[own + to.B_SENT + turn])
    m[replica + at.R_STALLED_PS] += ready_ps - due_ps
    start_ps = _awake(m, w, owner, ready_ps)
    w[own + to.B_BEGIN] = start_ps
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
        done_ps = serve(m, w, w[w[to.W_STEP_SLOTS] + owner * _UNITS + m[row + at.U_UNIT]], service, done_ps) + _total(
            m, service
        )
        step = first_step(m, owner, sequence, step + 1)
    w[own + to.B_DONE + turn] = done_ps
    m[stage + at.T_LAST_END] = max(m[stage + at.T_LAST_END], done_ps)
    w[to.Z_SPAN] = max(w[to.Z_SPAN], done_ps)


@compiled
def _fetch(m: Ints, w: Ints, owner: int, sequence: int, time_ps: int) -> int:
    """When a window's inputs are in their register; what its reads free is free from then on."""
    replica = replica_at(m, owner)
    stage = stage_at(m, m[replica + at.R_STAGE])
    fetched_ps = time_ps
    for number in range(m[replica + at.R_PART], m[replica + at.R_PART_END]):
        part = part_at(m, number)
        place = sequence % m[stage + at.T_WINDOWS] if m[part + at.Q_VARIES] else 0
        fetch, transfer = m[m[part + at.Q_FETCH] + place], m[m[part + at.Q_TRANSFER] + place]
        read_ps = serve(m, w, w[w[to.W_PART_SLOTS] + 2 * number], fetch, time_ps) + _total(m, fetch)
        _release(m, w, number, keep_after(m, number, sequence), read_ps)
        moved_ps = serve(m, w, w[w[to.W_PART_SLOTS] + 2 * number + 1], transfer, read_ps) + _total(m, transfer)
        fetched_ps = max(fetched_ps, moved_ps)
    return fetched_ps


@compiled
def _release(m: Ints, w: Ints, number: int, keep: int, time_ps: int) -> None:
    """A part's reader needs nothing before pixel `keep` from `time_ps` on."""
    part = part_at(m, number)
    place = m[part + at.Q_KEEP]
    before = m[m[at.H_KEEPS] + place]
    if keep <= before:
        return
    m[m[at.H_KEEPS] + place] = keep
    row = room_at(w, m[part + at.Q_RING])
    size, early = w[row + to.R_FREED_SIZE], w[row + to.R_EARLY_SIZE]
    if size:
        arrived = m[ring_at(m, m[part + at.Q_RING]) + at.G_ARRIVED]
        for pixel in range(before, min(keep, arrived)):
            spot = w[row + to.R_FREED] + pixel % size
            w[spot] = max(w[spot], time_ps)
        for pixel in range(max(before, arrived), keep):
            spot = w[row + to.R_EARLY] + pixel % early
            w[spot] = max(w[spot], time_ps)


@compiled
def _awake(m: Ints, w: Ints, owner: int, time_ps: int) -> int:
    """When a replica's own arrays and converters are awake."""
    start_ps = time_ps
    for place in range(w[w[to.W_SET_AT] + owner], w[w[to.W_SET_AT] + owner + 1]):
        if w[w[to.W_SET_SLOTS] + 3 * place + 1] < 0:
            one = set_at(m, w[w[to.W_SET_SLOTS] + 3 * place])
            start_ps = max(start_ps, ready(m, m[one + at.A_ARRAYS], time_ps))
            start_ps = max(start_ps, ready(m, m[one + at.A_CONVERTERS], time_ps))
    if start_ps > time_ps:
        for place in range(w[w[to.W_SET_AT] + owner], w[w[to.W_SET_AT] + owner + 1]):
            if w[w[to.W_SET_SLOTS] + 3 * place + 1] < 0:
                one = set_at(m, w[w[to.W_SET_SLOTS] + 3 * place])
                hold(m, m[one + at.A_ARRAYS], start_ps)
                hold(m, m[one + at.A_CONVERTERS], start_ps)
    return start_ps


@compiled
def _read(m: Ints, w: Ints, owner: int, start_ps: int) -> int:
    """Reads and conversions of a window in closed form (see `engine`); returns when all is shifted and added."""
    replica, own = replica_at(m, owner), own_at(w, owner)
    first = start_ps + m[replica + at.R_PHASE_PS]
    if m[at.H_SAMPLE_HOLD]:
        first = max(first, w[own + to.B_CONVERTED])
        free = first + m[replica + at.R_REST_PS]
        converted = free + m[at.H_CONVERT_PS]
    else:
        free = converted = start_ps + m[replica + at.R_REST_PS]
    w[own + to.B_CONVERTED] = converted
    done: int = converted + m[at.H_SHIFT_ADD_PS]
    m[replica + at.R_FREE_PS] = free
    m[replica + at.R_BUSY_PS] += free - start_ps
    m[replica + at.R_CONVERT_PS] += converted - first
    for place in range(w[w[to.W_SET_AT] + owner], w[w[to.W_SET_AT] + owner + 1]):
        if w[w[to.W_SET_SLOTS] + 3 * place + 1] < 0:
            one = set_at(m, w[w[to.W_SET_SLOTS] + 3 * place])
            use(m, m[one + at.A_ARRAYS], start_ps, free)
            hold(m, m[one + at.A_CONVERTERS], first)
            use(m, m[one + at.A_CONVERTERS], first, converted)
        else:
            note(w, w[w[to.W_SET_SLOTS] + 3 * place + 1], start_ps, free)
            note(w, w[w[to.W_SET_SLOTS] + 3 * place + 2], first, converted)
    for place in range(w[w[to.W_TILE_AT] + owner], w[w[to.W_TILE_AT] + owner + 1]):
        note(w, w[w[to.W_TILE_SLOTS] + place], start_ps, done)
    return done


@compiled
def _gather(m: Ints, w: Ints, owner: int, sequence: int, time_ps: int) -> int:
    """When the partial sums of a window that are ready at `time_ps` have met at its home."""
    replica = replica_at(m, owner)
    met_ps = time_ps
    if m[replica + at.R_AWAY]:
        for place in range(m[replica + at.R_PART], m[replica + at.R_PART_END]):
            number = w[w[to.W_PART_ORDER] + place]
            if w[w[to.W_PART_PATH] + number] >= 0:
                part = part_at(m, number)
                hop, down = m[part + at.Q_HOP], m[part + at.Q_DOWN]
                met_ps = max(met_ps, path_through(m, w, w[w[to.W_PART_PATH] + number], hop, down, time_ps))
    return met_ps


@compiled
def _emit(m: Ints, w: Ints, number: int) -> int:
    """Send the pixels of finished windows as far as it is known when there is room; returns what was done."""
    stage, own = stage_at(m, number), w[to.W_STAGES] + number * to.STAGE_COLUMNS
    steps = 0
    while m[stage + at.T_NEXT] < w[own + to.G_FRONT]:
        sequence = m[stage + at.T_NEXT]
        index = sequence % m[stage + at.T_REPLICAS]
        replica, turn = own_at(w, m[stage + at.T_REPLICA] + index), sequence // m[stage + at.T_REPLICAS] % 2
        time_ps = max(w[own + to.G_SENT_PS], w[replica + to.B_DONE + turn])
        window = sequence % m[stage + at.T_WINDOWS]
        complete = sequence // m[stage + at.T_WINDOWS] * m[stage + at.T_PIXELS] + m[m[stage + at.T_EMITTED] + window]
        while m[stage + at.T_SENT] < complete:
            pixel = m[stage + at.T_SENT]
            if w[to.Z_LOGGED] + w[to.Z_MARGIN] > w[to.Z_LOG_END]:
                w[own + to.G_SENT_PS] = time_ps
                return steps
            for place in range(m[stage + at.T_TARGET], m[stage + at.T_TARGET_END]):
                free_ps = room(m, w, m[place], pixel)
                if free_ps < 0:
                    w[own + to.G_SENT_PS] = time_ps
                    return steps
                time_ps = max(time_ps, free_ps)
            if m[stage + at.T_OUT] and w[to.Z_OUT] and pixel >= w[to.Z_OUT]:
                time_ps = max(time_ps, w[w[to.Z_OUT_AT] + pixel % w[to.Z_OUT]])
            m[stage + at.T_SENT] += 1
            steps += 1
            for place in range(m[stage + at.T_TARGET], m[stage + at.T_TARGET_END]):
                deliver(m, w, m[place], pixel, _way(w, m[place], index), time_ps)
            if m[stage + at.T_OUT]:
                send_out(m, w, pixel, w[w[to.W_OUT_WAYS] + index], time_ps)
        w[own + to.G_SENT_PS] = time_ps
        w[replica + to.B_SENT + turn] = time_ps
        m[stage + at.T_NEXT] += 1
        steps += 1
    return steps
