"""The memory cell: its states, its current-voltage law, and how it departs from them."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section, label
from pillarsim.arch.units import Fraction, Ratio, Resistance, Voltage, VoltageOrZero, show_quantity
from pillarsim.devices.polynomial import HIGHEST_S, LOWEST_S

STEEPEST = 200  # times V0: beyond, the sinh law's numbers mean nothing


class StatePair(Section):
    """One number for the low- and one for the high-resistance state; levels between are interpolated."""

    lrs: Ratio = Field(default=0.0, le=3)
    hrs: Ratio = Field(default=0.0, le=3)


class StuckCells(Section):
    """Fractions of cells that keep one state whatever is written."""

    lrs: Fraction = 0.0
    hrs: Fraction = 0.0


class CurrentVoltage(Section):
    """How a cell's current rises with voltage. Cells that are not linear take binary inputs: 0 or the read voltage.

    linear      I = G V
    sinh        I = G V0 sinh(V / V0), V0 = `voltage`
    polynomial  I = G V + NL2(G) V^2 + NL3(G) V^3 of HfO2, 50 to 225 uS, up to 0.5 V (Milo et al., IRPS 2021)
    """

    model: Literal["linear", "sinh", "polynomial"] = "linear"
    voltage: Voltage | None = Field(default=None, description="V0 of the sinh law")
    stated_at: VoltageOrZero = Field(
        default=0.0, description="sinh only: the voltage at which lrs and hrs hold; 0: the slope at 0 V"
    )

    @model_validator(mode="after")
    def _consistent(self) -> CurrentVoltage:
        if (self.model == "sinh") != (self.voltage is not None):
            raise ValueError("voltage: expected exactly where model is 'sinh'")
        if self.stated_at and self.model != "sinh":
            raise ValueError("stated_at: expected only with model 'sinh'")
        if self.voltage is not None and self.stated_at > STEEPEST * self.voltage:
            raise ValueError(f"stated_at: expected at most {STEEPEST} times voltage, found {self.stated_at:g} V")
        return self

    def rise(self, volts: float) -> float:
        """Conductance I / V of a sinh cell at `volts` over its slope at 0 V; 1 of other cells."""
        if self.voltage is None or volts == 0:
            return 1.0
        return math.sinh(volts / self.voltage) / (volts / self.voltage)


class CellCard(Section):
    """A two-terminal resistive cell whose levels are equally spaced in conductance at the read voltage.

    Modelled: nonlinear I-V, log-normal programming error of each write pulse, Gaussian read noise, stuck cells.
    Left out here: drift, endurance.
    """

    lrs: Resistance = Field(description="Low-resistance state")
    hrs: Resistance = Field(description="High-resistance state")
    levels: int = Field(ge=2, le=256, description="Levels a cell can hold; bits_per_cell 'auto' uses all of them")
    programming_error: StatePair = Field(
        default=StatePair(),
        description="Standard deviation of ln(conductance) after one write pulse, by state",
    )
    read_noise: Ratio = Field(
        default=0.0, le=1, description="Standard deviation of a cell's current in one read, relative"
    )
    stuck: StuckCells = Field(default=StuckCells())
    iv: CurrentVoltage = CurrentVoltage()
    technology: str = label("", "material stack")
    reference: str = label("", "where the numbers come from")

    @model_validator(mode="after")
    def _order(self) -> CellCard:
        if self.hrs <= self.lrs:
            raise ValueError(
                f"hrs: expected above lrs ({show_quantity(self.lrs, 'Ohm')}), found {show_quantity(self.hrs, 'Ohm')}"
            )
        if self.iv.model == "polynomial":
            for name, ohm in (("lrs", self.lrs), ("hrs", self.hrs)):
                if not 1 / HIGHEST_S <= ohm <= 1 / LOWEST_S:
                    raise ValueError(
                        f"{name}: expected {1 / HIGHEST_S / 1e3:.4g} to {1 / LOWEST_S / 1e3:.4g} kOhm, "
                        f"where the polynomial law was fitted, found {show_quantity(ohm, 'Ohm')}"
                    )
        if self.stuck.lrs + self.stuck.hrs > 1:
            raise ValueError("stuck: expected lrs + hrs of at most 1")
        return self


def auto_bits_per_cell(cell: CellCard) -> int:
    """Bits that `cell` holds: floor(log2(levels))."""
    return int(math.log2(cell.levels))
