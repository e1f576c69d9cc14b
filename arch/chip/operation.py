"""How weights, inputs, outputs and writes are coded and timed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section
from pillarsim.arch.units import (
    Capacitance,
    Conductance,
    EnergyOrZero,
    Fraction,
    Frequency,
    Time,
    TimeOrZero,
    Voltage,
)


class Weights(Section):
    """Coding of a signed integer weight in cells.

    differential  |w| in bits - 1 magnitude bits on the positive or the negative column of a pair
    offset        w + 2^(bits-1) on single columns; the offset is subtracted digitally (popcount of inputs)
    offset_flip   offset, with a column's levels complemented where that lowers its largest sum (ISAAC)
    """

    bits: int = Field(default=8, ge=2, le=16)
    bits_per_cell: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default="auto", description="'auto': floor(log2(cell levels))"
    )
    scheme: Literal["differential", "offset", "offset_flip"] = "differential"
    subtract: Literal["analog", "digital"] | None = Field(
        default=None, description="Differential only, default analog: one conversion a pair; digital: two"
    )
    accumulate_bits: Literal["analog", "digital"] = Field(
        default="digital", description="Input bits summed before (analog) or after (digital) the conversion"
    )
    quantization: Literal["layer", "channel"] = Field(default="channel", description="One weight scale each")

    @model_validator(mode="after")
    def _scheme(self) -> Weights:
        if self.scheme != "differential" and self.subtract is not None:
            raise ValueError("subtract: expected only with scheme 'differential'")
        return self

    @property
    def pair_subtract(self) -> Literal["analog", "digital"]:
        """Where a differential pair is subtracted."""
        return self.subtract or "analog"

    @property
    def polarities(self) -> int:
        """Physical columns a slice: 2 for differential pairs."""
        return 2 if self.scheme == "differential" else 1

    @property
    def magnitude_bits(self) -> int:
        """Bits to be split into slices: the sign of a differential weight is its column."""
        return self.bits - 1 if self.scheme == "differential" else self.bits


class Driver(Section):
    """Row drivers or DACs: one an input line."""

    component: str = Field(description="Name of a card in configs/components")


class Input(Section):
    """Coding of activations: integers, unsigned after ReLU, else two's complement (top plane subtracted).

    bit_serial    dac_bits = 1, one read an input bit
    amplitude     dac_bits at a time as a voltage; ceil(bits / dac_bits) reads
    pulse_width   dac_bits at a time as a pulse of up to 2^dac_bits - 1 read times
    """

    coding: Literal["bit_serial", "amplitude", "pulse_width"] = "bit_serial"
    bits: int = Field(default=8, ge=1, le=16)
    dac_bits: int | None = Field(default=None, ge=1, le=16, description="Default 1 for bit_serial, else `bits`")
    driver: Driver
    calibration_percentile: float = Field(
        default=100.0,
        gt=0,
        le=100,
        description="Of calibration activations: what the largest code stands for",
    )

    @model_validator(mode="after")
    def _coding(self) -> Input:
        if self.coding == "bit_serial" and self.dac_bits not in (None, 1):
            raise ValueError("dac_bits: expected 1 with coding 'bit_serial' (use 'amplitude' for several bits)")
        if self.dac_bits is not None and self.dac_bits > self.bits:
            raise ValueError(f"dac_bits: expected at most bits ({self.bits}), found {self.dac_bits}")
        return self

    @property
    def chunk_bits(self) -> int:
        """Input bits a read."""
        return self.dac_bits or (1 if self.coding == "bit_serial" else self.bits)

    @property
    def chunks(self) -> int:
        """Reads an input takes: ceil(bits / chunk_bits)."""
        return -(-self.bits // self.chunk_bits)


class Neuron(Section):
    """An integrate-and-fire circuit whose spikes a counter counts within a window.

    count = floor(Q / (C V_th)); after a spike it is deaf for `dead_time`.
    """

    capacitance: Capacitance
    threshold: Voltage
    window: Time = Field(description="Integration time of one read; it replaces array.read_time")
    dead_time: TimeOrZero = 0.0
    residual: Literal["kept", "lost"] = Field(
        default="lost",
        description="Charge below threshold at the end of a window: kept for the next input bit or not",
    )
    polarity: Literal["pair", "bipolar"] = Field(default="pair", description="One neuron a sign, or one for both")


class Readout(Section):
    """Conversion of column outputs. `bits` of an integrate_and_fire neuron are its counter's."""

    converter: Literal["sar_adc", "ramp_adc", "flash_adc", "sense_amp", "integrate_and_fire"] = "sar_adc"
    bits: int = Field(default=8, ge=1, le=16)
    columns_shared: int = Field(default=8, ge=1, description="Outputs (pairs, when subtracted in analog) a converter")
    sample_hold: str | None = Field(
        default=None, description="Card of the sample-and-hold, one an output; none: no S&H"
    )
    range: Literal["full_scale", "calibrated"] = Field(
        default="full_scale",
        description="Largest possible sum, or the calibration data's; an LSB is 2^k unit steps",
    )
    calibration_percentile: float = Field(default=99.99, gt=0, le=100, description="Of |sums|, for range 'calibrated'")
    column_gain: Literal["nominal", "calibrated"] = Field(
        default="nominal",
        description="calibrated: each output's gain trimmed so that all inputs on give the sum of the targets",
    )
    model: Literal["isaac_isca_2016", "survey_regression", "zigzag_28nm", "comparators"] | None = Field(
        default=None,
        description="Cost model; default survey_regression for sar_adc, comparators for the others",
    )
    rate: Frequency | None = Field(default=None, description="Conversions a second; default from the model")
    neuron: Neuron | None = None

    @model_validator(mode="after")
    def _converter(self) -> Readout:
        if (self.converter == "integrate_and_fire") != (self.neuron is not None):
            raise ValueError("neuron: expected exactly where converter is 'integrate_and_fire'")
        if self.converter == "sense_amp" and self.bits != 1:
            raise ValueError(f"bits: expected 1 for a sense_amp, found {self.bits}")
        if self.converter == "integrate_and_fire":
            for name in ("range", "rate", "calibration_percentile", "model"):
                if name in self.model_fields_set and getattr(self, name) is not None:
                    raise ValueError(f"{name}: expected not with integrate_and_fire (the neuron sets it)")
        elif self.converter == "sar_adc":
            if self.model == "comparators":
                raise ValueError("model: expected isaac_isca_2016, survey_regression or zigzag_28nm for a sar_adc")
        elif self.model not in (None, "comparators"):
            raise ValueError(f"model: expected 'comparators' for a {self.converter}")
        if self.model == "zigzag_28nm" and self.rate is not None:
            raise ValueError("rate: expected not with model zigzag_28nm (the model gives the conversion time)")
        return self

    @property
    def cost_model(self) -> str:
        """Name of the cost model in force."""
        if self.converter == "integrate_and_fire":
            return "neuron"
        return self.model or ("survey_regression" if self.converter == "sar_adc" else "comparators")


class Verify(Section):
    """Write-verify: pulses repeat until the conductance is within tolerance or the limit is reached."""

    tolerance: Conductance = Field(description="Accepted distance from the target conductance")
    max_pulses: int = Field(ge=1, le=10000)
    read_time: Time = Field(description="Of one verify read at array.read_voltage")


class Reset(Section):
    """Erase pulse given to every cell before it is set."""

    voltage: Voltage
    pulse: Time


class Write(Section):
    """Programming: cells of one row `cells_at_once`; arrays that share a circuit one after another."""

    scheme: Literal["half", "third", "ground", "isolated"] = Field(
        description="Bias of unselected lines of a passive array; 'isolated' for 1T1R (no half-selected cell)"
    )
    voltage: Voltage = Field(description="SET voltage")
    pulse: Time = Field(description="SET pulse")
    reset: Reset | None = None
    cells_at_once: int = Field(default=1, ge=1)
    verify: Verify | None = None
    component: str = Field(description="Card of the write circuit, in configs/components")
    shared_by: int = Field(default=1, ge=1, description="Arrays that one write circuit serves")


class WakeUp(Section):
    """Cost of leaving the gated state, for one unit of a gated group: an array's, a tile's or a router's parts."""

    time: TimeOrZero = Field(default=0.0, description="Delays the first use after gating")
    energy: EnergyOrZero = Field(default=0.0, description="Of one unit, at each wake-up")


class Idle(Section):
    """What idle parts do: stay `on` (clocked), be `clock_gated` (leak only) or `gated` (leak the residual).

    Groups: arrays (drivers, sample-and-hold, write circuits), converters, buffers, digital (all else).
    """

    arrays: Literal["on", "clock_gated", "gated"] = "clock_gated"
    converters: Literal["on", "clock_gated", "gated"] = "clock_gated"
    buffers: Literal["on", "clock_gated", "gated"] = "clock_gated"
    digital: Literal["on", "clock_gated", "gated"] = "clock_gated"
    after: TimeOrZero = Field(default=0.0, description="Idle time before a policy acts")
    wake_up: WakeUp = WakeUp()
    residual: Fraction = Field(default=0.03, description="Leakage left when gated")
    clock_power: Fraction = Field(default=0.1, description="Clock power while on and idle, of peak dynamic power")
