"""Writing every array once: arrays that share a write circuit go one after another, circuits side by side.

An array takes groups x reset + (sum over its groups of the largest pulse count) x (set + verify). Circuits serve
neighbouring slots of a tile. Left out: bringing the weights to the tiles.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from simpy.events import Event

from pillarsim.arch.activity import LayerProgramming
from pillarsim.arch.errors import ModelError
from pillarsim.arch.ledger import Ledger
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate.details import check_detail
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.timing import Timing, WriteTiming
from pillarsim.arch.trace import ProgrammingTrace

__all__ = ["simulate_programming"]


@dataclass(frozen=True)
class _Job:
    """One array to write."""

    tile: int
    slot: int
    resets: int
    pulses: int


def simulate_programming(
    placement: Placement, timing: Timing, programming: Sequence[LayerProgramming], detail: str
) -> ProgrammingTrace:
    """Write the arrays of `placement`, with the pulses that `programming` (one a layer, in order) says.

    In detail "operation" each reset and each pulse of an array's groups is an event, in all others an array is one.
    Raises InputError for an unknown detail and ModelError where `programming` is of another placement.
    """
    check_detail(detail)
    cpu, wall = time.process_time(), time.perf_counter()
    kernel, ledger = Kernel(), Ledger()
    circuits = _circuits(placement, timing.write, programming)
    for jobs in circuits.values():
        kernel.process(_circuit(kernel, timing.write, sorted(jobs, key=lambda job: job.slot), detail))
    kernel.run()
    for layer in programming:
        ledger.add("write_circuit", "set", layer.name, layer.pulses)
        ledger.add("write_circuit", "reset", layer.name, layer.resets)
        ledger.add("write_circuit", "verify", layer.name, layer.pulses if timing.write.verify_ps else 0)
    return ProgrammingTrace(
        time_ps=kernel.time_ps,
        pulses=sum(layer.pulses for layer in programming),
        ledger=ledger,
        events=kernel.processed(),
        cpu_s=time.process_time() - cpu,
        wall_s=time.perf_counter() - wall,
    )


def _circuits(
    placement: Placement, timing: WriteTiming, programming: Sequence[LayerProgramming]
) -> dict[tuple[int, int], list[_Job]]:
    """The arrays of each write circuit, (tile, number in the tile)."""
    if [layer.name for layer in programming] != [layer.name for layer in placement.layers]:
        raise ModelError("programming: the layers are not those of the placement")
    circuits: dict[tuple[int, int], list[_Job]] = defaultdict(list)
    for layer, writes in zip(placement.layers, programming, strict=True):
        arrays = [array for replica in layer.replicas for array in replica]
        if not len(arrays) == len(writes.group_pulses) == len(writes.groups):
            raise ModelError(f"programming: layer {layer.name!r} has {len(arrays)} arrays, not {len(writes.groups)}")
        for array, pulses, groups in zip(arrays, writes.group_pulses, writes.groups, strict=True):
            job = _Job(array.tile, array.slot, groups if writes.resets else 0, pulses)
            circuits[array.tile, array.slot // timing.arrays_per_circuit].append(job)
    return circuits


def _circuit(kernel: Kernel, timing: WriteTiming, jobs: list[_Job], detail: str) -> Generator[Event, Any, None]:
    pulse_ps = timing.set_ps + timing.verify_ps
    for job in jobs:
        if detail != "operation":
            yield kernel.timeout(job.resets * timing.reset_ps + job.pulses * pulse_ps)
            continue
        for _ in range(job.resets):
            yield kernel.timeout(timing.reset_ps)
        for _ in range(job.pulses):
            yield kernel.timeout(timing.set_ps)
            if timing.verify_ps:
                yield kernel.timeout(timing.verify_ps)
