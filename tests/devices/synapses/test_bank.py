"""State of synapses: weights as sums of devices, sums of lines, checkpoints, refused descriptions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pillarsim.devices.pulses import MAJUMDAR2021, LinearStep, Pcm, SoftBounds, StochasticBinary, Window
from pillarsim.devices.synapses.bank import Bank, Synapse, make_bank, restore, saturated, state
from pillarsim.devices.synapses.counts import RESETS, SETS, no_counts
from pillarsim.devices.synapses.sums import recompute
from pillarsim.devices.synapses.updates import requested_update, stochastic_update
from tests.near import near

WINDOW = Window(2e-6, 12e-6, 0.2, 0.2)  # S
LINEAR = LinearStep(WINDOW, 0.05, 0.06, 1.0, 1.0, sigma=0.3, spread_step=0.2, write_noise=0.5)
PLAIN = LinearStep(WINDOW, 0.05, 0.06, 1.0, 1.0, sigma=0.3, spread_step=0.2)


def trained(model: Any, synapse: Synapse, on: tuple[str, ...], shape: tuple[int, int] = (12, 9)) -> Bank:
    """A bank after outer products and requests that reach most of its devices."""
    bank = make_bank(model, synapse, *shape, 0.7, on, 1, "layer", squares=True)
    random = np.random.default_rng(2)
    x, d = random.random((20, shape[0])).astype(np.float32), random.normal(size=(20, shape[1])).astype(np.float32)
    stochastic_update(bank, x, d, 0.05, 31, *no_counts())
    requested_update(bank, random.integers(-4, 5, shape).astype(np.int32), *no_counts())
    return bank


@pytest.mark.parametrize(
    ("model", "synapse", "on"),
    [(PLAIN, Synapse(), ("c2c", "d2d")), (LINEAR, Synapse(5, increment=2), ("c2c", "d2d", "write")),
     (Pcm(), Synapse(6, True), ("c2c",)), (PLAIN, Synapse(4, True), ("d2d",))],
)  # fmt: skip
def test_weights_and_sums_are_those_of_the_devices(model: Any, synapse: Synapse, on: tuple[str, ...]) -> None:
    """After updates weights, squares and sums of lines equal plain numpy sums over the conductances read."""
    bank = trained(model, synapse, on)
    g = bank.conductance_s()
    low, high = (0.1e-6, 20e-6) if isinstance(model, Pcm) else (WINDOW.g_min_s, WINDOW.g_max_s)
    n, span = synapse.devices, high - low
    if synapse.differential:
        weights = 0.7 * (g[:, :, : n // 2].sum(2) - g[:, :, n // 2 :].sum(2)) / (n / 2 * span)
    else:
        weights = 0.7 * (g.sum(2) - n * (low + high) / 2) / (n * span / 2)
    np.testing.assert_allclose(bank.weights, weights, rtol=0, atol=5e-7)
    np.testing.assert_allclose(bank.row_s, g.sum((1, 2)), rtol=1e-12)
    np.testing.assert_allclose(bank.column_s, g.sum(0), rtol=1e-12)
    np.testing.assert_allclose(bank.core.squares, ((g / span) ** 2).sum(2), rtol=1e-6)
    before = bank.weights.copy()
    recompute(bank.core)
    assert (before == bank.weights).all()


def test_the_nominal_window_spans_the_weight_range() -> None:
    """All devices at the lower bound give -w_max, at the upper +w_max; differential ones 0, and w_max for one sign."""
    single = make_bank(PLAIN, Synapse(3), 2, 2, 0.7, (), 0, "a")
    pair = make_bank(PLAIN, Synapse(4, True), 2, 2, 0.7, (), 0, "a")
    assert single.weights == near(np.full((2, 2), -0.7))
    assert (pair.weights == 0).all()
    for bank, devices in ((single, slice(0, 3)), (pair, slice(0, 2))):
        bank.core.x[:, :, devices] = bank.core.seen[:, :, devices] = 1
        recompute(bank.core)
        assert bank.weights == near(np.full((2, 2), 0.7))


def test_the_step_is_that_of_the_mean_device() -> None:
    """Single: mean of a SET and a RESET from the middle; differential: mean from the bound up to the middle."""
    assert make_bank(PLAIN, Synapse(), 1, 1, 1.0, ("c2c",), 0, "a").step == near(2 * 0.5 * (0.05 + 0.06) / 2, 1e-5)
    assert make_bank(PLAIN, Synapse(4), 1, 1, 1.0, (), 0, "a").step == near(0.5 * 0.5 * (0.05 + 0.06) / 2, 1e-5)
    pulses = np.ceil(np.log(0.5) / np.log(0.95))  # 1 - x = 0.95^n
    pair = make_bank(PLAIN, Synapse(2, True), 1, 1, 1.0, (), 0, "a")
    assert pair.step == near((1 - 0.95**pulses) / pulses, 1e-5)
    binary = StochasticBinary(1e-6, 9e-6, 0.3, 0.1)
    assert make_bank(binary, Synapse(), 1, 1, 1.0, (), 0, "a").step == near(2 * 0.5 * (0.3 + 0.1) / 2, 1e-5)


def test_a_restored_bank_goes_on_bit_for_bit() -> None:
    """State, restored into a fresh bank, gives the same devices after further updates as the bank it came from."""
    one, other = (trained(LINEAR, Synapse(3), ("c2c", "d2d", "write")) for _ in range(2))
    fresh = make_bank(LINEAR, Synapse(3), 12, 9, 0.7, ("c2c", "d2d", "write"), 1, "layer", squares=True)
    restore(fresh, state(one))
    for bank in (other, fresh):
        x, d = np.ones((4, 12), np.float32), np.linspace(-1, 1, 36, dtype=np.float32).reshape(4, 9)
        stochastic_update(bank, x, d, 0.1, 31, *no_counts())
    assert all((state(other)[name] == state(fresh)[name]).all() for name in state(other))
    assert (state(other)["pulses"] != state(one)["pulses"]).any()


def test_a_state_of_another_layer_is_refused() -> None:
    """A state of another shape raises ValueError, names the array, and leaves the bank as it was."""
    bank, other = (make_bank(PLAIN, Synapse(), 3, outputs, 1.0, (), 0, "a") for outputs in (4, 5))
    other.core.x[...] = 0.5
    with pytest.raises(ValueError, match=r"synapses, x: expected float32 \(3, 4, 1\), found float32 \(3, 5, 1\)"):
        restore(bank, state(other))
    assert (bank.core.x == 0).all()


def test_saturated_is_the_share_of_devices_at_a_bound() -> None:
    """Devices at 0 or 1 of their own window count; of differential synapses, which get no RESET, those at 1."""
    bank = make_bank(PLAIN, Synapse(2), 2, 2, 1.0, (), 0, "a")
    bank.core.x.reshape(-1)[:5] = (0.5, 1, 0.2, 0.9999, 1e-6)
    assert saturated(bank) == 4 / 8
    pairs = make_bank(PLAIN, Synapse(2, differential=True), 2, 2, 1.0, (), 0, "a")
    pairs.core.x.reshape(-1)[:5] = (0.5, 1, 0.2, 0.9999, 1e-6)
    assert saturated(pairs) == 1 / 8  # SET still moves the others


def test_devices_of_layers_and_seeds_differ_and_repeat() -> None:
    """The same seed and name give the same spread and draws; another name or seed gives others."""
    banks = [
        make_bank(PLAIN, Synapse(), 5, 5, 1.0, ("c2c", "d2d"), seed, name)
        for seed, name in ((0, "a"), (0, "a"), (0, "b"), (1, "a"))
    ]
    for bank in banks:
        requested_update(bank, np.full((5, 5), 3, np.int32), *no_counts())
    assert (banks[0].weights == banks[1].weights).all()
    assert (banks[0].weights != banks[2].weights).any()
    assert (banks[0].weights != banks[3].weights).any()


def test_differential_synapses_only_raise_conductances() -> None:
    """Weights go down by SET pulses of the devices that count negative."""
    bank = make_bank(PLAIN, Synapse(4, True), 3, 3, 1.0, (), 0, "a")
    counts, sums = no_counts()
    requested_update(bank, np.full((3, 3), -2, np.int32), counts, sums)
    assert (counts[SETS], counts[RESETS]) == (18, 0)
    assert (bank.weights < 0).all()
    assert (bank.pulses[:, :, :2] == 0).all()
    assert (bank.pulses[:, :, 2:] == 1).all()


@pytest.mark.parametrize(
    ("model", "synapse", "options", "message"),
    [
        (Pcm(), Synapse(2), {}, "Pcm moves one way only: expected differential synapses"),
        (MAJUMDAR2021, Synapse(2), {}, "WeakReset.*know LinearStep, SoftBounds, NeuroSim, StochasticBinary, Pcm"),
        (PLAIN, Synapse(), {"imperfections": ("c2b",)}, "did you mean 'c2c'"),
        (Pcm(), Synapse(2, True), {"imperfections": ("drift",)}, "no imperfection 'drift'"),
        (PLAIN, Synapse(), {"weight_max": 0.0}, "weight_max: expected above 0"),
        (PLAIN, Synapse(), {"inputs": 0}, "expected 1 to"),
    ],
)
def test_what_synapses_cannot_be_is_refused(
    model: Any, synapse: Synapse, options: dict[str, Any], message: str
) -> None:
    """ValueError says what was expected."""
    given: dict[str, Any] = {"inputs": 2, "outputs": 2, "weight_max": 1.0, "imperfections": (), "seed": 0, "name": "a"}
    with pytest.raises(ValueError, match=message):
        make_bank(model, synapse, **(given | options))


@pytest.mark.parametrize(("devices", "differential", "message"), [(0, False, "at least 1"), (3, True, "even number")])
def test_impossible_synapses_are_refused(devices: int, differential: bool, message: str) -> None:
    """No device, or an odd number for two signs."""
    with pytest.raises(ValueError, match=message):
        Synapse(devices, differential)


@pytest.mark.parametrize(
    "model", [PLAIN, SoftBounds(WINDOW, 1e-6, 1e-6, 2.0, 2.0, 0.3), StochasticBinary(1e-6, 9e-6, 0.2, 0.2, 0.1, 0.1)]
)
def test_the_spread_of_a_sum_falls_as_one_over_root_n(model: Any) -> None:
    """N devices that take N times the pulses: standard deviation over mean of the sum is that of one, over sqrt(N)."""
    on, count, pulses = tuple(name for name in model.imperfections if name != "write"), 40_000, 5
    low = 1e-6 if isinstance(model, StochasticBinary) else WINDOW.g_min_s

    def relative(devices: int) -> float:
        bank = make_bank(model, Synapse(devices), 1, count, 1.0, on, 0, f"{devices}")
        requested_update(bank, np.full((1, count), pulses * devices, np.int32), *no_counts())
        total = (bank.conductance_s() - low).sum(2)
        assert (bank.pulses == pulses).all()
        return float(total.std() / total.mean())

    alone = relative(1)
    for devices in (4, 7, 16):
        assert relative(devices) * np.sqrt(devices) == pytest.approx(alone, rel=0.05)
