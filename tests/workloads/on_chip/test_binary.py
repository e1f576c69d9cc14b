"""Learning of binary networks by weak RESET: gradients, pulses, counts, and that a run can be cut anywhere."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import InputError
from pillarsim.arch.training.counts import StepCounts
from pillarsim.workloads.network import Activation, BatchNorm, Conv2d, Linear, MaxPool2d, Network, NetworkError
from pillarsim.workloads.on_chip.binary import BinaryLearner
from pillarsim.workloads.on_chip.binary_kernels import error_reads, row_slots
from pillarsim.workloads.on_chip.binary_network import blocks_of
from pillarsim.workloads.on_chip.scales import Coding, coding_tables, error_codes
from tests.near import near
from tests.workloads.on_chip.binary_setups import (
    digits,
    hardware,
    linear,
    norm,
    perceptron,
    random_images,
    setup_of,
    sign,
    small_vgg,
)

ALL = ("d2d", "rtn", "pink")


def hard_sign(values: Tensor) -> Tensor:
    """Sign in the forward pass, hardtanh in the backward pass, for autograd."""
    soft = values.clamp(-1, 1)
    return soft + (torch.where(values < 0, -1.0, 1.0) - soft).detach()


def by_autograd(network: Network, weights: list[Tensor], images: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Loss and its gradients by the matrices (I, O) of a network, with torch's own layers."""
    left = [weight.clone().requires_grad_() for weight in weights]
    values, used = images, 0

    def norm(sums: Tensor) -> Tensor:
        return functional.batch_norm(sums, None, None, training=True)

    for layer in network.layers:
        if isinstance(layer, Conv2d):
            kernels = left[used].T.reshape(layer.weight.shape)
            values, used = functional.conv2d(values, kernels, None, layer.stride, layer.padding[:2]), used + 1
        elif isinstance(layer, Linear):
            values, used = values.flatten(1) @ left[used], used + 1
        elif isinstance(layer, MaxPool2d):
            values = functional.max_pool2d(values, layer.kernel, layer.stride)
        elif isinstance(layer, Activation):
            values = hard_sign(norm(values))
    loss = functional.cross_entropy(norm(values), labels)
    return loss, list(torch.autograd.grad(loss, left))


@pytest.mark.parametrize("name", ["vgg", "perceptron"])
def test_first_step_is_adams(name: str) -> None:
    """The first step's loss and moments are those of autograd's gradient, and its pulses -rate times its sign."""
    network, train = (small_vgg(), random_images(150)) if name == "vgg" else (perceptron(30), digits(150))
    learner = BinaryLearner(setup_of(network, train, batch=150, rate=5.0))
    before = [torch.from_numpy(layer.pairs.signs.copy()) for layer in learner._layers]
    learner.advance(1)
    loss, gradients = by_autograd(network, before, torch.from_numpy(train.images), torch.from_numpy(train.labels))
    assert learner.loss() == near(float(loss.detach()), rel=1e-5)
    for layer, gradient in zip(learner._layers, gradients, strict=True):
        scale = float(gradient.abs().max())
        assert float((layer.first / 0.1 - gradient).abs().max()) < 1e-5 * scale
        clear = gradient.abs() > 1e-4 * scale
        pulses = torch.from_numpy(layer.pairs.pulses[..., 0] - layer.pairs.pulses[..., 1])
        assert torch.equal(pulses[clear], -5 * gradient[clear].sign().int())


def test_pulses_follow_adam_over_steps() -> None:
    """Over 30 steps, halved after 7 epochs, pulses are torch's Adam step of the same gradients, rounded and clamped."""
    train = digits(60)
    learner = BinaryLearner(setup_of(perceptron(12), train, batch=20, rate=20.0))
    layer = learner._layers[0]
    parameter = torch.zeros(784, 12, requires_grad=True)
    adam = torch.optim.Adam([parameter], lr=20.0, betas=(0.9, 0.999), eps=1e-8)
    checked = 0
    for step in range(30):
        moment, pulses = layer.first.clone(), layer.pairs.pulses.copy()
        learner.advance(1)
        parameter.grad = (layer.first - 0.9 * moment) / 0.1
        adam.param_groups[0]["lr"] = 20.0 * 0.5 ** (step // 3 // 7)
        start = parameter.detach().clone()
        adam.step()
        asked = (parameter.detach() - start).clamp(-14, 14)
        moved = layer.pairs.pulses - pulses
        given = torch.from_numpy(moved[..., 0] - moved[..., 1])
        assert (moved.min(axis=-1) == 0).all()
        assert float((given - asked).abs().max()) < 0.51
        checked += int((given != 0).sum())
    assert checked > 10_000


def same(one: BinaryLearner, two: BinaryLearner) -> bool:
    """Whether two learners hold the same bits."""
    a, b = one.state(), two.state()
    signs = zip(one._layers, two._layers, strict=True)
    return a.keys() == b.keys() and all(
        np.array_equal(a[name], b[name], equal_nan=name == "loss") for name in a
    ) and all(np.array_equal(x.pairs.signs, y.pairs.signs) for x, y in signs)  # fmt: skip


def same_counts(one: StepCounts, two: StepCounts) -> bool:
    """Whether two counts are equal bit for bit."""
    return all(np.array_equal(getattr(one, each.name), getattr(two, each.name)) for each in fields(StepCounts))


@pytest.mark.parametrize("name", ["vgg", "perceptron"])
def test_a_cut_run_and_more_threads_end_bit_for_bit(name: str) -> None:
    """Five steps at once, two and three with a restart between them, and three threads: the same bits and counts."""
    network, train = (small_vgg(), random_images(900)) if name == "vgg" else (perceptron(500), digits(900))
    setup = setup_of(network, train, ALL, batch=300)
    whole, threaded, cut = BinaryLearner(setup), BinaryLearner(replace(setup, threads=3)), BinaryLearner(setup)
    counts = [StepCounts.joined([one.advance(3), one.advance(2)]) for one in (whole, threaded)]
    parts = [cut.advance(2)]
    resumed = BinaryLearner(setup)
    resumed.restore(cut.state())
    parts += [resumed.advance(1), resumed.advance(2)]
    assert same(whole, threaded)
    assert same(whole, resumed)
    assert same_counts(counts[0], counts[1])
    assert same_counts(counts[0], StepCounts.joined(parts))
    before = whole.state()
    assert whole.accuracy(train) == resumed.accuracy(train)
    assert all(np.array_equal(before[key], value) for key, value in whole.state().items())


def test_it_learns_digits() -> None:
    """2 000 images, 5 epochs, all imperfections: above 80 % of other images; wear is what was given."""
    learner = BinaryLearner(setup_of(perceptron(200), digits(2000), ALL, batch=100))
    counts = [learner.advance(learner.steps_per_epoch) for _ in range(5)]
    test = replace(digits(3000), images=digits(3000).images[2000:], labels=digits(3000).labels[2000:])
    assert learner.accuracy(test) > 0.8
    for number, wear in enumerate(learner.wear()):
        assert wear.pulses == sum(int(one.resets[:, number].sum()) for one in counts)
        assert wear.pulses / wear.devices < wear.pulses_max <= 14 * 100
        assert 0 <= wear.saturated < 0.5 < wear.updated <= 1
    assert counts[-1].images.sum() == 2000
    assert learner.programming().images.sum() == learner.programming().refresh_resets.sum() == 0


@pytest.mark.parametrize("together", [1, 2, 3, 8, 100])
def test_slots_are_the_most_pulsed_cell_of_each_group(together: int) -> None:
    """Against numpy cell by cell; one cell at a time takes a slot a pulse."""
    random = np.random.default_rng(together)
    n = random.integers(-9, 10, (12, 11)).astype(np.int8)
    cells = np.stack([n.clip(min=0), -n.clip(max=0)], axis=-1)[2:9, 3:11].reshape(7, -1)
    groups = [cells[:, start : start + together].max(axis=1) for start in range(0, cells.shape[1], together)]
    slots = np.zeros(7, np.int64)
    row_slots(n, (2, 9), (3, 11), together, slots)
    assert np.array_equal(slots, np.sum(groups, axis=0))
    if together == 1:
        assert slots.sum() == cells.sum()


def test_error_reads_are_those_of_the_codes() -> None:
    """Drives and weights of transposed reads against codes and tables of `scales`, a vector of zeros among them."""
    random = np.random.default_rng(1)
    errors = (random.standard_normal((5, 6, 7)) ** 3).astype(np.float32)
    errors[2, :, 3] = 0
    coding = Coding(8, signed=True, chunk_bits=2, pulse_width=False)
    tables = coding_tables(coding)
    drives, weight = np.zeros(6, np.int64), np.zeros(6)
    error_reads(errors, coding.high, tables.drives, tables.weight, drives, weight)
    codes = error_codes(torch.from_numpy(errors).movedim(1, -1).reshape(-1, 6), coding)[0].abs().long().numpy()
    assert np.array_equal(drives, tables.drives[codes].sum(axis=0))
    assert weight == near(tables.weight[codes].sum(axis=0), rel=1e-12)


def test_reads_are_counted_line_by_line() -> None:
    """First layer: bits of the images' codes; behind a sign: each line once a window, none of padding."""
    network, train = small_vgg(), random_images(30)
    learner = BinaryLearner(setup_of(network, train, batch=30))
    conductance = [layer.pairs.conductance_s.copy() for layer in learner._layers]
    found = learner.advance(1)
    codes = np.floor(np.pad(train.images, ((0, 0), (0, 0), (1, 1), (1, 1))) * 255 + 0.5).astype(np.int64)
    driven = np.zeros(27)
    for row, (channel, y, x) in enumerate(np.ndindex(3, 3, 3)):
        seen = codes[:, channel, y : y + 8, x : x + 8]
        driven[row] = sum(int((seen >> bit & 1).sum()) for bit in range(8))
    assert found.drives[0, 0, 0] == driven.sum()  # 5 pairs: one array a row
    assert found.read_s[0, 0, 0] == near(driven @ conductance[0].sum(axis=(1, 2)))
    inside = 6 * 6 * 9 + 4 * 6 * 6 + 4 * 4  # of 64 windows: 36 full, 24 on an edge, 4 in a corner
    assert found.drives[0, 1, 0] == 30 * 5 * inside
    assert found.drives[0, 2, 0] == 30 * 96 * math.ceil(9 / 7)
    assert found.drives[0, 3, 0] == 30 * 9
    assert found.read_s[0, 3, 0] == near(30 * conductance[3].sum())
    assert found.drives[0, 0, 1] == 0  # no error goes to the images
    assert (found.drives[0, 1:, 1] > 0).all()
    assert found.drives[0, 3, 1] >= 30 * 7  # every error vector has a largest code of 127: seven bits


@pytest.mark.parametrize("scheme", ["isolated", "half", "third", "ground"])
def test_pulses_are_conserved(scheme: str) -> None:
    """Pulses given are pulses held; slots and lines follow from them; half-selected cells are those of the lines."""
    on = hardware("array.access.device=none", f"write.scheme={scheme}", "write.cells_at_once=1") if scheme != (
        "isolated"
    ) else hardware("write.cells_at_once=1")  # fmt: skip
    learner = BinaryLearner(setup_of(perceptron(20), digits(20), ("d2d",), on=on))
    before = [layer.pairs.conductance_s.copy() for layer in learner._layers]
    found = learner.advance(1)
    held = [layer.pairs.pulses.astype(np.int64) for layer in learner._layers]
    total = np.array([pulses.sum() for pulses in held])
    assert np.array_equal(found.resets[0], total)
    assert not found.sets.any()
    assert np.array_equal(found.requests[0], [np.count_nonzero(pulses.any(axis=2)) for pulses in held])
    assert found.slots.sum() == total.sum()  # one cell at a time
    assert np.array_equal(found.lines[0], 2 * total)
    pulsed = [(pulses * cells).sum() for pulses, cells in zip(held, before, strict=True)]
    assert found.pulse_s[0] == near(np.array(pulsed), rel=1e-12)
    # last layer: one array of 20 x 7 pairs and one of 20 x 3
    count, total_s = 0.0, 0.0
    for block in (slice(0, 7), slice(7, 10)):
        pulses, cells = (of[1][:, block].reshape(20, -1) for of in (held, before))
        for (row, column), given in np.ndenumerate(pulses):
            reached = np.zeros(cells.shape, bool)
            reached[row] |= scheme in ("half", "ground")
            reached[:, column] |= scheme == "half"
            reached |= scheme == "third"
            reached[row, column] = False
            count += given * reached.sum()
            total_s += given * cells[reached].sum()
    assert found.half_selected[0, 1] == count
    assert found.half_s[0, 1] == near(total_s, rel=1e-9)


def test_states_of_other_setups_are_refused() -> None:
    """Another size or a missing part: the message names it."""
    learner, other = (BinaryLearner(setup_of(perceptron(hidden), digits(20))) for hidden in (8, 9))
    with pytest.raises(InputError, match=r"fc1\.beta: expected float32 \(8,\), found float32 \(9,\)"):
        learner.restore(other.state())
    with pytest.raises(InputError, match=r"step: expected int64 .*, found nothing"):
        learner.restore({key: value for key, value in learner.state().items() if key != "step"})


def test_bad_setups_are_refused() -> None:
    """A card without weak RESET, read noise, a rate that is none, a placement of another network, images of NaN."""
    setup = setup_of(perceptron(8), digits(40))
    other = load_chip("hfox_planar_128").chip.hardware
    for wrong, expected in (
        (replace(setup, array=other.array), "pulse_update: expected model weak_reset .*, found none"),
        (replace(setup, imperfections=frozenset({"read_noise"})), "no read_noise"),
        (replace(setup, imperfections=frozenset({"rtm"})), "did you mean 'rtn'"),
        (replace(setup, learning_rate=0.0), "learning rate: expected a number above 0"),
        (replace(setup, placement=setup_of(perceptron(9), digits(1)).placement), "placement: expected layers"),
    ):
        with pytest.raises(InputError, match=expected):
            BinaryLearner(wrong)
    broken = replace(setup.train, images=np.full_like(setup.train.images, np.nan))
    learner = BinaryLearner(replace(setup, train=broken))
    before = learner.state()
    with pytest.raises(InputError, match="step 1: an image holds"):
        learner.advance(1)
    assert all(
        np.array_equal(before[key], value, equal_nan=True) for key, value in learner.state().items() if "fc" in key
    )
    with pytest.raises(ValueError, match="steps: expected 1 to 2"):
        BinaryLearner(setup).advance(3)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((linear("a", 4, 3), linear("b", 3, 2)), "layer 'b'"),
        ((linear("a", 4, 3), sign("s")), "ends in a matrix"),
        ((linear("a", 4, 3), Activation("t", "tanh"), linear("b", 3, 2)), "layer 't'"),
        ((linear("a", 4, 3), sign("s"), sign("t"), linear("b", 3, 2)), "layer 't'"),
        ((linear("a", 4, 3), sign("s"), norm("n", 3), linear("b", 3, 2)), "layer 'n'"),
    ],
)
def test_other_networks_are_refused(layers: tuple[Linear | Activation | BatchNorm, ...], expected: str) -> None:
    """Only matrices with a sign between each two, the last without."""
    with pytest.raises(NetworkError, match=expected):
        blocks_of(Network("other", (4,), layers, None))


def test_listed_batch_norm_changes_nothing() -> None:
    """A network that lists its batch norm, behind the pool and behind the last matrix, learns as one that does not."""
    plain = small_vgg()
    layers = [*plain.layers[:4], norm("n2", 6), *plain.layers[4:], norm("n4", 4)]
    train = random_images(40)
    one, two = (BinaryLearner(setup_of(each, train)) for each in (plain, replace(plain, layers=tuple(layers))))
    one.advance(2)
    two.advance(2)
    assert same(one, two)
