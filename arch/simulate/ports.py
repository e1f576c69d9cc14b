"""Arbitrated parts: ports, buses, links and digital units, first come first served.

Requests of the same picosecond are served in the order of their keys, (stage, kind, replica, sequence, ring).
A sequence is a window's, a pixel's or a row's number over all images; a ring is what it goes to or comes from.
Every access, word or flit is an event, and requests queue for real; the compiled engine knows the times of a grant at
once (`fast.requests`). Grants come at the end of the picosecond (see `kernel`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from simpy.events import Event

from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.kernel import GRANT, Kernel
from pillarsim.arch.simulate.power import PowerTracker

__all__ = ["Job", "Key", "OnTime", "Server", "Service"]

Key: TypeAlias = tuple[int, int, int, int, int]
OnTime: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Service:
    """`amount` actions, `width` of them in each step of `step_ps`, recorded for the (role, action) pairs of `layer`."""

    actions: tuple[tuple[str, str], ...]
    layer: str
    amount: int
    width: int
    step_ps: int
    steps: int = field(init=False)
    total_ps: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", -(-self.amount // self.width))
        object.__setattr__(self, "total_ps", self.steps * self.step_ps)

    def record(self, ledger: Ledger, amount: int, time_ps: int) -> None:
        """Enter `amount` of the actions, which took `time_ps`, in the ledger."""
        for role, action in self.actions:
            ledger.add(role, action, self.layer, amount)
            ledger.busy(role, self.layer, time_ps)


Job: TypeAlias = tuple[Key, Service, OnTime | None, OnTime | None]


class Server:
    """`ports` equal servers with one queue; every step of a service is an event."""

    def __init__(self, kernel: Kernel, ledger: Ledger, power: PowerTracker | None, ports: int = 1) -> None:
        self._kernel, self._ledger, self._power = kernel, ledger, power
        self._gathering: dict[int, list[Job]] = {}
        self._waiting: deque[Job] = deque()
        self._idle = ports

    def request(self, at_ps: int, service: Service, key: Key, head: OnTime | None, tail: OnTime | None) -> None:
        """Ask at `at_ps` (now or later) for `service`; `head` gets the end of its first step, `tail` of its last.

        They are called at that time. A service of no duration is never queued.
        """
        if service.total_ps == 0:
            service.record(self._ledger, service.amount, 0)
            if head is not None:
                head(at_ps)
            if tail is not None:
                tail(at_ps)
            return
        jobs = self._gathering.get(at_ps)
        if jobs is None:
            self._gathering[at_ps] = [(key, service, head, tail)]
            self._kernel.at(at_ps, self._grant, at_ps, GRANT)
        else:
            jobs.append((key, service, head, tail))

    def _grant(self, event: Event) -> None:
        self._waiting.extend(sorted(self._gathering.pop(event._value), key=lambda job: job[0]))
        self._start()

    def _start(self) -> None:
        while self._idle and self._waiting:
            self._idle -= 1
            job, now = self._waiting.popleft(), self._kernel.time_ps
            start = now if self._power is None else self._power.ready(now)
            if start > now:
                self._kernel.at(start, self._begin, job)
            else:
                self._serve(job)

    def _begin(self, event: Event) -> None:
        self._serve(event._value)

    def _serve(self, job: Job) -> None:
        now = self._kernel.time_ps
        if self._power is not None:
            self._power.enter(now)
        self._kernel.at(now + job[1].step_ps, self._step, (job, 0))

    def _step(self, event: Event) -> None:
        job, done = event._value
        _, service, head, tail = job
        now = self._kernel.time_ps
        service.record(self._ledger, min(service.width, service.amount - done), service.step_ps)
        if done == 0 and head is not None:
            head(now)
        done += service.width
        if done < service.amount:
            self._kernel.at(now + service.step_ps, self._step, (job, done))
            return
        self._idle += 1
        if self._power is not None:
            self._power.leave(now)
        if tail is not None:
            tail(now)
        self._start()
