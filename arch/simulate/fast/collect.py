"""What a machine's tables have in common while they are built: services, lists, servers, power trackers and paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pillarsim.arch.digital_work import UNITS
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints
from pillarsim.arch.simulate.mesh import packet_services, ways
from pillarsim.arch.simulate.plan_types import Plan
from pillarsim.arch.simulate.ports import Service
from pillarsim.arch.timing import Timing

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle

__all__ = ["Tables"]


class Tables:
    """Collects rows and lists while the machine is built."""

    def __init__(self, plan: Plan, timing: Timing, idle: Idle) -> None:
        self.plan, self.timing, self._idle = plan, timing, idle
        self.services: list[Service] = []
        self._numbers: dict[Service, int] = {}
        self.servers: list[list[int]] = []
        self.trackers: list[bool] = []
        self.groups: dict[str, list[tuple[int, int]]] = {}
        self._lists: list[Ints] = []
        self._found: dict[bytes, int] = {}
        self._length = at.HEADER_COLUMNS  # `lists` stands behind the header
        self.tiles: dict[int, int] = {}
        self.tile_rows: list[list[int]] = []
        self.digital: list[int] = []
        self._routers: dict[tuple[int, int], int] = {}
        self._links: dict[object, int] = {}
        self._paths: dict[tuple[int, int], int] = {}
        self._widest = max(timing.buffer.ports, timing.bus.ports, timing.global_buffer.ports)

    def service(self, service: Service) -> int:
        """The number of a service."""
        if service not in self._numbers:
            self._numbers[service] = self.services_in_a_row([service])
        return self._numbers[service]

    def services_in_a_row(self, services: Sequence[Service]) -> int:
        """The number of the first of some services that follow one another."""
        self.services += services
        return len(self.services) - len(services)

    def listed(self, values: Sequence[int] | Ints) -> int:
        """Put values in `lists`, once; return where they stand in memory."""
        made = np.asarray(values, np.int64)
        content = made.tobytes()
        if content not in self._found:
            self._lists.append(made)
            self._found[content], self._length = self._length, self._length + len(made)
        return self._found[content]

    def lists(self) -> Ints:
        """All lists, one behind another."""
        return np.concatenate([*self._lists, np.zeros(1, np.int64)])

    def tracker(self, group: str, policy: str | None, units: int = 1) -> int:
        """A new power tracker of a group, by an idle policy; None: never gated."""
        self.trackers.append(policy is not None and getattr(self._idle, policy) == "gated")
        self.groups.setdefault(group, []).append((len(self.trackers) - 1, units))
        return len(self.trackers) - 1

    def server(self, tracker: int, ports: int = 1) -> int:
        """A new server."""
        self.servers.append([tracker, ports, *[0] * self._widest])
        return len(self.servers) - 1

    def tile(self, index: int) -> int:
        """The number of a tile among those in use."""
        if index not in self.tiles:
            self.tiles[index] = len(self.tiles)
            buffers, digital = self.tracker("buffers", "buffers"), self.tracker("digital", "digital")
            self.digital.append(digital)
            port, bus = self.server(buffers, self.timing.buffer.ports), self.server(digital, self.timing.bus.ports)
            self.tile_rows.append([port, bus, *(self.server(digital) for _ in UNITS)])
        return self.tiles[index]

    def path(self, source: int, destination: int) -> int:
        """Where the links of a path stand in `lists`, with -1 behind; -1 within a tile."""
        if source == destination:
            return -1
        ends = source, destination
        if ends not in self._paths:
            self._paths[ends] = self.listed([*(self._link(way) for way in ways(self.timing, *ends)), -1])
        return self._paths[ends]

    def _link(self, way: tuple[tuple[int, int], object]) -> int:
        if way not in self._links:
            if way[0] not in self._routers:
                self._routers[way[0]] = self.tracker("mesh", "digital")
            self._links[way] = self.server(self._routers[way[0]])
        return self._links[way]

    def packet(self, bits: int, name: str) -> tuple[int, int]:
        """Services of a packet over a link and down."""
        hop, down = packet_services(self.timing, bits, name)
        return self.service(hop), self.service(down)
