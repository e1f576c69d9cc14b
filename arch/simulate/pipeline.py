"""The pipeline of one run as SimPy objects, built from a plan: source, stages with replicas and buffers, sink."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pillarsim.arch.errors import ModelError
from pillarsim.arch.simulate.buffers import PixelRing, TileInput
from pillarsim.arch.simulate.engine import Engine, EnginePlan, EnginePower, NoEngine
from pillarsim.arch.simulate.operation import OperationEngine
from pillarsim.arch.simulate.parts import Parts
from pillarsim.arch.simulate.plan_types import Plan, ReplicaPlan, RingPlan, StagePlan, ring_ends
from pillarsim.arch.simulate.ports import Service
from pillarsim.arch.simulate.replicas import Part, Replica
from pillarsim.arch.simulate.sharing import Desk
from pillarsim.arch.simulate.source_sink import Border, Sink, Source, half_of_global
from pillarsim.arch.simulate.stages import Home, StageEnd, step_services
from pillarsim.arch.simulate.streams import Stream
from pillarsim.arch.timing import Timing
from pillarsim.arch.trace import LayerTrace

__all__ = ["Pipeline", "own_step_ps"]


class StageRun:
    """One stage of the pipeline: its replicas, and what is behind them."""

    def __init__(self, builder: _Builder, plan: StagePlan) -> None:
        parts, timing = builder.parts, builder.parts.timing
        self.plan = plan
        replicas = [builder.plan.replicas[number] for number in plan.replicas]
        homes = tuple(Home(replica.home, parts.tile(replica.home).units) for replica in replicas)
        self.end = StageEnd(parts.kernel, parts.mesh, plan, homes, timing)
        self.replicas = [
            builder.replica(number, replica, self.end) for number, replica in zip(plan.replicas, replicas, strict=True)
        ]

    def trace(self, timing: Timing) -> LayerTrace:
        """Return what the stage did."""
        starts = [replica.first_start_ps for replica in self.replicas if replica.first_start_ps is not None]
        windows = sum(replica.windows for replica in self.replicas)
        digital = windows * own_step_ps(self.plan, timing)
        return LayerTrace(
            name=self.plan.name,
            windows=windows,
            first_start_ps=min(starts),
            last_end_ps=self.end.last_end_ps,
            busy_ps=sum(replica.busy_ps for replica in self.replicas) if self.plan.layers else digital,
            stalled_ps=sum(replica.stalled_ps for replica in self.replicas),
        )


class _Builder:
    """What the parts of a pipeline are made from."""

    def __init__(self, parts: Parts, plan: Plan, images: int) -> None:
        self.parts, self.plan, self.images = parts, plan, images
        self.trackers = [parts.array_trackers(made.arrays) for made in plan.sets]
        self.desk = Desk(parts.kernel, [replica.rivals for replica in plan.replicas])
        self.inputs = [self._input(number, ring) for number, ring in enumerate(plan.rings)]

    def _input(self, number: int, ring: RingPlan) -> TileInput:
        timing, stages = self.parts.timing, self.plan.stages
        name = stages[ring.stage].name
        keep = ring_ends(self.plan, ring, self.images)
        return TileInput(
            self.parts.kernel,
            self.parts.mesh,
            self.parts.tile(ring.tile).port,
            (ring.tile, number),
            PixelRing(ring.capacity, keep),
            ring.pixel_bits,
            partial(_write, timing, name),
            stages[ring.source].name if ring.source >= 0 else "",
        )

    def replica(self, number: int, plan: ReplicaPlan, end: StageEnd) -> Replica:
        """Return a replica with its engine, known to the rings that it reads."""
        parts, stage = self.parts, self.plan.stages[plan.stage]
        trackers = [self.trackers[one] for one in plan.sets]
        digital = [parts.tile(tile).digital for tile in plan.tiles]
        power = EnginePower([arrays for arrays, _ in trackers], [converters for _, converters in trackers], digital)
        replica = Replica(
            parts.kernel,
            plan,
            (number, len(stage.replicas), stage.windows),
            [self.plan.rings[part.ring].fields for part in plan.parts],
            stage.windows * self.images,
            [self._part(plan, place, stage.name) for place in range(len(plan.parts))],
            power.needed,
            self.desk,
            end.partials,
        )
        replica.engine = self._engine(plan, stage, power, replica)
        for part in replica.parts:
            part.source.on_arrival.append(replica.try_fetch)
        return replica

    def _engine(self, plan: ReplicaPlan, stage: StagePlan, power: EnginePower, replica: Replica) -> Engine:
        parts = self.parts
        ends = (replica.arrays_free, replica.converted)
        if not plan.arrays:
            return NoEngine(parts.kernel, *ends)
        engine = EnginePlan(stage.name, stage.layers, plan.arrays, plan.groups, plan.chunks, parts.timing)
        return OperationEngine(parts.kernel, engine, power, *ends, parts.ledger, parts.holding(plan.sets))

    def _part(self, plan: ReplicaPlan, place: int, name: str) -> Part:
        part, timing = plan.parts[place], self.parts.timing
        port, bus = timing.buffer, timing.bus
        at = self.parts.tile(part.tile)
        fetches = {
            bits: (
                Service((("buffer", "read"),), name, port.accesses(bits), 1, port.access_ps),
                Service((("bus", "transfer"),), name, bus.accesses(bits), 1, bus.access_ps),
            )
            for bits in set(part.fetch_bits.tolist())
        }
        return Part(part, self.inputs[part.ring], at.port, at.bus, fetches)


class Pipeline:
    """All stages between source and sink; `start` offers the first row."""

    def __init__(self, parts: Parts, plan: Plan, images: int, finished: Callable[[int, int], None]) -> None:
        builder = _Builder(parts, plan, images)
        self.plan, self.inputs, self._images = plan, builder.inputs, images
        self.stages = [StageRun(builder, stage) for stage in plan.stages]
        self.sink = _sink(parts, plan, finished)
        for number, stage in enumerate(self.stages):
            targets = [builder.inputs[place] for place in stage.plan.targets]
            last = stage is self.stages[-1]
            stage.end.stream = Stream(number, [*targets, self.sink] if last else targets)
            for target in targets:
                target.on_credit = stage.end.pump
        self.sink.on_credit = self.stages[-1].end.pump
        self.source = self._source(parts)

    def _source(self, parts: Parts) -> Source:
        rows, pixels, bits = self.plan.rows
        targets = [self.inputs[place] for place in self.plan.targets]
        border = Border(parts.timing, parts.off_chip, parts.global_buffer, bits)
        capacity = half_of_global(parts.timing, "a row of the input", bits)
        source = Source(parts.kernel, border, capacity, rows * self._images, pixels, Stream(-1, targets))
        for target in targets:
            target.on_credit = source.pump
        return source

    def start(self) -> None:
        """Offer the first row; windows that need nothing but padding start by themselves."""
        self.source.offer()
        for stage in self.stages:
            for replica in stage.replicas:
                replica.try_fetch()

    def check(self, mesh_flits: tuple[int, int]) -> None:
        """Raise ModelError unless every window was done and every flit sent arrived."""
        for stage in self.stages:
            total = stage.plan.windows * self._images
            if stage.end.completed != total:
                raise ModelError(f"layer {stage.plan.name!r} stopped after {stage.end.completed} of {total} windows")
        for target, ring in zip(self.inputs, self.plan.rings, strict=True):
            held, pixels = target.ring, ring.fields.pixels * self._images
            if not held.taken == held.arrived == held.freed == pixels:
                raise ModelError(f"layer {self.plan.stages[ring.stage].name!r} in tile {ring.tile}: pixels were lost")
        if mesh_flits[0] != mesh_flits[1]:
            raise ModelError(f"mesh: {mesh_flits[0]} flits were sent and {mesh_flits[1]} arrived")


def own_step_ps(plan: StagePlan, timing: Timing) -> int:
    """Time of a window in the units of a digital stage's own operator."""
    services = step_services(plan, timing)[: plan.own_steps]
    return sum(service.total_ps for by_amount in services for service in by_amount.values())


def _write(timing: Timing, name: str, bits: int) -> Service:
    port = timing.buffer
    return Service((("buffer", "write"),), name, port.accesses(bits), 1, port.access_ps)


def _sink(parts: Parts, plan: Plan, finished: Callable[[int, int], None]) -> Sink:
    last = plan.stages[-1]
    border = Border(parts.timing, parts.off_chip, parts.global_buffer, last.out_bits)
    ring = PixelRing(half_of_global(parts.timing, "an output pixel", last.out_bits), [0])
    place = (len(plan.stages), len(plan.rings), last.name, last.pixels, last.out_bits)
    return Sink(parts.kernel, parts.mesh, border, ring, place, finished)
