"""Phase-change memory: statistics of the published model, the averaging law, RESET, drift and read noise."""

import math
from functools import cache

import numpy as np
import pytest
import torch

from pillarsim.devices.pulses import Pcm, conductance_s, fresh, pulse
from pillarsim.devices.pulses.pcm import PcmDevices
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

MANY = 100_000


@cache
def pulsed(n: int) -> PcmDevices:
    """Devices after n noisy SET pulses."""
    return pulse(fresh(Pcm(), MANY, ("c2c",), 6), n)


def test_one_pulse() -> None:
    """Mean and std after a pulse are those of the clipped normal variate, and the derived 2.06 and 1.5 uS."""
    memory = math.exp(-1 / 2.6)
    mu, sigma = 0.1 + -0.084 * 0.1 + 0.880 + 1.40 * memory, 0.091 * 0.1 + 0.260 + 2.15 * memory
    z = np.linspace(-8, 8, 400_001)
    weight = np.exp(-z * z / 2)
    g = np.clip(mu + sigma * z, 0.1, 20)
    mean = (g * weight).sum() / weight.sum()
    std = math.sqrt((g * g * weight).sum() / weight.sum() - mean**2)
    found = conductance_s(pulsed(1)) * 1e6
    assert float(found.mean()) == pytest.approx(mean, abs=3 * std / math.sqrt(MANY))
    assert float(found.std()) == near(std, rel=5 / math.sqrt(2 * MANY))
    assert mean == pytest.approx(2.06, abs=0.01)  # 2.055 here; the derived number was sampled
    assert std == pytest.approx(1.5, abs=0.05)


def test_twenty_pulses() -> None:
    """The mean after 20 pulses is the derived 9.40 uS; numpy's own draws of the recurrence agree."""
    found = conductance_s(pulsed(20)) * 1e6
    error = float(found.std()) / math.sqrt(MANY)
    assert float(found.mean()) == pytest.approx(9.40, abs=3 * error)
    random, g = np.random.default_rng(1), np.full(MANY, 0.1)
    for k in range(1, 21):
        memory = math.exp(-k / 2.6)
        mu, sigma = -0.084 * g + 0.880 + 1.40 * memory, 0.091 * g + 0.260 + 2.15 * memory
        g = np.clip(g + mu + sigma * random.standard_normal(MANY), 0.1, 20)
    assert float(found.mean()) == pytest.approx(g.mean(), abs=3 * math.sqrt(2) * error)
    assert float(found.std()) == near(g.std(), rel=3 * math.sqrt(2) / math.sqrt(2 * MANY))


@pytest.mark.parametrize(("devices", "stated"), [(1, 0.286), (3, 0.164), (7, 0.107)])
def test_variation_of_a_sum_falls_with_the_root(devices: int, stated: float) -> None:
    """The coefficient of variation of N devices' sum is that of one over sqrt(N), and within 2 % of the derived one."""
    g = conductance_s(pulsed(20))
    one = float(g.std() / g.mean())
    count = MANY // devices
    sums = g[: count * devices].reshape(count, devices).sum(dim=1)
    found = float(sums.std() / sums.mean())
    assert found == near(one / math.sqrt(devices), rel=4 / math.sqrt(2 * count))
    assert found == near(stated, rel=0.02)


def test_mean_device_follows_the_recurrence() -> None:
    """Without noise G follows the mean steps."""
    g, devices = 0.1, fresh(Pcm(), 1, (), 1)
    for k in range(1, 30):
        g += -0.084 * g + 0.880 + 1.40 * math.exp(-k / 2.6)
        devices = pulse(devices, 1)
        assert float(conductance_s(devices)) == near(g * 1e-6, rel=1e-12)


def test_reset_returns_to_the_start() -> None:
    """A RESET sets G0 and makes the next pulse as strong as the first; pulses after it draw new noise."""
    devices = pulse(pulsed(20), -1)
    assert bool((conductance_s(devices) == 0.1e-6).all())
    again = conductance_s(pulse(devices, 1)) * 1e6
    assert float(again.mean()) == pytest.approx(2.06, abs=3 * 1.5 / math.sqrt(MANY) + 0.01)
    pair = torch.stack([again, conductance_s(pulsed(1)) * 1e6])
    assert abs(float(torch.corrcoef(pair)[0, 1])) < 3 / math.sqrt(MANY)
    assert float(pulsed(20).conductance_s().max()) <= 20e-6


def test_drift_and_read_noise() -> None:
    """Drift is (t / T0)^-0.04; read noise is 0.03 G + 0.13 uS, new for each read number."""
    start = pulse(fresh(Pcm(), 1, ("drift",), 1), 20)
    g = float(conductance_s(start))
    assert float(start.read_s(38.6, 0)) == near(g, rel=1e-12)
    assert float(start.read_s(38.6e4, 0)) == near(g * 10**-0.16, rel=1e-12)
    assert float(pulse(fresh(Pcm(), 1, (), 1), 20).read_s(38.6e4, 0)) == near(g, rel=1e-12)
    noisy = pulse(fresh(Pcm(), MANY, ("read", "drift"), 1), 20)
    reads = [noisy.read_s(3860.0, k) for k in (0, 1)]
    now = g * 100**-0.04
    for read in reads:
        assert float(read.std()) == near(0.03 * now + 0.13e-6, rel=3 / math.sqrt(2 * MANY))
        assert float(read.mean()) == pytest.approx(now, abs=3 * float(read.std()) / math.sqrt(MANY))
    assert abs(float(torch.corrcoef(torch.stack(reads))[0, 1])) < 3 / math.sqrt(MANY)
    assert torch.equal(reads[0], noisy.read_s(3860.0, 0))


def test_bad_reads_are_refused() -> None:
    """A time at which the power law has no sense is refused."""
    devices = fresh(Pcm(), 2, (), 1)
    with pytest.raises(OutOfRange, match="time_s"):
        devices.read_s(0.0, 0)
    with pytest.raises(OutOfRange, match="g_min_s"):
        Pcm(g0_s=30e-6)
