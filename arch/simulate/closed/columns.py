"""Columns of the tables that details `row` and `layer` add to those of the compiled engine (`fast.columns`).

A *slot* is one client's own copy of a part: a server that it never shares with another client. A *channel* is what is
looked at over time: a server that several clients use, or a unit whose power state several slots make.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled

__all__ = ["Work", "make_work", "own_at", "room_at", "slot_at"]

Ints: TypeAlias = NDArray[np.int64]

# slots: channels, -1 for none; where active time is added up, -1 for nowhere; then what changes, in picoseconds
(
    X_CHECK,  # channel of the server
    X_UNION,  # channel of the power tracker
    X_SUM,  # active time in the memory of the machine
    X_PORTS,
    X_MIXED,  # 1 once a request came after a later one
    X_ASKED,  # the last request
    X_OPEN,
    X_END,  # the last use, not yet in the log; no later use starts before X_OPEN
    X_FREE,  # free times of the ports, the earliest first
) = range(9)
# channels: ports (0: any number of uses at once), gated, then what changes
C_PORTS, C_GATED, C_COUNT, C_START, C_LAST, C_FULL, C_ACTIVE, C_GATED_PS, C_WAKES = range(9)
CHANNEL_COLUMNS = 9
# replicas: the last window's begin and converters' end; finish and departure of the last two windows, in turn
B_BEGIN, B_CONVERTED, B_DONE, B_DONE_2, B_SENT, B_SENT_2 = range(6)
REPLICA_COLUMNS = 6
# stages: windows of a call, next window to begin, time of the last departure
G_CHUNK, G_FRONT, G_SENT_PS = range(3)
STAGE_COLUMNS = 3
# rings: where times stand in memory, how many: of arrivals, of freed places (0: never short of room), and of readers
# that need a pixel no more before it has arrived; the last arrival
R_ARRIVED, R_ARRIVED_SIZE, R_FREED, R_FREED_SIZE, R_EARLY, R_EARLY_SIZE, R_LAST_PS = range(7)
RING_COLUMNS = 7
# slots at the border
IN_MOVE, IN_WRITE, IN_READ, OUT_BUFFER, OUT_MOVE = range(5)
# the run, then where the tables of `Work` stand, in their order
(
    Z_CALLS,
    Z_LOGGED,
    Z_LOG_END,  # entries that the log holds
    Z_MARGIN,  # log entries that a window, a pixel or a row may need
    Z_SPAN,
    Z_LINK_PS,
    Z_PUMP_PS,
    Z_ROW_CHUNK,
    Z_ROWS,  # places of row departures, 0: never short of room
    Z_ROWS_AT,
    Z_OUT,  # places of output pixels' departures
    Z_OUT_AT,
    Z_OUT_PS,
    Z_OUT_MIXED,
    Z_SLOT_COLUMNS,
    W_PART_SLOTS,
    W_PART_PATH,
    W_PART_ORDER,
    W_RING_AT,
    W_RING_WAYS,
    W_OUT_WAYS,
    W_PATHS,
    W_STEP_SLOTS,
    W_TILE_AT,
    W_TILE_SLOTS,
    W_SET_AT,
    W_SET_SLOTS,
    W_BORDER,
    W_SLOTS,
    W_CHANNELS,
    W_REPLICAS,
    W_STAGES,
    W_RINGS,
    W_TIMES,
    W_LOG,
) = range(35)
HEAD_COLUMNS = 35


class Work(NamedTuple):
    """One block of integers, and views of its tables; compiled functions take the block alone."""

    memory: Ints
    head: Ints
    part_slots: Ints
    """(parts, 2): slots of the buffer port and of the bus"""
    part_path: Ints
    """(parts,): where the slots of its partial sums' links stand in memory, -1: none"""
    part_order: Ints
    """(parts,): parts of a replica by (links to its home, ring), in the place of its parts"""
    ring_at: Ints
    """(rings,): where the rows of a ring's source replicas stand in `ring_ways`"""
    ring_ways: Ints
    """(sources, 2): path, -1 within a tile, and slot of the buffer port"""
    out_ways: Ints
    """(replicas of the last stage,): path"""
    paths: Ints
    """slots of links, -1 behind the last"""
    step_slots: Ints
    """(replicas, units)"""
    tile_at: Ints
    """(replicas + 1,): slots of a replica's windows in the digital parts of its tiles, in `tile_slots`"""
    tile_slots: Ints
    set_at: Ints
    """(replicas + 1,): rows of a replica's sets of arrays in `set_slots`"""
    set_slots: Ints
    """(sets, 3): set, slots of arrays and of converters; -1 where nobody else uses them"""
    border: Ints
    slots: Ints
    channels: Ints
    replicas: Ints
    stages: Ints
    rings: Ints
    times: Ints
    log: Ints
    """(entries, 2): channel, 2 x time + 1 for a start or + 0 for an end"""


def make_work(head: Ints, tables: dict[str, Ints], entries: int) -> Work:
    """Copy the header and the tables, in the order of `Work`, into one block with room for `entries` in the log."""
    parts = {"head": head, **tables}
    memory = np.zeros(sum(part.size for part in parts.values()) + 2 * entries, np.int64)
    views, first = {}, 0
    for number, (name, part) in enumerate(parts.items()):
        views[name] = memory[first : first + part.size].reshape(part.shape)
        views[name][...] = part
        if number:
            memory[W_PART_SLOTS + number - 1] = first
        first += part.size
    memory[W_LOG], memory[Z_LOG_END] = first, entries
    return Work(memory=memory, log=memory[first:].reshape(-1, 2), **views)


@compiled
def slot_at(w: Ints, number: int) -> int:
    """Where a slot stands."""
    place: int = w[W_SLOTS] + number * w[Z_SLOT_COLUMNS]
    return place


@compiled
def own_at(w: Ints, number: int) -> int:
    """Where a replica's own row stands."""
    place: int = w[W_REPLICAS] + number * REPLICA_COLUMNS
    return place


@compiled
def room_at(w: Ints, number: int) -> int:
    """Where a ring's own row stands."""
    place: int = w[W_RINGS] + number * RING_COLUMNS
    return place
