"""The arbitrated parts of the chip and their power states, made as the placement uses them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.mesh import Mesh
from pillarsim.arch.simulate.ports import Server, make_server
from pillarsim.arch.simulate.power import PowerTracker, group_states
from pillarsim.arch.timing import Timing
from pillarsim.arch.trace import StateTimes

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle

__all__ = ["Parts", "TileParts"]


class TileParts:
    """A tile's buffer port, bus and digital units; digital is active while one of them or a window's arrays work."""

    def __init__(self, parts: Parts) -> None:
        timing = parts.timing
        self.buffers = parts.tracker("buffers")
        self.digital = parts.tracker("digital")
        self.port = parts.server(self.buffers, timing.buffer.ports)
        self.bus = parts.server(self.digital, timing.bus.ports)
        self.adder = parts.server(self.digital)
        self.activation = parts.server(self.digital)
        self.pooling = parts.server(self.digital)


class Parts:
    """All parts of a run.

    The global buffer follows the policy of buffers, routers that of digital parts; the off-chip link is never gated.
    """

    def __init__(self, kernel: Kernel, timing: Timing, idle: Idle, detail: str) -> None:
        self.kernel, self.timing, self.detail = kernel, timing, detail
        self._idle = idle
        self.ledger = Ledger()
        self._tiles: dict[int, TileParts] = {}
        self._engines: list[tuple[PowerTracker, PowerTracker, int]] = []
        self._global_power = self.tracker("buffers")
        self._link_power = PowerTracker(False, 0, 0)
        self.global_buffer = self.server(self._global_power, timing.global_buffer.ports)
        self.off_chip = self.server(self._link_power)
        self._routers: dict[tuple[int, int], PowerTracker] = {}
        self.mesh = Mesh(kernel, timing, lambda router: self.server(self._router(router)))

    def server(self, power: PowerTracker | None, ports: int = 1) -> Server:
        """Return a new arbitrated part."""
        return make_server(self.detail, self.kernel, self.ledger, power, ports)

    def tracker(self, group: str) -> PowerTracker:
        """Return the state of a new unit of a group of the idle policy."""
        return PowerTracker(getattr(self._idle, group) == "gated", self.timing.after_ps, self.timing.wake_ps)

    def _router(self, place: tuple[int, int]) -> PowerTracker:
        """Return the state of the router at `place` and of the links that leave it."""
        if place not in self._routers:
            self._routers[place] = self.tracker("digital")
        return self._routers[place]

    def tile(self, index: int) -> TileParts:
        """Return the parts of a tile."""
        if index not in self._tiles:
            self._tiles[index] = TileParts(self)
        return self._tiles[index]

    def engine_trackers(self, arrays: int) -> tuple[PowerTracker, PowerTracker]:
        """Return the states of a replica's arrays and of their converters, each standing for `arrays` units."""
        made = self.tracker("arrays"), self.tracker("converters")
        self._engines.append((*made, arrays))
        return made

    def states(self, tiles: int, arrays_per_tile: int, span_ps: int) -> tuple[StateTimes, ...]:
        """Return the time of every group in each state. Raises ModelError if they do not fill the span."""
        arrays = tiles * arrays_per_tile
        routers = math.prod(
            -(-size // block) for size, block in zip(self.timing.grid, self.timing.router_block, strict=True)
        )
        groups: Sequence[tuple[str, int, list[tuple[PowerTracker, int]]]] = (
            ("arrays", arrays, [(tracker, weight) for tracker, _, weight in self._engines]),
            ("converters", arrays, [(tracker, weight) for _, tracker, weight in self._engines]),
            ("buffers", tiles, [(tile.buffers, 1) for tile in self._tiles.values()]),
            ("digital", tiles, [(tile.digital, 1) for tile in self._tiles.values()]),
            ("mesh", routers, [(tracker, 1) for tracker in self._routers.values()]),
        )
        policies = {"mesh": "digital"}
        states = [
            group_states(name, units, used, self.tracker(policies.get(name, name)), span_ps)
            for name, units, used in groups
        ]
        for name, tracker in (("global_buffer", self._global_power), ("off_chip", self._link_power)):
            states.append(group_states(name, 1, [(tracker, 1)], tracker, span_ps))
        return tuple(states)
