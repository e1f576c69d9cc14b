"""How a pulse moves a cell's conductance, as a card states it: one section a model, told apart by `model`.

Windows lie between the card's hrs and lrs, as a read sees them, unless a model has conductances of its own. SET pulses
raise the conductance, RESET pulses lower it. Spreads over devices (d2d) and from pulse to pulse (c2c) are standard
deviations.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section
from pillarsim.arch.units import (
    ActivationEnergy,
    Age,
    Conductance,
    CurrentOrZero,
    Fraction,
    Length,
    Ratio,
    Resistance,
    SignedConductance,
    Temperature,
    Time,
    Voltage,
)

_Step = Annotated[Ratio, Field(gt=0, le=1)]
_Spread = Annotated[Ratio, Field(le=2)]


class _Windowed(Section):
    """Spread of a device's own window."""

    d2d_min: _Spread = Field(default=0.0, description="Of ln(lowest conductance) over devices")
    d2d_span: _Spread = Field(default=0.0, description="Of ln(window) over devices")


class SoftBounds(_Windowed):
    """Steps that shrink exponentially on the way to the bound that the pulse moves to."""

    model: Literal["soft_bounds"]
    step_up: _Step = Field(description="First SET step from the lowest conductance, of the window")
    step_down: _Step = Field(description="First RESET step from the highest conductance, of the window")
    bend_up: float = Field(ge=0, le=50, description="ln of the first SET step over the last")
    bend_down: float = Field(ge=0, le=50, description="ln of the first RESET step over the last")
    c2c: Ratio = Field(default=0.0, le=10, description="Of a step, relative to it")
    d2d_step: _Spread = Field(default=0.0, description="Of ln(step) over devices")


class LinearStep(_Windowed):
    """Steps up (1 - slope_up x) and down (1 - slope_down (1 - x)), x the place in the window, between hard bounds."""

    model: Literal["linear_step"]
    step_up: _Step = Field(description="SET step at the lowest conductance, of the window")
    step_down: _Step = Field(description="RESET step at the highest conductance, of the window")
    slope_up: float = Field(default=0.0, ge=-10, le=1)
    slope_down: float = Field(default=0.0, ge=-10, le=1)
    c2c: Ratio = Field(default=0.0, le=100, description="Of a step, relative to the first of its direction")
    write_noise: Ratio = Field(default=0.0, le=1000, description="Of what is read after a pulse, relative to the step")
    d2d_step: _Spread = Field(default=0.0, description="Of ln(step) over devices")


class NeuroSim(_Windowed):
    """NeuroSim's curves between the bounds, bent by a nonlinearity label for each direction."""

    model: Literal["neurosim"]
    pulses_up: int = Field(ge=1, le=1_000_000, description="SET pulses from one bound to the other")
    pulses_down: int = Field(ge=1, le=1_000_000, description="RESET pulses from one bound to the other")
    label_up: float = Field(ge=-9, le=9, description="Nonlinearity of potentiation, as NeuroSim prints it")
    label_down: float = Field(ge=-9, le=9, description="Nonlinearity of depression, as NeuroSim prints it (negative)")
    c2c: Ratio = Field(default=0.0, le=1, description="Of a pulse, of the window")
    d2d_label: float = Field(default=0.0, ge=0, le=9, description="Of the labels over devices")


class StochasticBinary(Section):
    """Two states, the card's hrs and lrs; each pulse switches with a probability."""

    model: Literal["stochastic_binary"]
    set_probability: Fraction = Field(description="That a SET pulse switches a cell up")
    reset_probability: Fraction = Field(description="That a RESET pulse switches a cell down")
    c2c_hrs: Ratio = Field(default=0.0, le=3, description="Of ln(G) of the high-resistance state at each switching")
    c2c_lrs: Ratio = Field(default=0.0, le=3, description="Of ln(G) of the low-resistance state at each switching")
    d2d_hrs: Ratio = Field(default=0.0, le=3, description="Of ln(G) of the high-resistance state over devices")
    d2d_lrs: Ratio = Field(default=0.0, le=3, description="Of ln(G) of the low-resistance state over devices")


class PhaseChange(Section):
    """Accumulation in phase-change memory: SET steps and their spread are linear in G and in a fading memory P.

    P <- P exp(-1 / memory_pulses) at each pulse; mean = mean_slope G + mean_offset + mean_memory P, and the spread
    likewise. A RESET returns G to `start`.
    """

    model: Literal["pcm"]
    start: Conductance = Field(description="After RESET, and lower limit")
    limit: Conductance = Field(description="Upper limit")
    memory_pulses: float = Field(gt=0, le=1000)
    mean_slope: float = Field(ge=-1, le=1)
    mean_offset: SignedConductance
    mean_memory: SignedConductance
    spread_slope: float = Field(ge=-1, le=1)
    spread_offset: SignedConductance
    spread_memory: SignedConductance
    read_slope: Ratio = Field(default=0.0, description="Read noise, of G")
    read_offset: SignedConductance = Field(default=0.0, description="Read noise, constant part")
    drift: Ratio = Field(default=0.0, le=1, description="Exponent of drift")
    stated_after: Age = Field(gt=0, description="Time after a pulse to which the conductances belong")


class StanfordPku(Section):
    """The Stanford-PKU compact model: a filament gap moved by the field and the temperature of the pulse."""

    model: Literal["stanford_pku"]
    decay_length: Length = Field(ge=1e-11, le=1e-8, description="g0: of the current over the gap")
    decay_voltage: Voltage = Field(ge=0.05, description="V0 of the current's sinh")
    current: CurrentOrZero = Field(ge=1e-12, description="I0")
    velocity: float = Field(gt=0, le=1e6, description="Vel0 in m/s")
    enhancement: float = Field(gt=0, le=100, description="gamma0: of the field, at gap 0")
    enhancement_fall: float = Field(ge=0, le=100, description="beta: of the enhancement, by the gap in nm cubed")
    activation: ActivationEnergy
    hop: Length = Field(ge=1e-11, le=2e-9, description="a0: hopping distance")
    oxide: Length = Field(ge=1e-9, le=1e-7, description="tox: thickness of the oxide")
    gap_min: Length
    gap_max: Length
    thermal_resistance: float = Field(ge=0, le=1e9, description="Rth in K/W")
    ambient: Temperature = Field(ge=100, le=600)
    c2c_gap: Length = Field(description="Standard deviation of the gap at each pulse and of its limits over devices")
    set_voltage: Voltage
    reset_voltage: Voltage
    pulse: Time
    read_voltage: Voltage


class Normal(Section):
    """A normal distribution cut to [low, high]."""

    mean: float
    std: float = Field(gt=0)
    low: float
    high: float


class Exponential(Section):
    """start + an exponential variate of mean `scale`, cut to [low, high]."""

    start: float
    scale: float = Field(gt=0)
    low: float
    high: float


class LogNormal(Section):
    """median times exp(shape z), z standard normal, cut to [low, high]."""

    shape: float = Field(gt=0)
    median: float = Field(gt=0)
    low: float
    high: float


class NormalResistance(Section):
    """A normal distribution of resistances, cut to [low, high]."""

    mean: Resistance
    std: Resistance
    low: Resistance
    high: Resistance


class WeakReset(Section):
    """Weak RESET of HfOx: ln(R / r0) rises by `slope` a pulse up to `knee` pulses, then by `late_slope`; plus noise."""

    model: Literal["weak_reset"]
    r0: NormalResistance = Field(description="Resistance before the first pulse, over devices")
    slope: Exponential = Field(description="Of ln R a pulse before the knee, over devices")
    knee: LogNormal = Field(description="Pulses, over devices")
    offset: Normal = Field(description="Of ln R, over devices")
    late_slope: Exponential = Field(description="Of ln R a pulse after the knee, over devices")
    telegraph_amplitude: Ratio = Field(description="Largest of ln R over devices, which are uniform below it")
    telegraph_rise: float = Field(gt=0, lt=1, description="Probability a pulse, low to high resistance")
    telegraph_fall: float = Field(gt=0, lt=1, description="Probability a pulse, high to low resistance")
    pink_coupling: Ratio = Field(le=10, description="Of ln R")
    pink_taps: int = Field(ge=1, le=1000)

    @model_validator(mode="after")
    def _chain(self) -> WeakReset:
        if self.telegraph_rise + self.telegraph_fall >= 1:
            raise ValueError("telegraph_rise: expected telegraph_rise + telegraph_fall below 1")
        return self


PulseUpdate = Annotated[
    SoftBounds | LinearStep | NeuroSim | StochasticBinary | PhaseChange | StanfordPku | WeakReset,
    Field(discriminator="model"),
]
