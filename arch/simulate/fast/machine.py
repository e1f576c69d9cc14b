"""The memory of a run of the compiled engine: one block of integers, and views of its tables.

Compiled functions take the block alone, which keeps them quick to compile and to call; `replica_at` and its kin say
where a row begins. The tables of pending events and of pixels that came too early grow: `enlarged` copies the block.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.devices.jit import compiled

__all__ = ["Ints", "Machine", "enlarged", "make_machine"]

Ints = NDArray[np.int64]


class Machine(NamedTuple):
    """The block and its tables, with the columns of `columns`; the engine changes them in place."""

    memory: Ints
    head: Ints
    lists: Ints
    services: Ints
    servers: Ints
    trackers: Ints
    stages: Ints
    steps: Ints
    tiles: Ints
    replicas: Ints
    parts: Ints
    rings: Ints
    sets: Ints
    groups: Ints
    keep: Ints
    """first pixel that each reader of each ring still needs"""
    left: Ints
    """pixels of each image that have not left the chip"""
    finished: Ints
    """when each image's last pixel left"""
    early: Ints
    events: Ints
    queue: Ints
    """(time, order, tie, row of `events`) of each pending event, as a heap"""
    unused: Ints
    """rows of `events` that hold none, as a stack"""
    outbox: Ints


def make_machine(head: Ints, tables: dict[str, Ints]) -> Machine:
    """Copy the header and the other tables, in the order of `Machine`, into one block."""
    parts = {"head": head, **tables}
    memory = np.empty(sum(part.size for part in parts.values()), np.int64)
    views, first = {}, 0
    for number, (name, part) in enumerate(parts.items()):
        views[name] = memory[first : first + part.size].reshape(part.shape)
        if number > 1:
            head[at.H_SERVICES + number - 2] = first
        first += part.size
    for name, part in parts.items():
        views[name][...] = part
    return Machine(memory=memory, **views)


def enlarged(m: Machine) -> Machine:
    """The same machine with twice the rows for events and early pixels."""
    tables = {name: getattr(m, name) for name in Machine._fields[2:]}
    head, rows, spare = m.head.copy(), len(m.events), len(m.early)
    for name in ("events", "queue", "unused", "early"):
        tables[name] = np.concatenate([tables[name], np.zeros_like(tables[name])])
    tables["unused"][head[at.H_UNUSED] : head[at.H_UNUSED] + rows] = np.arange(2 * rows - 1, rows - 1, -1)
    head[at.H_UNUSED] += rows
    tables["early"][spare:, at.Y_NEXT] = [*range(spare + 1, 2 * spare), head[at.H_EARLY_UNUSED]]
    head[at.H_EARLY_UNUSED] = spare
    head[at.H_EARLY_LEFT] += spare
    return make_machine(head, tables)


@compiled
def service_at(m: Ints, number: int) -> int:
    """Where a service stands."""
    place: int = m[at.H_SERVICES] + number * at.SERVICE_COLUMNS
    return place


@compiled
def server_at(m: Ints, number: int) -> int:
    """Where a server stands."""
    place: int = m[at.H_SERVERS] + number * m[at.H_SERVER_COLUMNS]
    return place


@compiled
def tracker_at(m: Ints, number: int) -> int:
    """Where a power tracker stands."""
    place: int = m[at.H_TRACKERS] + number * at.TRACKER_COLUMNS
    return place


@compiled
def stage_at(m: Ints, number: int) -> int:
    """Where a stage stands."""
    place: int = m[at.H_STAGES] + number * at.STAGE_COLUMNS
    return place


@compiled
def step_at(m: Ints, number: int) -> int:
    """Where a step of a stage stands."""
    place: int = m[at.H_STEPS] + number * at.STEP_COLUMNS
    return place


@compiled
def tile_at(m: Ints, number: int) -> int:
    """Where a tile in use stands."""
    place: int = m[at.H_TILES] + number * at.TILE_COLUMNS
    return place


@compiled
def replica_at(m: Ints, number: int) -> int:
    """Where a replica stands."""
    place: int = m[at.H_REPLICAS] + number * at.REPLICA_COLUMNS
    return place


@compiled
def part_at(m: Ints, number: int) -> int:
    """Where a part of a replica stands."""
    place: int = m[at.H_PARTS] + number * at.PART_COLUMNS
    return place


@compiled
def ring_at(m: Ints, number: int) -> int:
    """Where a ring stands."""
    place: int = m[at.H_RINGS] + number * at.RING_COLUMNS
    return place


@compiled
def set_at(m: Ints, number: int) -> int:
    """Where a set of arrays stands."""
    place: int = m[at.H_SETS] + number * at.SET_COLUMNS
    return place


@compiled
def group_at(m: Ints, number: int) -> int:
    """Where a group of replicas stands."""
    place: int = m[at.H_GROUPS] + number * at.GROUP_COLUMNS
    return place


@compiled
def early_at(m: Ints, number: int) -> int:
    """Where a pixel that came too early stands."""
    place: int = m[at.H_EARLY] + number * at.EARLY_COLUMNS
    return place


@compiled
def event_at(m: Ints, number: int) -> int:
    """Where an event stands."""
    place: int = m[at.H_EVENT_ROWS] + number * at.EVENT_COLUMNS
    return place
