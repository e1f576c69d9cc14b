"""The two ends of the chip: input rows come in, outputs go out, both through the global buffer and one off-chip link.

Half of the global buffer holds input rows, half outputs. The link moves one row or output pixel at a time, in either
direction, first come first served; its latency adds to each transfer and is pipelined. The source offers the next row
when the link has taken the last one and the buffer has room for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from simpy.events import Event

from pillarsim.arch.errors import FitError
from pillarsim.arch.simulate.buffers import PixelRing
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.mesh import GLOBAL, Mesh
from pillarsim.arch.simulate.ports import Key, Server, Service
from pillarsim.arch.simulate.streams import Stream
from pillarsim.arch.timing import Timing

__all__ = ["Border", "Sink", "Source", "border_services", "half_of_global"]

_PS = 10**12  # picoseconds in a second


def half_of_global(timing: Timing, what: str, bits: int) -> int:
    """Return how many pieces of `bits` half of the global buffer holds. Raises FitError for none."""
    half = timing.global_buffer.size_bits // 2
    if half < bits:
        raise FitError(
            f"global_buffer.size: {what} takes {bits / 8:.12g} bytes, but its half of the global buffer has "
            f"{half / 8:.12g}; expected global_buffer.size of at least {bits / 4:.12g} B"
        )
    return half // bits


def border_services(timing: Timing, bits: int) -> tuple[Service, Service, Service]:
    """Return the services of pieces of `bits`: over the link, into the global buffer, out of it."""
    move_ps = -(-bits * _PS // round(timing.off_chip_bits_per_s))
    port = timing.global_buffer
    accesses = port.accesses(bits)
    return (
        Service((("off_chip", "bit"),), "", bits, bits, move_ps),
        Service((("global_buffer", "write"),), "", accesses, 1, port.access_ps),
        Service((("global_buffer", "read"),), "", accesses, 1, port.access_ps),
    )


class Border:
    """The link and the global buffer, with the services of pieces of one size."""

    def __init__(self, timing: Timing, link: Server, buffer: Server, bits: int) -> None:
        self.link, self.buffer = link, buffer
        self.latency_ps = timing.off_chip_latency_ps
        self.move, self.write, self.read = border_services(timing, bits)


class Source:
    """Sends the rows of every image, one after another without pause, as long as there is room for them."""

    def __init__(
        self, kernel: Kernel, border: Border, capacity: int, rows: int, row_pixels: int, stream: Stream
    ) -> None:
        """`capacity`: rows that the global buffer holds; `rows`: of all images; `row_pixels`: pixels a row."""
        self._kernel, self._border, self._stream = kernel, border, stream
        self._capacity, self._rows, self._row_pixels = capacity, rows, row_pixels
        self._offered = self._held = self._written = self._sent = 0
        self._link_busy = False

    def offer(self) -> None:
        """Put the next row on the link if it and the buffer are free."""
        if self._link_busy or self._offered == self._rows or self._held == self._capacity:
            return
        key = (-1, 0, 0, self._offered, 0)
        self._link_busy = True
        self._offered += 1
        self._held += 1
        border = self._border
        border.link.request(self._kernel.time_ps, border.move, key, None, partial(self._moved, key))

    def _moved(self, key: Key, time_ps: int) -> None:
        self._kernel.at(time_ps, self._next)
        border = self._border
        border.buffer.request(time_ps + border.latency_ps, border.write, key, None, self._stored)

    def _next(self, _: Event) -> None:
        self._link_busy = False
        self.offer()

    def _stored(self, time_ps: int) -> None:
        self._kernel.at(time_ps, self._store)

    def _store(self, _: Event) -> None:
        self._written += 1
        self.pump()

    def pump(self) -> None:
        """Read stored rows for which every ring that takes the input has room, and send them."""
        while self._sent < self._written:
            first = self._stream.take(self._row_pixels)
            if first is None:
                return
            key = (-1, 1, 0, self._sent, 0)
            self._sent += 1
            border = self._border
            border.buffer.request(self._kernel.time_ps, border.read, key, None, partial(self._read, first))

    def _read(self, first: int, time_ps: int) -> None:
        self._stream.dispatch(time_ps, GLOBAL, first, self._row_pixels)
        self._kernel.at(time_ps, self._release)

    def _release(self, _: Event) -> None:
        self._held -= 1
        self.offer()


class Sink:
    """Takes the last stage's pixels out; an image is finished when its last pixel has left the chip."""

    def __init__(
        self,
        kernel: Kernel,
        mesh: Mesh,
        border: Border,
        ring: PixelRing,
        place: tuple[int, int, str, int, int],
        finished: Callable[[int, int], None],
    ) -> None:
        """`place`: (number after the last stage, number after the last ring, the last stage's name, pixels an image,
        bits a pixel); `finished(image, time)`."""
        self._kernel, self._mesh, self._border, self.ring = kernel, mesh, border, ring
        self._stage, self._ring, self._sender, self._pixels, self._bits = place
        self._finished = finished
        self._left: dict[int, int] = {}
        self.on_credit: Callable[[], None] = lambda: None
        self.pixels = 0

    def deliver(self, at_ps: int, source: int, first: int, count: int, key: Key) -> None:
        """Bring one pixel from tile `source` to the global buffer and out."""
        way = partial(self._write, first)
        self._mesh.send(at_ps, (source, GLOBAL), self._bits * count, self._sender, (*key[:4], self._ring), way)

    def _write(self, pixel: int, time_ps: int) -> None:
        border, key = self._border, (self._stage, 0, 0, pixel, 0)
        border.buffer.request(time_ps, border.write, key, None, partial(self._read, pixel))

    def _read(self, pixel: int, time_ps: int) -> None:
        border, key = self._border, (self._stage, 1, 0, pixel, 0)
        border.buffer.request(time_ps, border.read, key, None, partial(self._send, pixel))

    def _send(self, pixel: int, time_ps: int) -> None:
        self._kernel.at(time_ps, self._release)
        border, key = self._border, (self._stage, 0, 0, pixel, 0)
        border.link.request(time_ps, border.move, key, None, partial(self._leave, pixel))

    def _release(self, _: Event) -> None:
        self.ring.arrived += 1
        self.ring.keep[0] += 1
        self.ring.free()
        self.on_credit()

    def _leave(self, pixel: int, time_ps: int) -> None:
        self._kernel.at(time_ps + self._border.latency_ps, self._gone, pixel)

    def _gone(self, event: Event) -> None:
        image = event._value // self._pixels
        left = self._left.get(image, self._pixels) - 1
        self.pixels += 1
        if left:
            self._left[image] = left
        else:
            self._left.pop(image, None)
            self._finished(image, self._kernel.time_ps)
