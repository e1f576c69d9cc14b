"""The learner of pulsed rules: gradients, steps, states, counts."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from pillarsim.arch.chip.learning import Refresh
from pillarsim.arch.chip.pulse_update import SoftBounds
from pillarsim.arch.errors import InputError
from pillarsim.arch.training.counts import StepCounts
from pillarsim.workloads.forward import forward
from pillarsim.workloads.network import Network
from pillarsim.workloads.on_chip import setup as making
from pillarsim.workloads.on_chip.forward import stages_of
from pillarsim.workloads.on_chip.interface import Setup
from pillarsim.workloads.on_chip.pulsed import PulsedLearner
from pillarsim.workloads.on_chip.pulsed_pass import calibrate, train_pass
from pillarsim.workloads.on_chip.setup import make_learner
from pillarsim.workloads.on_chip.start import epoch_order, first_weights, float_baseline
from tests.near import near
from tests.workloads.on_chip.small import IDEAL, convolutions, images_of, named_tensors, perceptron, setup_of

RULES = ("stochastic", "sign", "per_device", "mixed_precision")


def _learner(setup: Setup) -> PulsedLearner:
    learner = make_learner(setup)
    assert isinstance(learner, PulsedLearner)
    return learner


def _uncompiled(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> PulsedLearner:
    with monkeypatch.context() as patched:
        patched.setattr(making, "PulsedLearner", lambda *given: PulsedLearner(*given, compiled=False))
        return _learner(setup)


def _equal(one: StepCounts, two: StepCounts, names: str = "") -> None:
    for field in fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name), field.name + names)


def _same(one: PulsedLearner, two: PulsedLearner) -> None:
    first, second = one.state(), two.state()
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.dtype == second[name].dtype
        np.testing.assert_array_equal(array, second[name], name)


@pytest.mark.parametrize("network", [perceptron(function="tanh"), convolutions()], ids=["dense", "convolutions"])
def test_outer_products_are_the_gradients_of_the_float_network(network: Network) -> None:
    """With many bits and no noise, summed outer products of codes are autograd's gradients of every layer's weights."""
    train = images_of(network, 64)
    setup = setup_of(network, train, *IDEAL, devices_per_synapse=2, error_bits=16)
    learner = _learner(setup)
    images, labels = torch.from_numpy(train.images[:6]), torch.from_numpy(train.labels[:6])
    ranges = calibrate(learner.layers, setup.input, torch.from_numpy(train.images), torch.from_numpy(train.labels))
    batch = train_pass(learner.layers, ranges, images, labels, None)
    named = {name: tensor.requires_grad_() for name, tensor in named_tensors(network, learner, ranges).items()}
    losses = torch.nn.functional.cross_entropy(forward(network, images, named), labels, reduction="none")
    torch.testing.assert_close(batch.losses, losses.detach(), atol=2e-4, rtol=0)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    for layer, seen, range_ in zip(learner.layers, batch.layers, ranges, strict=True):
        gradient = (seen.codes * range_.scale).T @ (seen.errors * seen.scales)
        wanted = named[f"{layer.stage.name}.weight"].grad
        assert wanted is not None
        wanted = wanted.reshape(layer.stage.outputs, -1).T
        assert float(wanted.abs().max()) > 0.1
        torch.testing.assert_close(gradient[: layer.stage.inputs], wanted, atol=3e-4, rtol=0)


def test_first_weights_are_written_as_drawn() -> None:
    """Each weight passes its drawn value by one pulse at most; biases start at 0 within the same."""
    network = perceptron()
    setup = setup_of(network, images_of(network, 8), devices_per_synapse=3)
    learner = _learner(setup)
    drawn = first_weights([layer.stage for layer in learner.layers], setup.seed)
    for layer, wanted in zip(learner.layers, drawn, strict=True):
        found = layer.bank.weights
        assert np.abs(found[:-1] - np.clip(wanted, -1, 1) * 1.0).max() <= layer.bank.step * 1.001
        assert np.abs(found[-1]).max() <= layer.bank.step * 1.001
    counts = learner.programming()
    pulses = sum(int(layer.bank.pulses.sum()) for layer in learner.layers)
    assert int((counts.refresh_sets + counts.refresh_resets).sum()) == pulses
    assert int(counts.images.sum()) == 0
    assert counts.refresh_slots.shape == (1, len(setup.placement.arrays))
    assert (counts.refresh_slots > 0).all()


@pytest.mark.parametrize("rule", RULES)
def test_a_resumed_run_ends_where_an_unbroken_one_ends(rule: str) -> None:
    """Steps after `restore` into a fresh learner give the same state, counts and accuracy, bit for bit."""
    network = perceptron()
    train, test = images_of(network, 30), images_of(network, 40, 1)
    setup = setup_of(
        network, train, pulses=None, imperfections=("c2c", "d2d", "read_noise"), rule=rule, devices_per_synapse=2
    )
    whole, broken = _learner(setup), _learner(setup)
    assert whole.steps_per_epoch == 8
    parts = [whole.advance(3), whole.advance(5), whole.advance(4)]
    _equal(parts[0], broken.advance(3))
    again = _learner(setup)
    again.restore(broken.state())
    _equal(parts[1], again.advance(5))
    _equal(parts[2], again.advance(4))
    _same(whole, again)
    assert whole.loss() == again.loss()
    assert whole.accuracy(test) == again.accuracy(test)
    _same(whole, again)  # accuracy changes nothing


@pytest.mark.parametrize("rule", RULES)
def test_threads_change_nothing(rule: str) -> None:
    """The number of threads, of torch and of the setup, leaves every bit as it is."""
    network = convolutions()
    setup = setup_of(network, images_of(network, 12), rule=rule, imperfections=("read_noise",), devices_per_synapse=2)
    one = _learner(setup)
    one.advance(2)
    torch.set_num_threads(2)
    try:
        two = _learner(replace(setup, threads=2))
        two.advance(2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    _same(one, two)


@pytest.mark.parametrize(("function", "scheme"), [("relu", "half"), ("sigmoid", "third"), ("tanh", "isolated")])
def test_compiled_steps_are_the_plain_ones(function: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled path gives the same pulses, weights and counts as the general one, over epochs and refreshes."""
    network = perceptron(function=function)
    pulses = SoftBounds(model="soft_bounds", step_up=0.02, step_down=0.02, bend_up=1, bend_down=1, c2c=0.3)
    setup = setup_of(
        network, images_of(network, 30), pulses=pulses, imperfections=("c2c",), rate=0.3, arrangement="differential",
        devices_per_synapse=4, refresh=Refresh(every=14, threshold=0.6),
    )  # fmt: skip
    setup = replace(
        setup,
        write=setup.write.model_copy(update={"scheme": scheme}),
        array=setup.array.model_copy(update={"cell": setup.array.cell.model_copy(update={"disturb_voltage": 0.1})}),
    )
    fast, plain = _learner(setup), _uncompiled(setup, monkeypatch)
    for steps in (8, 5):
        one, two = fast.advance(steps), plain.advance(steps)
        for field in fields(one):
            found, wanted = getattr(one, field.name), getattr(two, field.name)
            if found.dtype == np.int64:
                np.testing.assert_array_equal(found, wanted, field.name)
            else:
                np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=field.name)
        assert fast.loss() == near(plain.loss(), rel=1e-5)
    assert int(one.sets.sum()) > 0
    assert int(one.refresh_sets.sum()) > 0
    for a, b in zip(fast.layers, plain.layers, strict=True):
        np.testing.assert_allclose(a.bank.weights, b.bank.weights, atol=1e-6)


def test_read_noise_of_both_paths_has_one_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses of single images with read noise scatter alike on the compiled and on the general path."""
    network = perceptron()
    train = images_of(network, 400)
    quiet = setup_of(network, train, rate=1e-9, batch=1, devices_per_synapse=2)
    noisy = setup_of(network, train, rate=1e-9, batch=1, devices_per_synapse=2, imperfections=("read_noise",))
    loud = noisy.array.cell.model_copy(update={"read_noise": 0.3})
    noisy = replace(noisy, array=noisy.array.model_copy(update={"cell": loud}))
    spreads = []
    for made in (_learner(noisy), _uncompiled(noisy, monkeypatch)):
        reference = _learner(quiet)
        off = []
        for _ in range(400):
            made.advance(1), reference.advance(1)
            off.append(made.loss() - reference.loss())
        spreads.append(float(np.std(off)))
    assert spreads[0] > 0.01
    # of 400 draws each: a standard error of 5 % of the ratio
    assert spreads[0] / spreads[1] == pytest.approx(1, abs=0.2)


def test_activity_of_reads_is_counted_line_by_line() -> None:
    """Driven lines and conductance weights are those of plain sums over input bits, cells and arrays."""
    network = perceptron()
    train = images_of(network, 1)
    setup = setup_of(network, train, batch=1, rate=1e-12, devices_per_synapse=3)
    learner = _learner(setup)
    layer = learner.layers[0]
    conductance_s = layer.bank.conductance_s()
    counts = learner.advance(1)
    scale = float(train.images.max()) / 255
    codes = np.floor(train.images.reshape(-1) / scale + 0.5).astype(int)
    codes = np.append(codes, min(round(1 / scale), 255))
    ones = np.array([bin(code).count("1") for code in codes])
    assert len(setup.placement.layers[0].arrays) == 3 * 3  # 17 rows on 8, 12 x 3 cells on 12
    assert counts.drives[0, 0, 0] == 3 * ones.sum()
    assert counts.read_s[0, 0, 0] == near((ones * conductance_s.sum(axis=(1, 2))).sum(), rel=1e-9)
    assert counts.drives[0, 0, 1] == 0  # the errors of images are not read
    assert counts.drives[0, 1, 1] > 0


def test_half_selected_devices_drift_only_where_the_card_says_so() -> None:
    """Without a disturb voltage, or with isolated cells, devices on pulsed lines stay; with both they move."""
    network = perceptron()
    train = images_of(network, 8)

    def moved(scheme: str, slope: float | None) -> int:
        setup = setup_of(network, train, rate=0.5, devices_per_synapse=1)
        cell = setup.array.cell.model_copy(update={"disturb_voltage": slope})
        array = setup.array.model_copy(update={"cell": cell})
        setup = replace(setup, array=array, write=setup.write.model_copy(update={"scheme": scheme}))
        learner = _learner(setup)
        before = [(layer.bank.core.x.copy(), layer.bank.pulses.copy()) for layer in learner.layers]
        learner.advance(1)
        return sum(
            int(((layer.bank.core.x != x) & (layer.bank.pulses == pulses)).sum())
            for layer, (x, pulses) in zip(learner.layers, before, strict=True)
        )

    assert moved("half", None) == 0
    assert moved("isolated", 0.3) == 0
    assert moved("half", 0.3) > 50


def test_a_simple_task_is_learned() -> None:
    """Small fine steps learn what float descent learns; every rule gets far above chance."""
    network, found = perceptron(hidden=8), {}
    train, test = _striped(network, 240, 0), _striped(network, 240, 1)
    for rule in RULES:
        setup = setup_of(network, train, rate=0.2, rule=rule, devices_per_synapse=4, seed=3)
        learner = _learner(setup)
        for _ in range(4):
            learner.advance(learner.steps_per_epoch)
        found[rule] = learner.accuracy(test)
    wanted = float_baseline(network, train, test, 4, 4, 0.2, 3)
    assert wanted > 0.9
    assert min(found.values()) > 0.8, found


def test_wrong_states_are_refused() -> None:
    """A state of another seed is refused, and nothing changes."""
    network = perceptron()
    setup = setup_of(network, images_of(network, 8))
    learner, other = _learner(setup), _learner(replace(setup, seed=1))
    other.advance(1)
    before = learner.state()
    with pytest.raises(InputError, match="state of training: expected one of this network"):
        learner.restore(other.state())
    assert all(np.array_equal(before[name], array) for name, array in learner.state().items())


@pytest.mark.parametrize("compiled", [True, False])
def test_a_loss_that_is_not_a_number_stops_the_run(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is named, weights stay as they were before it."""
    network = perceptron()
    setup = setup_of(network, images_of(network, 8))
    learner = _learner(setup) if compiled else _uncompiled(setup, monkeypatch)
    learner.advance(1)
    learner.layers[1].bank.weights[0, 0] = np.nan
    pulses = learner.layers[0].bank.pulses.copy()
    with pytest.raises(InputError, match=r"loss is not a number at step 2: expected a lower learning rate"):
        learner.advance(1)
    assert learner.step == 1
    np.testing.assert_array_equal(learner.layers[0].bank.pulses, pulses)


def test_steps_stay_in_their_epoch() -> None:
    """More steps than an epoch has left are refused; the last batch may be smaller."""
    network = perceptron()
    learner = _learner(setup_of(network, images_of(network, 10)))
    assert learner.advance(3).images.tolist() == [4, 4, 2]
    with pytest.raises(ValueError, match="expected 1 to 3"):
        learner.advance(4)


def test_the_baseline_is_plain_gradient_descent() -> None:
    """Three epochs of two batches, worked out in plain numpy, get the same test images right."""
    network = perceptron()
    train, test = _striped(network, 20, 0), _striped(network, 200, 1)
    one, two = (weights.astype(float) for weights in first_weights(stages_of(network), 4))
    bias_one, bias_two = np.zeros(12), np.zeros(4)
    x = train.images.reshape(20, -1).astype(float)
    for epoch in range(3):
        order = epoch_order(4, epoch, 20).numpy()
        for chosen in (order[:12], order[12:]):
            hidden = np.maximum(x[chosen] @ one + bias_one, 0)
            powers = np.exp(hidden @ two + bias_two)
            errors = powers / powers.sum(axis=1, keepdims=True) - np.eye(4)[train.labels[chosen]]
            errors /= len(chosen)
            back = errors @ two.T * (hidden > 0)
            two, bias_two = two - 0.7 * hidden.T @ errors, bias_two - 0.7 * errors.sum(axis=0)
            one, bias_one = one - 0.7 * x[chosen].T @ back, bias_one - 0.7 * back.sum(axis=0)
    hidden = np.maximum(test.images.reshape(200, -1) @ one + bias_one, 0)
    right = float(((hidden @ two + bias_two).argmax(axis=1) == test.labels).mean())
    assert float_baseline(network, train, test, 3, 12, 0.7, 4) == right
    assert 0.25 < right < 1


def _striped(network: Network, count: int, seed: int) -> Any:
    """Images whose class is a bright stripe of 4 pixels among dim noise."""
    made = images_of(network, count, seed)
    images = made.images * 0.3
    for number, label in enumerate(made.labels):
        images[number].reshape(4, -1)[label] += 0.7
    return replace(made, images=images)


@pytest.mark.parametrize("rule", ["stochastic", "per_device"])
def test_the_rate_decays_from_epoch_to_epoch(rule: str) -> None:
    """The first epoch is the same to the bit; a second one at a thousandth of the rate gives far fewer pulses."""
    network = perceptron()
    plain = setup_of(network, images_of(network, 64), rule=rule)
    given = []
    for setup in (plain, replace(plain, learning_rate_decay=1e-3)):
        learner = _learner(setup)
        epochs = [learner.advance(learner.steps_per_epoch) for _ in range(2)]
        given.append([int((epoch.sets + epoch.resets).sum()) for epoch in epochs])
    assert given[0][0] == given[1][0]
    assert given[1][1] < 0.1 * given[0][1]
    with pytest.raises(InputError, match="learning rate decay: expected above 0 and at most 1, found 2"):
        _learner(replace(plain, learning_rate_decay=2.0))
