"""Current-voltage laws and their slopes."""

from __future__ import annotations

import numpy as np
import pytest

from pillarsim.devices.circuits.cells import Series, read_cell
from pillarsim.devices.current_voltage import PooleFrenkel
from tests.devices.circuits.builders import EXP, LINEAR, POOLE_FRENKEL, SINH, THRESHOLD, Spec
from tests.near import near

CELLS: dict[str, Spec] = {
    "linear": {"cell": LINEAR},
    "sinh": {"cell": SINH},
    "linear exp": {"cell": LINEAR, "selector": EXP},
    "sinh exp": {"cell": SINH, "selector": EXP},
    "sinh threshold": {"cell": SINH, "selector": THRESHOLD},
}
VOLTS = np.concatenate([-np.geomspace(2, 1e-6, 60), [0.0], np.geomspace(1e-6, 2, 60)])


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("conductance", [1e-8, 1e-6, 1e-3])
def test_slope_is_the_derivative(name: str, conductance: float) -> None:
    """Every law is odd, rises, and its slope is that of its current."""
    law = read_cell(CELLS[name]).law
    g = np.full_like(VOLTS, conductance)
    current, slope = law.current(VOLTS, g)
    np.testing.assert_allclose(current, -current[::-1], rtol=1e-12)
    assert (np.diff(current) > 0).all()
    step = 1e-5
    above, below = law.current(VOLTS + step, g)[0], law.current(VOLTS - step, g)[0]
    np.testing.assert_allclose((above - below) / (2 * step), slope, rtol=1e-5)


@pytest.mark.parametrize("name", ["linear exp", "sinh exp", "sinh threshold"])
@pytest.mark.parametrize("conductance", [1e-12, 1e-8, 1e-6, 1e-3, 10.0])
def test_series_carries_one_current(name: str, conductance: float) -> None:
    """Element and selector carry the same current, and their voltages make up the whole, over 13 decades."""
    law = read_cell(CELLS[name]).law
    assert isinstance(law, Series)
    volts = VOLTS[VOLTS > 0]
    g = np.full_like(volts, conductance)
    current, _ = law.current(volts, g)
    # Invert the selector by bisection on its own current, which needs none of the series solution.
    low, high = np.zeros_like(volts), volts.copy()
    for _ in range(200):
        middle = (low + high) / 2
        too_much = law.selector.current(middle)[0] > law.element.current(volts - middle, g)[0]
        low, high = np.where(too_much, low, middle), np.where(too_much, middle, high)
    element, selector = law.element.current(volts - low, g)[0], law.selector.current(low)[0]
    np.testing.assert_allclose(current, np.where(low > volts / 2, selector, element), rtol=1e-12)


def test_sinh_starts_at_the_low_field_conductance() -> None:
    """dI/dV at V = 0 is G, and the current is G sinh(kV)/k."""
    law = read_cell({"cell": SINH}).law
    current, slope = law.current(np.array([0.0, 0.7]), np.array([2e-6, 2e-6]))
    assert slope[0] == 2e-6
    assert current[1] == near(2e-6 * np.sinh(2.1) / 3, rel=1e-14)


def test_poole_frenkel_is_the_device_law() -> None:
    """Odd, rising, I = G V exp(sqrt(V / v_pf)) of the device law, and its slope that of its current."""
    device = PooleFrenkel(25.0, 10e-9)
    law = read_cell({"cell": POOLE_FRENKEL | {"v_pf": device.field_v(300.0)}}).law
    g = np.full_like(VOLTS, 2e-6)
    current, slope = law.current(VOLTS, g)
    np.testing.assert_allclose(current, device.current_a(g, VOLTS, 300.0), rtol=1e-14)
    np.testing.assert_allclose(current, -current[::-1], rtol=1e-14)
    assert (np.diff(current) > 0).all()
    assert slope[VOLTS == 0] == 2e-6
    step = 1e-6 * VOLTS  # the slope has a root's cusp at 0 V
    above, below = law.current(VOLTS + step, g)[0], law.current(VOLTS - step, g)[0]
    moved = VOLTS != 0
    np.testing.assert_allclose(((above - below) / (2 * step + ~moved))[moved], slope[moved], rtol=1e-8)
