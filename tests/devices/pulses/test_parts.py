"""Draws, truncated distributions, telegraph chain and pink noise against scipy, matrix powers and sums by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from pillarsim.devices.pulses import MAJUMDAR2021
from pillarsim.devices.pulses.draws import bits, device_keys, keys_of, normal, stream, uniform
from pillarsim.devices.pulses.pink import Pink, pink_noise
from pillarsim.devices.pulses.telegraph import Telegraph, switch_probability
from pillarsim.devices.pulses.truncated import Normal, Truncated
from pillarsim.devices.streams import generator
from tests.near import near

# name -> scipy's distribution and the mean that the facts give
PARENTS = {
    "r0_ohm": (stats.norm(6988, 381.7), 7003),
    "m1": (stats.expon(3.74158e-5, 6.56468e-4), 6.92e-4),
    "t_star": (stats.lognorm(0.803382, 0, 542.539), 629),
    "c1": (stats.norm(0.00529314, 0.0532080), 0.0051),
    "m2": (stats.expon(0, 2.88905e-5), 2.74e-5),
}
MANY = 200_000


def drawn(count: int, number: int) -> np.ndarray:
    """Draw `number` of `count` devices."""
    keys = device_keys(stream(1, "test"), 0, count)
    return uniform(bits(keys, torch.full((count,), number, dtype=torch.int32))).numpy()


@pytest.mark.parametrize("name", sorted(PARENTS))
def test_truncated_distribution(name: str) -> None:
    """Quantiles are those of scipy's distribution cut at the limits; the mean is the integral and the facts' number."""
    of: Truncated = getattr(MAJUMDAR2021, name)
    parent, stated = PARENTS[name]
    below, above = parent.cdf(of.low), parent.cdf(of.high)
    p = np.linspace(0.001, 0.999, 41)
    expected = parent.ppf(below + p * (above - below))
    assert of.quantile(torch.from_numpy(p)).tolist() == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-12)
    assert of.cdf(torch.from_numpy(expected)).tolist() == pytest.approx(p.tolist(), rel=1e-9)
    ends = of.quantile(torch.tensor([0.0, 1.0], dtype=torch.float64)).tolist()
    assert ends[0] >= of.low
    assert ends[1] <= of.high
    mean = integrate.quad(lambda x: x * parent.pdf(x), of.low, of.high, epsabs=0, points=[parent.median()])[0]
    mean /= above - below
    assert mean == pytest.approx(stated, rel=1e-2)
    values = of.draw(MANY, generator(3, "test", name))
    assert float(values.mean()) == pytest.approx(mean, abs=4 * float(values.std()) / math.sqrt(MANY))
    assert of.low <= float(values.min()) <= float(values.max()) <= of.high


def test_an_empty_truncation_is_refused() -> None:
    """Limits without probability are an error."""
    with pytest.raises(ValueError, match="no probability"):
        Truncated(Normal(0, 1), 2, 1)


def test_counted_draws_are_uniform_and_independent() -> None:
    """Over devices, draws pass a chi-square test and do not correlate with the next number or the next device."""
    first, second = drawn(MANY, 17), drawn(MANY, 18)
    counts = np.histogram(first, bins=256, range=(0, 1))[0]
    assert 0.001 < stats.chisquare(counts).pvalue < 0.999
    joint = np.histogram2d(first, second, bins=32, range=((0, 1), (0, 1)))[0]
    assert 0.001 < stats.chisquare(joint.ravel()).pvalue < 0.999
    joint = np.histogram2d(first[:-1], first[1:], bins=32, range=((0, 1), (0, 1)))[0]
    assert 0.001 < stats.chisquare(joint.ravel()).pvalue < 0.999


def test_normal_draws_are_standard_normal() -> None:
    """Over devices, normal draws pass the test of Kolmogorov and Smirnov, in the tails too, and do not correlate."""
    keys = device_keys(stream(2, "test"), 0, 2_000_000)
    first, second = (normal(keys, torch.full((2_000_000,), n, dtype=torch.int32)).numpy() for n in (8, 9))
    assert 0.001 < stats.kstest(first[:MANY], "norm").pvalue < 0.999
    for limit in (-4.0, -3.0, 3.0, 4.0):
        tail = stats.norm.sf(abs(limit))
        share = (first * math.copysign(1, limit) > abs(limit)).mean()
        assert share == pytest.approx(tail, abs=4 * math.sqrt(tail / 2_000_000))
    for one, other in ((first, second), (first[:-1], first[1:]), (first**2, second**2)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / math.sqrt(2_000_000)
    assert np.isfinite(first).all()
    assert abs(first).max() < 6.7


def test_keys_belong_to_the_device_number() -> None:
    """Keys of chosen devices are those of the whole range."""
    whole = device_keys(stream(1, "test"), 0, 100)
    some = keys_of(stream(1, "test"), torch.tensor([3, 99, 0], dtype=torch.int32))
    assert some.first.tolist() == whole.first[[3, 99, 0]].tolist()
    assert some.second.tolist() == whole.second[[3, 99, 0]].tolist()


def test_counted_draws_of_one_device() -> None:
    """Along its numbers one device's draws are uniform, for each of 20 devices."""
    for device in range(20):
        keys = device_keys(stream(1, "test"), device, device + 1)
        values = uniform(bits(keys, torch.arange(20_000, dtype=torch.int32))).numpy()
        counts = np.histogram(values, bins=64, range=(0, 1))[0]
        assert stats.chisquare(counts).pvalue > 1e-4
        assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4.5 / math.sqrt(20_000)


@pytest.mark.parametrize("pulses", [0, 1, 2, 15, 100, 5000])
def test_telegraph_chain_is_the_matrix_power(pulses: int) -> None:
    """The probability to end in the other state is that of the chain's matrix to the power of the pulses."""
    chain = Telegraph(0.0008, 0.002)
    power = np.linalg.matrix_power(np.array([[1 - 0.0008, 0.0008], [0.002, 1 - 0.002]]), pulses)
    found = switch_probability(chain, torch.tensor([False, True]), torch.tensor(pulses)).tolist()
    assert found == near([power[0, 1], power[1, 0]], rel=1e-6)


def test_pink_taps() -> None:
    """The first taps are 1, 1/2, 3/8, 5/16, 35/128; mean and std of 15 taps are those that the facts give."""
    pink = Pink(0.025, 15)
    assert pink.taps[:5] == near((1, 0.5, 0.375, 0.3125, 0.2734375), rel=1e-12)
    assert len(pink.taps) == 15
    assert round(pink.mean, 3) == 0.054
    assert round(pink.std, 3) == 0.010


@pytest.mark.parametrize("pulses", [0, 1, 2, 14, 15, 16, 100])
def test_pink_noise_is_the_filtered_history(pulses: int) -> None:
    """The noise is the dot product of taps and a device's last draws; before its first pulse there are none."""
    keys = device_keys(stream(5, "pink"), 0, 50)
    pink = Pink(0.025, 15)
    found = pink_noise(pink, keys, torch.full((50,), pulses, dtype=torch.int32)).tolist()
    expected = torch.zeros(50, dtype=torch.float64)
    for age in range(min(pulses, 15)):
        tap = math.comb(2 * age, age) / 4**age  # (k - 1/2)! / (k! (-1/2)!)
        expected += 0.025 * tap * uniform(bits(keys, torch.full((50,), pulses - age, dtype=torch.int32)))
    assert found == pytest.approx(expected.tolist(), rel=1e-5, abs=1e-8)


def test_pink_noise_of_mixed_ages() -> None:
    """Devices of different ages in one batch have the noise that they have alone."""
    keys, pink = device_keys(stream(5, "pink"), 0, 40), Pink(0.025, 15)
    ages = torch.arange(40, dtype=torch.int32)
    mixed = pink_noise(pink, keys, ages)
    for age in (0, 3, 14, 15, 39):
        assert mixed[age] == pink_noise(pink, keys, torch.full((40,), age, dtype=torch.int32))[age]


def test_pink_noise_correlates_as_its_filter() -> None:
    """Mean, variance and the covariance over 1 and 5 pulses are those of the taps, within four standard errors."""
    keys, pink = device_keys(stream(6, "pink"), 0, MANY), Pink(0.025, 15)
    now, *later = (
        (pink_noise(pink, keys, torch.full((MANY,), 50 + lag, dtype=torch.int32)).double() - pink.mean).numpy()
        for lag in (0, 1, 5)
    )
    taps = np.array(pink.taps)
    assert abs(now.mean()) < 4 * pink.std / math.sqrt(MANY)
    for lag, noise in zip((0, 1, 5), (now, *later), strict=True):
        expected = 0.025**2 / 12 * float(taps[lag:] @ taps[: 15 - lag])
        assert float((now * noise).mean()) == pytest.approx(
            expected, abs=4 * float((now * noise).std()) / math.sqrt(MANY)
        )
