"""Arrhenius factors and thermally activated conductance."""

from __future__ import annotations

import math

import pytest
import torch

from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.temperature import ThermalActivation, acceleration, state_place
from tests.near import near

BOLTZMANN_EV = 8.617333262e-5  # eV/K, CODATA 2018
LOW, HIGH = 2e-6, 50e-6  # S
MODEL = ThermalActivation(min_ev=0.10, max_ev=0.004, temperature_k=300.0)


def test_acceleration_by_hand() -> None:
    """1.1 eV from 300 K to 358.15 K is 1001 times faster, by hand; there and back is 1; no energy, no change."""
    exponent = 1.1 / 8.617333262e-5 * (58.15 / (300 * 358.15))
    assert acceleration(1.1, 300.0, 358.15) == near(math.exp(exponent), rel=1e-12)
    assert acceleration(1.1, 300.0, 358.15) == near(1001.2, rel=1e-3)
    assert acceleration(1.1, 300.0, 358.15) * acceleration(1.1, 358.15, 300.0) == near(1.0, rel=1e-12)
    assert acceleration(0.0, 300.0, 400.0) == 1


def test_place_is_linear_in_the_logarithm() -> None:
    """0 and 1 at the states and beyond them, one half at the geometric mean; float32 stays so."""
    g = torch.tensor([0.0, LOW, math.sqrt(LOW * HIGH), HIGH, 1e-3], dtype=torch.float64)
    assert state_place(g, LOW, HIGH).tolist() == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-12)
    assert state_place(g.float(), LOW, HIGH).dtype == torch.float32


def test_the_slope_over_inverse_temperature_is_the_energy() -> None:
    """-k d ln G / d(1/T) is the state's activation energy, and the mean of both at the geometric mean."""
    g = torch.tensor([LOW, math.sqrt(LOW * HIGH), HIGH], dtype=torch.float64)
    cold, hot = (MODEL.factor(g, LOW, HIGH, kelvin) for kelvin in (280.0, 380.0))
    energy = BOLTZMANN_EV * torch.log(hot / cold) / (1 / 280.0 - 1 / 380.0)
    assert energy.tolist() == pytest.approx([0.10, 0.052, 0.004], rel=1e-9)
    assert bool((hot > 1).all())
    assert bool((cold < 1).all())


def test_at_the_reference_nothing_changes() -> None:
    """At temperature_k the factor is exactly 1; shape and type are kept and the input is not written on."""
    g = torch.full((2, 3), 5e-6)
    factor = MODEL.factor(g, LOW, HIGH, 300.0)
    assert torch.equal(factor, torch.ones(2, 3))
    assert torch.equal(g, torch.full((2, 3), 5e-6))


@pytest.mark.parametrize("kelvin", [150.0, 700.0, math.nan])
def test_outside_its_range_it_refuses(kelvin: float) -> None:
    """Temperatures below 200 K and above 600 K raise."""
    with pytest.raises(OutOfRange, match="temperature"):
        MODEL.factor(torch.ones(1), LOW, HIGH, kelvin)
