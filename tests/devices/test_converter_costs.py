"""Cost models of converters against the published values that they stand for."""

import pytest

from pillarsim.devices.converter_costs import (
    CircuitPart,
    ConverterPoint,
    flash,
    integrate_and_fire,
    ramp,
    sense_amp,
    survey_area_m2,
    survey_energy_j,
    survey_regression,
    tabulated,
    zigzag_28nm,
)
from tests.near import near

COMPARATOR = CircuitPart(2e-15, 40e-12, 3e-9, "comparator", "a source")
COUNTER = CircuitPart(5e-15, 60e-12, 7e-9, "counter", "another source")
UNSTATED = CircuitPart(2e-15, None, None, "comparator", "a source")

SURVEY = [  # bits, nm, S/s, pJ a conversion, um2: hwcomponents-adc evaluated at these points
    (4, 32, 1e8, 0.92, 3274), (5, 32, 1e8, 0.94, 3287), (6, 32, 1e8, 1.07, 3417), (7, 32, 1e8, 1.31, 3637),
    (8, 32, 1e8, 1.71, 3939), (9, 32, 1e8, 2.34, 4324), (10, 32, 1e8, 3.31, 4796), (8, 32, 1.28e9, 1.93, 6469),
    (8, 22, 1e8, 0.85, 2199), (8, 65, 1e8, 6.5, 11862),
]  # fmt: skip


@pytest.mark.parametrize(("bits", "node", "rate", "energy", "area"), SURVEY)
def test_survey_regression_gives_its_published_values(
    bits: int, node: int, rate: float, energy: float, area: float
) -> None:
    """Energy and area of the regression at ten points, to the digits printed."""
    assert survey_energy_j(bits, node * 1e-9, rate) * 1e12 == near(energy, rel=0.006)
    assert survey_area_m2(bits, node * 1e-9, rate) * 1e12 == near(area, rel=2e-4)


def test_survey_splits_its_energy_into_dynamic_and_static() -> None:
    """At full rate the conversions' power and the leakage are 80 % and 20 % of energy x rate."""
    cost = survey_regression(8, 32e-9, 1e8)
    energy = survey_energy_j(8, 32e-9, 1e8)
    dynamic = cost.actions["convert"].energy_j
    assert dynamic is not None
    assert cost.leakage_w is not None
    assert cost.leakage_w == near(0.2 * energy * 1e8)
    assert dynamic * 1e8 + cost.leakage_w == near(energy * 1e8)
    assert cost.actions["convert"].time_ps == 10_000


def test_survey_refuses_fewer_than_four_bits() -> None:
    """Three bits are outside the regression; the error names the model and the limit."""
    with pytest.raises(ValueError, match="survey_regression: expected at least 4 bits, found 3"):
        survey_regression(3, 32e-9, 1e8)


def test_zigzag_fit_at_eight_bits() -> None:
    """8 bits, 128 rows, 0.9 V: 10^(1.206 - 0.2952) x 256 um2, (800 + 65.536) x 0.81 fJ, 8 x (0.836 + 0.64) ns."""
    cost = zigzag_28nm(8, 128, 0.9)
    convert = cost.actions["convert"]
    assert cost.area_m2 == near(10**0.9108 * 256e-12)
    assert convert.energy_j == near(865.536 * 0.81e-15)
    assert convert.time_ps == pytest.approx(8 * (0.00653 * 128 + 0.640) * 1e3, abs=1)
    assert cost.leakage_w is None


def test_a_table_gives_its_points_and_nothing_else() -> None:
    """Listed bits return the row; others raise an error with the range; leakage stays unstated."""
    points = {4: ConverterPoint(1e-12, 2e-12, "s"), 5: ConverterPoint(3e-12, 4e-12, "t")}
    cost = tabulated(points, 5, 781, "a_table", "32 nm")
    assert (cost.area_m2, cost.leakage_w) == (4e-12, None)
    assert (cost.actions["convert"].energy_j, cost.actions["convert"].source) == (3e-12, "t")
    with pytest.raises(ValueError, match="a_table: expected 4 to 5 bits, found 6"):
        tabulated(points, 6, 781, "a_table", "32 nm")


def test_a_ramp_counts_every_level() -> None:
    """b bits take 2^b cycles: so many comparisons, and a share of so many counts; ramp and counter are shared."""
    cost = ramp(6, COMPARATOR, COUNTER, 8, 1000)
    assert cost.actions["convert"].time_ps == 64_000
    assert cost.actions["convert"].energy_j == near(64 * 2e-15 + 64 * 5e-15 / 8)
    assert cost.area_m2 == near(40e-12 + 60e-12 / 8)
    assert cost.leakage_w == near(3e-9 + 7e-9 / 8)


def test_a_flash_has_a_comparator_a_threshold() -> None:
    """b bits take 2^b - 1 comparators and one cycle; one bit is a sense amplifier."""
    cost = flash(5, COMPARATOR, 1000)
    assert cost.area_m2 == near(31 * 40e-12)
    assert cost.actions["convert"].energy_j == near(31 * 2e-15)
    assert cost.actions["convert"].time_ps == 1000
    one = sense_amp(COMPARATOR, 1000)
    assert (one.area_m2, one.leakage_w) == (40e-12, 3e-9)


def test_neurons_of_a_pair_double_the_circuit_but_not_a_spike() -> None:
    """Two circuits double area, leakage and the counter bits read; one spike still fires one neuron."""
    bit = CircuitPart(1e-15, None, None, "counter", "a source")
    one, two = (integrate_and_fire(8, COMPARATOR, COUNTER, bit, count, 1000) for count in (1, 2))
    assert one.area_m2 == near(100e-12)
    assert two.area_m2 == near(200e-12)
    assert two.leakage_w == near(20e-9)
    assert one.actions["spike"].energy_j == two.actions["spike"].energy_j == near(7e-15)
    assert one.actions["convert"].energy_j == near(8e-15)
    assert two.actions["convert"].energy_j == near(16e-15)


def test_what_a_part_does_not_state_stays_unstated() -> None:
    """A circuit with a part of unknown area and leakage has unknown area and leakage, not a partial sum."""
    cost = ramp(6, UNSTATED, COUNTER, 8, 1000)
    assert cost.area_m2 is None
    assert cost.leakage_w is None
    assert cost.actions["convert"].energy_j is not None
