"""The network type: shapes, counts, what it refuses, and its digest."""

from dataclasses import replace

import numpy as np
import pytest

from pillarsim.workloads.network import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    NetworkError,
    Relu,
    output_shape,
)


def conv(
    name: str = "conv1",
    shape: tuple[int, ...] = (6, 1, 5, 5),
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
) -> Conv2d:
    """A convolution of small numbers."""
    weight = (np.arange(np.prod(shape)).reshape(shape) / 100).astype(np.float32)
    return Conv2d(name, weight, np.zeros(shape[0], np.float32), stride, padding)


def linear(name: str, outputs: int, inputs: int) -> Linear:
    """A fully connected layer of ones."""
    return Linear(name, np.ones((outputs, inputs), np.float32), np.zeros(outputs, np.float32))


def network(*layers: Layer, shape: tuple[int, ...] = (1, 28, 28)) -> Network:
    """A network of these layers."""
    return Network("test", shape, layers, None)


def test_lenet5_shapes_and_counts() -> None:
    """LeNet-5 counted by hand: 61 706 weights and biases, 416 520 multiply-accumulates."""
    lenet = network(
        conv("conv1", (6, 1, 5, 5), padding=(2, 2)),
        MaxPool2d("pool1", (2, 2), (2, 2)),
        conv("conv2", (16, 6, 5, 5)),
        MaxPool2d("pool2", (2, 2), (2, 2)),
        Flatten("flatten"),
        linear("fc1", 120, 400),
        linear("fc2", 84, 120),
        linear("fc3", 10, 84),
    )
    assert lenet.shapes == (
        *((6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5)),
        *((400,), (120,), (84,), (10,)),
    )
    assert lenet.weights == 61_706
    assert lenet.macs == 117_600 + 240_000 + 48_000 + 10_080 + 840


@pytest.mark.parametrize(
    ("layer", "given", "expected"),
    [
        (conv(shape=(4, 3, 3, 5), stride=(2, 1), padding=(1, 0)), (3, 9, 9), (4, 5, 5)),
        (conv(shape=(4, 3, 7, 7), stride=(2, 2)), (3, 227, 227), (4, 111, 111)),
        (MaxPool2d("pool", (3, 3), (2, 2)), (96, 111, 111), (96, 55, 55)),
        (AvgPool2d("pool", (2, 3), (2, 3)), (5, 7, 7), (5, 3, 2)),
        (Flatten("flat"), (3, 4, 5), (60,)),
        (Relu("relu"), (3, 4, 5), (3, 4, 5)),
    ],
)
def test_output_shape(layer: Layer, given: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Kernels that do not fit whole are dropped; stride and padding act per direction."""
    assert output_shape(layer, given) == expected


def test_batch_norm_is_not_counted_as_weights() -> None:
    """The weights count leaves batch norm out."""
    ones = np.ones(6, np.float32)
    norm = BatchNorm("norm", ones, ones, ones, ones)
    assert network(conv(), norm).weights == network(conv()).weights == 156


def test_a_bias_counts_where_there_is_one() -> None:
    """A bias of zeros is a parameter unless the layer has none; one that is not zero always is."""
    bare = replace(conv(), has_bias=False)
    assert network(conv()).weights == 156
    assert network(bare).weights == 150
    folded = replace(bare, bias=np.ones(6, np.float32))
    assert folded.has_bias
    assert network(folded).weights == 156


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (conv("conv1"), conv("conv2", (4, 5, 3, 3))),
            r"'conv2': expected an input of \(5, H, W\), got \(6, 24, 24\)",
        ),
        ((linear("fc1", 10, 784),), r"'fc1': expected .*flatten layer missing"),
        ((Flatten("flat"), linear("fc1", 10, 783)), r"'fc1': expected an input of \(783,\), got \(784,\)"),
        ((conv("conv1", (1, 1, 29, 29)),), "'conv1': expected an input no smaller than its kernel"),
        ((conv(), Flatten("flat"), MaxPool2d("pool", (2, 2), (2, 2))), "'pool': expected an input of"),
        ((conv("same"), Relu("same")), "'same': the name is used twice"),
        ((Relu("relu"),), "no convolution and no linear"),
    ],
)
def test_layers_that_do_not_follow_each_other(layers: tuple[Layer, ...], message: str) -> None:
    """A mismatch names the layer, what it expected and what it got."""
    with pytest.raises(NetworkError, match=message):
        network(*layers)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_weights_that_are_no_numbers(bad: float) -> None:
    """NaN, infinity, and what overflows float32, are refused; the message names the layer and counts them."""
    weight = np.ones((2, 3))
    weight[0, 0] = bad
    with pytest.raises(NetworkError, match=r"'fc1': weight holds 1 value\(s\) that are not finite"):
        Linear("fc1", weight.astype(np.float64), np.zeros(2))  # type: ignore[arg-type]


def test_parameters_of_the_wrong_form() -> None:
    """Rank, length, stride and variance are checked when a layer is made."""
    ones = np.ones(3, np.float32)
    with pytest.raises(NetworkError, match="'fc1': weight needs 2 dimension"):
        Linear("fc1", ones, ones)
    with pytest.raises(NetworkError, match="'fc1': lengths differ: outputs of weight 2, bias 3"):
        Linear("fc1", np.ones((2, 3), np.float32), ones)
    with pytest.raises(NetworkError, match="'conv1': stride must be"):
        conv(stride=(0, 1))
    with pytest.raises(NetworkError, match="'norm': variance and epsilon"):
        BatchNorm("norm", ones, ones, ones, -ones)
    with pytest.raises(NetworkError, match="divides by zero"):
        BatchNorm("norm", ones, ones, ones, 0 * ones, epsilon=0)


def test_parameters_are_private_and_read_only() -> None:
    """A layer keeps a copy that nobody can change."""
    weight = np.ones((2, 3), np.float32)
    layer = Linear("fc1", weight, np.zeros(2, np.float32))
    weight[0, 0] = 5
    assert layer.weight[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0, 0] = 5


def test_digest_follows_topology_and_parameters() -> None:
    """A changed parameter, option or layer name changes the digest; the network's name does not."""
    first = network(conv())
    assert first.digest == replace(first, name="other", dataset="mnist").digest == network(conv()).digest
    changed = conv().weight.copy()
    changed[0, 0, 0, 0] += 1e-3
    others = [
        network(replace(conv(), weight=changed)),
        network(conv(padding=(1, 1))),
        network(conv("conv9")),
        network(conv(), Relu("relu")),
        network(conv(), shape=(1, 28, 29)),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == len(others) + 1
