"""What the values of training steps did: counts that the event model charges exactly as they were."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StepCounts:
    """Some steps one after another: S steps, L layers and A arrays in the order of a `TrainingPlacement`.

    images           (S,) of each step's batch
    requests         (S, L) updates asked of the arbitration (counter increments), refused ones too
    sets, resets     (S, L) update pulses given to devices that raise, lower the conductance
    verifies         (S, L) reads of single devices after their update pulses
    lines            (S, L) line drives of update pulses: pulses on word lines plus pulses on bit lines
    slots            (S, A) update pulses of each array one after another in time (what goes side by side is one)
    half_selected    (S, L) update pulses over half-selected devices
    pulse_s          (S, L) conductance (S) of pulsed devices, summed over their update pulses
    half_s           (S, L) the same of half-selected devices
    refresh_sets, refresh_resets, refresh_verifies (S, L), refresh_slots, refresh_reset_slots (S, A): of refresh
    refresh_s        (S, L) conductance of refreshed devices, summed over their pulses
    drives           (S, L, 2) input lines driven, summed over reads: forward, transposed
    read_s           (S, L, 2) conductance weight of reads, as `LayerActivity.conductance_s`: forward, transposed
    """

    images: Ints
    requests: Ints
    sets: Ints
    resets: Ints
    verifies: Ints
    lines: Ints
    slots: Ints
    half_selected: Ints
    pulse_s: Floats
    half_s: Floats
    refresh_sets: Ints
    refresh_resets: Ints
    refresh_verifies: Ints
    refresh_slots: Ints
    refresh_reset_slots: Ints
    refresh_s: Floats
    drives: Ints
    read_s: Floats

    @classmethod
    def none(cls, steps: int, layers: int, arrays: int) -> StepCounts:
        """Counts of nothing, to be filled in."""
        made: dict[str, Any] = {}
        for name, last in _SHAPES.items():
            shape = {"": (steps,), "L": (steps, layers), "A": (steps, arrays), "L2": (steps, layers, 2)}[last]
            made[name] = np.zeros(shape, np.float64 if name.endswith("_s") else np.int64)
        return cls(**made)

    @classmethod
    def joined(cls, parts: list[StepCounts]) -> StepCounts:
        """Counts of steps that follow one another."""
        made: dict[str, Any] = {
            each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)
        }
        return cls(**made)

    def part(self, start: int, stop: int) -> StepCounts:
        """Counts of steps [start, stop)."""
        return StepCounts(**{name: value[start:stop] for name, value in self.arrays().items()})

    def arrays(self) -> dict[str, Any]:
        """The arrays by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


_SHAPES = {
    "images": "", "requests": "L", "sets": "L", "resets": "L", "verifies": "L", "lines": "L", "slots": "A",
    "half_selected": "L", "pulse_s": "L", "half_s": "L", "refresh_sets": "L", "refresh_resets": "L",
    "refresh_verifies": "L", "refresh_slots": "A", "refresh_reset_slots": "A", "refresh_s": "L", "drives": "L2",
    "read_s": "L2",
}  # fmt: skip
