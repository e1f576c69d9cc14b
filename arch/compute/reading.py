"""What the value model needs of a chip: how one array read turns input chunks into codes.

The column sum of a read is s = sum_r x_r G_r / dg over the rows of a group (G+ - G- for a pair subtracted in analog),
x_r the chunk's value and dg = (g_max - g_min) / (2^c - 1) the conductance between two levels. The unit step of s is
one level read with chunk value 1. For nonlinear cells read at several voltages see `response`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pillarsim.arch.chip import Array, Input, Readout, Weights
from pillarsim.arch.chip.current_voltage import LAW_K
from pillarsim.arch.compute.coding import Chunk, chunk_plan, top_levels
from pillarsim.arch.compute.response import Response
from pillarsim.arch.placement import Codes


@dataclass(frozen=True)
class SpikeRule:
    """An integrate-and-fire neuron: spikes = drive over threshold, drive = s * `gain`.

    gain: threshold charges that one unit step offers in a window; dead: dead time / window; kept: the charge left
    stays for the next chunk of the same row group; bipolar: one signed neuron instead of one a sign.
    """

    gain: float
    dead: float
    kept: bool
    bipolar: bool


@dataclass(frozen=True)
class ReadRule:
    """Codings and converter of every array of a chip, free of costs.

    g_min_s, g_max_s: conductances of the lowest and highest level, access device included; read_noise: standard
    deviation of a cell's current in one read, relative; bits: of the converter (of its counter for spikes); response:
    of nonlinear cells to chunks that are one of several voltages; None: a contribution is proportional to its chunk.
    """

    scheme: str
    weight_bits: int
    bits_per_cell: int
    analog_subtract: bool
    analog_accumulate: bool
    chunk_bits: int
    pulse_width: bool
    bits: int
    calibrated: bool
    percentile: float
    spikes: SpikeRule | None
    g_min_s: float
    g_max_s: float
    read_noise: float
    response: Response | None = None

    def __post_init__(self) -> None:
        if self.response is not None and not self.pairs:
            raise ValueError("response: expected None but for differential pairs that are subtracted in analog")

    @property
    def step_s(self) -> float:
        """Siemens between two levels."""
        return (self.g_max_s - self.g_min_s) / ((1 << self.bits_per_cell) - 1)

    @property
    def top_levels(self) -> tuple[int, ...]:
        """Largest level of each slice."""
        return top_levels(self.scheme, self.weight_bits, self.bits_per_cell)

    @property
    def columns(self) -> int:
        """Converted column outputs of one slice: 2 where a pair is subtracted after its two conversions."""
        return 2 if self.scheme == "differential" and not self.analog_subtract else 1

    @property
    def pairs(self) -> bool:
        """Whether a converted output is the difference of two columns."""
        return self.scheme == "differential" and self.analog_subtract

    def chunks(self, codes: Codes) -> tuple[Chunk, ...]:
        """Reads of one input of a layer, in order."""
        return chunk_plan(codes.bits, codes.signed, self.chunk_bits)

    def conversions(self, codes: Codes) -> int:
        """Conversions of one column output of one row group, for one input."""
        return 1 if self.analog_accumulate else len(self.chunks(codes))

    def code_range(self, codes: Codes) -> tuple[int, int]:
        """Lowest and highest code: two's complement where a sum can be negative, else unsigned."""
        if self.spikes is not None:
            top = (1 << self.bits) - 1
            return (-top if self._negative(codes) else 0), top
        if self._negative(codes):
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        return 0, (1 << self.bits) - 1

    def _negative(self, codes: Codes) -> bool:
        return self.pairs or (self.analog_accumulate and codes.signed)


def read_rule(array: Array, weights: Weights, inputs: Input, readout: Readout, bits_per_cell: int) -> ReadRule:
    """Gather what decides the values from the sections of a chip."""
    low, high = array.conductance_range
    return ReadRule(
        scheme=weights.scheme,
        weight_bits=weights.bits,
        bits_per_cell=bits_per_cell,
        analog_subtract=weights.pair_subtract == "analog",
        analog_accumulate=weights.accumulate_bits == "analog",
        chunk_bits=inputs.chunk_bits,
        pulse_width=inputs.coding == "pulse_width",
        bits=readout.bits,
        calibrated=readout.range == "calibrated" and readout.neuron is None,
        percentile=readout.calibration_percentile,
        spikes=_spike_rule(array, inputs, readout, (high - low) / ((1 << bits_per_cell) - 1)),
        g_min_s=low,
        g_max_s=high,
        read_noise=array.cell.read_noise,
        response=_response(array, inputs),
    )


def _response(array: Array, inputs: Input) -> Response | None:
    if array.cell.iv.model == "linear" or inputs.coding != "amplitude" or inputs.chunk_bits == 1:
        return None
    return Response(array.cell.iv.law, array.read_voltage, (1 << inputs.chunk_bits) - 1, LAW_K)


def _spike_rule(array: Array, inputs: Input, readout: Readout, step_s: float) -> SpikeRule | None:
    """The largest chunk is the full read voltage (amplitude) or 2^d - 1 windows of it (pulse width).

    A pulse's charge is taken as a constant current over its 2^d - 1 windows.
    """
    neuron = readout.neuron
    if neuron is None:
        return None
    top = (1 << inputs.chunk_bits) - 1
    pulses = inputs.coding == "pulse_width"
    unit_c = step_s * array.read_voltage * neuron.window / (1 if pulses else top)
    return SpikeRule(
        gain=unit_c / (neuron.capacitance * neuron.threshold),
        dead=neuron.dead_time / (neuron.window * (top if pulses else 1)),
        kept=neuron.residual == "kept",
        bipolar=neuron.polarity == "bipolar",
    )
