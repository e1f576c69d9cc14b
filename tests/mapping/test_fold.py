"""Folding turns a chain of layers into matrix stages that compute the same floats."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.mapping.fold import matrix_stages
from pillarsim.mapping.quantize import _convolve, apply_post
from pillarsim.workloads.forward import forward
from pillarsim.workloads.network import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    Relu,
)


def normal(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)


def positive(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.uniform(0.5, 2, shape).astype(np.float32)


ONE = np.ones(1, np.float32)
KERNEL = np.ones((1, 1, 2, 2), np.float32)


def small_network() -> Network:
    rng = np.random.default_rng(3)
    layers: tuple[Layer, ...] = (
        Conv2d("c1", normal(rng, 4, 2, 3, 3), normal(rng, 4), (1, 2), (1, 0)),
        BatchNorm("n1", positive(rng, 4), normal(rng, 4), normal(rng, 4), positive(rng, 4)),
        Relu("r1"),
        MaxPool2d("p1", (2, 2), (2, 1)),
        Conv2d("c2", normal(rng, 3, 4, 2, 2), normal(rng, 3)),
        AvgPool2d("p2", (2, 2), (1, 1)),
        Flatten("f"),
        Linear("fc", normal(rng, 5, 6), normal(rng, 5)),
    )
    return Network("small", (2, 8, 9), layers, None)


def test_stages_compute_what_the_network_computes() -> None:
    """Batch norm folded and linear layers as whole-map convolutions leave the float outputs unchanged."""
    network = small_network()
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 2, 8, 9)))
    values = images
    for stage in matrix_stages(network):
        values = apply_post(_convolve(values, stage), stage.post)
        assert tuple(values.shape[1:]) == stage.final_shape
    np.testing.assert_allclose(values.reshape(6, -1), forward(network, images), rtol=1e-5, atol=1e-5)


def test_operator_before_the_first_matrix_layer_is_named() -> None:
    """A pool in front of every matrix layer is refused by name."""
    layers = (MaxPool2d("pool0", (2, 2), (2, 2)), Conv2d("c", KERNEL, ONE))
    network = Network("n", (1, 4, 4), layers, None)
    with pytest.raises(InputError, match="pool0"):
        matrix_stages(network)


def test_batch_norm_after_relu_is_refused() -> None:
    """A batch norm that cannot be folded is refused by name."""
    layers = (Conv2d("c", KERNEL, ONE), Relu("r"), BatchNorm("late", ONE, ONE, ONE, ONE))
    with pytest.raises(InputError, match="late"):
        matrix_stages(Network("n", (1, 4, 4), layers, None))
