"""Training on several labels: against a network of torch's own modules, and its checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pillarsim.arch.errors import InputError
from pillarsim.workloads.checkpoint import FILE_NAME
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.drawn import drawn
from pillarsim.workloads.forward import forward
from pillarsim.workloads.metrics import roc_auc
from pillarsim.workloads.network import (
    Activation,
    Add,
    BatchNorm,
    Constant,
    Conv2d,
    Flatten,
    Linear,
    Network,
    NetworkError,
    Relu,
)
from pillarsim.workloads.train_multilabel import MultilabelOptions, dropped, train_multilabel

LABELS = 3
OPTIONS = MultilabelOptions(epochs=3, batch=10, learning_rate=5e-3, dropout=(("relu", 0.3),))


class Interrupted(Exception):
    """Stands for a user's Ctrl-C."""


class Reference(nn.Module):
    """The same graph of torch's own modules."""

    def __init__(self, network: Network, momentum: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, (1, 3), padding=(0, 1), bias=False)
        self.second = nn.Conv2d(4, 4, (1, 3), padding=(0, 2), dilation=(1, 2), bias=False)
        self.norm = nn.BatchNorm2d(4, eps=1e-3, momentum=1 - momentum)
        self.output = nn.Linear(24, LABELS)
        arrays = {layer.name: layer for layer in network.layers}
        with torch.no_grad():
            for module, name in ((self.first, "c1"), (self.second, "c2"), (self.output, "out")):
                layer = arrays[name]
                assert isinstance(layer, Conv2d | Linear)
                module.weight.copy_(torch.tensor(layer.weight))
            self.output.bias.zero_()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        before = torch.relu(self.first(values))
        after = torch.relu(self.norm(self.second(before)) + before)
        logits: torch.Tensor = self.output(after.flatten(1))
        return logits


def graph() -> Network:
    """Two convolutions without bias, the second normalised and added to the first."""
    ones, zeros = np.ones(4, np.float32), np.zeros(4, np.float32)
    layers = (
        Conv2d("c1", np.zeros((4, 2, 1, 3), np.float32), zeros, padding=(0, 1), has_bias=False),
        Relu("relu"),
        Conv2d("c2", np.zeros((4, 4, 1, 3), np.float32), zeros, padding=(0, 2), dilation=(1, 2), has_bias=False),
        BatchNorm("norm", ones, zeros, zeros, ones, 1e-3),
        Add("add"),
        Relu("relu2"),
        Flatten("flat"),
        Linear("out", np.zeros((LABELS, 24), np.float32), np.zeros(LABELS, np.float32)),
        Activation("sigmoid", "sigmoid"),
    )
    return drawn(Network("graph", (2, 1, 6), layers, None, wires={"add": ("norm", "relu")}), 1)


@pytest.fixture(scope="module")
def few() -> Dataset:
    """60 samples whose labels say which of three inputs is positive."""
    draws = np.random.default_rng(7).normal(size=(60, 2, 1, 6)).astype(np.float32)
    return Dataset("signs", "train", draws, (draws[:, 0, 0, :LABELS] > 0).astype(np.int64), "drawn")


def test_steps_equal_those_of_torch_modules(few: Dataset) -> None:
    """Six steps on all samples: weights, running statistics and outputs of the same graph in torch's modules."""
    options = MultilabelOptions(epochs=6, batch=60, learning_rate=1e-2, decay=0.5, epsilon=1e-7, momentum=0.8)
    found = train_multilabel(graph(), few, options, 3)
    model = Reference(graph(), 0.8)
    optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
    inputs, labels = torch.from_numpy(few.images), torch.from_numpy(few.labels).float()
    for step in range(6):
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 / (1 + 0.5 * step)
        loss = nn.functional.binary_cross_entropy(torch.sigmoid(model(inputs)), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model.eval()
    norm = found.layers[3]
    assert isinstance(norm, BatchNorm)
    assert model.norm.running_mean is not None
    assert model.norm.running_var is not None
    np.testing.assert_allclose(norm.mean, model.norm.running_mean.numpy(), atol=1e-5)
    np.testing.assert_allclose(norm.variance, model.norm.running_var.numpy(), rtol=1e-5)
    with torch.inference_mode():
        np.testing.assert_allclose(forward(found, inputs), torch.sigmoid(model(inputs)), atol=1e-5)


def test_it_learns_what_can_be_learned(few: Dataset) -> None:
    """Ranking rises from chance to nearly perfect on the training samples; what has no bias keeps none."""

    def auc(network: Network) -> float:
        return roc_auc(forward(network, torch.from_numpy(few.images)).numpy(), few.labels)

    start = graph()
    found = train_multilabel(start, few, replace(OPTIONS, epochs=60), 3)
    assert auc(start) < 0.8
    assert auc(found) > 0.97
    assert (found.trained, found.dataset) == (True, "signs")
    first = found.layers[0]
    assert isinstance(first, Conv2d)
    assert not first.has_bias
    assert found.weights == start.weights


def test_seeds_and_nothing_else_decide(few: Dataset) -> None:
    """Equal arguments give equal bits, another seed others."""
    digests = [train_multilabel(graph(), few, OPTIONS, seed).digest for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_progress_counts_every_step(few: Dataset) -> None:
    """Batches of an epoch differ by one sample at most: 60 samples in batches of 25 are 3 steps."""
    seen: list[tuple[int, int]] = []
    train_multilabel(
        graph(), few, replace(OPTIONS, batch=25, epochs=2), 1, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(step, 6) for step in range(1, 7)]


@pytest.mark.parametrize("at_step", [7, 12, 15])
def test_a_cut_run_goes_on_bit_for_bit(few: Dataset, tmp_path: Path, at_step: int) -> None:
    """Cut within the second epoch, at its end, and within the third: the whole run's bits come out."""

    def cut(done: int, total: int) -> None:
        if done == at_step:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_multilabel(graph(), few, OPTIONS, 1, progress=cut, checkpoint=tmp_path)
    steps: list[int] = []
    found = train_multilabel(
        graph(), few, OPTIONS, 1, progress=lambda done, total: steps.append(done), checkpoint=tmp_path
    )
    assert steps[0] == 1 + 6 * ((at_step - 1) // 6)
    assert found.digest == train_multilabel(graph(), few, OPTIONS, 1).digest
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_checkpoint_of_another_run_is_refused(few: Dataset, tmp_path: Path) -> None:
    """Another seed and other options are named."""
    train_multilabel(graph(), few, OPTIONS, 1, checkpoint=tmp_path)
    with pytest.raises(InputError, match="seed 1, this run has 2"):
        train_multilabel(graph(), few, OPTIONS, 2, checkpoint=tmp_path)
    with pytest.raises(InputError, match="options"):
        train_multilabel(graph(), few, replace(OPTIONS, dropout=()), 1, checkpoint=tmp_path)


def test_dropout_keeps_the_mean() -> None:
    """A share of the values is 0, within five standard errors, the others have grown."""
    values = torch.full((20_000,), 2.0)
    found = dropped(values, 0.2, torch.Generator().manual_seed(5))
    zero = float((found == 0).double().mean())
    assert abs(zero - 0.2) < 5 * (0.2 * 0.8 / 20_000) ** 0.5
    assert found.max() == 2.5
    assert int((found == 2.5).sum() + (found == 0).sum()) == 20_000


def test_what_it_cannot_train_is_refused(few: Dataset) -> None:
    """Each message says what was expected."""
    network = graph()
    bare = replace(network, layers=network.layers[:-1])
    constant = (
        *network.layers[:-1],
        Constant("k", np.ones(LABELS, np.float32)),
        Add("sum"),
        Activation("sigmoid", "sigmoid"),
    )
    with_constant = replace(network, layers=constant, wires={**network.wires, "sum": ("out", "k")})
    for wrong, data, options, words in (
        (bare, few, OPTIONS, "a sigmoid as the last layer"),
        (network, replace(few, labels=few.labels[:, :2]), OPTIONS, "expected labels"),
        (network, replace(few, labels=few.labels[:, 0]), OPTIONS, "expected labels"),
        (network, replace(few, images=few.images[..., :5]), OPTIONS, "expected at least 2 samples"),
        (network, replace(few, images=few.images[:1], labels=few.labels[:1]), OPTIONS, "expected at least 2 samples"),
        (network, few, replace(OPTIONS, dropout=(("relu9", 0.1),)), "dropout behind 'relu9'"),
        (network, few, replace(OPTIONS, dropout=(("relu", 1.0),)), "a share below 1"),
        (with_constant, few, OPTIONS, "constants and cells"),
    ):
        with pytest.raises(NetworkError, match=words):
            train_multilabel(wrong, data, options, 1)
