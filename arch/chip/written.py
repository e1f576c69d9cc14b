"""What writing leaves in a cell, as a card states it: the error of one write pulse, by level."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section
from pillarsim.arch.units import Conductance, ConductanceOrZero, Fraction, Ratio, SignedConductance

SMALLEST_TABLE = 5  # quantiles of a level: fewer say nothing about the tails


class StatePair(Section):
    """One number for the low- and one for the high-resistance state; levels between are interpolated."""

    lrs: Ratio = Field(default=0.0, le=3)
    hrs: Ratio = Field(default=0.0, le=3)


class StuckCells(Section):
    """Fractions of cells that keep one state whatever is written."""

    lrs: Fraction = 0.0
    hrs: Fraction = 0.0


class LevelError(Section):
    """Normal error of one write pulse: sigma = sum over k of coefficients[k] (G / scale)^k, for targets within a range.

    A conductance below 0 is drawn again (a cut normal distribution).
    """

    coefficients: Annotated[list[SignedConductance], Field(min_length=1, max_length=8)] = Field(
        description="Of the powers 0, 1, ... of G / scale"
    )
    scale: Conductance
    lowest: ConductanceOrZero = Field(description="Lowest target that the fit covers")
    highest: Conductance = Field(description="Highest target that the fit covers")

    @model_validator(mode="after")
    def _sound(self) -> LevelError:
        if self.highest <= self.lowest:
            raise ValueError("highest: expected above lowest")
        for step in range(101):
            target = self.lowest + (self.highest - self.lowest) * step / 100
            sigma = sum(c * (target / self.scale) ** k for k, c in enumerate(self.coefficients))
            if sigma <= 0:
                place = f"{target * 1e6:.4g} uS, within the range"
                raise ValueError(f"coefficients: expected an error above 0, found none at {place}")
        return self


class LevelQuantiles(Section):
    """Measured conductances of cells written to one target, in the order of the table's probabilities."""

    target: Conductance
    conductance: Annotated[list[Conductance], Field(min_length=SMALLEST_TABLE)]


class Quantiles(Section):
    """Empirical distribution of written cells: a quantile table for each of some targets.

    Between targets the ratio of conductance to target is interpolated over ln(target); between probabilities,
    linearly; the outermost quantiles end the distribution.
    """

    probabilities: Annotated[list[Fraction], Field(min_length=SMALLEST_TABLE)]
    levels: Annotated[list[LevelQuantiles], Field(min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> Quantiles:
        if any(a >= b for a, b in pairwise(self.probabilities)):
            raise ValueError("probabilities: expected to rise")
        targets = [level.target for level in self.levels]
        if any(a >= b for a, b in pairwise(targets)):
            raise ValueError("levels: expected targets that rise")
        for number, level in enumerate(self.levels):
            values = level.conductance
            if len(values) != len(self.probabilities):
                raise ValueError(
                    f"levels: expected {len(self.probabilities)} conductances a level, "
                    f"found {len(values)} in level {number + 1}"
                )
            if any(a > b for a, b in pairwise(values)):
                raise ValueError(f"levels: expected conductances that do not fall, see level {number + 1}")
        return self


class TelegraphNoise(Section):
    """Slow random telegraph noise: a cell keeps its state during a run; the low state carries less current."""

    occupancy: Fraction = Field(default=0.0, description="Share of cells in the low state")
    amplitude: Fraction = Field(default=0.0, description="Conductance that the low state lacks, relative")
