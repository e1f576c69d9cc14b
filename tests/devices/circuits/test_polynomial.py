"""The published polynomial cell, and resistances in series."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from pillarsim.devices.circuits import CircuitError, solve
from pillarsim.devices.circuits.cells import Linear, OhmicSelector, Series, read_cell
from tests.devices.circuits.builders import EXP, LINEAR, NO_WIRES, planar
from tests.near import near

POLYNOMIAL = {"model": "polynomial", "g_lrs": 225e-6, "g_hrs": 50e-6}
OHMIC = {"model": "ohmic", "g": 5e-4}
RANGE = np.linspace(50e-6, 225e-6, 36)


def published(volts: float, g: float) -> float:
    """Milo et al., IRPS 2021, written out."""
    x = np.log10(g)
    square = 1.388e-4 * x**3 + 1.541e-3 * x**2 + 5.711e-3 * x + 7.063e-3
    cube = 8.871e-5 * x**2 + 6.7919e-4 * x + 1.2968e-3
    return float(g * volts + square * volts**2 + cube * volts**3)


def test_current_is_the_published_fit() -> None:
    """Within its range the law is the fit, for both signs of the voltage, which differ."""
    law = read_cell({"cell": POLYNOMIAL}).law
    for volts in (-0.5, -0.2, 0.05, 0.5):
        current, _ = law.current(np.full(len(RANGE), volts), RANGE)
        np.testing.assert_allclose(current, [published(volts, g) for g in RANGE], rtol=1e-12)
    assert abs(published(-0.5, 50e-6)) > 2 * published(0.5, 50e-6)


def test_it_rises_and_goes_on_straight() -> None:
    """The current rises over the whole range; beyond it the slope is the one at its end."""
    law = read_cell({"cell": POLYNOMIAL}).law
    volts = np.linspace(-1, 1, 401)[:, None]
    current, slope = law.current(volts, RANGE)
    assert (np.diff(current, axis=0) > 0).all()
    assert slope.min() > 2e-5
    inside = np.abs(volts[:, 0]) <= 0.5
    for side in (volts[:, 0] > 0, volts[:, 0] < 0):
        edge = np.flatnonzero(side & inside)[-1 if volts[side][0] > 0 else 0]
        beyond = side & ~inside
        expected = current[edge] + slope[edge] * (volts[beyond] - volts[edge])
        np.testing.assert_allclose(current[beyond], expected, rtol=1e-12)


def test_slope_is_the_derivative() -> None:
    """The slope of the polynomial is that of its current, also past its range."""
    law = read_cell({"cell": POLYNOMIAL}).law
    volts = np.linspace(-0.7, 0.7, 30)[:, None]
    above, below = law.current(volts + 1e-6, RANGE)[0], law.current(volts - 1e-6, RANGE)[0]
    np.testing.assert_allclose((above - below) / 2e-6, law.current(volts, RANGE)[1], rtol=1e-7)


@pytest.mark.parametrize("g", [49e-6, 226e-6, 1e-6])
def test_conductances_outside_the_fit_are_refused(g: float) -> None:
    """A conductance that was never fitted is named with the range."""
    with pytest.raises(CircuitError, match="50 to 225 uS, found"):
        solve(planar(1, 2, cell=POLYNOMIAL, v_in=[0.1]), g=[[1e-4, g]])


def test_solved_voltages_outside_the_fit_are_refused() -> None:
    """0.5 V over a cell is in range; a solved point above it is not, alone or behind a selector."""
    spec = planar(1, 1, cell=POLYNOMIAL) | NO_WIRES
    assert solve(spec | {"v_in": [-0.5]}, g=[[1e-4]])["i_col"][0] == near(published(-0.5, 1e-4), rel=1e-12)
    with pytest.raises(CircuitError, match=r"-0\.5 to 0\.5 V, a cell of the solved array stands at 0\.51 V"):
        solve(spec | {"v_in": [0.51]}, g=[[1e-4]])
    behind = spec | {"selector": OHMIC, "v_in": [0.59]}
    assert solve(behind, g=[[1e-4]])["i_col"][0] > 0
    with pytest.raises(CircuitError, match="fitted for"):
        solve(behind | {"v_in": [0.8]}, g=[[1e-4]])


@pytest.mark.parametrize("volts", [0.4, -0.4])
@pytest.mark.parametrize("selector", [OHMIC, EXP | {"g0": 1e-4}])
def test_polynomial_behind_a_selector(volts: float, selector: dict[str, float]) -> None:
    """Element and selector carry one current, also at negative voltages where the polynomial is another curve."""
    law = read_cell({"cell": POLYNOMIAL, "selector": selector}).law
    assert isinstance(law, Series)
    series = law.selector

    def excess(part: float) -> float:
        return published(part, 1e-4) - float(series.current(np.array([volts - part]))[0][0])

    low, high = sorted((0.0, volts))
    part = brentq(excess, low, high, xtol=1e-15)
    found, _ = law.current(np.array([volts]), np.array([1e-4]))
    assert found[0] == near(published(part, 1e-4), rel=1e-10)
    assert law.element_voltage(np.array([volts]), np.array([1e-4]))[0] == near(part, rel=1e-10)


def test_linear_behind_a_resistance_is_one_resistance() -> None:
    """G and g in series are G g / (G + g), the current of the general series law, and stay proportional."""
    cell = read_cell({"cell": LINEAR, "selector": OHMIC})
    g = np.geomspace(1e-9, 1e-2, 15)
    current, slope = cell.law.current(np.full(15, 0.3), g)
    np.testing.assert_allclose(slope, 1 / (1 / g + 1 / 5e-4), rtol=1e-14)
    np.testing.assert_allclose(current, 0.3 * slope, rtol=1e-14)
    np.testing.assert_allclose(
        current, Series(Linear(), OhmicSelector(5e-4)).current(np.full(15, 0.3), g)[0], rtol=1e-12
    )
    assert cell.proportional
    np.testing.assert_array_equal(cell.small_signal(g), slope)


def test_ohmic_selector_in_an_array() -> None:
    """An array of cells behind resistances is the array of the series conductances."""
    g = np.array([[1e-4, 3e-5], [2e-5, 8e-5]])
    found = solve(planar(2, 2, selector=OHMIC), g=g.tolist())["i_col"]
    folded = solve(planar(2, 2), g=(1 / (1 / g + 1 / 5e-4)).tolist())["i_col"]
    np.testing.assert_allclose(found, folded, rtol=1e-12)
