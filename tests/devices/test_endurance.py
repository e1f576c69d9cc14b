"""The window closes from the high-resistance side and is gone at the stated cycles."""

from __future__ import annotations

import math

import pytest

from pillarsim.devices.endurance import Endurance
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

LOW, HIGH = 2e-6, 40e-6  # S


def test_the_log_of_the_window_falls_as_the_power_law() -> None:
    """ln(HRS / LRS) is 1 - (n / cycles)^exponent of the fresh one; the low-resistance state stays."""
    model = Endurance(1e6, 0.5)
    for done in (0, 1, 1e3, 2.5e5, 1e6):
        low, high = model.window(LOW, HIGH, done)
        assert high == HIGH
        assert math.log(high / low) / math.log(HIGH / LOW) == pytest.approx(1 - math.sqrt(done / 1e6), abs=1e-12)
    assert model.window(LOW, HIGH, 0) == (LOW, HIGH)


def test_more_cycles_never_open_the_window() -> None:
    """The lowest conductance rises with every cycle and ends at the highest."""
    model = Endurance(1000, 2.0)
    lows = [model.window(LOW, HIGH, n)[0] for n in range(1001)]
    assert lows == sorted(lows)
    assert lows[-1] == near(HIGH, rel=1e-12)
    assert max(lows) <= HIGH


def test_refusals() -> None:
    """Negative or too many cycles, unordered states and parameters without sense raise."""
    for done in (-1, 1.1e6, math.nan):
        with pytest.raises(OutOfRange, match="cycles"):
            Endurance(1e6, 1).window(LOW, HIGH, done)
    with pytest.raises(OutOfRange, match="states"):
        Endurance(1e6, 1).window(HIGH, LOW, 1)
    with pytest.raises(OutOfRange, match="cycles"):
        Endurance(0, 1)
    with pytest.raises(OutOfRange, match="exponent"):
        Endurance(1e6, -1)
