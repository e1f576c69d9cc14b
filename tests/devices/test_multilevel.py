"""Multi-level schemes: laws and their inverses, draws, overlap against closed form and sampling, exact counts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm

from pillarsim.devices.multilevel import (
    ComplianceScheme,
    PulseWidthScheme,
    Scheme,
    Spread,
    StopVoltageScheme,
    level_overlap,
    margins,
    misread,
    most_states,
    open_loop_ohm,
    plan_levels,
    separable_states,
    total_sigmas,
)
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

SPREAD = Spread(0.1, 0.2, 0.05, 0.1)
COMPLIANCE = ComplianceScheme(0.5, 20e-6, 500e-6, 100e-6, 0.13, 0.1, 0.5)
STOP = StopVoltageScheme(5e3, 4.0, 0.8, 1.5, SPREAD)
WIDTH = PulseWidthScheme(5e3, 0.4, 60e-9, 60e-6, SPREAD)
SCHEMES = pytest.mark.parametrize("scheme", [COMPLIANCE, STOP, WIDTH])


def test_laws_at_stated_points() -> None:
    """R = V / I; a factor of e every 0.25 V; a factor of 10^0.4 every decade of time."""
    np.testing.assert_allclose(COMPLIANCE.median_ohm(np.array([20e-6, 100e-6])), [25e3, 5e3])
    np.testing.assert_allclose(STOP.median_ohm(np.array([0.8, 1.05])), [5e3, 5e3 * math.e])
    np.testing.assert_allclose(WIDTH.median_ohm(np.array([60e-9, 600e-9])), [5e3, 5e3 * 10**0.4])


def test_spreads_go_as_stated() -> None:
    """Sigma halves at four times the compliance current, and rises linearly in ln R for the other schemes."""
    cycle, device = COMPLIANCE.sigmas(np.array([100e-6, 400e-6]))
    np.testing.assert_allclose(cycle, [0.13, 0.065])
    np.testing.assert_allclose(device, [0.1, 0.05])
    for scheme, knob in ((STOP, 1.05), (WIDTH, 60e-9 * math.exp(1 / 0.4))):
        cycle, device = scheme.sigmas(np.array([knob]))
        assert (cycle[0], device[0]) == near((0.15, 0.3))


@SCHEMES
@pytest.mark.parametrize("spacing", ["ln", "conductance"])
@pytest.mark.parametrize("bits", [1, 3, 8])
def test_planned_levels_are_equally_spaced(scheme: Scheme, spacing: str, bits: int) -> None:
    """2^bits levels over the whole range, equal steps of ln R or of 1 / R, lowest resistance first."""
    resistance = scheme.median_ohm(plan_levels(scheme, bits, spacing))  # type: ignore[arg-type]
    assert (resistance[0], resistance[-1]) == near(scheme.ends_ohm)
    assert len(resistance) == 2**bits
    steps = np.diff(np.log(resistance) if spacing == "ln" else -1 / resistance)
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-6)
    assert steps.mean() > 0


def test_compliance_levels_in_conductance_are_equal_currents() -> None:
    """R I = V: equal steps of conductance are equal steps of the current."""
    np.testing.assert_allclose(plan_levels(COMPLIANCE, 2, "conductance"), [500e-6, 340e-6, 180e-6, 20e-6])


@SCHEMES
def test_knobs_outside_raise(scheme: Scheme) -> None:
    """Knobs and resistances beyond the scheme's range are refused."""
    low, high = scheme.ends_ohm
    knobs = scheme.knob(np.array([low, high]))
    for knob in (0.99 * knobs.min(), 1.01 * knobs.max()):
        with pytest.raises(OutOfRange):
            scheme.median_ohm(np.array([knob]))
        with pytest.raises(OutOfRange):
            scheme.sigmas(np.array([knob]))
    with pytest.raises(OutOfRange):
        scheme.knob(np.array([1.01 * high]))


def test_bad_parameters_raise() -> None:
    """Unordered ranges, a negative spread, too many bits, an unknown spacing."""
    with pytest.raises(OutOfRange):
        ComplianceScheme(0.5, 500e-6, 20e-6, 100e-6, 0.13, 0.1, 0.5)
    with pytest.raises(OutOfRange):
        StopVoltageScheme(5e3, 4.0, 1.5, 0.8, SPREAD)
    with pytest.raises(OutOfRange):
        PulseWidthScheme(5e3, -0.4, 60e-9, 60e-6, SPREAD)
    with pytest.raises(OutOfRange):
        Spread(-0.1, 0.0)
    with pytest.raises(OutOfRange):
        plan_levels(STOP, 9, "ln")
    with pytest.raises(ValueError, match="spacing"):
        plan_levels(STOP, 2, "log")  # type: ignore[arg-type]


@SCHEMES
def test_drawn_spreads_separate_into_cycle_and_device(scheme: Scheme) -> None:
    """Analysis of variance gives back both sigmas of each level, within four standard errors."""
    devices, cycles = 4000, 20
    knobs = plan_levels(scheme, 2, "ln")
    logs = np.log(open_loop_ohm(scheme, knobs, devices, cycles, 5) / scheme.median_ohm(knobs)[:, None, None])
    for level, (cycle, device) in enumerate(zip(*scheme.sigmas(knobs), strict=True)):
        within_device = math.sqrt(logs[level].var(axis=1, ddof=1).mean())
        assert abs(within_device / cycle - 1) < 4 / math.sqrt(2 * devices * (cycles - 1))
        means = logs[level].mean(axis=1)
        expected = math.sqrt(device**2 + cycle**2 / cycles)
        assert abs(means.std(ddof=1) / expected - 1) < 4 / math.sqrt(2 * devices)
        assert abs(means.mean()) < 4 * expected / math.sqrt(devices)
    offsets = logs.mean(axis=2)  # a device's number is the same for all levels
    assert np.corrcoef(offsets)[0, -1] > 0.8


def test_draws_do_not_depend_on_levels_or_devices() -> None:
    """Fewer levels from the first on, and fewer devices, are a part of the larger draw; seeds differ."""
    knobs = plan_levels(STOP, 3, "ln")
    whole = open_loop_ohm(STOP, knobs, 50, 3, 1)
    np.testing.assert_array_equal(open_loop_ohm(STOP, knobs[:4], 20, 3, 1), whole[:4, :20])
    assert (open_loop_ohm(STOP, knobs, 50, 3, 2) != whole).all()


def test_overlap_is_the_normal_tail_and_what_is_sampled() -> None:
    """Two levels: Q(half gap / sigma) each; four unequal ones: as many cells as the closed form says."""
    np.testing.assert_allclose(level_overlap(np.array([0.0, 2.0]), np.array([0.5, 1.0])), norm.sf([2.0, 1.0]))
    knobs = plan_levels(STOP, 2, "ln")
    medians, count = np.log(STOP.median_ohm(knobs)), 200_000
    expected = level_overlap(medians, total_sigmas(STOP, knobs))
    found = misread(medians, np.log(open_loop_ohm(STOP, knobs, count, 1, 3))).mean(axis=(1, 2))
    assert (expected > 0.01).all()
    assert (np.abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / count)).all()


def test_overlap_limits() -> None:
    """No spread, no overlap; very wide spread: an inner level keeps what lies in its interval, an outer one half."""
    medians = np.array([0.0, 1.0, 2.0])
    assert (level_overlap(medians, np.zeros(3)) == 0).all()
    np.testing.assert_allclose(level_overlap(medians, np.full(3, 1e6)), [0.5, 1.0, 0.5], atol=1e-6)
    with pytest.raises(OutOfRange):
        level_overlap(medians[::-1], np.ones(3))


def test_margins() -> None:
    """Gap less a multiple of both sigmas."""
    np.testing.assert_allclose(margins(np.array([0.0, 1.0, 3.0]), np.array([0.1, 0.2, 0.3]), 2.0), [0.4, 1.0])


def test_separable_states_is_the_largest_set() -> None:
    """Against all subsets of ten random states with unequal sigmas; the chosen ones are apart."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        medians, sigmas = rng.uniform(0, 3, 10), rng.uniform(0.05, 0.5, 10)

        def apart(chosen: tuple[int, ...], medians: np.ndarray = medians, sigmas: np.ndarray = sigmas) -> bool:
            return all(
                abs(medians[i] - medians[j]) >= sigmas[i] + sigmas[j] for i, j in itertools.combinations(chosen, 2)
            )

        largest = max(n for n in range(1, 11) if any(apart(chosen) for chosen in itertools.combinations(range(10), n)))
        found = separable_states(medians, sigmas, 2.0)
        assert len(found) == largest
        assert apart(tuple(found))
        assert (np.diff(medians[found]) > 0).all()


def test_bound_is_met_by_equal_steps() -> None:
    """States exactly 2 sigma apart all count, and are as many as the bound; one of them wider apart loses none."""
    steps = np.linspace(0, 0.6, 31, dtype=np.float64)
    assert len(separable_states(steps, np.full(31, 0.01), 2.0)) == 31 == most_states(0.6, 0.01, 2.0)
    assert len(separable_states(steps, np.full(31, 0.0101), 2.0)) == 16
    rng = np.random.default_rng(7)
    dense = rng.uniform(0, 0.6, 5000)
    assert len(separable_states(dense, np.full(5000, 0.01), 2.0)) <= most_states(float(np.ptp(dense)), 0.01, 2.0)
    with pytest.raises(OutOfRange):
        separable_states(steps, np.zeros(31), 2.0)
