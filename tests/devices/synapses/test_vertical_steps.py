"""Parts of pulses: whole ones equal the pulse model, and parts add up."""

import numpy as np
import pytest
import torch

from pillarsim.devices.pulses import SoftBounds, Window, fresh, pulse
from pillarsim.devices.synapses.vertical_steps import Steps
from tests.near import near

WINDOW = Window(1e-7, 1e-6)
MODEL = SoftBounds(WINDOW, 0.05 * 9e-7, 0.08 * 9e-7, bend_up=2.0, bend_down=1.5, sigma=0.2, spread_step=0.1)


def steps(model: SoftBounds, count: int, seed: int = 0) -> Steps:
    """Steps of a row of cells."""
    return Steps.drawn(model, (count,), np.random.default_rng(seed))


def test_whole_pulses_are_those_of_the_model() -> None:
    """30 SET pulses, then 10 RESET pulses, of equal cells without noise, equal devices.pulses.soft_bounds."""
    model = SoftBounds(WINDOW, 0.05 * 9e-7, 0.08 * 9e-7, bend_up=2.0, bend_down=1.5)
    ours, x = steps(model, 3), np.zeros(3)
    device = fresh(model, 3, (), 0)
    for part in (1,) * 30 + (-1,) * 10:
        x = ours.moved(x, np.full(3, float(part)), np.zeros(3))
        device = pulse(device, part)
        np.testing.assert_allclose(x, device.x.numpy(), rtol=1e-12)
    assert torch.unique(device.x).numel() == 1


def test_parts_of_pulses() -> None:
    """A part moves in proportion; nothing moves nothing; noise scales the step; bounds hold."""
    ours, x = steps(MODEL, 5), np.full(5, 0.5)
    full = ours.moved(x, np.ones(5), np.zeros(5)) - x
    np.testing.assert_allclose(ours.moved(x, np.full(5, 0.01), np.zeros(5)) - x, 0.01 * full, rtol=1e-9)
    np.testing.assert_array_equal(ours.moved(x, np.zeros(5), np.ones(5)), x)
    np.testing.assert_allclose(ours.moved(x, np.ones(5), np.full(5, 2.0)) - x, 1.4 * full, rtol=1e-12)
    assert ours.moved(x, np.full(5, -1e3), np.zeros(5)).tolist() == [0.0] * 5
    assert ours.moved(x, np.full(5, 1e3), np.zeros(5)).tolist() == [1.0] * 5


def test_steps_differ_from_cell_to_cell() -> None:
    """Log-normal with the model's spread, up and down apart, the same for the same draw."""
    many = steps(MODEL, 20_000)
    for drawn, first in ((many.up, 0.05), (many.down, 0.08)):
        logs = np.log(drawn / first)
        assert abs(logs.mean()) < 3 * 0.1 / np.sqrt(20_000)
        assert logs.std() == near(0.1, rel=0.03)
    assert abs(np.corrcoef(many.up, many.down)[0, 1]) < 0.03
    np.testing.assert_array_equal(many.up, steps(MODEL, 20_000).up)


def test_floors_are_refused() -> None:
    """A model with a floor is another law."""
    with pytest.raises(ValueError, match="without floors"):
        steps(SoftBounds(WINDOW, 1e-8, 1e-8, 1.0, 1.0, floor_up=0.1), 1)
