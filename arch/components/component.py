"""A part of the chip: how many there are, what one costs, and how often it can act."""

from __future__ import annotations

from dataclasses import dataclass, field

from pillarsim.devices.costs import ComponentCost

GROUPS = ("arrays", "converters", "buffers", "digital", "mesh", "global_buffer", "off_chip")


@dataclass(frozen=True)
class Component:
    """One kind of part in one place of the hierarchy.

    path          where it stands, "tile.macro.converter"
    role          its name in reports; names of `extra` parts are their own roles
    group         what switches its power: one of GROUPS
    instances     on the whole chip; per_tile and per_array are shares of it (per_array 0: not beside arrays)
    cost          of one instance, at the chip's node, supplies and temperature
    peak_rate_hz  action -> actions a second of one instance when the chip computes at its peak; of actions that
                  exclude each other (a port reads or writes, an array computes or is written) all but one are 0
    charged_with  (role, action) that each action of an `extra` part goes with; None: area and leakage only
    """

    path: str
    role: str
    group: str
    instances: float
    per_tile: float
    per_array: float
    cost: ComponentCost
    peak_rate_hz: dict[str, float] = field(hash=False)
    charged_with: tuple[str, str] | None = None


def peak_dynamic_power_w(component: Component) -> float:
    """Power of one instance's actions at their peak rates; actions without a stated energy add nothing."""
    return stated_peak_power_w(component) or 0.0


def stated_peak_power_w(component: Component) -> float | None:
    """As `peak_dynamic_power_w`; None where no acting energy is stated."""
    powers = [
        action.energy_j * component.peak_rate_hz[name]
        for name, action in component.cost.actions.items()
        if action.energy_j is not None and component.peak_rate_hz.get(name)
    ]
    return sum(powers) if powers else None
