"""Durations and widths that the event model needs, in integer picoseconds and bits."""

from __future__ import annotations

from dataclasses import dataclass

PS = 1e-12  # seconds in a picosecond, exact by definition


@dataclass(frozen=True)
class Port:
    """A memory port or wire: one access of `width` bits takes `access_ps`; `ports` serve side by side."""

    access_ps: int
    width: int
    ports: int = 1
    size_bits: int = 0

    def accesses(self, bits: int) -> int:
        """Accesses that move `bits`."""
        return -(-bits // self.width)


@dataclass(frozen=True)
class Unit:
    """Digital units working side by side: `count` units, one action each in `action_ps`."""

    action_ps: int
    count: int

    def time_ps(self, actions: int) -> int:
        """Picoseconds for `actions` shared evenly."""
        return -(-actions // self.count) * self.action_ps


@dataclass(frozen=True)
class WriteTiming:
    """Programming: arrays that share one write circuit go one after another, circuits side by side."""

    set_ps: int
    reset_ps: int
    verify_ps: int
    cells_at_once: int
    arrays_per_circuit: int


@dataclass(frozen=True)
class Timing:
    """Everything about time that the event model takes from a chip.

    read_ps          bias time of one read of one input chunk (a whole pulse train for pulse width coding)
    convert_ps       one conversion; an array's converters each do `slots` of them, one after another
    partial_sum_bits an exact sum of products of one array, in an output register
    sample_hold      the next read may run while the last one is converted
    analog_bits      input chunks are summed before a single conversion
    lookup, multiplier   None where the chip has no such units
    """

    read_ps: int
    convert_ps: int
    slots: int
    sample_hold: bool
    analog_bits: bool
    shift_add_ps: int
    buffer: Port
    bus: Port
    global_buffer: Port
    adder: Unit
    activation: Unit
    pooling: Unit
    lookup: Unit | None
    multiplier: Unit | None
    router_ps: int
    flit_ps: int
    link_width: int
    header_bits: int
    grid: tuple[int, int]
    router_block: tuple[int, int]
    partial_sum_bits: int
    off_chip_latency_ps: int
    off_chip_bits_per_s: float
    write: WriteTiming
    after_ps: int
    wake_ps: int


def mean_bias_ps(read_ps: int, batch_ps: int, chunks: int, *, sample_hold: bool, analog_bits: bool) -> float:
    """Mean time that an array stays biased for one of the `chunks` reads of an input.

    Without sample-and-hold it is held through each batch of conversions (`batch_ps`): one a read, or one for all
    chunks where they are summed in analog.
    """
    if sample_hold:
        return read_ps
    return read_ps + batch_ps / (chunks if analog_bits else 1)
