"""Programming by pulses: verified before each, only where wanted, alike in every batch."""

import math

import pytest
import torch

from pillarsim.devices.pulses import MAJUMDAR2021, LinearStep, Pcm, Window, conductance_s, fresh, program, pulse
from pillarsim.devices.pulses.batch import CHUNK
from pillarsim.devices.ranges import OutOfRange
from tests.devices.pulses.models import MODELS
from tests.near import near

# targets (S) that each model's devices can reach, and a tolerance that their steps can meet
REACHED = {
    "soft_bounds": (10e-6, 30e-6, 2e-6),
    "linear_step": (10e-6, 30e-6, 2e-6),
    "neurosim": (10e-6, 30e-6, 2e-6),
    "pcm": (2e-6, 8e-6, 1.5e-6),
    "stanford_pku": (20e-6, 100e-6, 5e-6),
}


def targets(count: int, low: float, high: float) -> torch.Tensor:
    """Targets over the range, repeated."""
    return low + (high - low) * (torch.arange(count) * 13 % 101).double() / 100


@pytest.mark.parametrize("name", sorted(REACHED))
def test_devices_reach_their_targets(name: str) -> None:
    """Nearly all devices end within the tolerance; `failed` says which do not, and what is returned is what reads."""
    low, high, tolerance = REACHED[name]
    goal = targets(3000, low, high)
    devices = fresh(MODELS[name], 3000, MODELS[name].imperfections, 3)
    after, g, pulses, failed = program(devices, goal, tolerance, 400)
    assert torch.equal(conductance_s(after), g)
    assert torch.equal(failed, (g - goal).abs() > tolerance)
    assert float(failed.double().mean()) < 0.02
    assert torch.equal(after.pulses, pulses)
    assert int(pulses.max()) <= 400


@pytest.mark.parametrize("name", sorted(REACHED))
def test_outcome_does_not_depend_on_the_batch(name: str) -> None:
    """Devices programmed in two parts end as in one batch, and as one alone pulsed by hand."""
    low, high, tolerance = REACHED[name]
    goal = targets(400, low, high)
    devices = fresh(MODELS[name], 400, MODELS[name].imperfections, 3)
    _, g, pulses, failed = program(devices, goal, tolerance, 30)
    parts = [torch.arange(0, 400, 3), torch.tensor([k for k in range(400) if k % 3])]
    for part in parts:
        _, g2, pulses2, failed2 = program(devices.take(part), goal[part], tolerance, 30)
        assert torch.equal(g2, g[part])
        assert torch.equal(pulses2, pulses[part])
        assert torch.equal(failed2, failed[part])
    for k in (0, 57, 399):
        one, given = devices.take(torch.tensor([k])), 0
        while abs(float(conductance_s(one)) - float(goal[k])) > tolerance and given < 30:
            one, given = pulse(one, 1 if float(conductance_s(one)) < float(goal[k]) else -1), given + 1
        assert float(conductance_s(one)) == float(g[k])
        assert given == int(pulses[k])


def test_pulses_of_the_mean_device_are_counted() -> None:
    """Constant steps of 0.01 need ceil((target - tolerance) / step) pulses; none where the start is good enough."""
    model = LinearStep(Window(1e-6, 11e-6), 0.01, 0.01)
    goal = torch.tensor([1e-6, 1.05e-6, 3e-6, 11e-6], dtype=torch.float64)
    after, g, pulses, failed = program(fresh(model, 4, (), 1), goal, 0.06e-6, 1000)
    assert pulses.tolist() == [0, 0, 20, math.ceil(99.4)]
    assert not failed.any()
    assert g.tolist() == near([1e-6, 1e-6, 3e-6, 11e-6], rel=1e-9)
    back = program(after, torch.full((4,), 1e-6, dtype=torch.float64), 0.06e-6, 1000)
    assert back[2].tolist() == [0, 0, 20, 100]
    short = program(fresh(model, 4, (), 1), goal, 0.06e-6, 10)
    assert short[2].tolist() == [0, 0, 10, 10]
    assert short[3].tolist() == [False, False, True, True]


def test_large_batches_keep_their_order() -> None:
    """Beyond the number of devices worked on at once, each device has the outcome that it has in a small batch."""
    model, count = MODELS["soft_bounds"], CHUNK + 300
    devices, goal = fresh(model, count, model.imperfections, 3), targets(count, 5e-6, 15e-6)
    last = torch.arange(CHUNK - 200, count)
    after, *whole = program(devices, goal, 2e-6, 20)
    part, *alone = program(devices.take(last), goal[last], 2e-6, 20)
    for one, other in zip(whole, alone, strict=True):
        assert torch.equal(one[last], other)
    assert torch.equal(after.number, devices.number)
    assert torch.equal(conductance_s(after)[last], conductance_s(part))


def test_weak_reset_fails_where_conductance_must_rise() -> None:
    """Weak RESET lowers the conductance to a target below its start, and fails at once above it."""
    devices = fresh(MAJUMDAR2021, 200, (), 1)
    start = float(conductance_s(devices)[0])
    goal = torch.full((200,), 0.9 * start, dtype=torch.float64)
    goal[::2] = 1.1 * start
    _, g, pulses, failed = program(devices, goal, 1e-6, 1000)
    assert bool(failed[::2].all())
    assert int(pulses[::2].max()) == 0
    assert not failed[1::2].any()
    assert bool(((g - goal).abs()[1::2] <= 1e-6).all())


def test_pcm_restarts_after_an_overshoot() -> None:
    """Devices above the window are RESET and climb again: more pulses than since the last RESET, and they arrive."""
    devices = fresh(Pcm(), 2000, ("c2c",), 5)
    goal = torch.full((2000,), 3e-6, dtype=torch.float64)
    after, g, pulses, failed = program(devices, goal, 0.5e-6, 300)
    assert not failed.any()
    restarted = pulses > after.since
    assert 0.2 < float(restarted.double().mean()) < 0.95
    assert bool(((g - goal).abs() <= 0.5e-6).all())


def test_bad_programming_is_refused() -> None:
    """Targets of another shape, negative tolerances and pulse limits are refused."""
    devices = fresh(Pcm(), 3, (), 1)
    good = torch.full((3,), 1e-6)
    with pytest.raises(ValueError, match="targets: expected 3"):
        program(devices, good[:2], 1e-7, 5)
    with pytest.raises(OutOfRange, match="tolerance"):
        program(devices, good, -1e-7, 5)
    with pytest.raises(OutOfRange, match="target"):
        program(devices, good * math.nan, 1e-7, 5)
    with pytest.raises(OutOfRange, match="max_pulses"):
        program(devices, good, 1e-7, -1)
    with pytest.raises(ValueError, match="tolerance: expected one or 3"):
        program(devices, good, torch.ones(2), 5)
