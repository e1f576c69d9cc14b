"""Electrical view of a chip's array: its lines, the rail that feeds it, and the energy of its reads.

The dissipation of a read is V^2 G t in the cells plus C V^2 of every driven word line; a linear regulator draws the
same charge from a rail above V and loses the difference.
"""

from __future__ import annotations

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


def rail_voltage(technology: Technology, volts: float) -> float:
    """Voltage at which the charge of an array voltage is drawn: the lowest rail that covers it.

    With an ideal regulator it is the voltage itself; a voltage above every rail (which a chip file refuses) too.
    """
    covering = [rail for rail in technology.supply.rails().values() if rail >= volts]
    if technology.regulator == "ideal" or not covering:
        return volts
    return min(covering)


def array_read_energy_j(array: Array, read_s: float, active: LayerActivity) -> tuple[float, float]:
    """Return (energy dissipated in the arrays, charge taken x read voltage), both joules a window of `active`.

    The second is what an ideal supply of the read voltage delivers; a linear regulator draws it times rail / voltage.
    A stated `array.read_energy` is of a read with every row on, scales with the rows driven, and is all there is.
    """
    if array.read_energy != "derived":
        energy_j = array.read_energy * active.drives / array.active_inputs
        return energy_j, energy_j
    lines_j = active.drives * _line_energy_j(array)
    cells_j = array.read_voltage**2 * read_s
    return cells_j * active.conductance_s + lines_j, cells_j * active.conductance_time + lines_j


def full_read_energy_j(array: Array, technology: Technology, read_s: float) -> float:
    """Energy of one read with all active rows on, cells at the mean conductance; drawn from the rail."""
    if array.read_energy != "derived":
        return array.read_energy
    low, high = array.conductance_range
    cells_j = array.read_voltage**2 * read_s * (low + high) / 2 * array.active_inputs * array.columns
    lines_j = array.active_inputs * _line_energy_j(array)
    return (cells_j + lines_j) * rail_voltage(technology, array.read_voltage) / array.read_voltage


def array_ir_drop(array: Array, temperature_k: float, conductance_s: float, density: float = 1.0) -> IrDrop:
    """Estimate of the IR drop that ideal wires leave out, cells at `conductance_s`.

    density: share of the active rows that is driven.
    """
    active_rows = array.active_inputs // array.layers
    return ir_drop(array_lines(array, temperature_k), conductance_s, active_rows, density)


def _line_energy_j(array: Array) -> float:
    return word_line_energy_j(array_lines(array, 300.0), array.read_voltage)
