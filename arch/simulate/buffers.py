"""Tile buffers: what an input's share holds, and the credits that hold back whoever fills it.

The share of one input of a stage in a tile's buffer is a ring of pixels. A sender takes credits before it sends;
pixels become readable in raster order; a reader gives credits back once no later window of the replicas in this tile
needs the pixels, and never for pixels that have not arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from simpy.events import Event

from pillarsim.arch.errors import ModelError
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.mesh import Mesh
from pillarsim.arch.simulate.ports import Key, Server, Service

__all__ = ["PixelRing", "TileInput"]

WRITE, READ = 1, 0  # kinds of requests at a port, in the order of ties within a stage; a write is of its sender's


class PixelRing:
    """Counts of pixels since the start of the run: taken >= arrived >= freed, at most `capacity` between the ends."""

    __slots__ = ("_early", "arrived", "capacity", "freed", "keep", "taken")

    def __init__(self, capacity: int, keep: Iterable[int]) -> None:
        """`keep`: for each reader, the first pixel that it still needs."""
        self.capacity = capacity
        self.keep = list(keep)
        self.taken = self.arrived = self.freed = 0
        self._early: dict[int, int] = {}

    @property
    def credits(self) -> int:
        """Pixels that may still be sent."""
        return self.capacity - (self.taken - self.freed)

    def arrive(self, first: int, count: int) -> None:
        """Pixels [first, first + count) are written; they are readable when all before them are."""
        self._early[first] = count
        while self._early and (count := self._early.pop(self.arrived, 0)):
            self.arrived += count

    def free(self) -> bool:
        """Free what has arrived and no reader needs; return whether there was any."""
        freed = min(self.arrived, *self.keep)
        if freed <= self.freed:
            return False
        self.freed = freed
        return True


class TileInput:
    """One input of a stage in one tile: from the mesh, through the buffer's port, to the replicas in the tile."""

    def __init__(
        self,
        kernel: Kernel,
        mesh: Mesh,
        port: Server,
        place: tuple[int, int],
        ring: PixelRing,
        pixel_bits: Sequence[int],
        services: Callable[[int], Service],
        sender: str,
    ) -> None:
        """`place`: (tile, number of the ring); `pixel_bits`: of each pixel of an image that are wanted here;
        `services` gives the write of so many bits; `sender`: name of the stage that sends, "" for the source."""
        self._kernel, self._mesh, self._port = kernel, mesh, port
        self._tile, self._number = place
        self.ring = ring
        self._pixel_bits, self._services = pixel_bits, services
        self._sender = sender
        self._writes: dict[int, Service] = {}
        self._bits: dict[tuple[int, int], int] = {}
        self.on_arrival: list[Callable[[], None]] = []
        self.on_credit: Callable[[], None] = _nobody

    def deliver(self, at_ps: int, source: int, first: int, count: int, key: Key) -> None:
        """Bring pixels [first, first + count), whose credits are taken, from tile `source` (or mesh.GLOBAL)."""
        bits = self._bits_of(first, count)
        if bits == 0:
            self._kernel.at(at_ps, self._arrive, (first, count))
            return
        if source == self._tile:
            self._write(first, count, key, at_ps)
            return
        way = partial(self._write, first, count, key)
        self._mesh.send(at_ps, (source, self._tile), bits, self._sender, (*key[:4], self._number), way)

    def _write(self, first: int, count: int, key: Key, at_ps: int) -> None:
        bits = self._bits_of(first, count)
        service = self._writes.get(bits)
        if service is None:
            service = self._writes[bits] = self._services(bits)
        self._port.request(
            at_ps, service, (key[0], WRITE, *key[2:4], self._number), None, partial(self._written, first, count)
        )

    def _bits_of(self, first: int, count: int) -> int:
        """Bits of some pixels, numbered over all images, that are wanted here."""
        place = first % len(self._pixel_bits), count
        if place not in self._bits:
            self._bits[place] = sum(self._pixel_bits[place[0] : place[0] + count])
        return self._bits[place]

    def _written(self, first: int, count: int, time_ps: int) -> None:
        self._kernel.at(time_ps, self._arrive, (first, count))

    def _arrive(self, event: Event) -> None:
        self.ring.arrive(*event._value)
        if self.ring.free():
            self.on_credit()
        for reader in self.on_arrival:
            reader()

    def read(self, reader: int, keep: int) -> None:
        """A replica has read a window and needs nothing before pixel `keep` any more."""
        self.ring.keep[reader] = max(self.ring.keep[reader], keep)  # windows of one picosecond come in any order
        if self.ring.free():
            self.on_credit()


def _nobody() -> None:
    raise ModelError("a buffer has no sender")
