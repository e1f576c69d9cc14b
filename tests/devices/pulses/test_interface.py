"""What holds for every pulse model: batches, imperfections, bounds, no pulse, bad input."""

from dataclasses import fields
from typing import Any

import pytest
import torch

from pillarsim.devices.pulses import SoftBounds, Window, conductance_s, fresh, pulse
from pillarsim.devices.pulses.batch import CHUNK, Batch
from tests.devices.pulses.models import MODELS, STEPPING
from tests.near import near

# Fields that an imperfection draws when devices are made; the other imperfections must leave them alone.
DRAWN = {
    "weak_reset": ("r0_ohm", "m1", "amplitude"),
    "soft_bounds": ("low_s", "span_s", "up", "down"),
    "linear_step": ("low_s", "span_s", "up", "down"),
    "neurosim": ("low_s", "span_s", "up", "down"),
    "stochastic_binary": ("low_s", "high_s"),
    "stanford_pku": ("offset_nm",),
}


def same(one: Batch, other: Batch) -> bool:
    """Whether two batches agree bit for bit."""
    pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def all_on(name: str, count: int, seed: int = 3) -> Any:
    """Devices with every imperfection."""
    return fresh(MODELS[name], count, MODELS[name].imperfections, seed)


def signed(name: str, count: int) -> torch.Tensor:
    """Pulses from -3 to 5 over the devices; none negative where RESET pulses are counted."""
    n = torch.arange(count) * 7 % 9 - 3
    return n.abs() if name == "weak_reset" else n


@pytest.mark.parametrize("name", sorted(MODELS))
def test_without_imperfections_devices_are_equal(name: str) -> None:
    """None switched on: all devices have one conductance, finite and positive, before and after pulses."""
    devices = fresh(MODELS[name], 100, (), 1)
    for n in (0, 1, 3):
        found = conductance_s(pulse(devices, n))
        assert found.dtype == torch.float64
        assert len(set(found.tolist())) == 1
        assert 0 < float(found[0]) < 1


@pytest.mark.parametrize("name", sorted(MODELS))
def test_device_is_the_same_in_every_batch(name: str) -> None:
    """Device k behaves alike in small and large batches, alone, and when other devices get other pulses."""
    small, large = all_on(name, 500), all_on(name, CHUNK + 500)
    for n in (6, 0, 1):
        small, large = pulse(small, n), pulse(large, n)
    assert same(small, large.take(slice(0, 500)))
    alone = all_on(name, 500).take(torch.tensor([37]))
    for n in (6, 0, 1):
        alone = pulse(alone, n)
    assert same(alone, small.take(slice(37, 38)))
    assert torch.equal(conductance_s(alone), conductance_s(small)[37:38])
    mixed = pulse(small, signed(name, 500))
    for k in (0, 5, 11, 499):
        one = pulse(small.take(slice(k, k + 1)), int(signed(name, 500)[k]))
        assert same(one, mixed.take(slice(k, k + 1)))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_seeds_differ_and_repeat(name: str) -> None:
    """A seed repeats bit for bit; another seed gives other conductances."""
    first, again, other = (pulse(all_on(name, 1000, seed), 5) for seed in (3, 3, 4))
    assert same(first, again)
    assert not torch.equal(conductance_s(first), conductance_s(other))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_no_pulse_changes_nothing(name: str) -> None:
    """n = 0, as a number or for some devices, leaves these devices bit for bit."""
    devices = pulse(all_on(name, 3000), 2)
    assert same(pulse(devices, 0), devices)
    given = torch.zeros(3000, dtype=torch.int64)
    given[::2] = 1
    after = pulse(devices, given)
    odd = torch.arange(1, 3000, 2)
    assert same(after.take(odd), devices.take(odd))
    assert bool((after.pulses[::2] == devices.pulses[::2] + 1).all())


@pytest.mark.parametrize("name", ["soft_bounds", "linear_step", "pcm", "stanford_pku"])
def test_pulses_at_once_are_single_pulses(name: str) -> None:
    """Models that move pulse by pulse end alike for 7 pulses at once and one by one, and for down pulses too."""
    once, single = pulse(pulse(all_on(name, 2000), 7), -3), all_on(name, 2000)
    for n in (1,) * 7 + (-1,) * 3:
        single = pulse(single, n)
    assert same(once, single)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_imperfections_switch_apart(name: str) -> None:
    """Each one alone changes the conductances; with others beside it the drawn parameters stay bit for bit."""
    model = MODELS[name]
    plain = conductance_s(pulse(fresh(model, 500, (), 5), 3))
    for which in model.imperfections:
        if name == "pcm" and which != "c2c":
            continue  # read noise and drift belong to read_s
        devices = pulse(fresh(model, 500, (which,), 5), 3 if which != "rtn" else 3000)
        changed = conductance_s(devices) != plain
        assert float(changed.double().mean()) > (0.1 if which == "rtn" else 0.95), which
    every = fresh(model, 500, model.imperfections, 5)
    if "d2d" in model.imperfections:
        for field in DRAWN[name]:
            assert torch.equal(getattr(fresh(model, 500, ("d2d",), 5), field), getattr(every, field))
            drawn, stated = getattr(every, field), getattr(fresh(model, 500, (), 5), field)
            assert len(set(drawn.tolist())) == 500
            assert len(set(stated.tolist())) == 1


@pytest.mark.parametrize("name", ["soft_bounds", "linear_step", "neurosim"])
def test_bounds_are_never_passed(name: str) -> None:
    """With all noises on, up and down pulses leave every device in its own window, and reach both of its ends."""
    devices = all_on(name, 5000)
    low, high = devices.low_s, torch.addcmul(devices.low_s, devices.span_s, torch.ones(()).double())
    touched = torch.zeros(2, dtype=torch.bool)
    for n in (1, 3, 40, 300, -1, -10, -300, 5):
        devices = pulse(devices, n)
        g = conductance_s(devices)
        assert bool((g >= low).all())
        assert bool((g <= high).all())
        touched |= torch.tensor([bool((g == low).any()), bool((g == high).any())])
    assert touched.all()


@pytest.mark.parametrize("name", STEPPING)
def test_directions(name: str) -> None:
    """SET pulses raise the mean conductance; RESET pulses lower it again."""
    start = all_on(name, 2000)
    up = pulse(start, 12)
    down = pulse(up, -12)
    assert conductance_s(start).mean() < conductance_s(down).mean() or name == "pcm"
    assert conductance_s(down).mean() < 0.9 * conductance_s(up).mean()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_bad_input_is_refused(name: str) -> None:
    """Fractional or misshapen pulses, unknown imperfections and no devices get one clear error."""
    devices = all_on(name, 3)
    for n, message in (
        (torch.tensor([1.0, 2.0, 3.0]), "whole numbers"),
        (torch.tensor([1, 2]), r"one a device, found shape \(2,\)"),
        (2**31, "at most 2147483647"),
        (-(2**31), "expected at"),
    ):
        with pytest.raises(ValueError, match=message):
            pulse(devices, n)
    with pytest.raises(ValueError, match="no imperfection 'noise': expected some of"):
        fresh(MODELS[name], 3, ("noise",), 1)
    for count in (0, 2.5, True):
        with pytest.raises(ValueError, match="count: expected a whole number"):
            fresh(MODELS[name], count, (), 1)  # type: ignore[arg-type]


def test_windows_spread_apart() -> None:
    """ln(lower bound) and ln(span) have the stated standard deviations, do not correlate, and the median is stated."""
    model = SoftBounds(Window(1e-6, 11e-6, 0.2, 0.3), 1e-7, 1e-7, 1.0, 1.0)
    devices = fresh(model, 100_000, ("d2d",), 8)
    logs = torch.stack([(devices.low_s / 1e-6).log(), (devices.span_s / 10e-6).log()])
    for column, sigma in zip(logs, (0.2, 0.3), strict=True):
        assert abs(float(column.mean())) < 3 * sigma / 100_000**0.5
        assert float(column.std()) == near(sigma, rel=3 / 200_000**0.5)
    assert abs(float(torch.corrcoef(logs)[0, 1])) < 3 / 100_000**0.5
