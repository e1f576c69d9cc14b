"""Scaling of digital parts between nodes, supplies and temperatures."""

import math

import pytest

from pillarsim.devices.scaling import (
    AREA_TO_32NM,
    area_factor,
    delay_factor,
    energy_factor,
    leakage_factor,
    leakage_temperature_factor,
    wire_factor,
)
from tests.near import near

NM = 1e-9


@pytest.mark.parametrize(("node", "factor"), [(130, 14), (90, 6.1), (65, 3.3), (45, 2.2), (20, 0.46), (7, 0.13)])
def test_area_factors_from_32_nm_are_the_published_ones(node: int, factor: float) -> None:
    """Stillmaker and Baas list the factors from 32 nm rounded to two digits; ours round to them within 3 %."""
    assert area_factor(32 * NM, node * NM) == near(factor, rel=0.03)


def test_energy_at_the_published_voltage() -> None:
    """At 0.8 V the ratio of the published quadratics of 45 nm and 32 nm is the factor of the energy."""
    at_45 = 1.103 * 0.8**2 - 0.362 * 0.8 + 0.2767
    at_32 = 0.9559 * 0.8**2 - 0.7823 * 0.8 + 0.471
    assert energy_factor(45 * NM, 0.8, 32 * NM, 0.8) == near(at_32 / at_45, rel=1e-12)


def test_going_there_and_back_changes_nothing() -> None:
    """Area, energy, delay and leakage factors of a round trip multiply to one, between listed nodes too."""
    for node in (10 * NM, 22 * NM, 28 * NM, 40 * NM, 110 * NM):
        assert area_factor(32 * NM, node) * area_factor(node, 32 * NM) == near(1)
        assert energy_factor(32 * NM, 0.9, node, 1.1) * energy_factor(node, 1.1, 32 * NM, 0.9) == near(1)
        assert delay_factor(32 * NM, node) * delay_factor(node, 32 * NM) == near(1)
        assert leakage_factor(32 * NM, 0.9, node, 1.1) * leakage_factor(node, 1.1, 32 * NM, 0.9) == near(1)


def test_nodes_between_the_listed_ones_lie_between() -> None:
    """Area and energy fall with the node all the way from 130 nm to 7 nm."""
    nodes = [130, 110, 90, 78, 65, 55, 45, 40, 32, 28, 22, 20, 18, 16, 14, 12, 10, 8, 7]
    areas = [area_factor(130 * NM, node * NM) for node in nodes]
    energies = [energy_factor(130 * NM, 0.9, node * NM, 0.9) for node in nodes]
    assert areas == sorted(areas, reverse=True)
    assert len(set(areas)) == len(areas)
    assert energies == sorted(energies, reverse=True)


def test_energy_grows_with_the_supply_beyond_the_fit() -> None:
    """Outside the range of the polynomials energy goes with the square of the supply, so it never falls again."""
    volts = [0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.8, 3.3]
    for node in AREA_TO_32NM:
        energies = [energy_factor(node, 1.0, node, v) for v in volts]
        assert energies == sorted(energies)
    assert energy_factor(32 * NM, 1.3, 32 * NM, 2.6) == near(4)


@pytest.mark.parametrize("node", [180, 5, 6.9, 131])
def test_nodes_outside_the_tables_are_refused(node: float) -> None:
    """A node that the tables do not cover is an error that names the range, not an extrapolation."""
    with pytest.raises(ValueError, match="7 nm to 130 nm"):
        area_factor(32 * NM, node * NM)
    with pytest.raises(ValueError, match="7 nm to 130 nm"):
        delay_factor(node * NM, 32 * NM)


def test_leakage_follows_the_subthreshold_law() -> None:
    """From 300 K to 330 K at 32 nm leakage grows by exp(Vth / n k (1/300 - 1/330)) with Vth = 0.442 V, n = 1.5."""
    expected = math.exp(0.442 / (1.5 * 8.617333262e-5) * (1 / 300 - 1 / 330))
    assert leakage_temperature_factor(330, 32 * NM) == near(expected, rel=1e-9)
    assert leakage_temperature_factor(300, 32 * NM) == 1
    assert leakage_temperature_factor(330, 32 * NM, stated_at_k=330) == 1
    assert leakage_temperature_factor(300, 32 * NM, stated_at_k=330) == near(1 / expected)
    assert 2 < expected < 4  # doubles each 15 to 30 K


def test_copper_gains_half_a_percent_a_kelvin() -> None:
    """R(T) = R (1 + 0.00451 (T - 300 K))."""
    assert wire_factor(300) == 1
    assert wire_factor(350) == near(1.2255)
