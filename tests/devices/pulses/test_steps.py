"""Soft bounds and linear steps: closed forms, noise, presets."""

import math
from dataclasses import replace

import pytest
import torch

from pillarsim.devices.pulses import LinearStep, SoftBounds, Window, conductance_s, fresh, pulse
from pillarsim.devices.pulses.linear_step import gong2022_hfo2, gong2022_optimised
from pillarsim.devices.pulses.soft_bounds import gong2018
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

WINDOW = Window(1e-6, 21e-6)
SPAN = 20e-6
MANY = 100_000


def after(model: SoftBounds | LinearStep, *pulses: int) -> float:
    """Place in the window of the device without imperfections."""
    devices = fresh(model, 1, (), 1)
    for n in pulses:
        devices = pulse(devices, n)
    return float((conductance_s(devices) - 1e-6) / SPAN)


def test_soft_bounds_follow_the_logarithmic_law() -> None:
    """x = ln(1 + a n + (a / 2) ln(1 + a n)) / bend, a = bend step / span, up and mirrored down.

    The second term is the next order of the recurrence exp(y') = exp(y) (1 + a exp(-y) + ...), y = bend x.
    """
    model = SoftBounds(WINDOW, step_up_s=0.01e-6, step_down_s=0.02e-6, bend_up=3.0, bend_down=2.0)
    for n in (1, 10, 500, 3000):
        a = 3.0 * 0.01e-6 / SPAN
        assert after(model, n) == near(math.log(1 + a * n + a / 2 * math.log(1 + a * n)) / 3.0, rel=1e-5)
        assert after(model, n) == near(math.log(1 + a * n) / 3.0, rel=a)
    full = SoftBounds(WINDOW, SPAN, 0.02e-6, 0.0, 2.0)  # one pulse to the upper bound
    assert float(pulse(fresh(full, 1, (), 1), 1).x) == 1
    for n in (1, 500, 3000):
        a = 2.0 * 0.02e-6 / SPAN
        assert 1 - after(full, 1, -n) == near(math.log(1 + a * n) / 2.0, rel=a)


def test_soft_bounds_with_a_floor_are_the_sum_by_hand() -> None:
    """The ReRAM fit gives dw (1 + 1.18445 exp(-5 x)) up, and 0.740641 dw (1 + 0.081404 exp(5 x)) down."""
    model, dw = gong2018(WINDOW), 0.00135 / 2
    up = [0.0]
    for _ in range(300):
        up.append(up[-1] + dw * (1 + 1.18445 * math.exp(-5 * up[-1])))
    assert after(model, 300) == near(up[-1], rel=1e-9)
    down = up[-1] - 0.740641 * dw * (1 + 0.081404 * math.exp(5 * up[-1]))
    assert after(model, 300, -1) == near(down, rel=1e-9)


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.0, -0.5])
def test_linear_steps_approach_geometrically(slope: float) -> None:
    """1 - slope x = (1 - slope step)^n upward, mirrored downward with its own step and slope."""
    model = LinearStep(WINDOW, up=0.01, down=0.02, slope_up=slope, slope_down=slope / 2)

    def place(step: float, slope: float, n: int) -> float:
        return n * step if slope == 0 else (1 - (1 - slope * step) ** n) / slope

    for n in (1, 7, 40):
        assert after(model, n) == near(place(0.01, slope, n), rel=1e-9)
    full = LinearStep(WINDOW, 1.0, 0.02, 0.0, slope / 2)
    for n in (1, 7, 40):
        assert 1 - after(full, 1, -n) == near(place(0.02, slope / 2, n), rel=1e-9)


def test_noise_of_a_step() -> None:
    """Mean and standard deviation of one step from x = 0, within three standard errors, for each kind of noise."""
    soft = SoftBounds(WINDOW, 1e-6, 1e-6, 2.0, 2.0, sigma=0.2)
    fixed = LinearStep(WINDOW, 0.05, 0.05, 0.9, 0.9, sigma=0.2)
    relative = LinearStep(WINDOW, 0.05, 0.05, 0.9, 0.9, sigma=0.2, relative=True)
    for model in (soft, fixed, relative):
        devices = model.fresh(MANY, ("c2c",), 2)
        step = (conductance_s(pulse(devices, 1)) - conductance_s(devices)) / 1e-6
        assert abs(float(step.mean()) - 1) < 3 * 0.2 / math.sqrt(MANY)
        assert float(step.std()) == near(0.2, rel=3 / math.sqrt(2 * MANY))
    for model, part in ((fixed, 1.0), (relative, 1 - 0.9 * 0.5), (soft, math.exp(-2 * 0.5))):
        devices = model.fresh(MANY, ("c2c",), 2)
        middle = replace(devices, x=torch.full_like(devices.x, 0.5))
        step = (conductance_s(pulse(middle, 1)) - conductance_s(middle)) / 1e-6
        assert float(step.std()) == near(0.2 * part, rel=3 / math.sqrt(2 * MANY))


def test_steps_spread_over_devices() -> None:
    """ln of the first step has the stated spread; up and down steps do not correlate."""
    model = LinearStep(WINDOW, 0.01, 0.01, spread_step=0.3)
    devices = fresh(model, MANY, ("d2d",), 2)
    first = pulse(devices, 1)
    ups = (conductance_s(first) - conductance_s(devices)).div(SPAN * 0.01).log()
    assert float(ups.std()) == near(0.3, rel=3 / math.sqrt(2 * MANY))
    assert abs(float(torch.corrcoef(torch.stack([devices.up.log(), devices.down.log()]))[0, 1])) < 3 / math.sqrt(MANY)


def test_write_noise_is_read_and_not_kept() -> None:
    """Reads scatter by write_noise steps about the x behind them, anew after each pulse, and do not add up."""
    model = LinearStep(WINDOW, 0.01, 0.01, write_noise=2.0)
    devices = pulse(fresh(model, MANY, ("write",), 2), 40)
    noises = []
    for n in (40, 41):
        assert devices.x.tolist()[:3] == near([n * 0.01] * 3, rel=1e-9)
        noises.append((conductance_s(devices) - 1e-6) / SPAN - devices.x)
        assert torch.equal(conductance_s(devices), conductance_s(devices))
        assert float(noises[-1].std()) == near(0.02, rel=3 / math.sqrt(2 * MANY))
        devices = pulse(devices, 1)
    assert abs(float(torch.corrcoef(torch.stack(noises))[0, 1])) < 3 / math.sqrt(MANY)


def test_array_fits() -> None:
    """In weights w = 2 x - 1 the fitted arrays step by dw (1 - w) up and dw (1 + w) down; about 4 states for HfO2."""
    for model, dw in ((gong2022_hfo2(WINDOW), 0.4622), (gong2022_optimised(WINDOW), 0.0949)):
        w = 2 * after(model, 2) - 1
        assert 2 * after(model, 3) - 1 - w == near(dw * (1 - w), rel=1e-9)
        assert w - (2 * after(model, 2, -1) - 1) == near(dw * (1 + w), rel=1e-9)
    assert near(4, rel=0.1) == 2 / 0.4622


def test_parameters_out_of_range_are_refused() -> None:
    """Steps, bends, slopes and windows outside their ranges raise OutOfRange, which names them."""
    with pytest.raises(OutOfRange, match="step_up_s"):
        SoftBounds(WINDOW, 0.0, 1e-6, 1.0, 1.0)
    with pytest.raises(OutOfRange, match="bend_down"):
        SoftBounds(WINDOW, 1e-6, 1e-6, 1.0, -1.0)
    with pytest.raises(OutOfRange, match="slope_up"):
        LinearStep(WINDOW, 0.1, 0.1, slope_up=1.5)
    with pytest.raises(OutOfRange, match="down"):
        LinearStep(WINDOW, 0.1, 1.5)
    with pytest.raises(OutOfRange, match="g_min_s"):
        Window(2e-6, 1e-6)
    with pytest.raises(OutOfRange, match="sigma"):
        SoftBounds(WINDOW, 1e-6, 1e-6, 1.0, 1.0, sigma=math.nan)
