"""Record what each part of the chip did and when, for the first images of a run in detail `window`.

Everything is recorded from the start until the last of these images has left the chip, or to the end of the run if
they are all of it; images that follow close behind are in it too. Rows go to a temporary file, so that memory does
not grow. The numbers of the run are those of a run that is not recorded; while it is, no image is left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.digital_work import UNITS
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.simulate.engine import EnginePlan, window_counts
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.loop import ENDED, PAUSED
from pillarsim.arch.simulate.fast.machine import Machine
from pillarsim.arch.simulate.fast.observe import (
    GATED,
    L_COUNT,
    L_SEEN,
    LOG_COLUMNS,
    LOGGED,
    SEEN_COLUMNS,
    SERVED,
    TRACED,
    observe,
)
from pillarsim.arch.simulate.fast.tables import Built
from pillarsim.arch.simulate.mesh import GLOBAL, ways
from pillarsim.arch.simulate.plan_types import Plan, ReplicaPlan
from pillarsim.arch.simulate.ports import Service
from pillarsim.arch.timing import Timing

__all__ = ["Part", "Recorder", "Recording"]

Rows = NDArray[np.int64]
_ROWS_AT_ONCE = 1 << 16  # of the log, 4 MiB; assumed, changes no result


@dataclass(frozen=True)
class Part:
    """What a server is: role (a component's name, or "way down"), its tile or the routers that it joins, its ports."""

    role: str
    place: tuple[int, ...]
    ports: int


@dataclass(frozen=True, eq=False)
class Recording:
    """What was recorded; `chunks` gives the rows of `fast.observe` in the order in which things were settled.

    images: recorded, of run_images; end_ps: the end of the recording, services that have begun may end later;
    servers, services, trackers (group, units it stands for): by their numbers; undrawn: how often each service was
    done without a row, since it takes no time; global_pieces: input rows and output pixels that fit into the
    global buffer.
    """

    plan: Plan
    timing: Timing
    images: int
    run_images: int
    end_ps: int
    servers: tuple[Part, ...]
    services: tuple[Service, ...]
    trackers: tuple[tuple[str, int], ...]
    undrawn: tuple[int, ...]
    global_pieces: tuple[int, int]
    file: IO[bytes]

    def chunks(self) -> Iterator[Rows]:
        """All rows, some at a time."""
        self.file.seek(0)
        while content := self.file.read(_ROWS_AT_ONCE * LOG_COLUMNS * 8):
            yield np.frombuffer(content, np.int64).reshape(-1, LOG_COLUMNS)

    @property
    def whole(self) -> bool:
        """Whether the whole run was recorded."""
        return self.images == self.run_images

    def engine(self, replica: ReplicaPlan) -> EnginePlan:
        """The arrays of a replica."""
        stage = self.plan.stages[replica.stage]
        return EnginePlan(stage.name, stage.layers, replica.arrays, replica.groups, replica.chunks, self.timing)

    def window_counts(self, replica: ReplicaPlan) -> dict[tuple[str, str, str], int]:
        """Actions of one window of a replica with arrays, registers included."""
        counts = dict(window_counts(self.engine(replica)))
        name = self.plan.stages[replica.stage].name
        for role, bits in zip(("input_register", "output_register"), replica.register_bits, strict=True):
            counts |= {(role, action, name): bits for action in ("write", "read")}
        return counts


class Recorder:
    """Given to a run, it records its first `images` images (all, where there are fewer); `recording` has the result.

    A context manager: the recording is gone when it is left.
    """

    def __init__(self, images: int) -> None:
        """Raises InputError for no image."""
        if images < 1:
            raise InputError(f"images to record: expected at least 1, found {images}")
        self._wanted = images
        self._recording: Recording | None = None
        self._stack = ExitStack()
        self.on = False
        """whether the run is being recorded"""

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self, plan: Plan, timing: Timing, built: Built, images: int) -> None:
        """A run of `images` images is about to begin. Raises ModelError for a second run."""
        if self.on or self._recording is not None:
            raise ModelError("a recorder records one run")
        self._plan, self._timing, self._built = plan, timing, built
        self._images, self._run_images = min(images, self._wanted), images
        self._file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        machine = built.machine
        self._log = np.zeros((_ROWS_AT_ONCE, LOG_COLUMNS), np.int64)
        self._done = np.zeros(len(built.services), np.int64)
        rings, trackers = len(machine.rings), len(machine.trackers)
        if 4 * (rings + trackers) > _ROWS_AT_ONCE:
            self._log = np.zeros((4 * (rings + trackers), LOG_COLUMNS), np.int64)
        self._seen = np.zeros(L_SEEN + SEEN_COLUMNS[0] * rings + SEEN_COLUMNS[1] * trackers, np.int64)
        self.on = True

    def advance(self, machine: Machine, events: int) -> int:
        """Process events as `fast.loop.advance` does, and record them; the recording ends by itself."""
        last = self._images if self._images < self._run_images else self._run_images + 1
        status = int(observe(machine.memory, self._seen, self._log, last, events))
        self._keep()
        if status in (ENDED, TRACED):
            self._stop(machine)
        return PAUSED if status in (LOGGED, TRACED) else status

    def _keep(self) -> None:
        """Bring the log to the file."""
        rows = self._log[: self._seen[L_COUNT]]
        self._seen[L_COUNT] = 0
        served = rows[rows[:, 0] == SERVED, 2]
        self._done += np.bincount(served, minlength=len(self._done))
        self._write(rows)

    def _write(self, rows: Rows) -> None:
        try:
            self._file.write(rows.tobytes())
        except OSError as error:
            raise InputError(
                f"{tempfile.gettempdir()}: the recording cannot be kept there ({error.strerror}); expected room for "
                f"it, fewer images to record, or TMPDIR set to another folder"
            ) from None

    def _stop(self, machine: Machine) -> None:
        head = machine.head
        end_ps = int(head[at.H_NOW])
        undrawn = machine.services[:, at.S_DONE] - self._done
        if undrawn[machine.services[:, at.S_TOTAL] > 0].any():
            raise ModelError("the recording missed services")
        self._write(_gated_at(machine, end_ps))
        self._file.flush()
        self._recording = Recording(
            plan=self._plan,
            timing=self._timing,
            images=self._images,
            run_images=self._run_images,
            end_ps=end_ps,
            servers=_servers(self._plan, self._timing, machine),
            services=tuple(self._built.services),
            trackers=_trackers(self._built),
            undrawn=tuple(undrawn.tolist()),
            global_pieces=(int(head[at.H_ROW_CAPACITY]), int(head[at.H_OUT_CAPACITY])),
            file=self._file,
        )
        self.on = False

    @property
    def recording(self) -> Recording:
        """What was recorded. Raises ModelError before the end."""
        if self._recording is None:
            raise ModelError("nothing was recorded")
        return self._recording


def _gated_at(machine: Machine, end_ps: int) -> Rows:
    """Rows of what is gated at the end."""
    rows = []
    for number, row in enumerate(machine.trackers):
        since = max(row[at.P_END], row[at.P_HELD]) + machine.head[at.H_AFTER_PS]
        if row[at.P_GATED] and since < end_ps:
            rows.append([GATED, number, since, end_ps, 0, 0, 0, 0])
    return np.array(rows, np.int64).reshape(-1, LOG_COLUMNS)


def _trackers(built: Built) -> tuple[tuple[str, int], ...]:
    found = {number: (group, units) for group, members in built.trackers.items() for number, units in members}
    return tuple(found[number] for number in range(len(found)))


def _servers(plan: Plan, timing: Timing, machine: Machine) -> tuple[Part, ...]:
    """What each server is. Raises ModelError for one that is nothing."""
    head, servers = machine.head, machine.servers
    found: dict[int, tuple[str, tuple[int, ...]]] = {
        int(head[at.H_LINK]): ("off_chip", ()),
        int(head[at.H_BUFFER]): ("global_buffer", ()),
    }
    tiles = {int(row[at.R_HOME]): replica.home for replica, row in zip(plan.replicas, machine.replicas, strict=True)}
    tiles |= {int(row[at.G_TILE]): ring.tile for ring, row in zip(plan.rings, machine.rings, strict=True)}
    for number, tile in tiles.items():
        row = machine.tiles[number]
        found[int(row[at.L_PORT])], found[int(row[at.L_BUS])] = ("buffer", (tile,)), ("bus", (tile,))
        for unit, name in enumerate(UNITS):
            found[int(row[at.L_UNIT + unit])] = (name, (tile,))
    for source, destination, path in _paths(plan, machine):
        for (router, end), place in zip(ways(timing, source, destination), count(path)):
            to = ("link", (*router, *end)) if isinstance(end, tuple) else ("way down", (*router, end))
            found[int(machine.memory[place])] = to
    if len(found) != len(servers):
        raise ModelError(f"{len(servers) - len(found)} of {len(servers)} servers have no place on the chip")
    return tuple(Part(*found[number], ports=int(row[at.V_PORTS])) for number, row in enumerate(servers))


def _paths(plan: Plan, machine: Machine) -> Iterator[tuple[int, int, int]]:
    """(source, destination, where its links stand in memory) of all that is sent over the mesh."""
    memory = machine.memory
    ends: list[tuple[int, int, int]] = []
    for ring, row in zip(plan.rings, machine.rings, strict=True):
        senders = [GLOBAL] if ring.source < 0 else _homes(plan, ring.source)
        ends += [(home, ring.tile, int(memory[row[at.G_PATH] + place])) for place, home in enumerate(senders)]
    parts = [(replica, part) for replica in plan.replicas for part in replica.parts]
    for (replica, part), row in zip(parts, machine.parts, strict=True):
        ends.append((part.tile, replica.home, int(row[at.Q_PATH])))
    out = int(machine.head[at.H_OUT_PATH])
    ends += [(home, GLOBAL, int(memory[out + place])) for place, home in enumerate(_homes(plan, len(plan.stages) - 1))]
    return (end for end in ends if end[2] >= 0)


def _homes(plan: Plan, stage: int) -> list[int]:
    return [plan.replicas[number].home for number in plan.stages[stage].replicas]
