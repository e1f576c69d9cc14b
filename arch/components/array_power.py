"""Electrical view of a chip's array: its lines, the rail that feeds it, and the energy of its reads.

The dissipation of a read is V^2 G t in the cells plus C V^2 of every driven word line; a linear regulator draws the
same charge from a rail above V and loses the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

from pillarsim.arch.activity import LayerActivity
from pillarsim.arch.chip import Array, Technology
from pillarsim.devices.scaling import wire_factor
from pillarsim.devices.wires import IrDrop, Lines, ir_drop, word_line_energy_j


def array_lines(array: Array, temperature_k: float) -> Lines:
    """Counts, resistances (of wires at the chip's temperature) and capacitances of the array's lines."""
    warm = wire_factor(temperature_k)
    resistance, capacitance = array.resistance, array.capacitance
    vertical = array.geometry == "vertical"
    return Lines(
        rows=array.rows,
        columns=array.columns,
        layers=array.layers,
        fingers=electrode_fingers(array),
        fingers_on=array.active_rows if array.read_mode == "select_line" else 1,
        cells_on=1 if array.layer_by_layer else array.layers * array.sides,
        word_line_ohm=resistance.word_line_segment * warm,
        bit_line_ohm=resistance.bit_line_segment * warm,
        pillar_ohm=resistance.pillar_segment * warm if vertical else 0.0,
        driver_ohm=resistance.driver,
        sense_ohm=resistance.sense,
        select_ohm=resistance.select_on if vertical else 0.0,
        word_line_f=capacitance.word_line_segment,
        bit_line_f=capacitance.bit_line_segment,
        pillar_f=capacitance.pillar_segment if vertical else 0.0,
    )


def electrode_fingers(array: Array) -> int:
    """Fingers that one word-line electrode feeds, at most; a plane counts as one a row."""
    if array.word_lines == "plane":
        return array.rows
    if array.word_lines in ("comb", "comb2"):
        fingers = array.rows + 1 if array.word_lines == "comb2" else -(-array.rows // array.rows_per_finger)
        return -(-fingers // 2)
    return 1


def electrodes(array: Array) -> int:
    """Lines of one array with a driver: rows, or word-line electrodes, and the select lines that carry inputs."""
    if array.word_lines is None or array.word_lines == "finger":
        return array.inputs
    if array.word_lines == "plane":
        return array.layers + (array.rows if array.read_mode == "select_line" else 0)
    one_comb = array.word_lines == "comb" and array.rows <= array.rows_per_finger
    return array.layers * (1 if one_comb else 2)


def rail_voltage(technology: Technology, volts: float) -> float:
    """Voltage at which the charge of an array voltage is drawn: the lowest rail that covers it.

    With an ideal regulator it is the voltage itself; a voltage above every rail (which a chip file refuses) too.
    """
    covering = [rail for rail in technology.supply.rails().values() if rail >= volts]
    if technology.regulator == "ideal" or not covering:
        return volts
    return min(covering)


@dataclass(frozen=True)
class ReadEnergy:
    """Where the energy of a window's reads goes, joules; and what an ideal supply of the read voltage delivers.

    signal: driven cells; sneak: all other cells; wires: wires, drivers, sense resistances and switches;
    lines: charging of driven lines. `drawn` is at least their sum: a linear regulator draws it times rail / voltage.
    """

    signal: float
    sneak: float
    wires: float
    lines: float
    drawn: float

    @property
    def total(self) -> float:
        """Joules dissipated in the arrays."""
        return self.signal + self.sneak + self.wires + self.lines


def array_read_energy(array: Array, read_s: float, active: LayerActivity, reads: int) -> ReadEnergy:
    """Energy of a window of `active`, whose arrays read `reads` times in all, biased `read_s` a read.

    A stated `array.read_energy` is of a read with every row on, scales with the rows driven, and is all there is.
    """
    if array.read_energy != "derived":
        energy_j = array.read_energy * active.drives / array.active_inputs
        return ReadEnergy(energy_j, 0.0, 0.0, 0.0, energy_j)
    # A select line costs its driver's energy; the plane that a read drives is charged once.
    driven_lines = reads if array.read_mode == "select_line" else active.drives
    lines_j = driven_lines * _line_energy_j(array)
    cells_j = array.read_voltage**2 * read_s
    return ReadEnergy(
        signal=cells_j * active.conductance_s,
        sneak=cells_j * active.sneak_s,
        wires=cells_j * active.wires_s,
        lines=lines_j,
        drawn=cells_j * active.conductance_time + lines_j,
    )


def full_read_energy_j(array: Array, technology: Technology, read_s: float) -> float:
    """Energy of one read with all active rows on, cells at the mean conductance; drawn from the rail."""
    if array.read_energy != "derived":
        return array.read_energy
    low, high = array.conductance_range
    cells_j = array.read_voltage**2 * read_s * (low + high) / 2 * array.active_inputs * array.columns
    lines_j = (1 if array.read_mode == "select_line" else array.active_inputs) * _line_energy_j(array)
    return (cells_j + lines_j) * rail_voltage(technology, array.read_voltage) / array.read_voltage


def array_ir_drop(array: Array, temperature_k: float, conductance_s: float, density: float = 1.0) -> IrDrop:
    """Estimate of the IR drop that ideal wires leave out, cells at `conductance_s`.

    density: share of the active rows that is driven.
    """
    return ir_drop(array_lines(array, temperature_k), conductance_s, array.active_rows, density)


def _line_energy_j(array: Array) -> float:
    return word_line_energy_j(array_lines(array, 300.0), array.read_voltage)
