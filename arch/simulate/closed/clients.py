"""From the machine of the compiled engine to slots: who uses which part, as a client of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.digital_work import UNITS
from pillarsim.arch.simulate.closed import columns as to
from pillarsim.arch.simulate.closed.columns import Work, make_work
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Machine
from pillarsim.arch.simulate.mesh import GLOBAL, Way, ways
from pillarsim.arch.simulate.plan import Plan
from pillarsim.arch.timing import Timing

__all__ = ["Clients", "make_clients"]

LAYER = "layer"  # the detail whose calls are images
_IMAGES_AHEAD = 2  # images whose pixels may be in a ring at once, as no stage is more than one ahead (see `engine`)
_LOG = 1 << 16  # log entries at the start; assumed, changes no result
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Clients:
    """Tables of a run; names of each slot's part, and of the parts of channels; who shares arrays without a wait."""

    work: Work
    slot_names: list[str]
    channel_names: list[str]
    tracker_of: dict[int, int]
    shared_converters: list[int]


class _Slots:
    """Collects slots and channels."""

    def __init__(self, m: Machine) -> None:
        self._m = m
        self.servers: list[int] = []
        self.trackers: list[int] = []
        self.names: list[str] = []
        self._known: dict[tuple[object, ...], int] = {}

    def server(self, client: tuple[object, ...], server: int, name: str) -> int:
        """The slot of a client at a server."""
        key = (server, *client)
        if key not in self._known:
            self._known[key] = self.add(server, int(self._m.servers[server, at.V_POWER]), name)
        return self._known[key]

    def add(self, server: int, tracker: int, name: str) -> int:
        """A new slot; server -1: only its power state is looked at, below -1: something else that one at a time has."""
        self.servers.append(server)
        self.trackers.append(tracker)
        self.names.append(name)
        return len(self.servers) - 1


def make_clients(plan: Plan, timing: Timing, m: Machine, images: int, detail: str) -> Clients:
    """Return the tables of a run before its first window."""
    slots = _Slots(m)
    tiles = _tiles(plan)
    paths = _Paths(plan, timing, m, slots)
    shared: list[int] = []
    part_slots, part_path, part_order = _parts(plan, m, slots, tiles, paths)
    ring_at, ring_ways = _rings(plan, m, slots, tiles, paths)
    out_ways = [_out(plan, m, slots, tiles, paths, place) for place in range(len(plan.stages[-1].replicas))]
    step_slots = _steps(plan, m, slots, tiles)
    tile_at, tile_slots, set_at, set_slots = _windows(plan, m, slots, tiles, shared)
    link, buffer = int(m.head[at.H_LINK]), int(m.head[at.H_BUFFER])
    border = [
        slots.server(("in",), link, "off-chip link"),
        slots.server(("in", "write"), buffer, "global buffer"),
        slots.server(("in", "read"), buffer, "global buffer"),
        slots.server(("out",), buffer, "global buffer"),
        slots.server(("out",), link, "off-chip link"),
    ]
    table, channels, channel_names, tracker_of = _channels(m, slots)
    rings, times, head = _times(plan, m, images)
    head[to.Z_ROW_CHUNK] = plan.rows[0] if detail == LAYER else 1
    head[to.Z_MARGIN] = _margin(plan, m, len(slots.servers), [len(path) for path in paths.made])
    stages = np.zeros((len(plan.stages), to.STAGE_COLUMNS), np.int64)
    stages[:, to.G_CHUNK] = [stage.windows for stage in plan.stages] if detail == LAYER else _rows_of(plan)
    head[to.Z_SLOT_COLUMNS] = table.shape[1]
    work = make_work(
        head,
        {
            "part_slots": part_slots,
            "part_path": part_path,
            "part_order": part_order,
            "ring_at": ring_at,
            "ring_ways": ring_ways,
            "out_ways": _ints(out_ways),
            "paths": _ints([slot for path in paths.made for slot in (*path, -1)]),
            "step_slots": step_slots,
            "tile_at": tile_at,
            "tile_slots": tile_slots,
            "set_at": set_at,
            "set_slots": set_slots,
            "border": _ints(border),
            "slots": table,
            "channels": channels,
            "replicas": np.zeros((len(plan.replicas), to.REPLICA_COLUMNS), np.int64),
            "stages": stages,
            "rings": rings,
            "times": times,
        },
        max(_LOG, 4 * int(head[to.Z_MARGIN])),
    )
    _settle(work)
    return Clients(work, slots.names, channel_names, tracker_of, shared)


def _settle(w: Work) -> None:
    """Count places in `times` and `paths` from the beginning of the memory."""
    w.rings[:, [to.R_ARRIVED, to.R_FREED, to.R_EARLY]] += w.head[to.W_TIMES]
    w.head[[to.Z_ROWS_AT, to.Z_OUT_AT]] += w.head[to.W_TIMES]
    for paths in (w.part_path, w.ring_ways[:, 0], w.out_ways):
        paths[paths >= 0] += w.head[to.W_PATHS]


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64).reshape(-1)


def _tiles(plan: Plan) -> list[int]:
    """The tiles in use, in the order of the machine's table."""
    return list(dict.fromkeys(tile for replica in plan.replicas for tile in (replica.home, *replica.tiles)))


class _Paths:
    """Paths of slots, one a client and pair of ends; servers in the order of `ways`."""

    def __init__(self, plan: Plan, timing: Timing, m: Machine, slots: _Slots) -> None:
        self._timing, self._m, self._slots = timing, m, slots
        self.made: list[list[int]] = []
        self._length = 0
        self._known: dict[tuple[object, ...], int] = {}

    def path(self, client: tuple[object, ...], ends: tuple[int, int], links: int) -> int:
        """Where the slots of a client on a path stand; `links`: where its servers stand in memory, -1 within a tile."""
        if links < 0:
            return -1
        key = (*client, ends)
        if key not in self._known:
            self._known[key] = self._length
            found = [
                self._slots.server(client, int(self._m.memory[links + hop]), _link_name(way))
                for hop, way in enumerate(ways(self._timing, *ends))
            ]
            self.made.append(found)
            self._length += len(found) + 1
        return self._known[key]


def _link_name(way: Way) -> str:
    start, end = way
    if isinstance(end, int):
        return f"way from router {start} to " + ("the global buffer" if end == GLOBAL else f"tile {end}")
    return f"link from router {start} to {end}"


def _parts(plan: Plan, m: Machine, slots: _Slots, tiles: list[int], paths: _Paths) -> tuple[Ints, Ints, Ints]:
    """A replica's fetches in one tile are a client, and so are its partial sums."""
    places, path_of, order = list[list[int]](), list[int](), list[int]()
    row = iter(m.parts)
    for number, replica in enumerate(plan.replicas):
        first = len(places)
        lengths = []
        for part in replica.parts:
            made = next(row)
            tile = tiles.index(part.tile)
            port, bus = (int(server) for server in m.tiles[tile, [at.L_PORT, at.L_BUS]])
            client = ("fetch", number)
            places.append(
                [
                    slots.server(client, port, f"buffer of tile {part.tile}"),
                    slots.server(client, bus, f"bus of tile {part.tile}"),
                ]
            )
            before = paths.made
            path_of.append(paths.path(("partial", number), (part.tile, replica.home), int(made[at.Q_PATH])))
            lengths.append(len(before[-1]) if path_of[-1] >= 0 else 0)
        parts = range(first, len(places))
        order += sorted(parts, key=lambda part: (lengths[part - first], replica.parts[part - first].ring))
    return np.array(places, np.int64).reshape(-1, 2), _ints(path_of), _ints(order)


def _rings(plan: Plan, m: Machine, slots: _Slots, tiles: list[int], paths: _Paths) -> tuple[Ints, Ints]:
    """What a stage sends from one home is a client, at links and at buffer ports; so is what the source sends."""
    first, rows = list[int](), list[list[int]]()
    for ring, made in zip(plan.rings, m.rings, strict=True):
        first.append(len(rows))
        port = int(m.tiles[tiles.index(ring.tile), at.L_PORT])
        homes = [GLOBAL] if ring.source < 0 else [plan.replicas[one].home for one in plan.stages[ring.source].replicas]
        for place, home in enumerate(homes):
            client = ("send", ring.source, home)
            links = int(m.memory[made[at.G_PATH] + place])
            write = slots.server(client, port, f"buffer of tile {ring.tile}")
            rows.append([paths.path(client, (home, ring.tile), links) if sum(ring.pixel_bits) else -1, write])
    return _ints(first), np.array(rows, np.int64).reshape(-1, 2)


def _out(plan: Plan, m: Machine, slots: _Slots, tiles: list[int], paths: _Paths, place: int) -> int:
    home = plan.replicas[plan.stages[-1].replicas[place]].home
    client = ("send", len(plan.stages) - 1, home)
    return paths.path(client, (home, GLOBAL), int(m.memory[m.head[at.H_OUT_PATH] + place]))


def _steps(plan: Plan, m: Machine, slots: _Slots, tiles: list[int]) -> Ints:
    """A replica's windows are a client of each kind of unit at its home."""
    made = np.zeros((len(plan.replicas), len(UNITS)), np.int64)
    for number, replica in enumerate(plan.replicas):
        for place, unit in enumerate(UNITS):
            if any(name == unit and amounts.any() for name, amounts in plan.stages[replica.stage].steps):
                server = int(m.tiles[tiles.index(replica.home), at.L_UNIT + place])
                made[number, place] = slots.server(("steps", number), server, f"{unit} of tile {replica.home}")
    return made


def _windows(
    plan: Plan, m: Machine, slots: _Slots, tiles: list[int], shared: list[int]
) -> tuple[Ints, Ints, Ints, Ints]:
    """Windows keep the digital parts of their tiles active, and arrays and converters that other replicas use too."""
    tile_at, tile_slots, set_at, set_slots = [0], list[int](), [0], list[list[int]]()
    for replica in plan.replicas:
        for tile in replica.tiles:
            bus = int(m.tiles[tiles.index(tile), at.L_BUS])
            tile_slots.append(slots.add(-1, int(m.servers[bus, at.V_POWER]), f"digital parts of tile {tile}"))
        for one in replica.sets:
            row = [one, -1, -1]
            if len(plan.sets[one].users) > 1:
                users = sorted({plan.stages[plan.replicas[user].stage].name for user in plan.sets[one].users})
                name = "arrays of " + ", ".join(map(repr, users))
                row[1] = slots.add(-2 - 2 * one, int(m.sets[one, at.A_ARRAYS]), name)
                row[2] = slots.add(-3 - 2 * one, int(m.sets[one, at.A_CONVERTERS]), name)
                shared.append(row[2])
            set_slots.append(row)
        tile_at.append(len(tile_slots))
        set_at.append(len(set_slots))
    return _ints(tile_at), _ints(tile_slots), _ints(set_at), np.array(set_slots, np.int64).reshape(-1, 3)


def _channels(m: Machine, slots: _Slots) -> tuple[Ints, Ints, list[str], dict[int, int]]:
    """(slots, channels, their names, trackers of those that are of one).

    Active time of a server with one port that is all of its power tracker's is the sum of its services: they never
    overlap, here or after a wait. So it is where nobody else is on a tracker. Elsewhere it is what uses cover together.
    """
    widest = m.servers.shape[1] - at.V_FREE
    table = np.full((len(slots.servers), to.X_FREE + widest), -1, np.int64)
    table[:, to.X_PORTS] = [1 if one < 0 else m.servers[one, at.V_PORTS] for one in slots.servers]
    table[:, [to.X_MIXED, to.X_ASKED, to.X_OPEN, to.X_END]] = 0
    table[:, to.X_FREE :] = 0
    rows, names = list[list[int]](), list[str]()
    tracker_of: dict[int, int] = {}
    clients, on_tracker = Counter(slots.servers), Counter(slots.trackers)
    servers_of: dict[int, set[int]] = {}
    for server, tracker in zip(slots.servers, slots.trackers, strict=True):
        servers_of.setdefault(tracker, set()).add(server)
    checks, unions = dict[int, int](), dict[int, int]()
    for slot, (server, tracker) in enumerate(zip(slots.servers, slots.trackers, strict=True)):
        ports, gated = int(table[slot, to.X_PORTS]), int(m.trackers[tracker, at.P_GATED])
        if server != -1 and clients[server] > 1:
            if server not in checks:
                checks[server] = len(rows)
                rows.append([ports, 0])
                names.append(slots.names[slot])
            table[slot, to.X_CHECK] = checks[server]
        alone = on_tracker[tracker] == 1 or len(servers_of[tracker]) == 1
        if server >= 0 and ports == 1 and alone and not gated:
            table[slot, to.X_SUM] = at_tracker(m, tracker)
            continue
        if tracker not in unions:
            unions[tracker] = len(rows)
            tracker_of[len(rows)] = tracker
            rows.append([0, gated])
            names.append(slots.names[slot])
        table[slot, to.X_UNION] = unions[tracker]
    channels = np.zeros((len(rows), to.CHANNEL_COLUMNS), np.int64)
    channels[:, : to.C_GATED + 1] = np.array(rows, np.int64).reshape(-1, 2)
    return table, channels, names, tracker_of


def at_tracker(m: Machine, tracker: int) -> int:
    """Where the active time of a power tracker stands in memory."""
    place: int = int(m.head[at.H_TRACKERS]) + tracker * at.TRACKER_COLUMNS + at.P_ACTIVE
    return place


def _times(plan: Plan, m: Machine, images: int) -> tuple[Ints, Ints, Ints]:
    """(rings, times, header): places for the times that something later looks back at."""
    rings = np.zeros((len(plan.rings), to.RING_COLUMNS), np.int64)
    length = 0
    for row, ring in zip(rings, plan.rings, strict=True):
        total = ring.fields.pixels * images
        row[to.R_ARRIVED] = length
        row[to.R_ARRIVED_SIZE] = min(ring.capacity, _IMAGES_AHEAD * ring.fields.pixels, total)
        row[to.R_FREED] = length + row[to.R_ARRIVED_SIZE]
        row[to.R_FREED_SIZE] = ring.capacity if ring.capacity < total else 0
        row[to.R_EARLY] = row[to.R_FREED] + row[to.R_FREED_SIZE]
        reader = plan.stages[ring.stage]
        ahead = _IMAGES_AHEAD + len(reader.replicas) // reader.windows  # a replica's next window may be images away
        row[to.R_EARLY_SIZE] = ahead * ring.fields.pixels if row[to.R_FREED_SIZE] else 0
        length += row[to.R_ARRIVED_SIZE] + row[to.R_FREED_SIZE] + row[to.R_EARLY_SIZE]
    head = np.zeros(to.HEAD_COLUMNS, np.int64)
    for size, place, capacity, total in (
        (to.Z_ROWS, to.Z_ROWS_AT, int(m.head[at.H_ROW_CAPACITY]), plan.rows[0] * images),
        (to.Z_OUT, to.Z_OUT_AT, int(m.head[at.H_OUT_CAPACITY]), plan.stages[-1].pixels * images),
    ):
        head[size], head[place] = capacity if capacity < total else 0, length
        length += head[size]
    return rings, np.zeros(length + 1, np.int64), head


def _margin(plan: Plan, m: Machine, slots: int, paths: Sequence[int]) -> int:
    """Log entries that a window, a pixel or a row may need, or all slots at once: 4 a use, or 8 a port."""
    longest = max(paths, default=0) + 1
    fan = 2 + max(len(plan.targets), *(len(stage.targets) for stage in plan.stages))
    window = max(
        (2 + longest) * len(replica.parts)
        + len(replica.tiles)
        + 2 * len(replica.sets)
        + len(plan.stages[replica.stage].steps)
        for replica in plan.replicas
    )
    return 4 * max(window, fan * (longest + 1) + 8, slots)


def _rows_of(plan: Plan) -> list[int]:
    """Windows of an output row of each stage; all of them where no later stage says how wide a row is."""
    widths = {ring.source: ring.fields.row for ring in plan.rings}
    return [
        -(-stage.windows * widths.get(number, stage.pixels) // stage.pixels) for number, stage in enumerate(plan.stages)
    ]
