"""The time until neighbouring levels meet, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.retention import ArrheniusLoss, PowerLawDrift, Reach, Relaxation, SpreadGrowth
from pillarsim.devices.retention.failure_time import failure_time_s
from tests.near import near

LOW, HIGH = 2e-6, 40e-6  # S
HOT = 358.15  # K


def levels(count: int) -> torch.Tensor:
    return torch.linspace(LOW, HIGH, count, dtype=torch.float64)


def test_loss_has_its_closed_form() -> None:
    """Towards HRS with one tau: t = tau (-ln(1 - gap / 2 (G - G_min)))^(1/exponent); the lowest level never fails."""
    model = ArrheniusLoss(1e6, 1e6, HOT, 1.1, 0.5, "hrs")
    times = failure_time_s(model, levels(4), LOW, HIGH, HOT)
    for number in (1, 2, 3):
        expected = 1e6 * math.log(1 / (1 - 0.5 / number)) ** 2
        assert times[number].item() == near(expected, rel=1e-9)
    assert times[0] == math.inf


def test_drift_has_its_closed_form() -> None:
    """t = t0 (1 - half gap / G)^(-1/nu)."""
    model = PowerLawDrift(0.05, 0.05, 0.1, t0_s=10.0)
    times = failure_time_s(model, levels(3), LOW, HIGH, 300.0)
    for number, g in ((1, 21e-6), (2, 40e-6)):
        assert times[number].item() == near(10.0 * (1 - 9.5e-6 / g) ** (-1 / 0.05), rel=1e-9)


def test_more_levels_fail_sooner() -> None:
    """The first failure of 2, 4, 8 and 16 levels comes earlier each time; so it does when hotter."""
    model = ArrheniusLoss(1e4, 1e8, HOT, 1.1, 1.0, "middle")
    first = [failure_time_s(model, levels(2**bits), LOW, HIGH, HOT).min().item() for bits in (1, 2, 3, 4)]
    assert first == sorted(first, reverse=True)
    assert len(set(first)) == 4
    assert failure_time_s(model, levels(8), LOW, HIGH, 400.0).min().item() < first[2]


def test_upward_moves_meet_the_level_above() -> None:
    """A shift up counts against the gap above, a shift down against the gap below; the outermost ones never fail."""
    up = Relaxation((0, 1), (LOW, HIGH), ((LOW + 5e-6,) * 2, (HIGH + 5e-6,) * 2), 1000.0, HOT, 1.0, 1.1)
    uneven = torch.tensor([5e-6, 9e-6, 30e-6], dtype=torch.float64)
    times = failure_time_s(up, uneven, LOW, HIGH, HOT)
    share = 2e-6 / 5e-6
    assert times[0].item() == near((1 + 1000) ** share - 1, rel=1e-9)
    assert times[1].item() > times[0].item()
    assert times[2] == math.inf


def test_nothing_is_claimed_beyond_the_reach() -> None:
    """A failure later than the model's longest time is infinite, not extrapolated."""
    model = PowerLawDrift(0.02, 0.02, 0.0, t0_s=10.0, reach=Reach(longest_s=1e4))
    assert bool(torch.isinf(failure_time_s(model, levels(3), LOW, HIGH, 300.0)).all())


def test_spread_alone_moves_no_median() -> None:
    """A model whose level stays in place never fails by this measure, and is not asked beyond its last time."""
    model = SpreadGrowth((1, 100), ((1e-7,), (3e-7,)), 40e-6, 0, 40e-6)
    assert model.longest_s == 100
    assert bool(torch.isinf(failure_time_s(model, levels(8), LOW, HIGH, 300.0)).all())


def test_levels_must_rise() -> None:
    """Fewer than two levels, or levels out of order, raise."""
    model = PowerLawDrift(0.02, 0.02, 0.0, t0_s=10.0)
    for wrong in ([LOW], [HIGH, LOW], [LOW, LOW]):
        with pytest.raises(OutOfRange, match="levels"):
            failure_time_s(model, torch.tensor(wrong), LOW, HIGH, 300.0)
