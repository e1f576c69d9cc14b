"""What a training costs: write phases and operations of the neuron circuits, then time and energy of the array.

Neuron operations, for P pillars:
    rank-one  P comparisons a read: each neuron says whether it won, the right one with its handicap
    free      P conversions, P activations and P subtractions a read; P multiplications and P stored values an update
That a binary input makes one value serve all cells of a pillar is granted to the free update. Left out: energy of
neuron circuits, converters and drivers, time between pulses, charging of lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pillarsim.reproduce.sun2019 import plan


@dataclass
class Counts:
    """Counts of a training as it goes.

    reads         letters shown; updates: those that were in error
    phases        write phases one after another; pulse_time: their lengths in full pulses, summed
    cells         cells written, summed over phases; half_selected: cells at half the voltage, summed over phases
    read_j        energy of reads; written_j, other_j, wires_j: of write phases in written cells, all other cells, wires
    """

    reads: int = 0
    updates: int = 0
    phases: int = 0
    pulse_time: float = 0.0
    cells: int = 0
    half_selected: int = 0
    read_j: float = 0.0
    written_j: float = 0.0
    other_j: float = 0.0
    wires_j: float = 0.0

    def as_data(self) -> dict[str, Any]:
        """The counts as plain data."""
        return asdict(self)


def neuron_operations(rule: str, counts: Mapping[str, Any]) -> dict[str, int]:
    """Operations of all neuron circuits in a training, by kind."""
    at_reads, at_updates = plan.LETTERS * int(counts["reads"]), plan.LETTERS * int(counts["updates"])
    if rule == "rank-one":
        return {"comparisons": at_reads}
    return {
        "conversions": at_reads,
        "activations": at_reads,
        "subtractions": at_reads,
        "multiplications": at_updates,
        "stored values": at_updates,
    }


def latency_s(counts: Mapping[str, Any]) -> float:
    """Time of all reads and write phases."""
    return float(counts["reads"]) * plan.READ_S + float(counts["pulse_time"]) * plan.pulse_s()


def energy_j(counts: Mapping[str, Any]) -> float:
    """Energy of all reads and write phases in the array."""
    return sum(float(counts[name]) for name in ("read_j", "written_j", "other_j", "wires_j"))
