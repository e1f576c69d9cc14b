"""Quantisation: scales, codes, and how little they cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.coding import chunk_plan
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import Codes, QuantizedMatrix
from pillarsim.mapping import compile_network
from pillarsim.mapping.lower import lower
from pillarsim.mapping.quantize import codes_for, group_matrix, quantize
from pillarsim.workloads.datasets import load_dataset
from pillarsim.workloads.metrics import top1
from pillarsim.workloads.network import Conv2d, Flatten, Linear, Network, Relu
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


def coded(network: Network, images: NDArray[np.float32], *, per_channel: bool) -> list[QuantizedMatrix]:
    """The 8-bit matrices of a chain of matrices and functions."""
    lowered = lower(network)
    codes, found = quantize(lowered, images, activation_bits=8, percentile=100.0)
    incoming = [codes, *(one.output for one in found)]
    matrices: list[QuantizedMatrix] = []
    for number, matrix in lowered.matrices:
        before = incoming[number]
        assert before is not None
        matrices += group_matrix(
            matrix, [(0, 1)], before, found[number].codes, bits=8, per_channel=per_channel, steep=False
        )
    return matrices


IMAGES = np.array([[1.0, 0.5], [0.2, 0.8]], np.float32)


def test_per_channel_scales_use_every_code() -> None:
    """Each output's largest weight is the largest code; per layer only the layer's largest is."""
    channel, layer = (coded(two_layers(), IMAGES, per_channel=each) for each in (True, False))
    np.testing.assert_array_equal(np.abs(channel[0].weight).max(axis=0), [127, 127])
    np.testing.assert_array_equal(np.abs(layer[0].weight).max(axis=0), [127, 32])
    np.testing.assert_array_equal(channel[0].weight[:, 0], [64, -127])  # 1 and -2: 63.5 rounds to even


def test_codes_do_not_depend_on_how_many_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large matrices are coded, and calibrated, by parts of their outputs: the same numbers for any part."""
    random = np.random.default_rng(5)
    layers = (
        Conv2d("c", random.normal(size=(7, 2, 3, 3)).astype(np.float32), random.normal(size=7).astype(np.float32)),
        Relu("r"),
        Flatten("f"),
        Linear("fc", random.normal(size=(11, 63)).astype(np.float32), random.normal(size=11).astype(np.float32)),
    )
    network = Network("parts", (2, 5, 5), layers, None)
    images = random.random((3, 2, 5, 5), dtype=np.float32)
    whole = coded(network, images, per_channel=True)
    monkeypatch.setattr("pillarsim.mapping.quantize._MOST_WEIGHTS", 100)
    monkeypatch.setattr("pillarsim.mapping.lowered_forward._MOST_WEIGHTS", 100)
    for one, other in zip(whole, coded(network, images, per_channel=True), strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_allclose(one.multiplier, other.multiplier, rtol=1e-12)
        np.testing.assert_array_equal(one.bias, other.bias)


def test_groups_are_blocks_on_the_diagonal() -> None:
    """A grouped convolution's range of groups is one dense matrix, each group's weights in its own rows and columns."""
    random = np.random.default_rng(6)
    weight = random.normal(size=(6, 2, 1, 1)).astype(np.float32)
    zeros = np.zeros(6, np.float32)
    layers = (Conv2d("g", weight, zeros, groups=3), Relu("r"), Conv2d("c", weight, zeros, groups=3))
    lowered = lower(Network("grouped", (6, 2, 2), layers, None))
    codes, found = quantize(lowered, random.random((2, 6, 2, 2), dtype=np.float32), activation_bits=8, percentile=100.0)
    matrix = lowered.nodes[0].matrix
    assert matrix is not None
    options = {"bits": 8, "per_channel": True, "steep": False}
    (whole,) = group_matrix(matrix, [(0, 3)], codes, found[0].codes, **options)  # type: ignore[arg-type]
    first, rest = group_matrix(matrix, [(0, 1), (1, 3)], codes, found[0].codes, **options)  # type: ignore[arg-type]
    assert (whole.weight.shape, first.weight.shape, rest.weight.shape) == ((6, 6), (2, 2), (4, 4))
    np.testing.assert_array_equal(whole.weight[:2, :2], first.weight)
    np.testing.assert_array_equal(whole.weight[2:, 2:], rest.weight)
    scale = np.abs(weight.reshape(6, 2)).max(axis=1) / 127
    for group in range(3):
        rows = slice(2 * group, 2 * group + 2)
        expected = np.rint(weight.reshape(6, 2)[rows] / scale[rows, None]).T
        np.testing.assert_array_equal(whole.weight[rows, rows], expected)
    outside = np.kron(np.eye(3), np.ones((2, 2))) == 0
    assert not whole.weight[outside].any()
    assert (rest.in_shape, rest.out_shape) == ((4, 2, 2), (4, 2, 2))


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
    quantized = top1(integer_forward(placement, test.images), test.labels)
    assert quantized == pytest.approx(float_accuracy(network, test), abs=0.003)
    assert placement.layers[-1].matrix.output is None


def test_a_dead_channel_takes_the_layers_scale() -> None:
    """Weights of (nearly) nothing do not give a channel a scale of its own, which would blow up its cells' noise."""
    weight = np.array([[1.0, -2.0], [0.0, 0.0], [1e-20, -1e-30]], np.float32)
    layers = (
        Linear("a", weight, np.array([0.1, 0.2, 0.3], np.float32)),
        Relu("r"),
        Linear("b", np.eye(3, dtype=np.float32), np.zeros(3, np.float32)),
    )
    found = coded(Network("dead", (2,), layers, None), IMAGES, per_channel=True)
    np.testing.assert_array_equal(found[0].weight[:, 1:], 0)
    np.testing.assert_allclose(found[0].multiplier, found[0].multiplier[0])
    np.testing.assert_allclose(found[0].bias * found[0].input.scale * 2 / 127, [0.1, 0.2, 0.3], rtol=0.01)


def test_a_percentile_of_zero_is_refused() -> None:
    """A percentile that most activations do not reach is an error by name, not a silent scale."""
    with pytest.raises(InputError, match="calibration_percentile"):
        codes_for(torch.tensor([0.0, 0.0, 0.0, 1.0]), 8, 50.0)
