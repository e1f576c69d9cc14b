"""What time, temperature and cycling do to a cell, as a card states it; and the age at which a chip is evaluated."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section
from pillarsim.arch.units import (
    ActivationEnergy,
    Age,
    Conductance,
    ConductanceOrZero,
    Fraction,
    Ratio,
    SignedConductance,
    Temperature,
)


class Retention(Section):
    """Evaluate the chip this long after programming, kept at this temperature; the cell's card says what changes."""

    time: Age
    temperature: Temperature

    @model_validator(mode="after")
    def _range(self) -> Retention:
        if not 200 <= self.temperature <= 600:
            raise ValueError(f"temperature: expected 200 K to 600 K, found {self.temperature:g} K")
        return self


class _Reach(Section):
    """How far a model of retention reaches; beyond, a run is refused."""

    longest: Age = Field(description="Longest time that the numbers are meant for")
    coldest: Temperature = Field(description="Lowest temperature that the numbers are meant for")
    hottest: Temperature = Field(description="Highest temperature that the numbers are meant for")

    @model_validator(mode="after")
    def _ordered(self) -> _Reach:
        if self.hottest < self.coldest:
            raise ValueError("hottest: expected at least coldest")
        return self


class PowerLawDrift(_Reach):
    """G(t) = G (t / since)^-nu after `since`; nu normal over cells, its mean by state. No dependence on temperature."""

    model: Literal["power_law"]
    lrs: Ratio = Field(le=1, description="Mean exponent nu of the low-resistance state")
    hrs: Ratio = Field(le=1, description="Mean exponent nu of the high-resistance state")
    spread: Ratio = Field(default=0.0, le=1, description="Standard deviation of nu over cells")
    since: Age = Field(gt=0, description="Time after programming to which the conductances belong")


class RelaxedCells(Section):
    """Measured conductances of cells that started at one conductance, in the order of the table's probabilities."""

    conductance: ConductanceOrZero = Field(description="Before")
    after: Annotated[list[ConductanceOrZero], Field(min_length=2)]


class Relaxation(_Reach):
    """Quantiles of the conductance after a stated time, by conductance before: the change of a cell, linear between.

    Mean change over time as f = ln(1 + t/onset), deviation from it as its root, Arrhenius over temperature.
    """

    model: Literal["relaxation"]
    probabilities: Annotated[list[Fraction], Field(min_length=2)]
    knots: Annotated[list[RelaxedCells], Field(min_length=2)]
    time: Age = Field(gt=0, description="At which the knots were measured")
    temperature: Temperature = Field(description="At which the knots were measured")
    onset: Age = Field(gt=0, description="Time from which the change grows with the logarithm")
    activation: ActivationEnergy

    @model_validator(mode="after")
    def _sound(self) -> Relaxation:
        chances = self.probabilities
        if chances[0] != 0 or chances[-1] != 1 or any(a >= b for a, b in pairwise(chances)):
            raise ValueError("probabilities: expected to rise from 0 to 1")
        if any(a.conductance >= b.conductance for a, b in pairwise(self.knots)):
            raise ValueError("knots: expected conductances that rise")
        for number, knot in enumerate(self.knots, start=1):
            if len(knot.after) != len(chances):
                raise ValueError(
                    f"knots: expected {len(chances)} conductances after, found {len(knot.after)} in knot {number}"
                )
            if any(a > b for a, b in pairwise(knot.after)):
                raise ValueError(f"knots: expected conductances after that do not fall, see knot {number}")
        return self


class SpreadGrowth(_Reach):
    """Spread as a polynomial of G / scale at stated times, over the logarithm of time between; no mean shift."""

    model: Literal["spread_growth"]
    times: Annotated[list[Annotated[Age, Field(gt=0)]], Field(min_length=2)]
    coefficients: list[Annotated[list[SignedConductance], Field(min_length=1, max_length=8)]] = Field(
        description="For each time, of the powers 0, 1, ..."
    )
    scale: Conductance
    lowest: ConductanceOrZero
    highest: Conductance

    @model_validator(mode="after")
    def _sound(self) -> SpreadGrowth:
        if len(self.times) != len(self.coefficients):
            raise ValueError(f"coefficients: expected a list for each of the {len(self.times)} times")
        if any(a >= b for a, b in pairwise(self.times)):
            raise ValueError("times: expected to rise")
        return self


class ArrheniusLoss(_Reach):
    """G(t) = G_inf + (G - G_inf) exp(-(t / tau)^exponent); tau by state, Arrhenius over temperature."""

    model: Literal["arrhenius"]
    lrs: Age = Field(gt=0, description="Time constant of the low-resistance state at `temperature`")
    hrs: Age = Field(gt=0, description="Time constant of the high-resistance state at `temperature`")
    temperature: Temperature
    activation: ActivationEnergy
    exponent: float = Field(default=1.0, gt=0, le=2)
    toward: Literal["hrs", "lrs", "middle"] = Field(default="hrs", description="State in which cells end")


CellRetention = Annotated[PowerLawDrift | Relaxation | SpreadGrowth | ArrheniusLoss, Field(discriminator="model")]


class CellEndurance(Section):
    """ln(HRS / LRS) falls as (cycles so far / cycles)^exponent: at `cycles` the window is gone."""

    cycles: float = Field(ge=1, le=1e15)
    exponent: float = Field(default=1.0, gt=0, le=5)


class ThermalActivation(Section):
    """Conductance over temperature, exp(-E/k (1/T - 1/temperature)); E by state, linear in ln G between."""

    lrs: ActivationEnergy = 0.0
    hrs: ActivationEnergy = 0.0
    temperature: Temperature = Field(description="At which lrs and hrs of the card hold and cells are written")
