"""The mesh: packets of flits, X first then Y, virtual cut-through.

At every router the head asks for the way out (a link to the next router, or the way down to the destination); that
is held for all flits, and the head is at the next router `router_ps + flit_ps` after the grant. A packet is delivered
when its tail is. Routers serve blocks of tiles. Space at the destination is reserved by whoever sends (credits), so
that a packet never waits in the mesh for anything but a link. Left out: limits of the routers' own buffers, and
contention where packets enter the mesh; the way down is no link (it has no length worth counting).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.ports import Key, Server, Service
from pillarsim.arch.timing import Timing

__all__ = ["GLOBAL", "Mesh", "Way", "packet_services", "route", "ways"]

GLOBAL = -1  # the global buffer as a source or destination; it hangs at router (0, 0)
_HOP = (("router", "flit"), ("link", "flit"))
_DOWN = (("router", "flit"),)


def route(timing: Timing, source: int, destination: int) -> list[tuple[int, int]]:
    """Return the routers, as (x, y), that a packet between two tiles (or GLOBAL) visits, in order."""
    x, y = _router(timing, source)
    end_x, end_y = _router(timing, destination)
    path = [(x, y)]
    while x != end_x:
        x += 1 if end_x > x else -1
        path.append((x, y))
    while y != end_y:
        y += 1 if end_y > y else -1
        path.append((x, y))
    return path


def _router(timing: Timing, tile: int) -> tuple[int, int]:
    if tile == GLOBAL:
        return 0, 0
    y, x = divmod(tile, timing.grid[0])
    return x // timing.router_block[0], y // timing.router_block[1]


Way: TypeAlias = tuple[tuple[int, int], tuple[int, int] | int]  # a router, and the next one or the destination


def ways(timing: Timing, source: int, destination: int) -> list[Way]:
    """Return what a packet holds on its way: (router, next router), and (last router, destination) for the way down."""
    routers = route(timing, source, destination)
    ends: list[tuple[int, int] | int] = [*routers[1:], destination]
    return list(zip(routers, ends, strict=True))


def packet_services(timing: Timing, bits: int, name: str) -> tuple[Service, Service]:
    """Return the services of a packet of `bits` from stage `name`: over a link, and down to its destination."""
    flits = -(-(bits + timing.header_bits) // timing.link_width)
    return Service(_HOP, name, flits, 1, timing.flit_ps), Service(_DOWN, name, flits, 1, timing.flit_ps)


class Mesh:
    """Links are made when the first packet takes them; `sent_flits` and `arrived_flits` are for the books."""

    def __init__(self, kernel: Kernel, timing: Timing, make_link: Callable[[tuple[int, int]], Server]) -> None:
        self._kernel, self._timing, self._make_link = kernel, timing, make_link
        self._links: dict[Way, Server] = {}
        self._paths: dict[tuple[int, int], tuple[Server, ...]] = {}
        self._services: dict[tuple[int, str], tuple[Service, Service]] = {}
        self.sent_flits = self.arrived_flits = 0

    def send(
        self,
        at_ps: int,
        ends: tuple[int, int],
        bits: int,
        layer: str,
        key: Key,
        delivered: Callable[[int], None],
    ) -> None:
        """Send `bits` between the `ends` (source, destination) at `at_ps`; `delivered` gets the time of the tail."""
        path = self._paths.get(ends)
        if path is None:
            path = self._paths[ends] = self._path(*ends)
        services = self._services.get((bits, layer))
        if services is None:
            services = self._services[bits, layer] = packet_services(self._timing, bits, layer)
        self.sent_flits += services[0].amount
        _Packet(self, path, services, key, delivered).go(at_ps)

    def _path(self, source: int, destination: int) -> tuple[Server, ...]:
        return tuple(self._link(way) for way in ways(self._timing, source, destination))

    def _link(self, way: Way) -> Server:
        if way not in self._links:
            self._links[way] = self._make_link(way[0])
        return self._links[way]

    @property
    def router_ps(self) -> int:
        """Latency of a router."""
        return self._timing.router_ps


class _Packet:
    """One packet on its way."""

    __slots__ = ("delivered", "hop", "key", "mesh", "path", "services")

    def __init__(
        self,
        mesh: Mesh,
        path: tuple[Server, ...],
        services: tuple[Service, Service],
        key: Key,
        delivered: Callable[[int], None],
    ) -> None:
        self.mesh, self.path, self.services, self.key, self.delivered = mesh, path, services, key, delivered
        self.hop = 0

    def go(self, at_ps: int) -> None:
        """Ask for the way out of the current router."""
        link = self.path[self.hop]
        self.hop += 1
        if self.hop < len(self.path):
            link.request(at_ps, self.services[0], self.key, self.head, None)
        else:
            link.request(at_ps, self.services[1], self.key, None, self.tail)

    def head(self, time_ps: int) -> None:
        """The head left the current router."""
        self.go(time_ps + self.mesh.router_ps)

    def tail(self, time_ps: int) -> None:
        """The tail left the last router."""
        self.mesh.arrived_flits += self.services[1].amount
        self.delivered(time_ps + self.mesh.router_ps)
