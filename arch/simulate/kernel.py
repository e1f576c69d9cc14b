"""The SimPy environment of the event model: integer picoseconds, plain callbacks, two phases a picosecond.

Phase 1 (SimPy's NORMAL priority): things happen, and requests for arbitrated parts gather; when all has happened,
shared arrays are granted (`sharing`), and what follows from it happens. Phase 2 (`GRANT`): each part grants what
gathered, ties in the order of the requests' keys. Every granted service takes at least 1 ps, so that a grant touches
nothing else of the same picosecond and no result depends on the order of insertion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import simpy
from simpy.events import NORMAL, Event, EventPriority

__all__ = ["GRANT", "Kernel"]

GRANT = cast(EventPriority, 1 << 60)  # after everything else of the same picosecond


class Kernel(simpy.Environment):
    """`simpy.Environment` that calls functions at a time; `now` is an int, in picoseconds."""

    def at(
        self, time_ps: int, callback: Callable[[Event], None], value: object = None, priority: EventPriority = NORMAL
    ) -> None:
        """Call `callback(event)` at `time_ps` (not in the past), with `event.value` being `value`."""
        event = Event(self)
        event.callbacks = [callback]
        event._ok = True
        event._value = value
        self.schedule(event, priority, time_ps - self._now)

    @property
    def time_ps(self) -> int:
        """The current time as an int."""
        return cast(int, self._now)

    def processed(self) -> int:
        """Events processed so far; ask once, at the end (SimPy numbers its events, and this takes a number)."""
        return next(self._eid) - len(self._queue)
