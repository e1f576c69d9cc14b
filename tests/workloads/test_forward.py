"""The float forward pass, training, and the accuracy of the shipped networks."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from pillarsim.workloads import train
from pillarsim.workloads.datasets import Dataset, load_dataset
from pillarsim.workloads.forward import forward, forward_layers
from pillarsim.workloads.network import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Network,
    NetworkError,
    Relu,
)
from pillarsim.workloads.topology import blank_network, load_network
from pillarsim.workloads.train import TrainingOptions, accuracy, initial_network, train_software
from tests.near import near


def _small() -> Network:
    """One layer of each kind that LeNet-5 lacks, with numbers that can be followed by hand."""
    ones = np.ones(1, np.float32)
    return Network(
        "small",
        (1, 4, 4),
        (
            Conv2d("conv", np.full((1, 1, 1, 1), 2, np.float32), ones),
            BatchNorm("norm", 3 * ones, ones, 5 * ones, 4 * ones, epsilon=0),
            Relu("relu"),
            AvgPool2d("pool", (2, 2), (2, 2)),
            Flatten("flat"),
            Linear("fc", np.ones((1, 4), np.float32), -ones),
        ),
        None,
    )


def test_layers_by_hand() -> None:
    """x -> 2x + 1 -> 3 (x - 5) / 2 + 1 -> ReLU -> mean of four -> sum - 1."""
    images = torch.arange(16.0).reshape(1, 1, 4, 4)
    expected = np.maximum(3 * (2 * np.arange(16.0) + 1 - 5) / 2 + 1, 0)
    outputs = {layer.name: values for layer, values in forward_layers(_small(), images)}
    np.testing.assert_allclose(outputs["relu"].numpy().ravel(), expected, rtol=1e-6)
    assert forward(_small(), images).item() == near(expected.sum() / 4 - 1)
    assert [tuple(values.shape[1:]) for values in outputs.values()] == list(_small().shapes)


def test_double_precision_stays_double() -> None:
    """float64 images are computed in float64."""
    assert forward(_small(), torch.ones(2, 1, 4, 4, dtype=torch.float64)).dtype == torch.float64


def test_images_of_the_wrong_shape() -> None:
    """The message says what the network takes."""
    with pytest.raises(NetworkError, match=r"takes images of \(1, 4, 4\), not \(1, 5, 5\)"):
        forward(_small(), torch.ones(1, 1, 5, 5))


@pytest.mark.parametrize(("name", "least"), [("mnist-lenet5", 0.989), ("mnist-mlp", 0.980)])
def test_shipped_accuracy(name: str, least: float) -> None:
    """The shipped weights classify at least this fraction of the 10 000 test images."""
    assert accuracy(load_network(name), load_dataset("mnist", "test")) >= least


def test_permuted_weights_are_at_chance() -> None:
    """The accuracy comes from the weights: with their order shuffled, little better than chance is left."""
    network, rng = load_network("mnist-mlp"), np.random.default_rng(0)
    layers = tuple(
        Linear(layer.name, rng.permutation(layer.weight.ravel()).reshape(layer.weight.shape), layer.bias)
        if isinstance(layer, Linear)
        else layer
        for layer in network.layers
    )
    shuffled = Network("shuffled", network.input_shape, layers, network.dataset)
    assert accuracy(shuffled, load_dataset("mnist", "test", 2000)) < 0.3


def test_training_learns_and_repeats() -> None:
    """A short training beats chance by far; a seed gives the same parameters again, another seed others."""
    data = load_dataset("mnist", "train", 2000)
    start = initial_network(blank_network("mnist-mlp"), seed=1)
    options = TrainingOptions(epochs=3)
    first, again = (train_software(start, data, options, seed=1) for _ in range(2))
    assert first.digest == again.digest != start.digest
    assert train_software(start, data, TrainingOptions(epochs=1), 2).digest != first.digest
    assert accuracy(first, load_dataset("mnist", "test", 1000)) > 0.6
    assert initial_network(blank_network("mnist-mlp"), seed=2).digest != start.digest


def test_training_refuses_batch_norm() -> None:
    """Batch norm is not trained, and said so."""
    data = Dataset("none", "train", np.zeros((2, 1, 4, 4), np.float32), np.zeros(2, np.int64), "made here")
    with pytest.raises(NetworkError, match="batch norm is not supported"):
        initial_network(_small(), 0)
    with pytest.raises(NetworkError, match="batch norm is not supported"):
        train_software(_small(), data, TrainingOptions(), 0)


def test_shift_moves_images_whole() -> None:
    """A shift moves the picture and lets zeros in; a bright centre keeps its brightness."""
    images = torch.zeros(50, 1, 9, 9)
    images[:, :, 4, 4] = 1
    moved = train._shifted(images, 2, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    assert torch.equal(moved.sum((1, 2, 3)), torch.ones(50))
    places = {divmod(int(image.argmax()), 9) for image in moved[:, 0]}
    assert len(places) > 10
    assert all(2 <= row <= 6 and 2 <= column <= 6 for row, column in places)


def test_training_command(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The command trains a topology file and writes the weights that it names, which then load."""
    topology = tmp_path / "net.yaml"
    topology.write_text(
        "name: net\ndataset: mnist\nweights: net.safetensors\ninput: [1, 28, 28]\nlayers:\n"
        "  - {kind: flatten}\n  - {name: fc, kind: linear, features: 10}\n",
        encoding="utf-8",
    )
    with caplog.at_level(logging.INFO):
        assert train.main([str(topology), "--epochs", "1", "--threads", "1"]) == 0
    assert accuracy(load_network(topology), load_dataset("mnist", "test", 1000)) > 0.5
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["net.safetensors", "net.yaml"]
    assert train.main(["no-such-net"]) == 2
