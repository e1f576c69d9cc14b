"""How long each part of the chip is busy for an image, in closed form: no pipeline is faster than its busiest part.

Counted: arrays (windows x time of a window, over the copies; layers that share an array one after another), digital
units, ports and buses of tiles, the global buffer and the link off the chip. Left out: the mesh, waiting, filling and
draining, and wake-up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.simulate.plan import Plan, StagePlan
from pillarsim.arch.timing import Port, Timing
from pillarsim.mapping.circuits import Circuits

__all__ = ["Busy", "busy_parts", "stage_ps"]

Amounts = NDArray[np.int64]


@dataclass(frozen=True)
class Busy:
    """A part of the chip: what it is, its tile (None: of the chip), its time for an image, and whom it serves."""

    what: str
    tile: int | None
    time_ps: float
    stages: tuple[str, ...]


def stage_ps(plan: Plan, stage: StagePlan, timing: Timing, circuits: Circuits) -> float:
    """Time for an image of a stage alone: its arrays, or its units where it has none."""
    replica = plan.replicas[stage.replicas[0]]
    if not replica.arrays:
        return max(_unit_ps(stage, timing).values(), default=0.0)
    return stage.windows * circuits.window_ps(replica.groups, replica.chunks) / len(stage.replicas)


def busy_parts(plan: Plan, timing: Timing, circuits: Circuits) -> list[Busy]:
    """Every part that is busy at all, the busiest first; ties in a fixed order."""
    sums: defaultdict[tuple[str, int | None, int], float] = defaultdict(float)
    users: defaultdict[tuple[str, int | None, int], set[str]] = defaultdict(set)

    def add(what: str, tile: int | None, number: int, stage: str, time_ps: float) -> None:
        sums[what, tile, number] += time_ps
        users[what, tile, number].add(stage)

    for stage in plan.stages:
        units = _unit_ps(stage, timing)
        for number in stage.replicas:
            replica = plan.replicas[number]
            windows = stage.windows / len(stage.replicas)
            for place in replica.sets:
                tile = replica.tiles[0] if len(replica.tiles) == 1 else None
                time_ps = windows * circuits.window_ps(replica.groups, replica.chunks)
                add("arrays", tile if len(plan.sets[place].users) == 1 else None, place, stage.name, time_ps)
            for unit, time_ps in units.items():
                add(unit, replica.home, 0, stage.name, time_ps / len(stage.replicas))
            for part in replica.parts:
                accesses = _mean(_accesses(timing.buffer, part.fetch_bits)) * windows
                add("buffer", part.tile, 0, stage.name, accesses * timing.buffer.access_ps / timing.buffer.ports)
                words = _mean(_accesses(timing.bus, part.fetch_bits)) * windows
                add("bus", part.tile, 0, stage.name, words * timing.bus.access_ps / timing.bus.ports)
    for ring in plan.rings:
        writes = int(_accesses(timing.buffer, np.asarray(ring.pixel_bits)).sum())
        name = plan.stages[ring.stage].name
        add("buffer", ring.tile, 0, name, writes * timing.buffer.access_ps / timing.buffer.ports)
    for bits, name in _border(plan):
        accesses = timing.global_buffer.accesses(bits)
        port_ps = 2 * accesses * timing.global_buffer.access_ps / timing.global_buffer.ports  # in and out
        add("global_buffer", None, 0, name, port_ps)
        add("off_chip", None, 0, name, bits / timing.off_chip_bits_per_s * 1e12)
    found = [Busy(place[0], place[1], time_ps, tuple(sorted(users[place]))) for place, time_ps in sums.items()]
    return sorted(found, key=lambda one: (-one.time_ps, one.what, -1 if one.tile is None else one.tile))


def _border(plan: Plan) -> Iterable[tuple[int, str]]:
    """(bits an image, name) of what comes in and of what goes out."""
    rows, _, row_bits = plan.rows
    last = plan.stages[-1]
    return (rows * row_bits, plan.stages[0].name), (last.pixels * last.out_bits, last.name)


def _unit_ps(stage: StagePlan, timing: Timing) -> dict[str, float]:
    """Time for an image in each kind of unit, all windows in one tile."""
    found: defaultdict[str, float] = defaultdict(float)
    for unit, amounts in stage.steps:
        here = getattr(timing, unit)
        steps = -(-np.asarray(amounts) // here.count)
        found[unit] += _mean(steps) * stage.windows * here.action_ps
    return dict(found)


def _accesses(port: Port, bits: Amounts) -> Amounts:
    return np.asarray(-(-np.asarray(bits) // port.width), dtype=np.int64)


def _mean(amounts: Amounts) -> float:
    """Mean over the windows of an image: one number stands for all of them."""
    return float(np.asarray(amounts).mean())
