"""When an array reads and converts: the rhythm that every part beside it follows.

A multiplication takes `chunks` reads; each read's outputs are converted in `slots` turns by every converter. With
sample-and-hold the next read runs while the last is converted, so the slower of the two sets the period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pillarsim.arch.chip import Array, Hardware, Input, Readout, Technology
from pillarsim.arch.components.array_power import array_lines
from pillarsim.arch.timing import mean_bias_ps
from pillarsim.devices.wires import cycles_ps, settling_time_s, whole_cycles

PS_PER_S = 1e12  # picoseconds in a second


@dataclass(frozen=True)
class ArrayClock:
    """Durations in picoseconds: one read (a whole pulse train), one conversion; and how many of each."""

    read_ps: int
    convert_ps: int
    slots: int
    chunks: int
    sample_hold: bool
    analog_bits: bool

    @property
    def mvm_ps(self) -> int:
        """Steady time of one multiplication of a full input vector (one row group)."""
        reads = self.chunks * self.read_ps
        conversions = self.conversions * self.slots * self.convert_ps
        return max(reads, conversions) if self.sample_hold else reads + conversions

    @property
    def conversions(self) -> int:
        """Conversions of one output in a multiplication: one a chunk, or one where chunks are summed before."""
        return 1 if self.analog_bits else self.chunks

    @property
    def bias_ps(self) -> float:
        """Mean time that the array stays biased for a read."""
        held = {"sample_hold": self.sample_hold, "analog_bits": self.analog_bits}
        return mean_bias_ps(self.read_ps, self.slots * self.convert_ps, self.chunks, **held)


def read_time_ps(array: Array, coding: Input, readout: Readout, technology: Technology, slots: int) -> int:
    """Bias time of one read of one input chunk, in picoseconds.

    'derived' settles the lines to half an LSB of the readout bits and takes whole clock cycles; pulse-width codes
    repeat it up to 2^bits - 1 times. An integrate-and-fire readout takes a window for each of the
    `slots` outputs that it serves.
    """
    pulses = (1 << coding.chunk_bits) - 1 if coding.coding == "pulse_width" else 1
    if readout.neuron is not None:
        return max(1, round(readout.neuron.window * PS_PER_S)) * slots * pulses
    if array.read_time == "derived":
        settled_s = settling_time_s(array_lines(array, technology.temperature), readout.bits)
        one_ps = cycles_ps(whole_cycles(settled_s, technology.clock), technology.clock)
    else:
        one_ps = max(1, round(array.read_time * PS_PER_S))
    return one_ps * pulses


def array_clock(hardware: Hardware, convert_ps: int) -> ArrayClock:
    """The rhythm of the chip's arrays, given one conversion's time."""
    slots = min(hardware.readout.columns_shared, hardware.outputs_per_array)
    return ArrayClock(
        read_ps=read_time_ps(hardware.array, hardware.input, hardware.readout, hardware.technology, slots),
        convert_ps=convert_ps,
        slots=slots,
        chunks=hardware.input.chunks,
        sample_hold=hardware.readout.sample_hold is not None,
        analog_bits=hardware.weights.accumulate_bits == "analog",
    )


def weights_per_array_row(hardware: Hardware) -> float:
    """Weights side by side in one row of an array: whole ones, or a part of one where it spreads over arrays."""
    units, slices = hardware.array.columns // hardware.weights.polarities, hardware.slices
    return units // slices if units >= slices else units / slices


def partial_sum_bits(hardware: Hardware) -> int:
    """Width of an exact sum of products in an output register: input and weight bits, and carries of the rows."""
    return hardware.input.bits + hardware.weights.bits + math.ceil(math.log2(hardware.array.active_inputs))


def peak_ops_per_s(hardware: Hardware, clock: ArrayClock) -> float:
    """Operations a second (two a multiply-accumulate) with every array busy and full."""
    macs = hardware.arrays * hardware.array.active_inputs * weights_per_array_row(hardware)
    return 2 * macs / (clock.mvm_ps / PS_PER_S)
