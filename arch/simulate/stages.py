"""A stage behind its arrays: merge partial sums, run the digital units' steps, send output pixels in raster order.

The home tile of a replica holds most of its arrays (ties: the lowest index); replicas of a pooled stage share the
home of replica 0, where their values meet. Other tiles send it their partial sums, `partial_sum_bits` an output. The
home merges row blocks and rescales: outputs x row blocks actions. Each kind of unit serves one window at a time,
tile by tile; a digital operator's own steps come first, then those of the operators fused behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from simpy.events import Event

from pillarsim.arch.digital_work import UNITS
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.mesh import Mesh
from pillarsim.arch.simulate.plan_types import StagePlan, amount_at
from pillarsim.arch.simulate.ports import Key, Server, Service
from pillarsim.arch.simulate.replicas import Replica
from pillarsim.arch.simulate.streams import Stream
from pillarsim.arch.timing import Timing, Unit

__all__ = ["Home", "StageEnd", "step_services"]

PARTIALS = 1  # kind of requests for links: before pixels


@dataclass(frozen=True)
class Home:
    """Where a replica's windows are finished: the tile and its digital units."""

    tile: int
    units: dict[str, Server]


class _Finish:
    """A window whose partial sums are being gathered, then on its way through the units."""

    __slots__ = ("at_ps", "left", "replica", "sequence", "step")

    def __init__(self, replica: Replica, sequence: int, at_ps: int, left: int) -> None:
        self.replica, self.sequence, self.at_ps, self.left = replica, sequence, at_ps, left
        self.step = 0


def step_services(plan: StagePlan, timing: Timing) -> list[dict[int, Service]]:
    """The service of each step by its number of actions."""
    made = []
    for name, amounts in plan.steps:
        unit: Unit = getattr(timing, name)
        made.append(
            {
                amount: Service(((name, UNITS[name]),), plan.name, amount, unit.count, unit.action_ps)
                for amount in set(amounts.tolist())
            }
        )
    return made


class StageEnd:
    """All windows of one stage, from partial sums to the stream of output pixels."""

    stream: Stream

    def __init__(self, kernel: Kernel, mesh: Mesh, plan: StagePlan, homes: tuple[Home, ...], timing: Timing) -> None:
        """`homes`: one a replica."""
        self._kernel, self._mesh, self._plan, self._homes = kernel, mesh, plan, homes
        self.replicas: list[Replica] = []
        self._services = step_services(plan, timing)
        self._finished: dict[int, Replica] = {}
        self._next = 0
        self.last_end_ps = 0

    def partials(self, replica: Replica, sequence: int, time_ps: int) -> None:
        """A window's partial sums are ready in each tile of its replica at `time_ps`."""
        home = self._homes[replica.index]
        away = [part.plan for part in replica.parts if part.plan.partial_bits]
        finish = _Finish(replica, sequence, time_ps, len(away))
        if not away:
            self._step_at(finish, time_ps)
        for part in away:
            key = (replica.stage, PARTIALS, replica.index, sequence, part.ring)
            way = partial(self._gather, finish)
            self._mesh.send(time_ps, (part.tile, home.tile), part.partial_bits, self._plan.name, key, way)

    def _gather(self, finish: _Finish, time_ps: int) -> None:
        finish.at_ps = max(finish.at_ps, time_ps)
        finish.left -= 1
        if not finish.left:
            self._step_at(finish, finish.at_ps)

    def _step_at(self, finish: _Finish, time_ps: int) -> None:
        """Ask for the next step's unit at `time_ps`."""
        window = finish.sequence % self._plan.windows
        while finish.step < len(self._plan.steps):
            name, amounts = self._plan.steps[finish.step]
            amount = amount_at(amounts, window)
            finish.step += 1
            if amount:
                service = self._services[finish.step - 1][amount]
                server = self._homes[finish.replica.index].units[name]
                server.request(time_ps, service, _key(finish), None, partial(self._step_at, finish))
                return
        self._kernel.at(time_ps, self._finish, finish)

    def _finish(self, event: Event) -> None:
        finish: _Finish = event._value
        self.last_end_ps = self._kernel.time_ps
        self._finished[finish.sequence] = finish.replica
        self.pump()

    def pump(self) -> None:
        """Send the outputs of finished windows in raster order, as far as credits go."""
        while (replica := self._finished.get(self._next)) is not None:
            image, window = divmod(self._next, self._plan.windows)
            complete = image * self._plan.pixels + int(self._plan.emitted[window])
            while self.stream.sent < complete:
                first = self.stream.take(1)
                if first is None:
                    return
                home = self._homes[replica.index]
                self.stream.dispatch(self._kernel.time_ps, home.tile, first, 1)
            del self._finished[self._next]
            self._next += 1
            replica.sent()

    @property
    def completed(self) -> int:
        """Windows whose outputs have left."""
        return self._next


def _key(finish: _Finish) -> Key:
    return finish.replica.stage, 0, finish.replica.index, finish.sequence, 0
