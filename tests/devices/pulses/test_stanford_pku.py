"""Stanford-PKU model: resistances of its limits, pulses against scipy's integrator, gap noise."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pillarsim.devices.pulses import StanfordPku, conductance_s, fresh, pulse
from pillarsim.devices.pulses.stanford_pku import StanfordPkuDevices
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

MODEL = StanfordPku()
MANY = 100_000
K, Q = 1.380649e-23, 1.602176634e-19


def at(gaps: list[float], imperfections: tuple[str, ...] = ()) -> StanfordPkuDevices:
    """Devices at the stated gaps in nm."""
    devices = fresh(MODEL, len(gaps), imperfections, 1)
    return StanfordPkuDevices(**{**vars(devices), "gap_nm": torch.tensor(gaps, dtype=torch.float64)})


def integrated(gap: float, volts: float, seconds: float) -> float:
    """Gap in nm after a pulse by an adaptive integrator, from the equations in SI units."""

    def rate(_: float, y: np.ndarray) -> list[float]:
        gap = max(y[0], 0.1)  # below the limit, where the result is clipped: keeps the current finite
        current = 1e-3 * math.exp(-gap / 0.25) * math.sinh(volts / 0.25)
        kt = K * (298 + abs(volts * current) * 2.1e3)
        gamma = 16 - 0.8 * gap**3
        return [-10e9 * math.exp(-Q * 0.6 / kt) * math.sinh(gamma * 0.25e-9 * Q * volts / (12e-9 * kt))]

    found = solve_ivp(rate, (0, seconds), [gap], method="LSODA", rtol=1e-11, atol=1e-13)
    return float(np.clip(found.y[0, -1], 0.2, 1.7))


def test_resistance_of_the_limits() -> None:
    """At 0.1 V the gap limits have 542 ohm and 219 kohm, a ratio of e^6."""
    g = conductance_s(at([0.2, 1.7])).tolist()
    assert 1 / g[0] == pytest.approx(542, abs=0.5)
    assert 1 / g[1] == pytest.approx(219e3, abs=500)
    assert g[0] / g[1] == near(math.exp(6), rel=1e-12)
    assert g[0] == near(1e-3 * math.exp(-0.8) * math.sinh(0.4) / 0.1, rel=1e-12)


@pytest.mark.parametrize("n", [1, -1, 4, -4])
def test_pulses_agree_with_an_integrator(n: int) -> None:
    """Gaps after pulses agree with scipy's within 1e-8 nm for each pulse, over the whole range."""
    gaps = [0.2, 0.25, 0.5, 0.9, 1.2, 1.35, 1.5, 1.6, 1.7]
    found = pulse(at(gaps), n).gap_nm.tolist()
    volts = 1.5 if n > 0 else -1.2
    expected = [integrated(gap, volts, 10e-9 * abs(n)) for gap in gaps]
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) < 1e-8 * abs(n)
    moved = [abs(a - b) for a, b in zip(found, gaps, strict=True)]
    assert max(moved) > 0.05


def test_set_shrinks_the_gap_within_its_limits() -> None:
    """SET raises the conductance to the lower gap limit, RESET lowers it slower and slower; limits are never passed."""
    devices = fresh(MODEL, 2000, MODEL.imperfections, 2)
    low, high = devices.offset_nm + 0.2, devices.offset_nm + 1.7
    for n in (5, 20, -3, -30, 2, -1):
        devices = pulse(devices, n)
        assert bool((devices.gap_nm >= low).all())
        assert bool((devices.gap_nm <= high).all())
    steps = [at([0.2])]
    for _ in range(20):
        steps.append(pulse(steps[-1], -1))
    gaps = np.array([float(one.gap_nm) for one in steps])
    assert (np.diff(gaps) > 0).all()
    assert (np.diff(gaps, 2) < 0).all()
    assert float(pulse(at([1.7]), 100).gap_nm) == 0.2


def test_gap_noise() -> None:
    """A pulse scatters the gap by 0.02 nm; the gap limits of devices scatter by 0.02 nm."""
    devices = at([1.0] * MANY, ("c2c",))
    moved = pulse(devices, -1).gap_nm - float(pulse(at([1.0]), -1).gap_nm)
    assert abs(float(moved.mean())) < 3 * 0.02 / math.sqrt(MANY)
    assert float(moved.std()) == near(0.02, rel=3 / math.sqrt(2 * MANY))
    spread = fresh(MODEL, MANY, ("d2d",), 1)
    assert float(spread.gap_nm.std()) == near(0.02, rel=3 / math.sqrt(2 * MANY))
    assert float(conductance_s(spread).log().std()) == near(0.02 / 0.25, rel=3 / math.sqrt(2 * MANY))


def test_parameters_out_of_range_are_refused() -> None:
    """Gap limits in the wrong order, a negative pulse, and a gap where the field factor turns are refused."""
    with pytest.raises(OutOfRange, match="gap_min_nm"):
        StanfordPku(gap_min_nm=1.8)
    with pytest.raises(OutOfRange, match="reset_v"):
        StanfordPku(reset_v=-1.2)
    with pytest.raises(ValueError, match="gamma0"):
        StanfordPku(gap_max_nm=3.0)
