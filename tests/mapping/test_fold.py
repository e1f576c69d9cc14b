"""Folding turns a chain of layers into matrix stages that compute the same floats."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pillarsim.arch.errors import InputError
from pillarsim.mapping.fold import matrix_stages
from pillarsim.mapping.quantize import _convolve, apply_post
from pillarsim.workloads.forward import forward
from pillarsim.workloads.network import AvgPool2d, BatchNorm, Conv2d, Flatten, Layer, Linear, MaxPool2d, Network, Relu


def small_network() -> Network:
    rng = np.random.default_rng(3)
    layers: tuple[Layer, ...] = (
        Conv2d("c1", rng.normal(size=(4, 2, 3, 3)), rng.normal(size=4), (1, 2), (1, 0)),
        BatchNorm("n1", rng.uniform(0.5, 2, 4), rng.normal(size=4), rng.normal(size=4), rng.uniform(0.5, 2, 4)),
        Relu("r1"),
        MaxPool2d("p1", (2, 2), (2, 1)),
        Conv2d("c2", rng.normal(size=(3, 4, 2, 2)), rng.normal(size=3)),
        AvgPool2d("p2", (2, 2), (1, 1)),
        Flatten("f"),
        Linear("fc", rng.normal(size=(5, 6)), rng.normal(size=5)),
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
    network = Network("n", (1, 4, 4), (MaxPool2d("pool0", (2, 2), (2, 2)), Conv2d("c", np.ones((1, 1, 2, 2)), np.zeros(1))), None)
    with pytest.raises(InputError, match="pool0"):
        matrix_stages(network)


def test_batch_norm_after_relu_is_refused() -> None:
    """A batch norm that cannot be folded is refused by name."""
    ones = np.ones(1)
    layers = (Conv2d("c", np.ones((1, 1, 2, 2)), np.zeros(1)), Relu("r"), BatchNorm("late", ones, ones, ones, ones))
    with pytest.raises(InputError, match="late"):
        matrix_stages(Network("n", (1, 4, 4), layers, None))
