"""Energy of array reads and the rails that feed them."""

import pytest

from pillarsim.arch.activity import LayerActivity
from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.array_power import array_ir_drop, array_read_energy, full_read_energy_j, rail_voltage
from tests.near import near


def chip(*sets: str, name: str = "hfox_planar_128") -> Chip:
    """A chip with overrides."""
    return load_chip(name, sets).chip


def activity(
    drives: float, conductance_s: float, conductance_time: float, sneak_s: float = 0.0, wires_s: float = 0.0
) -> LayerActivity:
    """A window with so many driven lines and conductance sums."""
    return LayerActivity("layer", 8, drives, conductance_s, sneak_s, wires_s, conductance_time, 0.0, 0, 0.0)


@pytest.mark.parametrize(("volts", "rail"), [(0.2, 0.9), (0.9, 0.9), (1.0, 1.8), (2.0, 3.0)])
def test_a_linear_regulator_draws_from_the_lowest_rail_that_covers(volts: float, rail: float) -> None:
    """Rails of 0.9, 1.8 and 3 V: the lowest that is not below the voltage; an ideal regulator loses nothing."""
    assert rail_voltage(chip().technology, volts) == rail
    assert rail_voltage(chip("technology.regulator=ideal").technology, volts) == volts


def test_a_read_dissipates_v_squared_g_t_and_charges_its_lines() -> None:
    """0.2 V over 1 mS for 10 ns is 0.4 pJ; 50 lines of 128 x 0.14 fF add C V^2 each."""
    array = chip().array
    energy = array_read_energy(array, 10e-9, activity(50, 1e-3, 2e-3), 8)
    lines_j = 50 * 128 * 0.14e-15 * 0.04
    assert energy.total == near(0.04 * 1e-3 * 10e-9 + lines_j)
    assert energy.drawn == near(0.04 * 2e-3 * 10e-9 + lines_j)


def test_the_parts_of_a_solved_read_sum_to_its_dissipation() -> None:
    """Signal, sneak and wires each take V^2 G t of their share; lines come on top."""
    energy = array_read_energy(chip().array, 10e-9, activity(0, 1e-3, 2e-3, sneak_s=3e-4, wires_s=2e-4), 8)
    assert energy.signal == near(0.04 * 1e-3 * 10e-9)
    assert energy.sneak == near(0.04 * 3e-4 * 10e-9)
    assert energy.wires == near(0.04 * 2e-4 * 10e-9)
    assert energy.total == near(0.04 * 1.5e-3 * 10e-9)


def test_select_lines_charge_one_plane_a_read() -> None:
    """Inputs on select lines cost their drivers; the plane of 64 x 64 segments is charged once a read."""
    array = chip("array.word_lines=plane", "array.reading=select_line", name="vrram_finger_8layer").array
    energy = array_read_energy(array, 10e-9, activity(50, 0.0, 0.0), 3)
    assert energy.lines == near(3 * 64 * 64 * 0.14e-15 * 0.6**2)


def test_a_stated_read_energy_scales_with_the_rows_driven() -> None:
    """ISAAC's 30 pJ is of 128 rows on; 32 driven rows take a quarter."""
    array = chip(name="isaac_isca_2016").array
    assert array_read_energy(array, 100e-9, activity(32, 1.0, 1.0), 8).total == near(7.5e-12)
    assert array_read_energy(array, 100e-9, activity(128, 0.0, 0.0), 8).total == near(30e-12)


def test_the_full_read_is_the_window_with_every_row_on_drawn_from_the_rail() -> None:
    """`show` charges a read of all rows at mean conductance; the linear regulator multiplies it by rail / voltage."""
    hardware = chip()
    low, high = hardware.array.conductance_range
    everything = (low + high) / 2 * 128 * 128
    window_j = array_read_energy(hardware.array, 10e-9, activity(128, everything, everything), 1).total
    assert full_read_energy_j(hardware.array, hardware.technology, 10e-9) == near(window_j * 0.9 / 0.2)
    ideal = chip("technology.regulator=ideal").technology
    assert full_read_energy_j(hardware.array, ideal, 10e-9) == near(window_j)


def test_the_estimated_drop_follows_the_chip() -> None:
    """Hotter wires and more active rows drop more; wires without resistance drop nothing."""
    array = chip().array
    assert array_ir_drop(array, 400.0, 5e-6).mean > array_ir_drop(array, 300.0, 5e-6).mean
    half = chip("array.max_active_rows=64").array
    assert array_ir_drop(half, 300.0, 5e-6).mean < array_ir_drop(array, 300.0, 5e-6).mean
    ideal = chip(
        "array.resistance.word_line_segment=0 Ohm", "array.resistance.bit_line_segment=0 Ohm",
        "array.resistance.driver=0 Ohm", "array.resistance.sense=0 Ohm",
    ).array  # fmt: skip
    assert array_ir_drop(ideal, 300.0, 5e-6).worst == 0
