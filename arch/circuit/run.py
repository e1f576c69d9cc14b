"""The circuit stage of a run: between programming the cells and evaluating the values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Array
from pillarsim.arch.circuit.effective import solve_layers
from pillarsim.arch.circuit.gain import calibrate_gains
from pillarsim.arch.circuit.sampled import SampledReads, sample_reads
from pillarsim.arch.compute.program import LayerLevels, ideal_layers
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.placement import Placement

Devices = tuple[tuple[ProgrammedLayer, ...], ...]


@dataclass(frozen=True, eq=False)
class SolvedArrays:
    """The devices as converters see them, and sampled reads of the first one (None where wires are ideal)."""

    devices: Devices
    sampled: tuple[SampledReads, ...] | None


def solve_arrays(
    placement: Placement,
    levels: tuple[LayerLevels, ...],
    devices: Sequence[tuple[ProgrammedLayer, ...]],
    rule: ReadRule,
    array: Array,
    temperature_k: float,
    *,
    column_gain: str,
    images: NDArray[np.float32],
    seed: int,
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SolvedArrays:
    """Solve the arrays of every device where `array.circuit` is exact, then trim the columns' gains where asked.

    images: calibration inputs that the sampled reads come from. Raises InputError where a circuit has no solution.
    """
    found: Devices = tuple(devices)
    sampled = None
    if array.circuit == "exact":
        steps = _Steps(progress, len(devices) * sum(len(layer.replicas[0]) for layer in placement.layers))
        found = tuple(
            solve_layers(placement.layers, device, array, temperature_k, threads, steps.done) for device in devices
        )
        progress_reads = _Steps(progress, steps.total + len(placement.layers), steps.total)
        sampled = sample_reads(placement, found[0], rule, array, temperature_k, images, seed, progress_reads.done)
    if column_gain == "calibrated":
        targets = ideal_layers(levels, array, rule.bits_per_cell)
        found = tuple(calibrate_gains(placement.layers, targets, device, rule.pairs) for device in found)
    return SolvedArrays(found, sampled)


class _Steps:
    """Counts finished pieces of work for a progress callback."""

    def __init__(self, progress: Callable[[int, int], None], total: int, start: int = 0) -> None:
        self.total, self._count, self._progress = total, start, progress

    def done(self) -> None:
        """One more piece is finished."""
        self._count += 1
        self._progress(self._count, self.total)
