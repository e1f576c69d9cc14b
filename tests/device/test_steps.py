"""Fits of pulse models: the models' own curves return their parameters, with noise and without."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pillarsim.arch.errors import InputError
from pillarsim.device.fit.neurosim import fit_neurosim
from pillarsim.device.fit.result import Array, Fit, Given, NotFitted
from pillarsim.device.fit.steps import fit_linear_step, fit_soft_bounds
from pillarsim.devices.pulses import LinearStep, NeuroSim, SoftBounds, Window, conductance_s, fresh, pulse
from tests.device.measured import check, off, rms, table_of
from tests.near import near

WINDOW = Window(1e-6, 10e-6)  # S
SPAN = WINDOW.span_s
SOFT = SoftBounds(WINDOW, 0.05 * SPAN, 0.04 * SPAN, 3.0, 2.0, sigma=0.3)
LINEAR = LinearStep(WINDOW, 0.05, 0.04, 0.9, 0.8, sigma=0.3)
NEURO = NeuroSim(WINDOW, 100, 100, 2.4, -4.88, c2c=0.01)
PULSES = 60  # short of the bounds, where the curves would be cut
GIVEN = Given(lrs_ohm=1e5, hrs_ohm=1e6)
Model = SoftBounds | LinearStep | NeuroSim


def curves(model: Model, start: int, pulses: int, count: int = 1, seed: int = 0) -> Array:
    """Conductance in uS (count, pulses + 1) along pulses of one direction; several devices have c2c."""
    devices = fresh(model, count, ("c2c",) if count > 1 else (), seed)
    devices = pulse(devices, start) if start else devices
    found = [conductance_s(devices)]
    for _ in range(abs(pulses)):
        devices = pulse(devices, 1 if pulses > 0 else -1)
        found.append(conductance_s(devices))
    return 1e6 * torch.stack(found, dim=1).numpy()


@functools.cache
def both_ways(model: Model, pulses: int, count: int = 1) -> tuple[Array, Array]:
    """Potentiation from the lower bound, depression from the upper one."""
    return curves(model, 0, pulses, count), curves(model, 1000, -pulses, count)


def columns(model: Model, noise: float, seed: int = 0, pulses: int = PULSES, count: int = 1) -> dict[str, Array]:
    """Both ways with white noise (uS); of several devices, the one with the seed's number."""
    random = np.random.default_rng(seed)
    up, down = (way[seed if count > 1 else 0] for way in both_ways(model, pulses, count))
    return {
        "potentiation (uS)": up + noise * random.normal(size=len(up)),
        "depression (uS)": down + noise * random.normal(size=len(down)),
    }


def test_soft_bounds_return_their_parameters(tmp_path: Path) -> None:
    """Steps and bends with white noise, and their errors over repetitions."""
    true = {"step_up": 0.05, "step_down": 0.04, "bend_up": 3.0, "bend_down": 2.0}
    deviations = [
        off(fit_soft_bounds(table_of(tmp_path, columns(SOFT, 0.05, seed)), GIVEN), **true) for seed in range(25)
    ]
    for value in rms(deviations).values():
        assert 0.65 < value < 1.45


def test_linear_steps_return_their_parameters(tmp_path: Path) -> None:
    """Steps and slopes with white noise, which becomes the card's write noise; errors over repetitions."""
    true = {"step_up": 0.05, "step_down": 0.04, "slope_up": 0.9, "slope_down": 0.8}
    fits = [fit_linear_step(table_of(tmp_path, columns(LINEAR, 0.05, seed)), GIVEN) for seed in range(25)]
    for value in rms([off(fit, **true) for fit in fits]).values():
        assert 0.65 < value < 1.45
    white = [one.value for fit in fits for one in fit.parameters if one.name == "white_noise"]
    assert np.mean(white) == near(0.05e-6, rel=0.1)


def test_neurosim_returns_its_parameters(tmp_path: Path) -> None:
    """Labels with their signs and the bounds, and their errors over repetitions."""
    true = {"label_up": 2.4, "label_down": -4.88, "lowest": 1e-6, "highest": 10e-6}
    deviations = [
        off(fit_neurosim(table_of(tmp_path, columns(NEURO, 0.05, seed, pulses=100)), Given()), **true)
        for seed in range(25)
    ]
    for value in rms(deviations).values():
        assert 0.65 < value < 1.45


@pytest.mark.parametrize("model", [SOFT, LINEAR, NEURO])
def test_curves_without_noise_are_met_exactly(tmp_path: Path, model: Model) -> None:
    """The fitted recurrence is the device model's own."""
    fit = {SoftBounds: fit_soft_bounds, LinearStep: fit_linear_step, NeuroSim: fit_neurosim}[type(model)]
    given = Given() if isinstance(model, NeuroSim) else GIVEN
    table = table_of(tmp_path, columns(model, 0.0, pulses=100 if isinstance(model, NeuroSim) else PULSES))
    assert fit(table, given).goodness["rms_over_window"] < 1e-6


def test_goodness_falls_for_the_wrong_model(tmp_path: Path) -> None:
    """Soft bounds are no linear steps, and the other way round."""
    soft = table_of(tmp_path, columns(SOFT, 0.005))
    assert _rms(fit_linear_step(soft, GIVEN)) > 3 * _rms(fit_soft_bounds(soft, GIVEN))
    assert _rms(fit_neurosim(soft, GIVEN)) > 3 * _rms(fit_soft_bounds(soft, GIVEN))
    linear = table_of(tmp_path, columns(LINEAR, 0.005))
    right, wrong = fit_linear_step(linear, GIVEN), fit_soft_bounds(linear, GIVEN)
    assert _rms(wrong) > 3 * _rms(right)
    assert wrong.goodness["r_squared"] < right.goodness["r_squared"]


def _rms(fit: Fit) -> float:
    return fit.goodness["rms_over_window"]


@pytest.mark.parametrize(("model", "true"), [(SOFT, 0.3), (NEURO, 0.01)])
def test_noise_that_stays_is_cycle_to_cycle(tmp_path: Path, model: Model, true: float) -> None:
    """The mean c2c of some devices with c2c alone and with white noise on top; without c2c next to nothing."""
    fit, given = (fit_neurosim, Given()) if isinstance(model, NeuroSim) else (fit_soft_bounds, GIVEN)
    pulses = 100 if isinstance(model, NeuroSim) else PULSES

    def mean_c2c(noise: float, count: int) -> float:
        tables = [table_of(tmp_path, columns(model, noise, seed, pulses, count)) for seed in range(25)]
        return float(
            np.mean([one.value for table in tables for one in fit(table, given).parameters if one.name == "c2c"])
        )

    assert mean_c2c(0.0, 25) == near(true, rel=0.2)
    assert mean_c2c(0.03, 25) == near(true, rel=0.3)
    assert mean_c2c(0.03, 1) < 0.35 * true


def test_bounds_from_the_data(tmp_path: Path) -> None:
    """Without --lrs and --hrs the ends of the runs are the bounds, and lrs and hrs of the card."""
    fit = fit_soft_bounds(table_of(tmp_path, columns(SOFT, 0.0, pulses=300)), Given())
    assert fit.hrs_ohm == near(1e6, rel=0.02)
    assert fit.lrs_ohm == near(1e5, rel=0.02)
    assert {one.name: one.value for one in fit.parameters}["bend_up"] == near(3.0, rel=0.05)


def test_arbitrary_units_need_the_states(tmp_path: Path) -> None:
    """Steps are parts of the window, whatever its scale; lrs and hrs are then given."""
    plain = columns(SOFT, 0.0, pulses=300)
    scaled = {name.replace("uS", "a.u."): 0.2 * values - 1.2 for name, values in plain.items()}
    with pytest.raises(NotFitted, match="expected --lrs and --hrs"):
        fit_soft_bounds(table_of(tmp_path, scaled), Given())
    one = fit_soft_bounds(table_of(tmp_path, scaled), GIVEN)
    other = fit_soft_bounds(table_of(tmp_path, plain), Given())
    assert one.lrs_ohm is None
    for a, b in zip(one.parameters[:4], other.parameters[:4], strict=True):
        assert a.value == near(b.value, rel=1e-4)


def test_runs_that_follow_each_other(tmp_path: Path) -> None:
    """Column direction: each run starts from the row before, its start is free."""
    up, down = curves(SOFT, 0, 40)[0], curves(SOFT, 40, -20)[0]
    again = np.concatenate([up[1:], down[1:]])
    direction = np.concatenate([np.ones(40), -np.ones(20)])
    random = np.random.default_rng(3)
    noisy = again + 0.02 * random.normal(size=60)
    fit = fit_soft_bounds(table_of(tmp_path, {"conductance (uS)": noisy, "direction": direction}), GIVEN)
    check(fit, step_up=0.05, bend_up=3.0, step_down=0.04, bend_down=2.0)


def test_refusals(tmp_path: Path) -> None:
    """Several devices, one direction, short runs, pulses that fall, other directions."""
    good = columns(SOFT, 0.0, pulses=10)
    rows = len(good["potentiation (uS)"])
    with pytest.raises(NotFitted, match="pulses of one device, found several"):
        fit_soft_bounds(table_of(tmp_path, {**good, "device": np.arange(rows)}), GIVEN)
    one_way = {"conductance (uS)": good["potentiation (uS)"], "direction": np.ones(rows)}
    with pytest.raises(NotFitted, match=r"expected RESET pulses \(depression\), found none"):
        fit_soft_bounds(table_of(tmp_path, one_way), GIVEN)
    with pytest.raises(NotFitted, match="at least 5 points of each run"):
        fit_soft_bounds(table_of(tmp_path, {name: column[:4] for name, column in good.items()}), GIVEN)
    with pytest.raises(InputError, match="csv:4: column 'pulse': expected to rise, found 1 after 1"):
        fit_soft_bounds(table_of(tmp_path, {"pulse": [0, 1, *range(1, rows - 1)], **good}), GIVEN)
    with pytest.raises(InputError, match=r"csv:2: column 'direction': expected 1 \(SET\) or -1"):
        fit_soft_bounds(table_of(tmp_path, {**one_way, "direction": np.zeros(rows)}), GIVEN)
    flat = {name: 0 * column + 3 for name, column in good.items()}
    for fit in (fit_soft_bounds, fit_neurosim):
        with pytest.raises(NotFitted, match="conductances that change with pulses"):
            fit(table_of(tmp_path, flat), Given())


def test_measured_reram(tmp_path: Path, data_dir: Path) -> None:
    """The 1000 SET and 1000 RESET pulses of Gong et al. (aihwkit, MIT) in arbitrary units: curves explain 9 tenths."""
    path = data_dir / "rram" / "aihwkit_gong_et_al.csv"
    if not path.is_file():
        pytest.skip("no measured pulse response ../shared/data/rram/aihwkit_gong_et_al.csv")
    measured = np.loadtxt(path, delimiter=",")
    table = table_of(tmp_path, {"potentiation (a.u.)": measured[:, 0], "depression (a.u.)": measured[:, 1]})
    for fit in (fit_linear_step, fit_soft_bounds, fit_neurosim):
        found = fit(table, replace(GIVEN, levels=16))
        assert 0.88 < found.goodness["r_squared"] < 0.95
        assert found.points == 2000
