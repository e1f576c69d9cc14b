"""Fits of current-voltage laws: known parameters return, their errors are right, and a wrong law shows."""

from pathlib import Path

import numpy as np
import pytest

from pillarsim.arch.errors import InputError
from pillarsim.device.fit.currents import fit_poole_frenkel, fit_sinh
from pillarsim.device.fit.result import Fit, Given, NotFitted
from pillarsim.device.fit.table import Table
from pillarsim.devices.current_voltage import PooleFrenkel
from tests.device.measured import check, off, rms, table_of
from tests.near import near

VOLTS = np.linspace(-1, 1, 41)
FILM = Given(thickness_m=10e-9)


def sinh_table(folder: Path, seed: int, noise: float = 0.05) -> Table:
    random = np.random.default_rng(seed)
    current = 2.0 * 0.3 * np.sinh(VOLTS / 0.3) * np.exp(noise * random.normal(size=len(VOLTS)))
    return table_of(folder, {"voltage (V)": VOLTS, "current (uA)": current})


def film_table(folder: Path, seed: int, kelvin: float = 300.0) -> Table:
    random, volts = np.random.default_rng(seed), np.linspace(0.02, 0.5, 40)
    current = PooleFrenkel(20.0, 10e-9).current_a(1e-6, volts, kelvin)
    return table_of(folder, {"V (mV)": 1e3 * volts, "I [nA]": 1e9 * current * np.exp(0.03 * random.normal(size=40))})


def test_sinh_returns_its_parameters(tmp_path: Path) -> None:
    """V0 and the slope, and their errors over repetitions; the point at 0 V is left out and counted."""
    deviations = [off(fit_sinh(sinh_table(tmp_path, seed), Given()), v0=0.3, slope=2e-6) for seed in range(60)]
    for value in rms(deviations).values():
        assert 0.75 < value < 1.3
    fit = fit_sinh(sinh_table(tmp_path, 1), Given())
    assert (fit.points, fit.left_out) == (40, 1)
    assert fit.lrs_ohm is None


def test_curves_share_the_law_and_give_the_states(tmp_path: Path) -> None:
    """Two curves: one V0, and lrs and hrs at the largest voltage."""
    random = np.random.default_rng(4)
    volts, curve = np.tile(VOLTS[21:], 2), np.repeat([1, 2], 20)
    slope = np.where(curve == 1, 2e-6, 1e-7)
    current = slope * 0.3 * np.sinh(volts / 0.3) * np.exp(0.02 * random.normal(size=40))
    fit = fit_sinh(table_of(tmp_path, {"voltage (V)": volts, "current (A)": current, "curve": curve}), Given())
    check(fit, v0=0.3, slope_1=2e-6, slope_2=1e-7)
    at_1_v = 0.3 * np.sinh(1 / 0.3)
    assert fit.lrs_ohm == near(1 / (2e-6 * at_1_v), rel=0.05)
    assert fit.hrs_ohm == near(1 / (1e-7 * at_1_v), rel=0.05)


def test_poole_frenkel_returns_its_parameters(tmp_path: Path) -> None:
    """The permittivity of a film of known thickness, and its error over repetitions."""
    deviations = [
        off(fit_poole_frenkel(film_table(tmp_path, seed), FILM), permittivity=20.0, slope=1e-6) for seed in range(60)
    ]
    for value in rms(deviations).values():
        assert 0.75 < value < 1.3


def test_poole_frenkel_knows_the_temperature(tmp_path: Path) -> None:
    """Curves at 400 K give the same film when the temperature is given, by option or by column."""
    table = film_table(tmp_path, 2, kelvin=400.0)
    check(fit_poole_frenkel(table, Given(thickness_m=10e-9, temperature_k=400.0)), permittivity=20.0)
    volts, kelvin = np.tile(np.linspace(0.02, 0.5, 20), 2), np.repeat([300.0, 400.0], 20)
    current = [PooleFrenkel(20.0, 10e-9).current_a(1e-6, v, t) for v, t in zip(volts, kelvin, strict=True)]
    both = table_of(tmp_path, {"voltage (V)": volts, "current (A)": current, "temperature (K)": kelvin})
    fit = fit_poole_frenkel(both, FILM)
    assert {one.name: one.value for one in fit.parameters}["permittivity"] == near(20.0, rel=1e-5)


def test_goodness_falls_for_the_wrong_law(tmp_path: Path) -> None:
    """Each law leaves more of the other's data."""

    def left(fit: Fit) -> float:
        return fit.goodness["rms_ln_current"]

    of_sinh, of_film = sinh_table(tmp_path, 3, noise=0.01), None
    assert left(fit_poole_frenkel(of_sinh, FILM)) > 3 * left(fit_sinh(of_sinh, Given()))
    of_film = film_table(tmp_path, 3)
    right, wrong = fit_poole_frenkel(of_film, FILM), fit_sinh(of_film, Given())
    assert left(wrong) > 3 * left(right)
    assert wrong.goodness["r_squared_ln_current"] < right.goodness["r_squared_ln_current"]


def test_refusals(tmp_path: Path) -> None:
    """Linear data leave V0 open; a current against its voltage; no thickness; curves that fall; too few points."""
    random, volts = np.random.default_rng(1), np.linspace(0.1, 1, 30)
    linear = {"voltage (V)": volts, "current (A)": volts * np.exp(0.05 * random.normal(size=30))}
    with pytest.raises(NotFitted, match="leave V0 open"):
        fit_sinh(table_of(tmp_path, linear), Given())
    with pytest.raises(InputError, match=r"csv:5: column 'current \(A\)': expected the sign of its voltage"):
        fit_sinh(table_of(tmp_path, {**linear, "current (A)": np.where(np.arange(30) == 3, -1, volts)}), Given())
    with pytest.raises(NotFitted, match="expected --thickness"):
        fit_poole_frenkel(table_of(tmp_path, linear), Given())
    falling = {**linear, "current (A)": volts * np.exp(-2 * np.sqrt(volts))}
    with pytest.raises(NotFitted, match="does not rise with the root of the voltage"):
        fit_poole_frenkel(table_of(tmp_path, falling), FILM)
    with pytest.raises(NotFitted, match="expected more than 2 points for 2 parameters, found 2"):
        fit_sinh(table_of(tmp_path, {name: column[:2] for name, column in linear.items()}), Given())
    with pytest.raises(NotFitted, match=r"gives a permittivity of .*: expected 1 to 1000"):
        fit_poole_frenkel(film_table(tmp_path, 1), Given(thickness_m=1e-6))
