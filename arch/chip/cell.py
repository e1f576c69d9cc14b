"""The memory cell: its states, its current-voltage law, and how it departs from them."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.ageing import CellEndurance, CellRetention, ThermalActivation
from pillarsim.arch.chip.base import Section, label
from pillarsim.arch.chip.current_voltage import CurrentVoltage
from pillarsim.arch.chip.pulse_update import PulseUpdate
from pillarsim.arch.chip.written import LevelError, Quantiles, StatePair, StuckCells, TelegraphNoise
from pillarsim.arch.units import Ratio, Resistance, Voltage, show_quantity
from pillarsim.devices.endurance import Endurance
from pillarsim.devices.polynomial import HIGHEST_S, LOWEST_S

LEAST_OHM = 0.1  # Ohm, far below any cell: beyond, single-precision conductances and currents lose their meaning
_ERRORS = ("programming_error", "level_error", "quantiles")


class CellCard(Section):
    """A two-terminal resistive cell whose levels are equally spaced in conductance at the read voltage.

    Modelled, each where the card states it: nonlinear I-V; the error of a write pulse (log-normal by state, normal by
    level, or a table of quantiles), or programming by incremental pulses; read and telegraph noise; stuck cells;
    drift, relaxation and loss over time; endurance; thermal activation; updates by pulses for learning.
    """

    lrs: Resistance = Field(description="Low-resistance state")
    hrs: Resistance = Field(description="High-resistance state")
    levels: int = Field(ge=2, le=256, description="Levels a cell can hold; bits_per_cell 'auto' uses all of them")
    programming: Literal["trials", "pulses"] = Field(
        default="trials",
        description="trials: each write pulse is a new draw about its target; pulses: from the high-resistance state "
        "(the low one where pulses only lower the conductance) in steps of `pulse_update`",
    )
    programming_error: StatePair = Field(
        default=StatePair(),
        description="Standard deviation of ln(conductance) after one write pulse, by state",
    )
    level_error: LevelError | None = None
    quantiles: Quantiles | None = None
    verified: bool = Field(
        default=False,
        description="level_error and quantiles are what write-verify left: a chip must not verify once more",
    )
    read_noise: Ratio = Field(
        default=0.0, le=1, description="Standard deviation of a cell's current in one read, relative"
    )
    telegraph_noise: TelegraphNoise = TelegraphNoise()
    stuck: StuckCells = Field(default=StuckCells())
    iv: CurrentVoltage = CurrentVoltage()
    activation: ThermalActivation | None = None
    retention: CellRetention | None = None
    endurance: CellEndurance | None = None
    pulse_update: PulseUpdate | None = None
    disturb_voltage: Voltage | None = Field(
        default=None,
        description="V0 of the rate law sinh(V / V0): a half-selected cell moves by sinh(Vd / V0) / sinh(Vw / V0) of "
        "an update pulse's step; without it half-selected cells do not move",
    )
    technology: str = label("", "material stack")
    author: str = label("", "who published the numbers")
    year: int | None = label(None, "of publication")
    reference: str = label("", "where the numbers come from")
    figure: str = label("", "figure, table or file of the reference")
    fit_range: str = label("", "conductances, voltages, times and temperatures that the numbers cover")
    assumed: str = label("", "what is not from the reference")
    not_claimed: str = label("", "what the card must not be used for")

    @model_validator(mode="after")
    def _order(self) -> CellCard:
        if self.lrs < LEAST_OHM:
            raise ValueError(f"lrs: expected at least {LEAST_OHM:g} Ohm, found {show_quantity(self.lrs, 'Ohm')}")
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

    @model_validator(mode="after")
    def _one_way_to_write(self) -> CellCard:
        if self.programming == "pulses" and self.pulse_update is None:
            raise ValueError("programming: expected 'trials' where the card has no pulse_update, found 'pulses'")
        given = [name for name in _ERRORS if getattr(self, name) not in (None, StatePair())]
        if len(given) > 1:
            raise ValueError(f"{given[1]}: expected not beside {given[0]}: one of {', '.join(_ERRORS)}")
        if given and self.programming == "pulses":
            raise ValueError(f"{given[0]}: expected not with programming 'pulses', whose errors are pulse_update's own")
        if self.programming == "pulses" and (self.stuck.lrs or self.stuck.hrs):
            raise ValueError("stuck: expected none with programming 'pulses'")
        if self.verified and self.level_error is None and self.quantiles is None:
            raise ValueError("verified: expected only with level_error or quantiles")
        own = self.pulse_update is not None and self.pulse_update.model in ("pcm", "stanford_pku", "weak_reset")
        if own and self.programming == "pulses" and self.endurance is not None:
            raise ValueError("endurance: expected not with programming 'pulses' of a model with its own conductances")
        return self

    def hrs_after(self, cycles: float) -> float:
        """Ohms of the high-resistance state after so many SET and RESET cycles."""
        if self.endurance is None or cycles == 0:
            return self.hrs
        lowest, _ = Endurance(self.endurance.cycles, self.endurance.exponent).window(1 / self.hrs, 1 / self.lrs, cycles)
        return 1 / lowest


def auto_bits_per_cell(cell: CellCard) -> int:
    """Bits that `cell` holds: floor(log2(levels))."""
    return int(math.log2(cell.levels))
