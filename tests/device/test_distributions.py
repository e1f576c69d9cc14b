"""Fits of what a write pulse leaves: known parameters return, and their standard errors are right."""

import math
from pathlib import Path

import numpy as np
import pytest

from pillarsim.device.fit.distributions import (
    cycles_for,
    fit_level_error,
    fit_lognormal,
    fit_quantiles,
)
from pillarsim.device.fit.result import Fit, Given, NotFitted
from tests.device.measured import check, off, rms, table_of
from tests.near import near

MILO = (4.782321, -0.009107)  # uS, sigma_G over G in uS; Milo et al. 2021


def lognormal(folder: Path, seed: int, count: int = 400, d2d: float = 0.0, devices: int = 1) -> Fit:
    random = np.random.default_rng(seed)
    device = np.arange(count) % devices
    low = 10 * np.exp(0.13 * random.normal(size=count) + d2d * random.normal(size=devices)[device])
    high = 170 * np.exp(0.74 * random.normal(size=count))
    columns = {"lrs (kOhm)": low, "hrs (kOhm)": high}
    return fit_lognormal(table_of(folder, {"device": device, **columns} if devices > 1 else columns), Given())


def test_lognormal_returns_its_parameters(tmp_path: Path) -> None:
    """Medians and ln-sigmas, and their errors over repetitions."""
    true = {"median_lrs": 10e3, "sigma_lrs": 0.13, "median_hrs": 170e3, "sigma_hrs": 0.74}
    deviations = [off(lognormal(tmp_path, seed), **true) for seed in range(60)]
    for value in rms(deviations).values():
        assert 0.75 < value < 1.3


def test_lognormal_splits_devices_from_cycles(tmp_path: Path) -> None:
    """Cycle-to-cycle and device-to-device deviations; the card's error is both together."""
    fit = lognormal(tmp_path, 3, count=4000, d2d=0.2, devices=100)
    check(fit, c2c_lrs=0.13, d2d_lrs=0.2, sigma_lrs=math.hypot(0.13, 0.2), c2c_hrs=0.74)
    values = {one.name: one.value for one in fit.parameters}
    assert values["sigma_lrs"] == near(math.hypot(values["c2c_lrs"], values["d2d_lrs"]))


def test_lognormal_goodness_falls_for_another_law(tmp_path: Path) -> None:
    """The distance stays below its limit for a log-normal, and passes it for two mixed populations."""
    good = lognormal(tmp_path, 5)
    assert max(good.goodness["ks_lrs"], good.goodness["ks_hrs"]) < good.goodness["ks_limit_5_percent"]
    random = np.random.default_rng(5)
    mixed = np.where(random.random(400) < 0.3, 20.0, 10.0) * np.exp(0.05 * random.normal(size=400))
    bad = fit_lognormal(table_of(tmp_path, {"lrs (kOhm)": mixed, "hrs (kOhm)": 30 * mixed}), Given())
    assert bad.goodness["ks_lrs"] > 3 * bad.goodness["ks_limit_5_percent"]


def test_measured_cycles(tmp_path: Path, data_dir: Path) -> None:
    """100 HfO2 cells, 300 cycles each (10.1109/TED.2021.3097975): ln-sigma of HRS as cited; LRS is not log-normal."""
    path = data_dir / "rram" / "radar_rram_measured.npz"
    if not path.is_file():
        pytest.skip("no measured cycles ../shared/data/rram/radar_rram_measured.npz")
    with np.load(path) as stored:
        low, high = (stored[f"cycling_5_1_20_{state}_ohm"] for state in ("LRS", "HRS"))
    device = np.repeat(np.arange(100), 300)
    columns = {"device": device, "LRS (Ohm)": low.ravel(), "HRS (Ohm)": high.ravel()}
    fit = fit_lognormal(table_of(tmp_path, columns), Given())
    assert {one.name: one.value for one in fit.parameters}["c2c_hrs"] == near(0.74, rel=0.01)
    assert fit.goodness["ks_lrs"] > 10 * fit.goodness["ks_limit_5_percent"]


def test_lognormal_refusals(tmp_path: Path) -> None:
    """Too few cycles, states out of order, and cycles that do not differ."""
    with pytest.raises(NotFitted, match="at least 20 cycles of each state for its sigma, found 19"):
        lognormal(tmp_path, 1, count=19)
    ones = np.linspace(1, 2, 30)
    with pytest.raises(NotFitted, match="expected lrs below hrs"):
        fit_lognormal(table_of(tmp_path, {"lrs (kOhm)": 10 * ones, "hrs (kOhm)": ones}), Given())
    with pytest.raises(NotFitted, match="lrs: expected resistances that differ"):
        fit_lognormal(table_of(tmp_path, {"lrs (kOhm)": 0 * ones + 1, "hrs (kOhm)": 3 * ones}), Given())


def test_cycles_for_a_quantile() -> None:
    """Wilks: 59 for 5 %, 299 for 1 %; one less does not reach 95 %."""
    assert [cycles_for(p) for p in (0.05, 0.01, 0.001)] == [59, 299, 2995]
    assert 1 - 0.95**58 < 0.95 <= 1 - 0.95**59


@pytest.mark.parametrize(("cycles", "outermost"), [(59, 0.05), (298, 0.05), (299, 0.01), (3000, 0.001)])
def test_quantiles_return_the_distribution(tmp_path: Path, cycles: int, outermost: float) -> None:
    """The table is as fine as the cycles allow; its quantiles lie within three standard errors of the true ones."""
    random = np.random.default_rng(cycles)
    targets = np.repeat([10.0, 20.0, 40.0], cycles)
    values = targets * np.exp(0.1 * random.normal(size=len(targets)))
    fit = fit_quantiles(table_of(tmp_path, {"target (uS)": targets, "conductance (uS)": values}), Given())
    assert fit.goodness["outermost"] == outermost
    z = 1.6448536
    check(fit, **{"p5 at 10 uS": 10e-6 * math.exp(-0.1 * z), "p95 at 40 uS": 40e-6 * math.exp(0.1 * z)})
    assert fit.goodness["ks_largest"] < 0.12
    assert (fit.lrs_ohm, fit.hrs_ohm, fit.levels) == (near(25e3), near(100e3), 3)


def test_quantiles_refuse_few_cycles(tmp_path: Path) -> None:
    """58 cycles do not justify a 5 % quantile; one target makes no table."""
    random = np.random.default_rng(1)
    targets = np.concatenate([np.repeat(10.0, 58), np.repeat(20.0, 80)])
    columns = {"target (kOhm)": targets, "R (kOhm)": targets * np.exp(0.1 * random.normal(size=138))}
    with pytest.raises(NotFitted, match=r"at least 59 cycles a level.*found 58 at 100 uS"):
        fit_quantiles(table_of(tmp_path, columns), Given())
    with pytest.raises(NotFitted, match="expected at least two targets, found 100 uS alone"):
        fit_quantiles(table_of(tmp_path, {name: column[:58] for name, column in columns.items()}), Given())


def level_error(folder: Path, seed: int, coefficients: tuple[float, ...] = MILO, degree: int = 1) -> Fit:
    random = np.random.default_rng(seed)
    targets = np.repeat(np.linspace(50, 225, 8), 200)
    sigma = sum(c * targets**k for k, c in enumerate(coefficients))
    columns = {"target (uS)": targets, "conductance (uS)": targets + sigma * random.normal(size=len(targets))}
    return fit_level_error(table_of(folder, columns), Given(degree=degree))


def test_level_error_returns_the_polynomial(tmp_path: Path) -> None:
    """Coefficients of G over the highest target, and their errors over repetitions."""
    true = {"coefficient_0": MILO[0] * 1e-6, "coefficient_1": MILO[1] * 225e-6}
    for value in rms([off(level_error(tmp_path, seed), **true) for seed in range(60)]).values():
        assert 0.75 < value < 1.3


def test_level_error_goodness_falls_for_a_lower_degree(tmp_path: Path) -> None:
    """A quadratic sigma needs degree 2."""
    curved = (10.0, -0.12, 0.0005)
    line, square = (level_error(tmp_path, 2, curved, degree).goodness for degree in (1, 2))
    assert line["rms_ln_sigma"] > 2 * square["rms_ln_sigma"]
    assert line["r_squared"] < square["r_squared"]
    assert line["ks"] > 0


def test_level_error_refusals(tmp_path: Path) -> None:
    """No more levels than coefficients; too few cycles."""
    with pytest.raises(NotFitted, match="more than 8 levels for a polynomial of degree 7, found 8"):
        level_error(tmp_path, 1, degree=7)
    columns = {"target (uS)": np.repeat([1.0, 2, 3], 19), "conductance (uS)": np.linspace(1, 3, 57)}
    with pytest.raises(NotFitted, match="at least 20 cycles a level for its sigma, found 19 at 1 uS"):
        fit_level_error(table_of(tmp_path, columns), Given())
