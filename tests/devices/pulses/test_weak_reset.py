"""Weak-RESET pulses: each part of the model alone, against the equations by hand."""

import math
from dataclasses import fields

import numpy as np
import pytest
import torch

from pillarsim.devices.pulses import (
    MAJUMDAR2021,
    WeakResetDevices,
    conductance_s,
    fresh,
    log_ratio,
    pulse,
    resistance_ohm,
)
from tests.near import near

ALL = ("d2d", "rtn", "pink")
MANY = 200_000
# medians of the truncated distributions: R0 (ohm), m1 = 3.7416e-5 + ln 2 6.5647e-4 (1/pulse), t* (pulses), m2 (1/pulse)
MEDIANS = {"r0_ohm": 6996, "m1": 4.9245e-4, "t_star": 515, "m2": 1.97e-5}


def same(one: WeakResetDevices, other: WeakResetDevices) -> bool:
    """Whether two batches agree bit for bit."""
    pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in fields(WeakResetDevices))
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def test_without_imperfections_all_devices_are_the_median_one() -> None:
    """`none` gives equal devices with the medians of the distributions, and no noise."""
    devices = fresh(MAJUMDAR2021, 5, (), 1)
    for name, value in MEDIANS.items():
        assert getattr(devices, name).tolist() == near([value] * 5, rel=2e-3)
    assert devices.amplitude.tolist() == [0.25] * 5
    after = resistance_ohm(pulse(devices, 300))
    assert len(set(after.tolist())) == 1
    expected = devices.r0_ohm[0] * math.exp(devices.c1[0] + 300 * devices.m1[0])
    assert after[0].item() == near(expected.item(), rel=1e-12)


def test_mean_bends_at_the_knee() -> None:
    """ln(R/R0) is c1 + m1 t before t* and m2 t + t* (m1 - m2) + c1 after it, device by device."""
    devices = fresh(MAJUMDAR2021, 1000, ("d2d",), 3)
    for pulses in (0, 1, 40, 500, 1999, 5000):
        w = log_ratio(pulse(devices, pulses)).tolist()
        for k in range(0, 1000, 37):
            m1, knee, c1, m2 = (getattr(devices, name)[k].item() for name in ("m1", "t_star", "c1", "m2"))
            line = m1 * pulses + c1 if pulses < knee else m2 * pulses + knee * (m1 - m2) + c1
            assert w[k] == pytest.approx(line, rel=1e-12, abs=1e-14)


def test_conductance_is_the_inverse() -> None:
    """Conductance times resistance is 1."""
    devices = pulse(fresh(MAJUMDAR2021, 100, ALL, 1), 40)
    assert (conductance_s(devices) * resistance_ohm(devices)).tolist() == near([1.0] * 100, rel=1e-14)


@pytest.mark.parametrize("imperfections", [(), ("d2d",), ("d2d", "pink")])
def test_pulses_add_up(imperfections: tuple[str, ...]) -> None:
    """Without telegraph noise 3 pulses and then 4 leave what 7 leave, and what 7 single ones leave."""
    start = fresh(MAJUMDAR2021, 500, imperfections, 2)
    once, twice, single = pulse(start, 7), pulse(pulse(start, 3), 4), start
    for _ in range(7):
        single = pulse(single, 1)
    assert torch.equal(resistance_ohm(once), resistance_ohm(twice))
    assert torch.equal(resistance_ohm(once), resistance_ohm(single))


def test_no_pulse_changes_nothing() -> None:
    """0 pulses, as a number or for some devices, leave state and resistance bit for bit."""
    devices = pulse(fresh(MAJUMDAR2021, 20_000, ALL, 2), 900)
    assert same(pulse(devices, 0), devices)
    given = torch.zeros(20_000, dtype=torch.int64)
    given[::2] = 5
    after = pulse(devices, given)
    assert torch.equal(resistance_ohm(after)[1::2], resistance_ohm(devices)[1::2])
    assert int((resistance_ohm(after)[::2] != resistance_ohm(devices)[::2]).sum()) == 10_000


def test_pulses_of_each_device_equal_a_number() -> None:
    """Devices given 6 pulses in a mixed tensor stand where 6 for all puts them."""
    start = fresh(MAJUMDAR2021, 40_000, ALL, 5)
    given = torch.arange(40_000) % 9
    mixed, all_six = pulse(start, given), pulse(start, 6)
    six = given == 6
    assert torch.equal(resistance_ohm(mixed)[six], resistance_ohm(all_six)[six])


def test_device_is_the_same_in_every_batch() -> None:
    """Device k has its draws whatever the count, and with seed and pulses equal the result is the same bit for bit."""
    small, large = (pulse(pulse(fresh(MAJUMDAR2021, count, ALL, 9), 500), 20) for count in (700, 40_000))
    assert torch.equal(resistance_ohm(small), resistance_ohm(large)[:700])
    assert torch.equal(small.high, large.high[:700])
    assert same(large, pulse(pulse(fresh(MAJUMDAR2021, 40_000, ALL, 9), 500), 20))
    assert not same(small, pulse(pulse(fresh(MAJUMDAR2021, 700, ALL, 8), 500), 20))


def test_an_imperfection_leaves_the_draws_of_the_others() -> None:
    """w with all three is w with d2d, plus pink alone, plus a telegraph part that is 0 in the low state."""
    all_on, plain, pink = (
        pulse(fresh(MAJUMDAR2021, 5000, names, 4), 700) for names in (ALL, ("d2d",), ("d2d", "pink"))
    )
    rest = log_ratio(all_on) - log_ratio(pink)
    assert rest[~all_on.high].abs().max() == 0
    assert bool((rest[all_on.high] > 0).all())
    assert 0.15 < float(all_on.high.double().mean()) < 0.3  # 0.2857 (1 - 0.9972^700) = 0.245
    assert float((log_ratio(pink) - log_ratio(plain)).min()) > 0


def test_telegraph_step_in_the_high_state() -> None:
    """In the high state w rises by u1 u2 amplitude: mean 1/4 and mean square 1/9 of amplitude's, fresh every call."""
    devices = pulse(fresh(MAJUMDAR2021, MANY, ("rtn", "d2d"), 6), 20_000)
    base = fresh(MAJUMDAR2021, MANY, ("d2d",), 6)
    step = (log_ratio(devices) - log_ratio(pulse(base, 20_000)))[devices.high]
    amplitude = devices.amplitude[devices.high]
    share = (step / amplitude).double()
    count = len(share)
    assert float(share.mean()) == pytest.approx(0.25, abs=4 * math.sqrt((1 / 9 - 1 / 16) / count))
    assert float((share**2).mean()) == pytest.approx(1 / 9, abs=4 * math.sqrt((1 / 25 - 1 / 81) / count))
    assert float(amplitude.mean()) == pytest.approx(0.25, abs=4 * 0.5 / math.sqrt(12 * count))
    later = pulse(devices, 1)
    both = devices.high & later.high
    again = (log_ratio(later) - log_ratio(pulse(base, 20_001)))[both] / devices.amplitude[both]
    before = (log_ratio(devices) - log_ratio(pulse(base, 20_000)))[both] / devices.amplitude[both]
    correlation = np.corrcoef(again.numpy(), before.numpy())[0, 1]
    assert abs(correlation) < 4 / math.sqrt(len(again))


def test_many_pulses_at_once_and_one_by_one_have_one_law() -> None:
    """The share of high devices after 300 pulses is p (1 - l^300), given at once or one by one."""
    expected = 0.0008 / 0.0028 * (1 - 0.9972**300)
    error = math.sqrt(expected * (1 - expected) / 50_000)
    at_once, single = pulse(fresh(MAJUMDAR2021, 50_000, ("rtn",), 7), 300), fresh(MAJUMDAR2021, 50_000, ("rtn",), 8)
    for _ in range(300):
        single = pulse(single, 1)
    for devices in (at_once, single):
        assert float(devices.high.double().mean()) == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize(
    ("pulses", "message"),
    [
        (-1, "at least 0, found -1"),
        (torch.tensor([1, 2, -3]), "at least 0, found -3"),
        (torch.tensor([1, 2]), r"one a device, found shape \(2,\)"),
        (torch.ones(3, 1, dtype=torch.int64), r"shape \(3, 1\)"),
        (torch.tensor([1.0, 2.0, 3.0]), "whole numbers"),
        (2**31, "at most 2147483647"),
    ],
)
def test_bad_pulses_are_refused(pulses: int | torch.Tensor, message: str) -> None:
    """Negative, fractional, too many, or misshapen pulses are refused."""
    with pytest.raises(ValueError, match=message):
        pulse(fresh(MAJUMDAR2021, 3, (), 1), pulses)


def test_bad_batches_are_refused() -> None:
    """An unknown imperfection is answered with the nearest name; so are a bare text and no devices."""
    with pytest.raises(ValueError, match=r"no imperfection 'pnk'.*did you mean 'pink'"):
        fresh(MAJUMDAR2021, 3, ("d2d", "pnk"), 1)
    with pytest.raises(ValueError, match="expected a list of names"):
        fresh(MAJUMDAR2021, 3, "pink", 1)
    for count in (0, -2, 2.5, True):
        with pytest.raises(ValueError, match="count: expected a whole number"):
            fresh(MAJUMDAR2021, count, (), 1)  # type: ignore[arg-type]
    assert set(MAJUMDAR2021.imperfections) == set(ALL)


def test_telegraph_probabilities_of_the_card() -> None:
    """The card's chain is high 0.2857 of the time and stays 1250 and 500 pulses."""
    chain = MAJUMDAR2021.telegraph
    assert chain.occupancy == near(0.2857, rel=2e-4)
    assert chain.dwell_pulses == near((1250, 500), rel=1e-12)
