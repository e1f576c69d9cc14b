"""The form of a component card (``configs/components/<name>.yaml``): what its keys mean, validated by pydantic.

Three kinds:
  part     one circuit: area, leakage and actions (`PartCard`)
  memory   a table over nodes and sizes (`MemoryCard`), for buffers
  bits     a table over bits of resolution (`BitsCard`), for converters and multi-bit drivers

A number that is left out is not stated by its source and stays unknown (it is never 0). An action's energy is written
directly (``energy: 1.2 pJ``) or as power at a rate (``power: 2 mW, rate: 1.28 GHz``: energy = power / rate).
A number may be written ``{value: 2 mW, source: "..."}``; others come from the card's `source`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section, label
from pillarsim.arch.units import (
    AreaOrZero,
    EnergyOrZero,
    Frequency,
    Length,
    PowerOrZero,
    Size,
    Temperature,
    Time,
    Voltage,
)

Scaling = Literal["digital", "supply", "io", "none"]


class ActionCard(Section):
    """One action of a part. Digital parts take whole clock cycles."""

    energy: EnergyOrZero | None = None
    power: PowerOrZero | None = Field(default=None, description="While the action repeats at `rate`")
    rate: Frequency | None = None
    cycles: int = Field(default=1, ge=1, description="Clock cycles that one action takes")

    @model_validator(mode="after")
    def _one_form(self) -> ActionCard:
        if (self.power is None) != (self.rate is None):
            raise ValueError("rate: expected exactly where power is given")
        if self.power is not None and self.energy is not None:
            raise ValueError("energy: expected either energy, or power and rate")
        return self

    @property
    def energy_j(self) -> float | None:
        """Joules of one action; None where the source states none."""
        if self.power is not None and self.rate is not None:
            return self.power / self.rate
        return self.energy


class CardBase(Section):
    """What all cards say.

    scaling   digital  area, energy and leakage go with node and supply (devices/scaling.py)
              supply   energy goes with the square of the core supply (wires)
              io       energy goes with the square of the I/O supply
              none     as published: analog parts, or published totals
    Leakage follows temperature wherever it is stated. Without `voltage` nothing is scaled by voltage.
    """

    description: str = label("", "what the part is")
    source: str = Field(description="Where the numbers come from, unless a number says otherwise")
    node: Length | None = Field(default=None, description="CMOS node of the numbers")
    voltage: Voltage | None = Field(default=None, description="Supply of the numbers")
    temperature: Temperature = Field(default=300.0, description="Junction temperature of the leakage")
    scaling: Scaling = "none"

    @model_validator(mode="after")
    def _node(self) -> CardBase:
        if self.scaling == "digital" and self.node is None:
            raise ValueError("node: expected with scaling 'digital'")
        if self.scaling in ("supply", "io") and self.voltage is None:
            raise ValueError(f"voltage: expected with scaling {self.scaling!r}")
        return self


class PartCard(CardBase):
    """One circuit.

    per           part: area and leakage of the circuit; bit: of each bit it stores; line: of each line it drives
    width         bits of the access, word or flit that the numbers are for; other widths are proportional
    length        wires: the numbers are for one bit over this length; else they do not depend on length
    size          memories: the numbers are for this size; others follow hwcomponents' rules for CACTI memories
    charged_with  parts under `extra`: '<role>.<action>' that each of this part's actions goes with
    """

    kind: Literal["part"] = "part"
    per: Literal["part", "bit", "line"] = "part"
    width: int | None = Field(default=None, ge=1)
    length: Length | None = None
    size: Size | None = None
    charged_with: str | None = Field(default=None, pattern=r"^[a-z_]+\.[a-z_]+$")
    area: AreaOrZero | None = None
    leakage: PowerOrZero | None = None
    actions: dict[str, ActionCard] = Field(min_length=1)


class MemoryPoint(Section):
    """A memory of one size at one node; energies of one bit of an access."""

    node: Length
    voltage: Voltage
    size: Size
    access: Time
    read: EnergyOrZero
    write: EnergyOrZero
    leakage: PowerOrZero
    area: AreaOrZero


class MemoryCard(CardBase):
    """A memory over nodes and sizes: every node lists the same two or more sizes."""

    kind: Literal["memory"]
    points: list[MemoryPoint] = Field(min_length=4)

    @model_validator(mode="after")
    def _grid(self) -> MemoryCard:
        sizes: dict[float, set[float]] = {}
        for point in self.points:
            sizes.setdefault(point.node, set()).add(point.size)
        if len(sizes) < 2 or len({frozenset(found) for found in sizes.values()}) != 1:
            raise ValueError("points: expected the same sizes at each of two or more nodes")
        return self


class BitsPoint(Section):
    """A circuit of so many bits: energy of one conversion, its area and leakage."""

    bits: int = Field(ge=1, le=16)
    energy: EnergyOrZero | None = None
    power: PowerOrZero | None = Field(default=None, description="While it converts at `rate`")
    rate: Frequency | None = None
    area: AreaOrZero | None = None
    leakage: PowerOrZero | None = None

    @property
    def energy_j(self) -> float | None:
        """Joules of one conversion; None where the source states none."""
        if self.power is not None and self.rate is not None:
            return self.power / self.rate
        return self.energy


class BitsCard(CardBase):
    """A converter or driver over bits; only the listed bits are covered."""

    kind: Literal["bits"]
    action: str = Field(description="Name of the action that the points cost")
    points: list[BitsPoint] = Field(min_length=1)


CARD_TYPES: dict[str, type[PartCard] | type[MemoryCard] | type[BitsCard]] = {
    "part": PartCard,
    "memory": MemoryCard,
    "bits": BitsCard,
}
