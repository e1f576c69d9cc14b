"""Compiled pulses of synapses against the torch models of `devices.pulses`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pillarsim.devices.pulses import LinearStep, NeuroSim, Pcm, SoftBounds, StochasticBinary, Window, fresh
from pillarsim.devices.streams import stream_seed
from pillarsim.devices.synapses.bank import Bank, Synapse, make_bank
from pillarsim.devices.synapses.counts import no_counts
from pillarsim.devices.synapses.draws import normal_table
from pillarsim.devices.synapses.serial import give
from pillarsim.devices.synapses.updates import requested_update

WINDOW = Window(2e-6, 50e-6, 0.1, 0.2)  # S
MODELS: dict[str, Any] = {
    "linear": LinearStep(WINDOW, 0.04, 0.03, 0.9, 0.6, sigma=0.5, spread_step=0.3),
    "linear relative": LinearStep(WINDOW, 0.1, 0.08, 1.0, 1.0, sigma=0.3, relative=True, write_noise=0.4),
    "soft bounds": SoftBounds(WINDOW, 2e-6, 3e-6, 3.0, 2.0, sigma=0.4, spread_step=0.2, floor_up=0.1),
    "neurosim": NeuroSim(WINDOW, 40, 50, 2.4, -4.9, c2c=0.02, spread_label=0.5),
    "binary": StochasticBinary(2e-6, 50e-6, 0.3, 0.2, 0.2, 0.1, 0.1, 0.2),
    "pcm": Pcm(),
}
SEQUENCE = (1,) * 12 + (-1,) * 7 + (1,) * 3


def synapses(model: Any, count: int, on: tuple[str, ...], seed: int = 0) -> Bank:
    """One device a synapse, or two for models that move one way only."""
    synapse = Synapse() if model.directions == "both" else Synapse(2, differential=True)
    return make_bank(model, synapse, 1, count, 1.0, on, seed, "layer")


def pulse_all(bank: Bank, direction: int) -> None:
    """A pulse on each synapse's only device of that direction."""
    requested_update(bank, np.full(bank.weights.shape, direction, np.int32), *no_counts())


def known(model: Any) -> tuple[str, ...]:
    """All imperfections that synapses have."""
    return tuple(name for name in model.imperfections if name not in ("read", "drift"))


@pytest.mark.parametrize("name", MODELS)
def test_without_noise_a_device_follows_the_torch_model(name: str) -> None:
    """Conductances after each of 22 pulses up and down agree to float32 rounding (2e-6 of the window)."""
    model = MODELS[name]
    bank, devices = synapses(model, 3, ()), fresh(model, 3, (), 0)
    both = model.directions == "both"
    for direction in SEQUENCE if both else (1,) * 20:
        pulse_all(bank, direction)
        devices = devices.pulse(direction)
        seen = bank.conductance_s()[0, :, 0]
        np.testing.assert_allclose(seen, devices.conductance_s().numpy(), rtol=0, atol=2e-6 * 48e-6)


@pytest.mark.parametrize("name", MODELS)
def test_noisy_devices_have_the_torch_models_statistics(name: str) -> None:
    """Mean and standard deviation over 1e5 devices agree within three standard errors of their difference."""
    model, count = MODELS[name], 100_000
    on = known(model)
    bank, devices = synapses(model, count, on, 3), fresh(model, count, on, 4)
    for direction in (1, 1, 1, 1, -1, 1) if model.directions == "both" else (1,) * 5:
        pulse_all(bank, direction)
        devices = devices.pulse(direction)
    ours, theirs = bank.conductance_s()[0, :, 0], devices.conductance_s().numpy()
    error = np.hypot(ours.std(), theirs.std()) / np.sqrt(count)
    assert abs(ours.mean() - theirs.mean()) < 3 * error
    centred = (ours - ours.mean()) ** 2, (theirs - theirs.mean()) ** 2
    error = np.hypot(centred[0].std(), centred[1].std()) / np.sqrt(count)
    assert abs(ours.var() - theirs.var()) < 3 * error


@pytest.mark.parametrize("name", [name for name in MODELS if "d2d" in MODELS[name].imperfections])
def test_spread_over_devices_is_drawn_as_the_torch_model_draws_it(name: str) -> None:
    """With the bank's stream as seed and no other noise, each device follows its twin of `fresh`."""
    model, count = MODELS[name], 500
    on = ("d2d",)
    bank = synapses(model, count, on, 5)
    devices = fresh(model, count, on, stream_seed(5, "synapses", "layer", "devices"))
    for direction in SEQUENCE:
        pulse_all(bank, direction)
        devices = devices.pulse(direction)
    theirs = devices.conductance_s().numpy()
    np.testing.assert_allclose(bank.conductance_s()[0, :, 0], theirs, rtol=1e-5, atol=1e-5 * 48e-6)
    assert theirs.std() > 0.02 * theirs.mean()


def test_a_reset_returns_pcm_to_its_start() -> None:
    """A depression pulse of `give` restarts a device: lower bound, full memory of pulses."""
    bank = synapses(MODELS["pcm"], 4, ("c2c",))
    for _ in range(5):
        pulse_all(bank, 1)
    first = bank.conductance_s()[0, :, 0].copy()
    devices, given = np.arange(0, 8, 2), np.zeros(bank.pulses.shape, np.int32)
    assert give(bank, devices, False, given) == pytest.approx(first.sum(), rel=1e-6)
    assert bank.conductance_s()[0, :, 0] == pytest.approx(0.1e-6)
    assert (bank.core.memory[0, :, 0] == 1).all()
    assert given[0, :, 0].tolist() == [-1] * 4
    assert bank.pulses[0, :, 0].tolist() == [6] * 4


def test_the_table_of_normal_draws_has_unit_variance_and_normal_quantiles() -> None:
    """Mean 0, variance 1 and kurtosis 3 within 0.3 %; the inner knots are the quantiles of the normal law."""
    knots = normal_table().astype(np.float64)
    share = (np.arange(400) + 0.5) / 400
    z = (knots[:-1, None] + share * np.diff(knots)[:, None]).ravel()
    assert abs(z.mean()) < 1e-9
    assert abs((z**2).mean() - 1) < 1e-5
    assert abs((z**4).mean() / 3 - 1) < 3e-3
    places = torch.arange(1, 4096, dtype=torch.float64) / 4096
    np.testing.assert_allclose(knots[1:-1], torch.special.ndtri(places).numpy(), rtol=1e-6, atol=1e-7)
