"""The chip's parts in one training step: ports, buses, links and units, arrays of a layer in step, and who used what.

First come first served; requests of the same picosecond in the order of their keys, as in `arch.simulate.ports`. One
event a service (`Turns`) or one an access, word and flit (`Server`); of arrays a closed form (`ArrayTurns`) or every
read and conversion (`operation.ArraySteps`). No part sleeps here: what that changes is found from the uses (`gating`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from heapq import heapreplace
from typing import Protocol, TypeAlias

from simpy.events import Event

from pillarsim.arch.digital_work import UNITS
from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.kernel import GRANT, Kernel
from pillarsim.arch.simulate.mesh import Mesh
from pillarsim.arch.simulate.ports import Job, Key, OnTime, Server
from pillarsim.arch.simulate.power import PowerTracker
from pillarsim.arch.timing import Timing
from pillarsim.arch.training.plan import LayerPlan, Reading
from pillarsim.arch.training.trace import untagged

__all__ = ["ArrayTurns", "Arrays", "MakeArrays", "Parts", "TileParts", "Turns", "Usage", "record_reading"]


class Usage(PowerTracker):
    """A unit that never sleeps; its uses [start, end) are written down, in any order."""

    __slots__ = ("_entered", "uses")

    def __init__(self) -> None:
        super().__init__(False, 0, 0)
        self.uses: list[tuple[int, int]] = []
        self._entered: list[int] = []

    def ready(self, time_ps: int) -> int:
        """Always."""
        return time_ps

    def use(self, start_ps: int, end_ps: int) -> None:
        """The unit is used in [start_ps, end_ps)."""
        if end_ps > start_ps:
            self.uses.append((start_ps, end_ps))

    def enter(self, time_ps: int) -> None:
        """A use starts whose end is not known yet."""
        self._entered.append(time_ps)

    def leave(self, time_ps: int) -> None:
        """One of the uses that were entered ends (which one does not matter to their union)."""
        self.use(self._entered.pop(), time_ps)


class Turns(Server):
    """A `Server` that knows the end of a service when it is granted: one event a service, the same times."""

    def __init__(self, kernel: Kernel, ledger: Ledger, power: PowerTracker | None, ports: int = 1) -> None:
        super().__init__(kernel, ledger, power, ports)
        self._free = [0] * ports

    def _grant(self, event: Event) -> None:
        now = self._kernel.time_ps
        jobs = self._gathering.pop(event._value)
        if len(jobs) > 1:
            jobs.sort(key=_key)
        for _, service, head, tail in jobs:
            start = max(now, self._free[0])
            end = start + service.total_ps
            heapreplace(self._free, end)
            service.record(self._ledger, service.amount, service.total_ps)
            if self._power is not None:
                self._power.use(start, end)
            if head is not None:
                self._kernel.at(start + service.step_ps, _call, (head, start + service.step_ps))
            if tail is not None:
                self._kernel.at(end, _call, (tail, end))


def _key(job: Job) -> Key:
    return job[0]


def _call(event: Event) -> None:
    callback, time_ps = event._value
    callback(time_ps)


class Arrays(Protocol):
    """The arrays of a layer, which read one image at a time, forward or transposed."""

    def request(self, at_ps: int, reading: Reading, key: Key, done: OnTime) -> None:
        """Ask at `at_ps` (now or later) for all reads of an image; `done` gets the time when all is shifted and added.

        It is called at that time.
        """


class ArrayTurns:
    """`Arrays` in closed form: the times of an image are known when it is granted."""

    def __init__(self, kernel: Kernel, parts: Parts, layer: LayerPlan) -> None:
        self._kernel, self._parts, self._layer = kernel, parts, layer
        self._gathering: defaultdict[int, list[tuple[Key, Reading, OnTime]]] = defaultdict(list)
        self._free = self._held = 0

    def request(self, at_ps: int, reading: Reading, key: Key, done: OnTime) -> None:
        """As `Arrays.request`."""
        if at_ps not in self._gathering:
            self._kernel.at(at_ps, self._grant, at_ps, GRANT)
        self._gathering[at_ps].append((key, reading, done))

    def _grant(self, event: Event) -> None:
        now = self._kernel.time_ps
        for _, reading, done in sorted(self._gathering.pop(event._value), key=lambda job: job[0]):
            start = max(now, self._free)
            phase_ps, batch_ps = reading.phase_ps, reading.batch_ps
            if reading.sample_hold:
                first = max(start + phase_ps, self._held)
                self._free = first + (reading.batches - 1) * max(phase_ps, batch_ps)
                self._held = converted = self._free + batch_ps
            else:
                first = start + phase_ps
                self._free = converted = start + reading.batches * (phase_ps + batch_ps)
            end = converted + reading.shift_add_ps
            record_reading(self._parts, self._layer, reading, (start, self._free), (first, converted), end)
            self._kernel.at(end, _call, (done, end))


def record_reading(
    parts: Parts, layer: LayerPlan, reading: Reading, held: tuple[int, int], converting: tuple[int, int], end_ps: int
) -> None:
    """An image's reads by a layer: arrays are held, then free; converters work; digital parts until `end_ps`."""
    arrays, converters = parts.layer_uses[layer.number]
    arrays.use(*held)
    converters.use(*converting)
    for tile in layer.tiles:
        parts.tile(tile.tile).digital.use(held[0], end_ps)
    for (role, action), count in reading.counts:
        parts.ledgers[reading.phase].add(role, action, layer.name, count)
    count = sum(tile.arrays for tile in layer.tiles)
    parts.busy_ps[reading.phase, layer.name] += count * (held[1] - held[0])


class TileParts:
    """A tile's buffer port, bus and digital units, by name; digital is used while one of them or its arrays work."""

    def __init__(self, make: Callable[[PowerTracker, int], Server], timing: Timing) -> None:
        self.buffers, self.digital = Usage(), Usage()
        self.servers = {unit: make(self.digital, 1) for unit in UNITS}
        self.servers["buffer"] = make(self.buffers, timing.buffer.ports)
        self.servers["bus"] = make(self.digital, timing.bus.ports)


MakeArrays: TypeAlias = Callable[[Kernel, "Parts", LayerPlan], Arrays]


class Parts:
    """All parts of a step, made as they are used. server, arrays: the kinds of engine (see the module)."""

    def __init__(
        self,
        kernel: Kernel,
        timing: Timing,
        layers: Sequence[LayerPlan],
        server: type[Server] = Turns,
        arrays: MakeArrays = ArrayTurns,
    ) -> None:
        self.kernel, self._timing, self._server = kernel, timing, server
        self._recorded = Ledger()
        self.ledgers: defaultdict[str, Ledger] = defaultdict(Ledger)
        self.busy_ps: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.layer_uses = [(Usage(), Usage()) for _ in layers]
        self.arrays = [arrays(kernel, self, layer) for layer in layers]
        self.tiles: dict[int, TileParts] = {}
        self.global_uses, self.link_uses = Usage(), Usage()
        self.global_buffer = self._make(self.global_uses, timing.global_buffer.ports)
        self.off_chip = self._make(self.link_uses, 1)
        self.routers: defaultdict[tuple[int, int], Usage] = defaultdict(Usage)
        self.mesh = Mesh(kernel, timing, lambda router: self._make(self.routers[router], 1))

    def _make(self, power: PowerTracker, ports: int) -> Server:
        return self._server(self.kernel, self._recorded, power, ports)

    def tile(self, number: int) -> TileParts:
        """The parts of a tile."""
        if number not in self.tiles:
            self.tiles[number] = TileParts(self._make, self._timing)
        return self.tiles[number]

    def counts(self) -> dict[tuple[str, str, str, str], int]:
        """All actions so far, by (phase, role, action, layer)."""
        made = {
            (phase, *place): count for phase, ledger in self.ledgers.items() for place, count in ledger.counts.items()
        }
        for (role, action, name), count in self._recorded.counts.items():
            phase, layer = untagged(name)
            place = phase, role, action, layer
            made[place] = made.get(place, 0) + count
        return {place: count for place, count in made.items() if count}
