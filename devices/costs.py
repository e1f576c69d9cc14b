"""What a part costs: area, leakage power, and energy and time of its actions. Plain frozen types, SI units.

None means "the source does not state it"; it is never replaced by 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Action:
    """One thing a part does: energy in joules, duration in whole picoseconds, and where the numbers come from."""

    energy_j: float | None
    time_ps: int | None
    source: str


@dataclass(frozen=True)
class ComponentCost:
    """Costs of one instance.

    model    the card or formula that produced the numbers
    source   the publication or tool behind area and leakage (each action has its own)
    scaling  what was done to bring the source's numbers to the chip's node, voltage and temperature
    """

    area_m2: float | None
    leakage_w: float | None
    actions: dict[str, Action] = field(hash=False)
    model: str
    source: str
    scaling: str


def product(value: float | None, factor: float) -> float | None:
    """`value` times `factor`; what is not stated stays so."""
    return None if value is None else value * factor


def total(values: Iterable[float | None]) -> float | None:
    """Sum of the values that are stated; None where none is."""
    stated = [value for value in values if value is not None]
    return sum(stated) if stated else None


def sum_if_all(values: Iterable[float | None]) -> float | None:
    """Sum of the values; None as soon as one is not stated (parts of one circuit)."""
    parts = list(values)
    return None if any(value is None for value in parts) else sum(value for value in parts if value is not None)
