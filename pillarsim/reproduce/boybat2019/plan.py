"""Sizes of the row, its network, and the chips that learn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip

PRESET = "hfox_learning_128"
NETWORK = "mnist-mlp250"
CARDS = {"multi-level": "pt_hfo2_ti_tin", "binary": "pt_hfo2_ti_tin_binary"}  # device cards
SEED = 2019  # our choice, made once
RULE = "per_device"
BATCH, LEARNING_RATE = 100, 0.5  # images a step; of the float baseline too; our choice
DECAY = 0.3  # of the learning rate, from epoch to epoch; of the float baseline too; our choice
WEIGHT_RANGE = 16.0  # largest |weight| times the square root of inputs, for every number of devices; our choice
REFRESH_EVERY = 2_000  # images, differential synapses; our choice

Arrangement = Literal["single", "differential"]
Cells = Literal["multi-level", "binary"]


@dataclass(frozen=True)
class Point:
    """A chip that is compared: its cells, how a synapse takes its sign, and the devices of a synapse, both signs."""

    cells: Cells
    arrangement: Arrangement
    devices: int

    @property
    def name(self) -> str:
        """Its name in a store."""
        return f"{self.cells}-{self.arrangement}-{self.devices}"

    @property
    def series(self) -> str:
        """What it has in common with the points of other numbers of devices."""
        return f"{self.cells.replace('-', '_')}_{self.arrangement}"


@dataclass(frozen=True)
class Plan:
    """How large the row is. training, test: images; spread: devices whose CV is drawn; threads: runs at once."""

    training: int
    test: int
    epochs: int
    seeds: int
    multi_level: tuple[int, ...]
    binary: tuple[int, ...]
    differential: tuple[int, ...]
    spread: tuple[int, ...] = (1, 2, 3, 5, 7, 14, 28)
    threads: int = 1

    @property
    def points(self) -> tuple[Point, ...]:
        """All chips; those of few devices first."""
        return (
            *(Point("multi-level", "single", count) for count in self.multi_level),
            *(Point("binary", "single", count) for count in self.binary),
            *(Point("multi-level", "differential", count) for count in self.differential),
        )


FULL = Plan(60_000, 10_000, 2, 5, (1, 3, 7), (1, 14), (2, 6), threads=2)
QUICK = Plan(3_000, 2_000, 2, 2, (1, 7), (1, 7), (2, 10))


@cache
def chip_of(point: Point) -> Chip:
    """The preset with this point's cells and synapses."""
    sets = [
        f"array.cell={CARDS[point.cells]}",
        f"learning.rule={RULE}",
        f"learning.devices_per_synapse={point.devices}",
        f"learning.arrangement={point.arrangement}",
        f"learning.weight_range={WEIGHT_RANGE:g}",
    ]
    if point.arrangement == "differential":
        sets.append(f"learning.refresh.every={REFRESH_EVERY}")
    return load_chip(PRESET, sets).chip
