"""A layer behind its arrays: merge partial sums, rescale, activate, pool, and send output pixels in raster order.

The home tile of a replica holds most of its arrays (ties: the lowest index); replicas of a pooled layer share the
home of replica 0, where their values meet. Other tiles send it their partial sums, `partial_sum_bits` an output. The
home merges row blocks and rescales: outputs x row blocks actions. Adder, activation and pooling units serve one window
at a time, tile by tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from simpy.events import Event

from pillarsim.arch.simulate.geometry import Windows
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.mesh import Mesh
from pillarsim.arch.simulate.ports import Key, Server, Service
from pillarsim.arch.simulate.replicas import Replica
from pillarsim.arch.simulate.streams import Stream
from pillarsim.arch.timing import Unit

__all__ = ["Home", "LayerStage"]

_PARTIALS = 1  # kind of requests for links: before pixels
_MERGE, _ACTIVATE, _POOL = 0, 1, 2


@dataclass(frozen=True)
class Home:
    """Where a replica's windows are finished: the tile and its digital units."""

    tile: int
    adder: Server
    activation: Server
    pooling: Server


class _Finish:
    """A window whose partial sums are being gathered."""

    __slots__ = ("at_ps", "left", "replica", "sequence")

    def __init__(self, replica: Replica, sequence: int, at_ps: int, left: int) -> None:
        self.replica, self.sequence, self.at_ps, self.left = replica, sequence, at_ps, left


class LayerStage:
    """All windows of one layer, from partial sums to the stream of output pixels."""

    stream: Stream

    def __init__(
        self,
        kernel: Kernel,
        mesh: Mesh,
        name: str,
        windows: Windows,
        homes: tuple[Home, ...],
        units: tuple[Unit, Unit, Unit],
        merges: int,
    ) -> None:
        """`homes`: one a replica; `units`: timing of adder, activation and pooling units; `merges`: adder actions."""
        self._kernel, self._mesh, self._name, self._windows, self._homes = kernel, mesh, name, windows, homes
        self.replicas: list[Replica] = []
        actions = (("adder", "add"), ("activation", "apply"), ("pooling", "apply"))
        self._merge = Service((actions[_MERGE],), name, merges, units[_MERGE].count, units[_MERGE].action_ps)
        self._activate, self._pool = (
            {
                amount: Service((actions[kind],), name, amount, units[kind].count, units[kind].action_ps)
                for amount in set(amounts)
            }
            for kind, amounts in ((_ACTIVATE, windows.activations), (_POOL, windows.poolings))
        )
        self._finished: dict[int, Replica] = {}
        self._next = 0
        self.last_end_ps = 0

    def partials(self, replica: Replica, sequence: int, time_ps: int) -> None:
        """A window's partial sums are ready in each tile of its replica at `time_ps`."""
        home = self._homes[replica.index]
        away = [part for part in replica.parts if part.partial_bits]
        finish = _Finish(replica, sequence, time_ps, len(away))
        if not away:
            self._merge_at(finish)
        for part in away:
            key = (replica.layer, _PARTIALS, replica.index, sequence, part.tile)
            way = partial(self._gather, finish)
            self._mesh.send(time_ps, (part.tile, home.tile), part.partial_bits, self._name, key, way)

    def _gather(self, finish: _Finish, time_ps: int) -> None:
        finish.at_ps = max(finish.at_ps, time_ps)
        finish.left -= 1
        if not finish.left:
            self._merge_at(finish)

    def _merge_at(self, finish: _Finish) -> None:
        adder = self._homes[finish.replica.index].adder
        adder.request(finish.at_ps, self._merge, _key(finish), None, partial(self._activate_at, finish))

    def _activate_at(self, finish: _Finish, time_ps: int) -> None:
        amount = self._windows.activations[finish.sequence % self._windows.count]
        if not amount:
            self._pool_at(finish, time_ps)
            return
        unit = self._homes[finish.replica.index].activation
        unit.request(time_ps, self._activate[amount], _key(finish), None, partial(self._pool_at, finish))

    def _pool_at(self, finish: _Finish, time_ps: int) -> None:
        amount = self._windows.poolings[finish.sequence % self._windows.count]
        if not amount:
            self._finish_at(finish, time_ps)
            return
        unit = self._homes[finish.replica.index].pooling
        unit.request(time_ps, self._pool[amount], _key(finish), None, partial(self._finish_at, finish))

    def _finish_at(self, finish: _Finish, time_ps: int) -> None:
        self._kernel.at(time_ps, self._finish, finish)

    def _finish(self, event: Event) -> None:
        finish: _Finish = event._value
        self.last_end_ps = self._kernel.time_ps
        self._finished[finish.sequence] = finish.replica
        self.pump()

    def pump(self) -> None:
        """Send the outputs of finished windows in raster order, as far as credits go."""
        while (replica := self._finished.get(self._next)) is not None:
            if self._windows.emits[self._next % self._windows.count]:
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
    return finish.replica.layer, 0, finish.replica.index, finish.sequence, 0
