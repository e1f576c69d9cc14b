"""What the three arbitration counters cost as hardware, as the chip's components say."""

from __future__ import annotations

from dataclasses import dataclass

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.reproduce.boybat2019.plan import PRESET
from pillarsim.reproduce.claims import Claim

__all__ = ["CounterCost", "counter_cost", "counters_claim"]

COUNTERS = 3  # selection, potentiation, depression


@dataclass(frozen=True)
class CounterCost:
    """All counters of a chip: area, leakage, energy of one count, and their shares of the chip's area and leakage."""

    counters: float
    area_m2: float
    leakage_w: float
    count_j: float
    area_share: float
    leakage_share: float


def counter_cost() -> CounterCost:
    """Of the row's preset."""
    parts = build_components(load_chip(PRESET).chip.hardware)
    (own,) = (part for part in parts if part.role == "counter")
    area_m2, leakage_w = own.instances * (own.cost.area_m2 or 0.0), own.instances * (own.cost.leakage_w or 0.0)
    return CounterCost(
        own.instances,
        area_m2,
        leakage_w,
        own.cost.actions["count"].energy_j or 0.0,
        area_m2 / sum(part.instances * (part.cost.area_m2 or 0.0) for part in parts),
        leakage_w / sum(part.instances * (part.cost.leakage_w or 0.0) for part in parts),
    )


def counters_claim(cost: CounterCost) -> Claim:
    """Claim a4."""
    return Claim(
        "a4",
        "the counters are hardware: three a chip, with area, leakage and energy of a count",
        f"{COUNTERS} counters",
        f"{cost.counters:g} counters: {1e12 * cost.area_m2:.0f} um2 ({100 * cost.area_share:.2g} % of the chip), "
        f"{1e6 * cost.leakage_w:.2f} uW ({100 * cost.leakage_share:.2g} %), {1e15 * cost.count_j:.0f} fJ a count",
        "",
        "assumed",
        round(cost.counters) == COUNTERS and min(cost.area_m2, cost.leakage_w, cost.count_j) > 0,
        f"Preset {PRESET}; counter of the Accelergy library.",
    )
