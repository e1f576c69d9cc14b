"""Training with binary weights: what it gives, and that folding batch norm changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pillarsim.workloads.datasets import load_dataset
from pillarsim.workloads.network import Activation, Flatten, Linear, Network, NetworkError, Relu
from pillarsim.workloads.topology import labels_of, load_network
from pillarsim.workloads.train import accuracy
from pillarsim.workloads.train_binary import BinaryOptions, _State, train_binary


def linear(name: str, outputs: int, inputs: int) -> Linear:
    """A layer of zeros."""
    return Linear(name, np.zeros((outputs, inputs), np.float32), np.zeros(outputs, np.float32))


def chain(*inner: Linear | Activation | Relu) -> Network:
    """A network on MNIST images."""
    return Network("binary", (1, 28, 28), (Flatten("flatten"), *inner), "mnist")


SMALL = chain(linear("fc1", 64, 784), Activation("sign1", "sign"), linear("fc2", 10, 64))


def test_training_learns_with_two_values_a_layer() -> None:
    """Far better than chance after a few epochs; hidden weights are -1 and +1, the last ones -a and +a."""
    train, test = load_dataset("mnist", "train", 2000), load_dataset("mnist", "test", 1000)
    options = BinaryOptions(epochs=6, batch=50)
    trained = train_binary(SMALL, train, options, 1)
    assert accuracy(trained, test) > 0.7
    first, last = trained.layers[1], trained.layers[3]
    assert isinstance(first, Linear)
    assert isinstance(last, Linear)
    assert set(np.unique(first.weight)) == {-1, 1}
    low, high = np.unique(last.weight)
    assert low == -high
    assert train_binary(SMALL, train, options, 1).digest == trained.digest
    assert train_binary(SMALL, train, options, 2).digest != trained.digest


@pytest.mark.parametrize("last", [False, True])
def test_folding_changes_nothing(last: bool) -> None:
    """A folded layer has the signs (hidden) or values (last) of weights with batch norm, also of negative scale."""
    stream = torch.Generator().manual_seed(4)
    state = _State.start(linear("fc", 40, 30), stream, last=last)
    with torch.no_grad():
        state.gamma.copy_(torch.randn(state.gamma.shape, generator=stream))
        state.beta.copy_(torch.randn(40, generator=stream))
        state.mean.copy_(3 * torch.randn(40, generator=stream))
        state.variance.fill_(20) if last else state.variance.copy_(30 * torch.rand(40, generator=stream) + 1)
        weight = torch.where(state.weight < 0, -1.0, 1.0)
        x = torch.rand(200, 30, generator=stream)
        expected = torch.nn.functional.batch_norm(
            x @ weight.T, state.mean, state.variance, state.gamma.expand(40), state.beta
        )
        folded = state.folded(linear("fc", 40, 30))
        found = x @ torch.tensor(folded.weight).T + torch.tensor(folded.bias)
    if last:
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    else:
        clear = expected.abs() > 1e-4
        assert clear.float().mean() > 0.99
        assert (found.sign() == expected.sign())[clear].all()


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (chain(linear("fc1", 8, 784), Relu("relu"), linear("fc2", 10, 8)), "layer 'relu': binary training takes"),
        (chain(linear("fc1", 8, 784), linear("fc2", 10, 8)), "layer 'fc2': binary training takes"),
        (chain(linear("fc1", 8, 784), Activation("sign1", "sign")), "takes a chain that ends in a linear layer"),
    ],
)
def test_other_networks_are_refused(network: Network, message: str) -> None:
    """Binary training is of linear layers with signs between them."""
    with pytest.raises(NetworkError, match=message):
        train_binary(network, load_dataset("mnist", "train", 10), BinaryOptions(epochs=1), 0)


def test_shipped_binary_network(root: Path) -> None:
    """784-3000-10: 2 382 000 binary weights and 3 010 biases, of one magnitude a layer, in less than 400 kB."""
    network = load_network("mnist-bnn")
    assert network.weights == 2_382_000 + 3_010
    linears = [layer for layer in network.layers if isinstance(layer, Linear)]
    assert [np.unique(np.abs(layer.weight)).size for layer in linears] == [1, 1]
    assert set(np.unique(linears[0].weight)) == {-1, 1}
    assert (root / "workloads" / "zoo" / "mnist_bnn.safetensors").stat().st_size < 400_000


@pytest.mark.parametrize("name", ["mnist-bnn", "mnist-lenet5", "mnist-mlp"])
def test_stated_accuracy_is_that_of_the_test_images(name: str) -> None:
    """The label in the topology file is what the shipped weights reach on all 10 000 test images."""
    found = accuracy(load_network(name), load_dataset("mnist", "test"))
    assert found == pytest.approx(labels_of(name).accuracy, abs=2e-4)  # two images: rounding differs between machines
