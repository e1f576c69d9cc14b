"""Fits of drift and of thermally activated loss: known parameters return, and a wrong law shows."""

from pathlib import Path

import numpy as np
import pytest

from pillarsim.device.fit.result import Array, Fit, Given, NotFitted
from pillarsim.device.fit.retention import fit_arrhenius, fit_power_law
from pillarsim.devices.scaling import BOLTZMANN_EV
from tests.device.measured import check, off, rms, table_of
from tests.near import near

STATES = Given(lrs_ohm=5e4, hrs_ohm=1e6)
TIMES = np.geomspace(1, 1e5, 12)


def drift(folder: Path, seed: int, cells: int = 40) -> Fit:
    """Cells from 2 to 20 uS: mean nu 0.01 at 20 uS and 0.05 at 1 uS, linear in ln G, spread 0.01."""
    random = np.random.default_rng(seed)
    start = np.exp(random.uniform(np.log(2e-6), np.log(20e-6), cells))
    place = np.log(start / 1e-6) / np.log(20)
    slope = 0.05 - 0.04 * place + 0.01 * random.normal(size=cells)
    noise = np.exp(0.003 * random.normal(size=(cells, len(TIMES))))
    conductance = start[:, None] * TIMES ** -slope[:, None] * noise
    columns = {
        "device": np.repeat(np.arange(cells), len(TIMES)),
        "time (s)": np.tile(TIMES, cells),
        "conductance (uS)": 1e6 * conductance.ravel(),
    }
    return fit_power_law(table_of(folder, columns), STATES)


def test_power_law_returns_its_parameters(tmp_path: Path) -> None:
    """nu of both states and its spread over cells, and their errors over repetitions."""
    true = {"nu_lrs": 0.01, "nu_hrs": 0.05, "nu_spread": 0.01}
    for value in rms([off(drift(tmp_path, seed), **true) for seed in range(50)]).values():
        assert 0.7 < value < 1.35


def test_power_law_of_one_cell(tmp_path: Path) -> None:
    """Both states drift alike; time 0 is left out; the states must be given."""
    random = np.random.default_rng(2)
    conductance = 10 * TIMES**-0.03 * np.exp(0.002 * random.normal(size=len(TIMES)))
    columns = {"time (s)": [0, *TIMES], "conductance (uS)": [10, *conductance]}
    fit = fit_power_law(table_of(tmp_path, columns), STATES)
    check(fit, nu_lrs=0.03, nu_hrs=0.03)
    assert fit.left_out == 1
    with pytest.raises(NotFitted, match="expected --lrs and --hrs"):
        fit_power_law(table_of(tmp_path, columns), Given())


def test_power_law_goodness_falls_for_another_law(tmp_path: Path) -> None:
    """An exponential loss is no power law."""
    right = fit_power_law(table_of(tmp_path, {"time (s)": TIMES, "conductance (uS)": 10 * TIMES**-0.05}), STATES)
    wrong = fit_power_law(
        table_of(tmp_path, {"time (s)": TIMES, "conductance (uS)": 10 * np.exp(-TIMES / 5e4)}), STATES
    )
    assert right.goodness["r_squared_ln_conductance"] > 0.999 > 0.8 > wrong.goodness["r_squared_ln_conductance"]


def test_power_law_refusals(tmp_path: Path) -> None:
    """Rising conductances, two times, one time."""
    with pytest.raises(NotFitted, match=r"the conductance rises: nu is -0\.05"):
        fit_power_law(table_of(tmp_path, {"time (s)": TIMES, "G (uS)": TIMES**0.05}), STATES)
    with pytest.raises(NotFitted, match="at least 3 times above 0 a cell, found 2"):
        fit_power_law(table_of(tmp_path, {"time (s)": TIMES[:2], "G (uS)": TIMES[:2]}), STATES)
    with pytest.raises(NotFitted, match="different times"):
        fit_power_law(table_of(tmp_path, {"time (s)": np.ones(5), "G (uS)": TIMES[:5]}), STATES)


def loss(noise: float, seed: int, exponents: tuple[float, float, float] = (0.7, 0.7, 0.7)) -> dict[str, Array]:
    """20 uS cells that end at 1 uS: tau 1e5 s at 175 C, 1.2 eV, at three temperatures."""
    random, times = np.random.default_rng(seed), np.geomspace(10, 3e6, 15)
    celsius, exponent = (np.repeat(values, 15) for values in ((125.0, 150.0, 175.0), exponents))
    time = np.tile(times, 3)
    tau = 1e5 * np.exp(1.2 / BOLTZMANN_EV * (1 / (celsius + 273.15) - 1 / 448.15))
    conductance = (1 + 19 * np.exp(-((time / tau) ** exponent))) * np.exp(noise * random.normal(size=45))
    return {"time (s)": time, "temperature (C)": celsius, "conductance (uS)": conductance}


def test_arrhenius_returns_its_parameters(tmp_path: Path) -> None:
    """Time constant, activation energy and exponent, and their errors over repetitions."""
    true = {"tau": 1e5, "activation": 1.2, "exponent": 0.7}
    deviations = [off(fit_arrhenius(table_of(tmp_path, loss(0.01, seed)), STATES), **true) for seed in range(40)]
    for value in rms(deviations).values():
        assert 0.7 < value < 1.35


def test_arrhenius_goodness_falls_for_another_law(tmp_path: Path) -> None:
    """Exponents that change with temperature are not the model's."""
    right, wrong = (
        fit_arrhenius(table_of(tmp_path, loss(0.005, 1, exponents)), STATES).goodness["rms_ln_conductance"]
        for exponents in ((0.7, 0.7, 0.7), (0.4, 0.7, 1.1))
    )
    assert wrong > 3 * right
    assert right == near(0.005, rel=0.3)


def test_arrhenius_refusals(tmp_path: Path) -> None:
    """One temperature, no states, no loss at all."""
    columns = loss(0.01, 1)
    one = {name: column[:15] for name, column in columns.items()}
    with pytest.raises(NotFitted, match=r"at least two temperatures, found 398.15 K alone"):
        fit_arrhenius(table_of(tmp_path, one), STATES)
    with pytest.raises(NotFitted, match="expected --lrs and --hrs, or --base"):
        fit_arrhenius(table_of(tmp_path, columns), Given())
    random = np.random.default_rng(1)
    flat = {**columns, "conductance (uS)": 10 * np.exp(0.01 * random.normal(size=45))}
    with pytest.raises(NotFitted):
        fit_arrhenius(table_of(tmp_path, flat), STATES)
