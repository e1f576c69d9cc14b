"""What a run is made of, before any time passes: stages, their replicas with what each fetches, rings of pixels.

Both engines read this and nothing else of the placement. Numbers of rings, replicas and array sets count over all
stages. Amounts of each window are arrays of one number (the same for every window) or of one a window of an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.simulate.geometry import Fields

__all__ = [
    "Amounts",
    "ArrayPlan",
    "ArraySet",
    "PartPlan",
    "Plan",
    "ReplicaPlan",
    "RingPlan",
    "StagePlan",
    "amount_at",
    "ring_ends",
]

Amounts = NDArray[np.int64]


def amount_at(amounts: Amounts, window: int) -> int:
    """The amount of a window of an image."""
    return int(amounts[window if len(amounts) > 1 else 0])


@dataclass(frozen=True, eq=False)
class RingPlan:
    """Pixels of one input of a stage in one tile; readers: replicas of the stage that read it there.

    pixel_bits: of each pixel of an image that are wanted here.
    """

    stage: int
    input: int
    tile: int
    source: int
    fields: Fields
    pixel_bits: tuple[int, ...]
    capacity: int
    readers: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PartPlan:
    """What a replica takes from one ring, as reader number `reader`, and what its tile sends to the home tile.

    fetch_bits: of each window. partial_bits: of the partial sums; 0 for the home tile's own.
    """

    tile: int
    ring: int
    reader: int
    fetch_bits: Amounts
    partial_bits: int


@dataclass(frozen=True)
class ArrayPlan:
    """One array in a replica's windows: (layer, row groups, outputs converted in each batch) of what it holds."""

    parts: tuple[tuple[str, int, int], ...]

    @property
    def groups(self) -> int:
        """Row groups, one after another."""
        return sum(groups for _, groups, _ in self.parts)


@dataclass(frozen=True)
class ArraySet:
    """Arrays that the same replicas use, with their converters and sample-and-hold: how many, and who."""

    arrays: int
    users: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ReplicaPlan:
    """One replica of a stage; a digital stage has one without arrays.

    sets: numbers of its array sets; rivals: other replicas that use one of its arrays; tiles: where its arrays are.
    """

    stage: int
    index: int
    home: int
    parts: tuple[PartPlan, ...]
    arrays: tuple[ArrayPlan, ...]
    sets: tuple[int, ...]
    rivals: tuple[int, ...]
    tiles: tuple[int, ...]
    chunks: int
    register_bits: tuple[int, int]

    @cached_property
    def groups(self) -> int:
        """Row groups of the array that has most."""
        return max((array.groups for array in self.arrays), default=0)


@dataclass(frozen=True, eq=False)
class StagePlan:
    """One stage: windows of an image, steps of its digital units (unit, actions), pixels out after each window."""

    name: str
    layers: tuple[str, ...]
    windows: int
    pixels: int
    steps: tuple[tuple[str, Amounts], ...]
    own_steps: int
    emitted: Amounts
    out_bits: int
    replicas: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything of a run but time; rows (number, pixels each, bits each) come in, the last stage's pixels go out."""

    stages: tuple[StagePlan, ...]
    replicas: tuple[ReplicaPlan, ...]
    rings: tuple[RingPlan, ...]
    sets: tuple[ArraySet, ...]
    rows: tuple[int, int, int]
    targets: tuple[int, ...]


def ring_ends(plan: Plan, ring: RingPlan, images: int) -> list[int]:
    """First pixel that each reader of a ring needs; beyond the run for a replica without windows."""
    total, end = plan.stages[ring.stage].windows * images, ring.fields.pixels * images
    return [ring.fields.keep_from(first) if first < total else end for first in ring.readers]
