"""How a chip learns in place: what a synapse is made of, and how its devices are updated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section
from pillarsim.arch.learning_rules import RULES, Rule
from pillarsim.arch.units import Fraction, Ratio

__all__ = ["RULES", "Learning", "Refresh"]


class Refresh(Section):
    """Differential synapses whose devices near their upper bound are erased and written again to the same weight."""

    every: int = Field(ge=1, le=1_000_000_000, description="Images between two looks at all synapses")
    threshold: Fraction = Field(default=0.8, description="Place of a device in its window from which it is refreshed")
    max_pulses: int = Field(default=100, ge=1, le=10_000, description="Pulses to write one device again, verified")


class Learning(Section):
    """Updates of weights on the chip. Weights are analog: sums of the conductances of `devices_per_synapse` devices.

    rule
      stochastic       outer product: trains of random pulses on both lines, devices move where pulses coincide
      sign             outer product of signs: one pulse where both lines are at least `threshold` of their largest
      per_device       gradient of a batch computed off the arrays, rounded at random to pulses, written row by row
      mixed_precision  gradient collected in a digital accumulator; whole steps leave it as pulses
      binary           weight = sign of a pair's resistance difference; pulse counts by Adam (weak RESET)
    order: whether one layer after the other is updated, or each as soon as its errors are known.
    """

    rule: Rule = "stochastic"
    order: Literal["layer_by_layer", "all_at_once"] = "layer_by_layer"
    devices_per_synapse: int = Field(default=1, ge=1, le=128, description="All devices of a weight, both signs")
    arrangement: Literal["single", "differential"] = Field(
        default="single",
        description="single: sum of all devices less a fixed reference; differential: half of them count negative",
    )
    selection_increment: int = Field(default=1, ge=1, le=127, description="Of the global selection counter")
    potentiation_period: int = Field(default=1, ge=1, le=10_000, description="Every how many requests up one is fired")
    depression_period: int = Field(default=1, ge=1, le=10_000, description="Every how many requests down one is fired")
    pulse_train: int = Field(default=31, ge=1, le=63, description="Slots of a random pulse train (stochastic)")
    threshold: Fraction = Field(default=0.5, description="Of a line's largest value, from which it pulses (sign)")
    weight_range: Ratio = Field(
        default=4.0,
        gt=0,
        le=1000,
        description="Largest |weight| of a synapse times the square root of a layer's inputs",
    )
    error_bits: int = Field(default=8, ge=2, le=16, description="Of an error read through the transposed array")
    accumulator_bits: int = Field(default=16, ge=8, le=64, description="Of a weight's accumulator (mixed_precision)")
    verify: bool = Field(
        default=False, description="Read a device after its pulses; an accumulator keeps what they did not do"
    )
    refresh: Refresh | None = None
    counter: str = Field(default="counter", description="Card of the three arbitration counters")
    pulse_generator: str = Field(default="pulse_generator", description="Card of a line's random pulses (stochastic)")
    column_driver: str | None = Field(
        default=None, description="Card of a bit line's driver for transposed reads; default: input.driver's"
    )

    @model_validator(mode="after")
    def _counts(self) -> Learning:
        devices = self.devices_per_synapse
        if self.arrangement == "differential" and devices % 2:
            raise ValueError(
                "devices_per_synapse: expected an even number with arrangement 'differential' (half of each sign), "
                f"found {devices}"
            )
        if self.rule == "binary" and (self.arrangement, devices) != ("differential", 2):
            raise ValueError(
                "rule: 'binary' takes a pair of devices: expected arrangement 'differential' with devices_per_synapse "
                f"2, found '{self.arrangement}' with {devices}"
            )
        most = max(1, self.selected - 1)
        if self.selection_increment > most:
            expected = f"1 to {most}" if most > 1 else "1"
            what = "1 device" if self.selected == 1 else f"{self.selected} devices"
            sign = " of each sign" if self.arrangement == "differential" else ""
            raise ValueError(
                f"selection_increment: expected {expected}, since the counter selects among {what}{sign}, "
                f"found {self.selection_increment}"
            )
        if self.refresh is not None and self.arrangement != "differential":
            raise ValueError("refresh: expected only with arrangement 'differential', found 'single'")
        return self

    @property
    def selected(self) -> int:
        """Devices that the selection counter chooses from: all of a synapse, or those of one sign."""
        return self.devices_per_synapse // 2 if self.arrangement == "differential" else self.devices_per_synapse
