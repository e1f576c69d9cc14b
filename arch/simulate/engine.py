"""The arrays of one replica in lockstep: what they do, and how long a window takes.

A *phase* is the read (or, with `analog_bits`, all reads) before one batch of conversions; C = slots * convert_ps.
With sample-and-hold the outputs are sampled at s_0 = max(start + phase, last sample + C), s_{k+1} = s_k +
max(phase, C), and the arrays are free for the next window at its last sample. Without, they are held while the
converters work: each batch takes phase + C. Shift-adds end `shift_add_ps` after the last conversion.
Parts of layers in one array are read one after another, each with its own row groups and outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.plan_types import ArrayPlan
from pillarsim.arch.simulate.power import PowerTracker
from pillarsim.arch.timing import Timing

__all__ = ["Engine", "EnginePlan", "EnginePower", "NoEngine", "window_counts"]


@dataclass(frozen=True)
class EnginePlan:
    """One replica's arrays and the timing that they share."""

    stage: str
    layers: tuple[str, ...]
    arrays: tuple[ArrayPlan, ...]
    groups: int
    chunks: int
    timing: Timing

    @property
    def batches_per_group(self) -> int:
        """Batches of conversions for a row group."""
        return 1 if self.timing.analog_bits else self.chunks

    @property
    def batches(self) -> int:
        """Batches of conversions in a window."""
        return self.groups * self.batches_per_group

    @property
    def phase_ps(self) -> int:
        """Reading before one batch of conversions."""
        return self.timing.read_ps * (self.chunks if self.timing.analog_bits else 1)

    @property
    def rest_ps(self) -> int:
        """With sample-and-hold: from a window's first sample to its last; else from its start to its end."""
        convert_ps = self.timing.slots * self.timing.convert_ps
        if self.timing.sample_hold:
            return (self.batches - 1) * max(self.phase_ps, convert_ps)
        return self.batches * (self.phase_ps + convert_ps)


def window_counts(plan: EnginePlan) -> Counter[tuple[str, str, str]]:
    """Actions of one window, by (role, action, name)."""
    counts: Counter[tuple[str, str, str]] = Counter({("array", "window", layer): 1 for layer in plan.layers})
    parts = Counter(part for array in plan.arrays for part in array.parts)
    for (layer, groups, outputs), arrays in parts.items():
        conversions = arrays * groups * outputs * plan.batches_per_group
        counts["array", "read", layer] += arrays * groups * plan.chunks
        counts["converter", "convert", plan.stage] += conversions
        counts["shift_add", "add", plan.stage] += conversions
        if plan.timing.sample_hold:
            counts["sample_hold", "sample", plan.stage] += conversions
    return counts


@dataclass(frozen=True)
class EnginePower:
    """Power states of a replica's sets of arrays, of their converters, and of the digital parts of its tiles."""

    arrays: Sequence[PowerTracker]
    converters: Sequence[PowerTracker]
    digital: Sequence[PowerTracker]

    @property
    def needed(self) -> list[PowerTracker]:
        """All that a window needs awake."""
        return [*self.arrays, *self.converters, *self.digital]


class Engine(Protocol):
    """What handles the windows of one replica, one after another."""

    def run(self, sequence: int) -> None:
        """Start window `sequence` now; `free` and `done` are called with their times, at them."""


class NoEngine:
    """A digital stage: a window goes to the tile's units as soon as it begins."""

    def __init__(self, kernel: Kernel, free: Callable[[int], None], done: Callable[[int, int], None]) -> None:
        self._kernel, self._free, self._done = kernel, free, done

    def run(self, sequence: int) -> None:
        """Hand window `sequence` on."""
        self._free(self._kernel.time_ps)
        self._done(sequence, self._kernel.time_ps)
