"""NeuroSim's curves: label to A against published values, both directions, noise."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pillarsim.devices.pulses import NEUROSIM_ANALOG, NeuroSim, Window, conductance_s, fresh, pulse
from pillarsim.devices.pulses.neurosim import height, steepness
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

WINDOW = Window(1e-6, 11e-6)
MANY = 100_000
# nonlinearity label -> A / Pmax as the program prints it (six digits after the point)
PRINTED = {0.01: 126.268958, 0.07: 18.037668, 0.6: 2.097877, 1.02: 1.226672, 9.0: 0.022810}


@pytest.mark.parametrize("label", sorted(PRINTED))
def test_label_to_a(label: float) -> None:
    """Pmax / A of a label is that of the published values; a negative label gives the negative."""
    found = float(steepness(np.asarray(label)))
    assert 1 / found == pytest.approx(PRINTED[label], rel=2e-6, abs=6e-7)
    assert float(steepness(np.asarray(-label))) == -found


def test_height_is_the_largest_distance() -> None:
    """The closed form of the height is the maximum of the curve over the diagonal; small arguments tend to k / 8."""
    p = np.linspace(0, 1, 200_001)
    for k in (0.05, 1.0, 8.0, 40.0):
        curve = np.expm1(-k * p) / np.expm1(-k)
        assert float(height(np.asarray(k))) == near(float((curve - p).max()), rel=1e-6)
    assert float(height(np.asarray(1e-3))) == near(1e-3 / 8, rel=1e-5)
    labels = np.linspace(0.005, 9, 4001)
    assert (height(steepness(labels)) / (0.07 * math.sqrt(2))).tolist() == near(labels.tolist(), rel=1e-6)


@pytest.mark.parametrize("labels", [(2.4, -4.88), (-3.0, 1.5), (0.0, 0.0), (1e-7, -1e-7), (9.0, -9.0)])
def test_pulses_follow_the_curves(labels: tuple[float, float]) -> None:
    """P pulses from the bound give G(P) of the published form, up and down; Pmax pulses the other end."""
    model = NeuroSim(WINDOW, 97, 100, *labels)

    def curve(p: float, most: float, label: float) -> float:
        k = float(steepness(np.asarray(label)))
        return 1e-6 + 10e-6 * (p / most if abs(k) < 1e-5 else math.expm1(-k * p / most) / math.expm1(-k))

    start = fresh(model, 1, (), 1)
    top = pulse(start, 97)
    assert float(conductance_s(top)) == near(11e-6, rel=1e-9)
    for p in (1, 30, 60):
        assert float(conductance_s(pulse(start, p))) == near(curve(p, 97, labels[0]), rel=1e-7)
        # The depression curve runs along P from Pmax down, with A of the label's own sign.
        assert float(conductance_s(pulse(top, -p))) == near(curve(100 - p, 100, labels[1]), rel=1e-7)
    steps = pulse(pulse(start, 7), 13)
    assert float(conductance_s(steps)) == near(float(conductance_s(pulse(start, 20))), rel=1e-9)


def test_first_steps_are_the_largest_both_ways() -> None:
    """The analog default bends so that steps shrink in either direction."""
    devices = fresh(NEUROSIM_ANALOG, 1, (), 1)
    for n in (1, -1):
        g = []
        for _ in range(4):
            g.append(float(conductance_s(devices)))
            devices = pulse(devices, n)
        steps = np.abs(np.diff(g))
        assert (np.diff(steps) < 0).all()
        devices = pulse(devices, 200)


def test_noise_grows_with_the_root_of_the_pulses() -> None:
    """A call with n pulses adds normal noise of c2c sqrt(n) of the window to where the curve leads."""
    model = NeuroSim(WINDOW, 97, 100, 1.0, -1.0, c2c=0.02)
    noisy, plain = model.fresh(MANY, ("c2c",), 3), model.fresh(1, (), 3)
    for n in (1, 9, -4):
        start = [replace(devices, x=torch.full_like(devices.x, 0.5)) for devices in (noisy, plain)]
        moved = [conductance_s(pulse(devices, n)) / 10e-6 for devices in start]
        noise, sigma = moved[0] - float(moved[1]), 0.02 * math.sqrt(abs(n))
        assert abs(float(noise.mean())) < 3 * sigma / math.sqrt(MANY)
        assert float(noise.std()) == near(sigma, rel=3 / math.sqrt(2 * MANY))


def test_labels_spread_over_devices() -> None:
    """With d2d the label of a device, found back from its steepness, is normal about the stated one."""
    model = NeuroSim(WINDOW, 97, 100, 2.4, -4.88, spread_label=0.3)
    devices = fresh(model, MANY, ("d2d",), 3)
    for tensor, label in ((devices.up, 2.4), (devices.down, 4.88)):
        found = height(tensor.numpy()) / (0.07 * math.sqrt(2))
        assert abs(found.mean() - label) < 3 * 0.3 / math.sqrt(MANY)
        assert found.std() == near(0.3, rel=3 / math.sqrt(2 * MANY))


def test_parameters_out_of_range_are_refused() -> None:
    """Labels beyond 9 and windows without a pulse are refused by name."""
    with pytest.raises(OutOfRange, match="label_down"):
        NeuroSim(WINDOW, 97, 100, 1.0, -9.5)
    with pytest.raises(OutOfRange, match="pulses_up"):
        NeuroSim(WINDOW, 0, 100, 1.0, -1.0)
