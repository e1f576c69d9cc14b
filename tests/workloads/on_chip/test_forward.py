"""Chains of matrices and digital operators that learn on the chip."""

from __future__ import annotations

import pytest
import torch

from pillarsim.workloads.forward import apply_layer, tensors
from pillarsim.workloads.network import (
    Activation,
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Network,
    NetworkError,
    Relu,
)
from pillarsim.workloads.on_chip.forward import input_errors, output_errors, outputs_of, stages_of, vectors_of
from tests.workloads.on_chip.small import convolutions, ones, perceptron, zeros

CONVOLUTIONS = (
    Conv2d("c", ones(4, 2, 3, 3), zeros(4), padding=(1, 1)),
    Conv2d("c", ones(3, 2, 2, 3), zeros(3), stride=(2, 1), padding=(0, 1, 2, 0)),
    Conv2d("c", ones(3, 2, 2, 2), zeros(3), dilation=(2, 2)),
)


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_windows_times_matrix_are_the_convolution(layer: Conv2d) -> None:
    """Input vectors times the flattened kernel give what torch's convolution gives, wherever the padding lies."""
    network = Network("n", (2, 7, 6), (layer,), None)
    stage = stages_of(network)[0]
    images, kernel = _random(3, 2, 7, 6), _random(*layer.weight.shape)
    vectors = vectors_of(stage, images)
    assert vectors.shape == (3, stage.windows, stage.inputs)
    found = outputs_of(stage, vectors @ kernel.reshape(stage.outputs, -1).T)
    named = {**tensors(network), "c.weight": kernel}
    torch.testing.assert_close(found, apply_layer(layer, [images], named))


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_errors_of_windows_add_up_as_gradients_do(layer: Conv2d) -> None:
    """Transposed products folded back over overlapping windows are autograd's gradient of the images."""
    network = Network("n", (2, 7, 6), (layer,), None)
    stage = stages_of(network)[0]
    images, kernel = _random(3, 2, 7, 6).requires_grad_(), _random(*layer.weight.shape)
    out = apply_layer(layer, [images], {**tensors(network), "c.weight": kernel})
    errors = torch.sin(torch.arange(out.numel(), dtype=torch.float64)).reshape(out.shape)
    (wanted,) = torch.autograd.grad(out, images, errors)
    back = output_errors(stage, errors) @ kernel.reshape(stage.outputs, -1)
    torch.testing.assert_close(input_errors(stage, back), wanted)


def test_stages_of_a_chain() -> None:
    """Operators go behind the matrix before them; only what a ReLU or sigmoid bounds is known not to be negative."""
    stages = stages_of(convolutions())
    assert [stage.name for stage in stages] == ["conv1", "conv2", "fc3"]
    assert [stage.windows for stage in stages] == [64, 4, 1]
    assert [stage.inputs for stage in stages] == [9, 12, 20]
    assert [stage.unsigned for stage in stages] == [None, True, False]
    assert [len(stage.after) for stage in stages] == [2, 2, 0]
    assert stages_of(perceptron(function="sigmoid"))[1].unsigned is True


@pytest.mark.parametrize(
    ("layers", "wires", "wanted"),
    [
        ((Conv2d("c", ones(2, 1, 3, 3), zeros(2), groups=2),), {}, "layer 'c': .* one group"),
        ((Flatten("v"), Linear("f", ones(2, 32), zeros(2)), Activation("s", "sign")), {}, "'s': .* found sign"),
        (
            (
                Conv2d("c", ones(2, 2, 3, 3), zeros(2)),
                BatchNorm("b", ones(2), zeros(2), zeros(2), ones(2)),
            ),
            {},
            "layer 'b': .* found BatchNorm",
        ),
        ((Conv2d("c", ones(2, 2, 1, 1), zeros(2)), Add("a")), {"a": ("c", "input")}, "'n': .* found branches"),
    ],
)
def test_other_networks_are_refused(layers: tuple[Relu, ...], wires: dict[str, tuple[str, ...]], wanted: str) -> None:
    """A network that cannot learn on the chip is refused, with the name of the layer."""
    network = Network("n", (2, 4, 4), layers, None, wires=wires)
    with pytest.raises(NetworkError, match=wanted):
        stages_of(network)


def test_views_and_pools_may_come_first() -> None:
    """Operators before the first matrix belong to it."""
    layers = (AvgPool2d("p", (2, 2), (2, 2)), Flatten("f"), Linear("fc", ones(3, 4), zeros(3)))
    (stage,) = stages_of(Network("n", (1, 4, 4), layers, None))
    assert [layer.name for layer in stage.before] == ["p", "f"]
    assert (stage.inputs, stage.taken) == (4, (4,))
