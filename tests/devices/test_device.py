"""The one interface of a device: program, pulse, age, read; each held against its parts or a closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from pillarsim.devices.cells import WriteRule
from pillarsim.devices.current_voltage import Linear, PooleFrenkel, Sinh
from pillarsim.devices.device import Device
from pillarsim.devices.endurance import Endurance
from pillarsim.devices.noise import SlowTelegraph
from pillarsim.devices.programming_error import LogNormalError
from pillarsim.devices.pulses.soft_bounds import SoftBounds
from pillarsim.devices.pulses.window import Window
from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.retention import PowerLawDrift
from pillarsim.devices.temperature import ThermalActivation
from tests.near import near

LOW, HIGH, MANY = 2e-6, 50e-6, 100_000
ONE = WriteRule(None, 1)
PLAIN = Device(LOW, HIGH, 4, 0.0, 300.0, 300.0, Linear(), error=LogNormalError(0.5, 0.1, LOW, HIGH))
STEPS = SoftBounds(Window(LOW, HIGH), 2e-6, 2e-6, 1.0, 1.0, sigma=0.3)


def test_one_pulse_leaves_the_stated_error() -> None:
    """Median and ln-sigma of each state, within three standard errors; switched off, the exact targets."""
    targets = torch.tensor([LOW, HIGH]).repeat_interleave(MANY)
    found = PLAIN.program(targets, ONE, ("programming",), 1).conductance_s.double().reshape(2, MANY)
    for cells, target, sigma in zip(found, (LOW, HIGH), (0.5, 0.1), strict=True):
        logs = (cells / target).log()
        assert abs(float(logs.mean())) < 3 * sigma / math.sqrt(MANY)
        assert abs(float(logs.std()) - sigma) < 3 * sigma / math.sqrt(2 * MANY)
    assert torch.equal(PLAIN.program(targets, ONE, (), 1).conductance_s, targets)


def test_targets_need_not_be_levels() -> None:
    """Any conductance of the range may be a target; write-verify ends within the tolerance."""
    targets = torch.tensor([3e-6, 17e-6, 41e-6], dtype=torch.float64).repeat(1000)
    done = PLAIN.program(targets, WriteRule(0.2e-6, 2000), PLAIN.imperfections, 1)
    assert not done.failed.any()
    assert float((done.conductance_s.double() - targets).abs().max()) <= 0.2e-6
    with pytest.raises(OutOfRange, match="at most 256"):
        PLAIN.program(torch.linspace(LOW, HIGH, 300), ONE, (), 1)


def test_stuck_cells_keep_their_state() -> None:
    """Shares of cells at either end whatever the target, within three standard errors."""
    device = replace(PLAIN, error=None, stuck_min=0.02, stuck_max=0.05)
    cells = device.program(torch.full((MANY,), 20e-6), ONE, ("stuck",), 2).conductance_s
    for end, share in ((LOW, 0.02), (HIGH, 0.05)):
        found = float((cells == torch.tensor(end).float()).double().mean())
        assert abs(found - share) < 3 * math.sqrt(share * (1 - share) / MANY)


def test_programming_by_pulses_stops_at_the_target() -> None:
    """Single steps of at most 2 uS from the lower bound, verified; the rule's tolerance holds or the device fails."""
    device = Device(LOW, HIGH, 4, 0.0, 300.0, 300.0, Linear(), update=STEPS, by_pulses=True)
    targets = torch.tensor([LOW, 20e-6, 40e-6]).repeat(500)
    done = device.program(targets, WriteRule(1.5e-6, 500), device.imperfections, 1)
    off = (done.conductance_s - targets).abs()
    assert float(off[~done.failed].max()) <= 1.5e-6 * (1 + 1e-6)
    assert float(done.failed.double().mean()) < 0.01
    assert int(done.pulses[targets == LOW].max()) == 0
    assert float(done.pulses[targets == torch.tensor(40e-6)].double().mean()) > 19


def test_read_follows_the_law_and_the_noise() -> None:
    """A sinh cell stated at 1 V carries G V there and less below; read noise is relative and drawn for each read."""
    device = Device(LOW, HIGH, 4, 1.0, 300.0, 300.0, Sinh(0.333), read_noise=0.02)
    cells = torch.full((MANY,), 10e-6, dtype=torch.float64)
    assert device.read_a(cells[:3], 1.0, 300.0, (), 1).tolist() == near([10e-6] * 3)
    half = math.sinh(0.5 / 0.333) / math.sinh(1 / 0.333)
    assert device.read_a(cells[:3], 0.5, 300.0, (), 1).tolist() == near([10e-6 * half] * 3)
    noisy = device.read_a(cells, 1.0, 300.0, ("read_noise",), 1) / 10e-6 - 1
    assert abs(float(noisy.std()) - 0.02) < 3 * 0.02 / math.sqrt(2 * MANY)


def test_read_follows_temperature_and_telegraph_noise() -> None:
    """Arrhenius factor of the high-resistance state; the occupied share carries less."""
    device = replace(PLAIN, activation=ThermalActivation(0.1, 0.0, 300.0), telegraph=SlowTelegraph(0.3, 0.2))
    cold, hot = (float(device.read_a(torch.tensor([LOW]).double(), 0.2, t, (), 1)[0]) for t in (300.0, 350.0))
    assert hot / cold == near(math.exp(0.1 / 8.617333262e-5 * (1 / 300 - 1 / 350)), 1e-6)
    cells = torch.full((MANY,), HIGH, dtype=torch.float64)
    low = (device.read_a(cells, 0.2, 300.0, ("telegraph_noise",), 5) / (0.2 * HIGH) < 0.9).double()
    assert abs(float(low.mean()) - 0.3) < 3 * math.sqrt(0.3 * 0.7 / MANY)


def test_age_and_wear() -> None:
    """Drift by its power law; half-way to the end of life the window has closed by the exponent's share."""
    device = replace(PLAIN, retention=PowerLawDrift(0.05, 0.05, 0.0, 1.0), endurance=Endurance(1e6, 1.0))
    cells = torch.tensor([10e-6], dtype=torch.float64)
    assert float(device.aged_s(cells, 1e4, 300.0, 1)[0]) == near(10e-6 * 1e4**-0.05)
    worn = device.worn(5e5)
    assert worn.g_min_s == near(math.sqrt(LOW * HIGH))
    assert worn.g_max_s == near(HIGH)
    assert device.worn(0) is device


def test_what_a_card_does_not_state_is_refused() -> None:
    """No pulse model, no retention, no endurance, an unknown imperfection: each is named."""
    with pytest.raises(ValueError, match="no pulse_update"):
        PLAIN.fresh(10, (), 1)
    with pytest.raises(OutOfRange, match="no retention"):
        PLAIN.aged_s(torch.ones(1), 1.0, 300.0, 1)
    with pytest.raises(OutOfRange, match="no endurance"):
        PLAIN.worn(10)
    with pytest.raises(ValueError, match=r"'programing'.*did you mean 'programming'"):
        PLAIN.program(torch.tensor([LOW]), ONE, ("programing",), 1)


def test_the_curve_keeps_its_shape_over_temperature() -> None:
    """Poole-Frenkel cells follow temperature by their activation alone, whichever voltage they are read at."""
    law = PooleFrenkel(20.0, 5e-9)
    device = replace(PLAIN, law=law, stated_v=0.2, stated_k=320.0, activation=ThermalActivation(0.1, 0.1, 320.0))
    cells = torch.tensor([HIGH], dtype=torch.float64)
    factor = math.exp(0.1 / 8.617333262e-5 * (1 / 320 - 1 / 400))
    for volts in (0.1, 0.2, 0.4):
        cold, hot = (float(device.read_a(cells, volts, kelvin, (), 1)[0]) for kelvin in (320.0, 400.0))
        assert hot / cold == near(factor, 1e-9)
        assert cold == near(HIGH / float(law.rise(0.2, 300.0)) * volts * float(law.rise(volts, 300.0)), 1e-9)
