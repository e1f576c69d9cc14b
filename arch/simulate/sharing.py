"""Arrays that several replicas use: their windows exclude one another, first come first served.

A replica claims its arrays when a window is fetched and has an output register. At the end of a picosecond's events
the waiting claims are looked at in order of time, ties by (stage, replica): one is granted when no rival holds an
array of it and no rival's earlier claim waits. Rivals are replicas with an array in common. Groups of replicas that
are rivals of one another, directly or not, are looked at apart, in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from simpy.events import NORMAL, Event, EventPriority

from pillarsim.arch.simulate.kernel import Kernel

__all__ = ["Desk", "groups_of"]


def groups_of(rivals: Sequence[Sequence[int]]) -> list[int]:
    """The group of each replica: the lowest number of the replicas that it is connected with; -1 without rivals."""
    group = list(range(len(rivals)))
    changed = True
    while changed:
        changed = False
        for number, others in enumerate(rivals):
            low = min([group[number], *(group[other] for other in others)])
            changed |= low != group[number]
            group[number] = low
    return [low if others else -1 for low, others in zip(group, rivals, strict=True)]


class Desk:
    """Grants claims of replicas, known by their numbers over all stages (in the order of (stage, replica))."""

    def __init__(self, kernel: Kernel, rivals: Sequence[Sequence[int]]) -> None:
        self._kernel, self._rivals = kernel, rivals
        self._group = groups_of(rivals)
        self._waiting: dict[int, list[tuple[int, int, Callable[[], None]]]] = {}
        self._running: set[int] = set()
        self._asked: set[int] = set()

    def shared(self, replica: int) -> bool:
        """Whether a replica has rivals."""
        return bool(self._rivals[replica])

    def claim(self, replica: int, start: Callable[[], None]) -> None:
        """Ask for a replica's arrays now; `start` is called when they are granted."""
        self._waiting.setdefault(self._group[replica], []).append((self._kernel.time_ps, replica, start))
        self._look(self._group[replica])

    def free(self, replica: int, time_ps: int) -> None:
        """The replica gives its arrays back at `time_ps`."""
        self._kernel.at(time_ps, self._freed, replica)

    def _freed(self, event: Event) -> None:
        self._running.discard(event._value)
        self._look(self._group[event._value])

    def _look(self, group: int) -> None:
        if group not in self._asked and self._waiting.get(group):
            self._asked.add(group)
            # after all else that happens in this picosecond, before the ports grant
            self._kernel.at(self._kernel.time_ps, self._grant, group, cast(EventPriority, NORMAL + 1 + group))

    def _grant(self, event: Event) -> None:
        group: int = event._value
        self._asked.discard(group)
        waiting = sorted(self._waiting[group], key=lambda claim: claim[:2])
        left: list[tuple[int, int, Callable[[], None]]] = []
        granted: list[Callable[[], None]] = []
        ahead: set[int] = set()
        for claim in waiting:
            replica = claim[1]
            if self._running.isdisjoint(self._rivals[replica]) and ahead.isdisjoint(self._rivals[replica]):
                self._running.add(replica)
                granted.append(claim[2])
            else:
                ahead.add(replica)
                left.append(claim)
        self._waiting[group] = left
        for start in granted:
            start()
