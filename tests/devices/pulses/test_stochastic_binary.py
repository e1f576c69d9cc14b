"""Binary devices: switching probability, spreads of the states, the mean device."""

import math

import pytest
import torch

from pillarsim.devices.pulses import StochasticBinary, conductance_s, fresh, pulse
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

MANY = 100_000
MODEL = StochasticBinary(2e-6, 50e-6, 0.1, 0.3, c2c_low=0.2, c2c_high=0.1, d2d_low=0.3, d2d_high=0.15)


@pytest.mark.parametrize("n", [1, 5, 20])
def test_share_of_switched_devices(n: int) -> None:
    """n pulses switch 1 - (1 - p)^n of the devices, at once and one by one, up and down."""
    at_once = single = pulse(fresh(MODEL, MANY, ("switching",), 1), 0)
    at_once = pulse(at_once, n)
    for _ in range(n):
        single = pulse(single, 1)
    expected = 1 - 0.9**n
    for devices in (at_once, single):
        share = float(devices.high.mean())
        assert set(devices.high.tolist()) <= {0.0, 1.0}
        assert share == pytest.approx(expected, abs=3 * math.sqrt(expected * (1 - expected) / MANY))
    left = float(pulse(single, -2).high.sum() / single.high.sum())
    assert left == pytest.approx(0.49, abs=3 * math.sqrt(0.49 * 0.51 / float(single.high.sum())))


def test_mean_device_holds_the_expected_share() -> None:
    """Without switching the share is 1 - (1 - p)^n, whatever the division into calls."""
    devices = fresh(MODEL, 1, (), 1)
    once, twice = pulse(devices, 7), pulse(pulse(devices, 3), 4)
    expected = 2e-6 + (1 - 0.9**7) * 48e-6
    assert float(conductance_s(once)) == near(expected, rel=1e-12)
    assert float(conductance_s(twice)) == near(expected, rel=1e-12)
    assert float(conductance_s(pulse(once, -1000))) == near(2e-6, rel=1e-9)


def test_certain_and_impossible_switching() -> None:
    """p = 1 always switches, p = 0 never."""
    sure = StochasticBinary(1e-6, 2e-6, 1.0, 0.0)
    devices = pulse(fresh(sure, 1000, ("switching",), 1), 1)
    assert bool((devices.high == 1).all())
    assert bool((pulse(devices, -50).high == 1).all())


def test_states_spread_log_normally() -> None:
    """ln G of each state has its c2c and d2d standard deviations, alone and together; the median is the stated one."""
    sure = StochasticBinary(2e-6, 50e-6, 1.0, 1.0, 0.2, 0.1, 0.3, 0.15)
    for names, low, high in (
        (("c2c",), 0.2, 0.1),
        (("d2d",), 0.3, 0.15),
        (("c2c", "d2d"), math.hypot(0.2, 0.3), math.hypot(0.1, 0.15)),
    ):
        devices = fresh(sure, MANY, ("switching", *names), 4)
        for state, median, sigma in ((devices, 2e-6, low), (pulse(devices, 1), 50e-6, high)):
            logs = (conductance_s(state) / median).log()
            assert abs(float(logs.mean())) < 3 * sigma / math.sqrt(MANY)
            assert float(logs.std()) == near(sigma, rel=3 / math.sqrt(2 * MANY))


def test_cycle_noise_is_new_at_switching_alone() -> None:
    """Devices that switch draw a new conductance; those that stay keep theirs bit for bit."""
    devices = pulse(fresh(MODEL, 5000, MODEL.imperfections, 2), 3)
    after = pulse(devices, 1)
    stayed = after.high == devices.high
    assert 0.05 < float((~stayed).double().mean()) < 0.15
    assert torch.equal(conductance_s(after)[stayed], conductance_s(devices)[stayed])
    again = pulse(pulse(after, -1000), 1000)
    assert bool((conductance_s(again) != conductance_s(after)).all())


def test_parameters_out_of_range_are_refused() -> None:
    """Probabilities above 1 and states in the wrong order are refused by name."""
    with pytest.raises(OutOfRange, match="p_set"):
        StochasticBinary(1e-6, 2e-6, 1.1, 0.5)
    with pytest.raises(OutOfRange, match="g_min_s"):
        StochasticBinary(2e-6, 1e-6, 0.5, 0.5)
