"""Technology: node, supplies, temperature, clock."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section
from pillarsim.arch.units import Frequency, Length, Temperature, Voltage


class Supply(Section):
    """Every declared supply rail, in volts."""

    core: Voltage = Field(description="Logic supply; digital cards scale to it")
    io: Voltage = Field(description="Supply of off-chip drivers; their energy goes with its square")
    pump: Voltage | None = Field(default=None, description="Charge-pump output for writing, where there is one")

    def rails(self) -> dict[str, float]:
        """Return the declared rails, name -> volts."""
        return {name: value for name, value in self if value is not None}


class Technology(Section):
    """Process and operating point of the whole chip."""

    node: Length = Field(description="CMOS node; digital component cards are scaled to it (Stillmaker and Baas 2017)")
    supply: Supply
    regulator: Literal["ideal", "linear"] = Field(
        default="linear",
        description="How array voltages come from the lowest rail that covers them: 'linear' draws the "
        "array's current at the rail's voltage (the difference is lost), 'ideal' loses nothing",
    )
    temperature: Temperature = Field(description="Junction temperature: CMOS leakage and wire resistance follow it")
    clock: Frequency = Field(description="Clock of digital parts; derived times are whole cycles")

    @model_validator(mode="after")
    def _range(self) -> Technology:
        if not 200 <= self.temperature <= 450:
            raise ValueError(f"temperature: expected 200 K to 450 K, found {self.temperature:g} K")
        if not 3e-9 <= self.node <= 500e-9:
            raise ValueError(f"node: expected 3 nm to 500 nm, found {self.node * 1e9:g} nm")
        return self
