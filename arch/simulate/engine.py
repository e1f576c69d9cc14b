"""The arrays of one replica in lockstep, a window in closed form (detail `window`).

A *phase* is the read (or, with `analog_bits`, all reads) before one batch of conversions; C = slots * convert_ps.
With sample-and-hold the outputs are sampled at s_0 = max(start + phase, last sample + C), s_{k+1} = s_k +
max(phase, C), and the arrays are free for the next window at its last sample. Without, they are held while the
converters work: each batch takes phase + C. Shift-adds end `shift_add_ps` after the last conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pillarsim.arch.ledger import Ledger
from pillarsim.arch.placement import PlacedLayer
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.power import PowerTracker
from pillarsim.arch.timing import Timing

__all__ = ["ArrayPlan", "Engine", "EnginePlan", "EnginePower", "WindowEngine", "engine_plan"]


@dataclass(frozen=True)
class ArrayPlan:
    """One array: its row groups, and the outputs converted in each batch."""

    groups: int
    outputs: int


@dataclass(frozen=True)
class EnginePlan:
    """One replica's arrays and the timing that they share."""

    layer: str
    arrays: tuple[ArrayPlan, ...]
    groups: int
    chunks: int
    timing: Timing

    @property
    def phase_ps(self) -> int:
        """Reading before one batch of conversions."""
        return self.timing.read_ps * (self.chunks if self.timing.analog_bits else 1)

    @property
    def batches(self) -> int:
        """Batches of conversions in a window."""
        return self.groups * self.batches_per_group

    @property
    def batches_per_group(self) -> int:
        """Batches of conversions for a row group."""
        return 1 if self.timing.analog_bits else self.chunks

    @property
    def convert_ps(self) -> int:
        """A converter's time for all its slots."""
        return self.timing.slots * self.timing.convert_ps


def engine_plan(layer: PlacedLayer, replica: int, timing: Timing, conversions_per_unit: int) -> EnginePlan:
    """Return the plan of one replica of `layer`; a unit takes `conversions_per_unit` outputs of its array."""
    arrays = tuple(
        ArrayPlan(
            groups=len(layer.row_blocks[array.row_block].groups),
            outputs=(array.units[1] - array.units[0]) * conversions_per_unit,
        )
        for array in layer.replicas[replica]
    )
    return EnginePlan(layer.name, arrays, max(array.groups for array in arrays), layer.chunks, timing)


@dataclass(frozen=True)
class EnginePower:
    """Power states of a replica's arrays, of their converters, and of the digital parts of its tiles."""

    arrays: PowerTracker
    converters: PowerTracker
    digital: Sequence[PowerTracker]


class Engine(Protocol):
    """What handles the windows of one replica, one after another."""

    def run(self, sequence: int) -> None:
        """Start window `sequence` now; `free` and `done` are called with their times, at them or earlier."""

    def settle(self, ledger: Ledger) -> None:
        """Enter what was counted in closed form."""


class WindowEngine:
    """A window in closed form: no event of its own."""

    def __init__(
        self,
        kernel: Kernel,
        plan: EnginePlan,
        power: EnginePower,
        free: Callable[[int], None],
        done: Callable[[int, int], None],
    ) -> None:
        """`free(time)`: the arrays can take the next window; `done(sequence, time)`: all is shifted and added."""
        self._kernel, self._plan, self._power, self._free, self._done = kernel, plan, power, free, done
        self._phase, self._convert, self._batches = plan.phase_ps, plan.convert_ps, plan.batches
        self._hold, self._shift_add = plan.timing.sample_hold, plan.timing.shift_add_ps
        self._converters_free = 0
        self._windows = 0

    def run(self, sequence: int) -> None:
        """Start window `sequence` now."""
        start = self._kernel.time_ps
        if self._hold:
            first = max(start + self._phase, self._converters_free)
            free = first + (self._batches - 1) * max(self._phase, self._convert)
            converted = free + self._convert
        else:
            first = start + self._phase
            free = converted = start + self._batches * (self._phase + self._convert)
        self._converters_free = converted
        self._windows += 1
        done = converted + self._shift_add
        power = self._power
        power.arrays.use(start, free)
        power.converters.hold(first)
        power.converters.use(first, converted)
        for digital in power.digital:
            digital.use(start, done)
        self._free(free)
        self._done(sequence, done)

    def settle(self, ledger: Ledger) -> None:
        """Enter the windows done, times what each takes."""
        plan, windows = self._plan, self._windows
        reads = sum(array.groups for array in plan.arrays) * plan.chunks * windows
        conversions = sum(array.groups * array.outputs for array in plan.arrays) * plan.batches_per_group * windows
        ledger.add("array", "window", plan.layer, windows)
        ledger.add("array", "read", plan.layer, reads)
        ledger.add("converter", "convert", plan.layer, conversions)
        ledger.add("shift_add", "add", plan.layer, conversions)
        if self._hold:
            ledger.add("sample_hold", "sample", plan.layer, conversions)
