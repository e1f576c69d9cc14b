"""One replica of a stage: fetch a window's inputs, read the arrays, hand the partial sums on.

Window `sequence` (raster order, image after image) belongs to replica sequence mod replicas. A replica fetches the
inputs of one window ahead (the input registers are doubled: one copy drives, one fills) and may have `OUTPUT_WINDOWS`
windows between the start of their reads and the departure of their outputs; then it stalls. A digital stage is one
replica without arrays: its window goes to the tile's units when it is fetched and an output register is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from simpy.events import Event

from pillarsim.arch.simulate.buffers import READ, TileInput
from pillarsim.arch.simulate.engine import Engine
from pillarsim.arch.simulate.geometry import Fields
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.plan_types import PartPlan, ReplicaPlan, amount_at
from pillarsim.arch.simulate.ports import Key, Server, Service
from pillarsim.arch.simulate.power import PowerTracker
from pillarsim.arch.simulate.sharing import Desk

__all__ = ["OUTPUT_WINDOWS", "Part", "Replica"]

OUTPUT_WINDOWS = 2  # windows; output registers are doubled, as in ISAAC (Shafiee et al., ISCA 2016, section VI)


@dataclass(frozen=True)
class Part:
    """What a replica takes from one input's ring in one tile, as its reader number `reader`.

    fetches: services of the buffer's port and of the bus, by the bits of a window.
    """

    plan: PartPlan
    source: TileInput
    port: Server
    bus: Server
    fetches: dict[int, tuple[Service, Service]]


class Replica:
    """The windows of one replica, in order."""

    engine: Engine

    def __init__(
        self,
        kernel: Kernel,
        plan: ReplicaPlan,
        place: tuple[int, int, int],
        fields: Sequence[Fields],
        total: int,
        parts: Sequence[Part],
        power: Sequence[PowerTracker],
        desk: Desk,
        done: Callable[[Replica, int, int], None],
    ) -> None:
        """`place`: (number over all stages, replicas of the stage, windows of an image); `fields`: of each part;
        `total`: windows of the run, all replicas; `power`: what a window needs awake; `done(self, sequence, time)`
        gets each window when it is shifted and added."""
        self._kernel, self._fields, self._total = kernel, fields, total
        self.plan, self.stage, self.index = plan, plan.stage, plan.index
        self._number, self._step, self._count = place
        self.parts, self._power, self._desk, self._done = parts, power, desk, done
        self._shared = desk.shared(self._number)
        self._next = self.index
        self._filling = False
        self._fetches_left = 0
        self._fetched: int | None = None
        self._fetched_ps = 0
        self._free_ps: int | None = 0
        self._slots = OUTPUT_WINDOWS
        self._beginning = False
        self.windows = self.busy_ps = self.stalled_ps = 0
        self.first_start_ps: int | None = None
        self._started_ps = 0

    def keep_after(self, sequence: int, fields: Fields) -> int:
        """First pixel that the windows after `sequence` need; beyond the run when there are none."""
        sequence += self._step
        if sequence < self._total:
            return fields.keep_from(sequence)
        return self._total // self._count * fields.pixels

    def try_fetch(self) -> None:
        """Start to fetch the next window's inputs if the register is empty and all of them have arrived."""
        if self._filling or self._next >= self._total:
            return
        sequence = self._next
        image, window = divmod(sequence, self._count)
        for part, fields in zip(self.parts, self._fields, strict=True):
            need = int(fields.need[window])
            if need and part.source.ring.arrived < need + image * fields.pixels:
                return
        self._filling = True
        self._next += self._step
        self._fetches_left = len(self.parts)
        self._fetched_ps = now = self._kernel.time_ps
        if self.first_start_ps is None:
            self.first_start_ps = now
        for part, fields in zip(self.parts, self._fields, strict=True):
            key = (self.stage, READ, self.index, sequence, part.plan.ring)
            fetch, transfer = part.fetches[amount_at(part.plan.fetch_bits, window)]
            way = partial(self._read, part, fields, transfer, key)
            part.port.request(now, fetch, key, None, way)

    def _read(self, part: Part, fields: Fields, transfer: Service, key: Key, time_ps: int) -> None:
        self._kernel.at(time_ps, self._release, (part, self.keep_after(key[3], fields)))
        part.bus.request(time_ps, transfer, key, None, partial(self._transferred, key[3]))

    def _release(self, event: Event) -> None:
        part, keep = event._value
        part.source.read(part.plan.reader, keep)

    def _transferred(self, sequence: int, time_ps: int) -> None:
        self._fetched_ps = max(self._fetched_ps, time_ps)
        self._fetches_left -= 1
        if not self._fetches_left:
            self._fetched = sequence
            self._try_begin()

    def _try_begin(self) -> None:
        """Plan the start of the fetched window once it is known when the arrays are free for it."""
        if self._fetched is None or self._free_ps is None or not self._slots or self._beginning:
            return
        self._beginning = True
        self._kernel.at(max(self._fetched_ps, self._free_ps, self._kernel.time_ps), self._wake)

    def _wake(self, _: Event) -> None:
        if self._shared:
            self._desk.claim(self._number, self._start)
        else:
            self._start()

    def _start(self) -> None:
        """The arrays are this replica's: wake what sleeps, then begin."""
        now = self._kernel.time_ps
        assert self._free_ps is not None
        self.stalled_ps += now - max(self._fetched_ps, self._free_ps)
        start = max([now, *(tracker.ready(now) for tracker in self._power)])
        if start > now:
            for tracker in self._power:
                tracker.hold(start)
        self._kernel.at(start, self._begin)

    def _begin(self, _: Event) -> None:
        assert self._fetched is not None
        sequence, self._fetched = self._fetched, None
        self._beginning = self._filling = False
        self._slots -= 1
        self._free_ps = None
        self._started_ps = self._kernel.time_ps
        self.windows += 1
        self.engine.run(sequence)
        self.try_fetch()

    def arrays_free(self, time_ps: int) -> None:
        """The arrays can start the next window at `time_ps`."""
        if self._shared:
            self._desk.free(self._number, time_ps)
        self.busy_ps += time_ps - self._started_ps
        self._free_ps = time_ps
        self._try_begin()

    def converted(self, sequence: int, time_ps: int) -> None:
        """A window is converted, shifted and added at `time_ps`."""
        self._done(self, sequence, time_ps)

    def sent(self) -> None:
        """The outputs of the oldest window have left their register."""
        self._slots += 1
        self._try_begin()
