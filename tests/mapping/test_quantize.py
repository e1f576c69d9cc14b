"""Quantisation: scales, codes, and how little they cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.coding import chunk_plan
from pillarsim.arch.compute.evaluate import accuracy
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import Codes
from pillarsim.mapping import compile_network
from pillarsim.mapping.fold import matrix_stages
from pillarsim.mapping.quantize import codes_for, quantize
from pillarsim.workloads.datasets import load_dataset
from pillarsim.workloads.network import Conv2d, Linear, Network, Relu
from pillarsim.workloads.topology import load_network
from pillarsim.workloads.train import accuracy as float_accuracy
from tests.near import near


def two_layers() -> Network:
    weight = np.array([[1.0, -2.0], [0.5, 0.25]], np.float32)
    layers = (
        Linear("a", weight, np.array([0.1, -0.2], np.float32)),
        Relu("r"),
        Linear("b", weight, np.zeros(2, np.float32)),
    )
    return Network("two", (2,), layers, None)


def test_per_channel_scales_use_every_code() -> None:
    """Each output's largest weight is the largest code; per layer only the layer's largest is."""
    stages = matrix_stages(two_layers())
    images = np.array([[1.0, 0.5], [0.2, 0.8]], np.float32)
    options = {"weight_bits": 8, "activation_bits": 8, "percentile": 100.0}
    _, channel = quantize(stages, images, per_channel=True, **options)  # type: ignore[arg-type]
    _, layer = quantize(stages, images, per_channel=False, **options)  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.abs(channel[0].weight).max(axis=0), [127, 127])
    np.testing.assert_array_equal(np.abs(layer[0].weight).max(axis=0), [127, 32])
    np.testing.assert_array_equal(channel[0].weight[:, 0], [64, -127])  # 1 and -2: 63.5 rounds to even


def test_codes_follow_the_sign_and_the_percentile() -> None:
    """Nothing negative: unsigned; else two's complement; a percentile sets what the largest code stands for."""
    values = torch.tensor([0.0, 1.0, 2.0, 10.0])
    assert codes_for(values, 8, 100.0) == Codes(8, False, 10 / 255)
    assert codes_for(-values, 8, 100.0) == Codes(8, True, 10 / 127)
    assert codes_for(values, 8, 50.0).scale == near(1.5 / 255)
    assert codes_for(torch.zeros(3), 8, 100.0).scale == 1.0
    assert (Codes(8, True, 1.0).low, Codes(8, True, 1.0).high) == (-128, 127)


@pytest.mark.parametrize("signed", [False, True])
def test_reads_of_a_code_are_its_chunks(signed: bool) -> None:
    """The compiler and the value model count the same reads for every width."""
    for bits in range(2 if signed else 1, 17):
        for chunk in range(1, bits + 1):
            assert Codes(bits, signed, 1.0).reads(chunk) == len(chunk_plan(bits, signed, chunk))


@pytest.mark.parametrize("workload", ["mnist-lenet5", "mnist-mlp"])
def test_eight_bits_cost_little(workload: str) -> None:
    """The 8-bit integer network is within 0.3 point of the float one on 2000 test images."""
    chip, network = load_chip("hfox_planar_128").chip, load_network(workload)
    placement = compile_network(
        network,
        load_dataset("mnist", "train", 256).images,
        array=chip.array,
        tile=chip.tile,
        weights=chip.weights,
        bits_per_cell=chip.bits_per_cell,
        inputs=chip.input,
        mapping=chip.mapping,
    )
    test = load_dataset("mnist", "test", 2000)
    quantized = accuracy(integer_forward(placement, test.images), test.labels)
    assert quantized == pytest.approx(float_accuracy(network, test), abs=0.003)
    assert isinstance(network.layers[-1], Linear | Conv2d)
    assert placement.layers[-1].matrix.output is None


def test_a_dead_channel_takes_the_layers_scale() -> None:
    """Weights of (nearly) nothing do not give a channel a scale of its own, which would blow up its cells' noise."""
    weight = np.array([[1.0, -2.0], [0.0, 0.0], [1e-20, -1e-30]], np.float32)
    layers = (
        Linear("a", weight, np.array([0.1, 0.2, 0.3], np.float32)),
        Relu("r"),
        Linear("b", np.eye(3, dtype=np.float32), np.zeros(3, np.float32)),
    )
    stages = matrix_stages(Network("dead", (2,), layers, None))
    images = np.array([[1.0, 0.5], [0.2, 0.8]], np.float32)
    _, found = quantize(stages, images, weight_bits=8, per_channel=True, activation_bits=8, percentile=100.0)
    np.testing.assert_array_equal(found[0].weight[:, 1:], 0)
    np.testing.assert_allclose(found[0].multiplier, found[0].multiplier[0])
    np.testing.assert_allclose(found[0].bias * found[0].input.scale * 2 / 127, [0.1, 0.2, 0.3], rtol=0.01)


def test_a_percentile_of_zero_is_refused() -> None:
    """A percentile that most activations do not reach is an error by name, not a silent scale."""
    with pytest.raises(InputError, match="calibration_percentile"):
        codes_for(torch.tensor([0.0, 0.0, 0.0, 1.0]), 8, 50.0)
