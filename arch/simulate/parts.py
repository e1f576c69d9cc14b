"""The arbitrated parts of the chip and their power states, made as the placement uses them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import simpy

from pillarsim.arch.digital_work import UNITS
from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.mesh import Mesh
from pillarsim.arch.simulate.ports import Server
from pillarsim.arch.simulate.power import PowerTracker, group_states
from pillarsim.arch.timing import Timing
from pillarsim.arch.trace import StateTimes

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle

__all__ = ["Groups", "Parts", "TileParts", "chip_states"]

Groups: TypeAlias = dict[str, list[tuple[PowerTracker, int]]]


class TileParts:
    """A tile's buffer port, bus and digital units; digital is active while one of them or a window's arrays work."""

    def __init__(self, parts: Parts) -> None:
        timing = parts.timing
        self.buffers = parts.tracker("buffers")
        self.digital = parts.tracker("digital")
        self.port = parts.server(self.buffers, timing.buffer.ports)
        self.bus = parts.server(self.digital, timing.bus.ports)
        self.units = {unit: parts.server(self.digital) for unit in UNITS}


class Parts:
    """All parts of a run.

    The global buffer follows the policy of buffers, routers that of digital parts; the off-chip link is never gated.
    """

    def __init__(self, kernel: Kernel, timing: Timing, idle: Idle) -> None:
        self.kernel, self.timing = kernel, timing
        self._idle = idle
        self.ledger = Ledger()
        self._tiles: dict[int, TileParts] = {}
        self._arrays: list[tuple[PowerTracker, PowerTracker, int]] = []
        self._holding: dict[int, simpy.Resource] = {}
        self._global_power = self.tracker("buffers")
        self._link_power = PowerTracker(False, 0, 0)
        self.global_buffer = self.server(self._global_power, timing.global_buffer.ports)
        self.off_chip = self.server(self._link_power)
        self._routers: dict[tuple[int, int], PowerTracker] = {}
        self.mesh = Mesh(kernel, timing, lambda router: self.server(self._router(router)))

    def server(self, power: PowerTracker | None, ports: int = 1) -> Server:
        """Return a new arbitrated part."""
        return Server(self.kernel, self.ledger, power, ports)

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

    def array_trackers(self, arrays: int) -> tuple[PowerTracker, PowerTracker]:
        """Return the states of arrays that work in step and of their converters, each standing for `arrays` units."""
        made = self.tracker("arrays"), self.tracker("converters")
        self._arrays.append((*made, arrays))
        return made

    def holding(self, sets: Sequence[int]) -> list[simpy.Resource]:
        """Return the sample-and-hold circuits of some sets of arrays, one resource a set."""
        for number in sets:
            if number not in self._holding:
                self._holding[number] = simpy.Resource(self.kernel, capacity=1)
        return [self._holding[number] for number in sets]

    def groups(self) -> Groups:
        """Every tracker by group, with the units it stands for."""
        return {
            "arrays": [(tracker, weight) for tracker, _, weight in self._arrays],
            "converters": [(tracker, weight) for _, tracker, weight in self._arrays],
            "buffers": [(tile.buffers, 1) for tile in self._tiles.values()],
            "digital": [(tile.digital, 1) for tile in self._tiles.values()],
            "mesh": [(tracker, 1) for tracker in self._routers.values()],
            "global_buffer": [(self._global_power, 1)],
            "off_chip": [(self._link_power, 1)],
        }


def chip_states(
    timing: Timing, idle: Idle, used: Groups, tiles: int, arrays_per_tile: int, span_ps: int
) -> tuple[StateTimes, ...]:
    """Return the time of every group in each state, units that were never used included.

    Raises ModelError if they do not fill the span.
    """
    arrays = tiles * arrays_per_tile
    routers = math.prod(-(-size // block) for size, block in zip(timing.grid, timing.router_block, strict=True))
    units = {
        "arrays": arrays, "converters": arrays, "buffers": tiles, "digital": tiles, "mesh": routers,
        "global_buffer": 1, "off_chip": 1,
    }  # fmt: skip
    policies = {"mesh": "digital", "global_buffer": "buffers"}
    states = []
    for name, count in units.items():
        gated = name != "off_chip" and getattr(idle, policies.get(name, name)) == "gated"
        never = PowerTracker(gated, timing.after_ps, timing.wake_ps)
        states.append(group_states(name, count, used.get(name, []), never, span_ps))
    return tuple(states)
