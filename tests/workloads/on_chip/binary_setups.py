"""Small setups of binary learning: networks, images and placements of a few arrays."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np

from pillarsim.arch.chip import Hardware
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.training.placement import SynapseArray, SynapseLayer, TrainingPlacement
from pillarsim.workloads.datasets import Dataset, load_dataset
from pillarsim.workloads.network import Activation, BatchNorm, Conv2d, Flatten, Layer, Linear, MaxPool2d, Network
from pillarsim.workloads.on_chip.interface import Setup

ROWS, PAIRS = 40, 7  # of an array: neither divides the layers below


def linear(name: str, inputs: int, outputs: int) -> Linear:
    """A fully connected layer whose parameters nobody looks at."""
    return Linear(name, np.zeros((outputs, inputs), np.float32), np.zeros(outputs, np.float32), has_bias=False)


def conv(name: str, inputs: int, outputs: int, stride: int = 1, padding: int = 1) -> Conv2d:
    """A convolution of kernel 3, likewise."""
    weight, bias = np.zeros((outputs, inputs, 3, 3), np.float32), np.zeros(outputs, np.float32)
    return Conv2d(name, weight, bias, (stride, stride), (padding, padding), has_bias=False)


def sign(name: str) -> Activation:
    """A sign."""
    return Activation(name, "sign")


def norm(name: str, features: int) -> BatchNorm:
    """Batch norm that does nothing yet."""
    zeros, ones = np.zeros(features, np.float32), np.ones(features, np.float32)
    return BatchNorm(name, ones, zeros, zeros, ones)


def perceptron(hidden: int) -> Network:
    """784-hidden-10."""
    layers = (Flatten("flat"), linear("fc1", 784, hidden), sign("s1"), linear("fc2", hidden, 10))
    return Network("perceptron", (1, 28, 28), layers, "mnist")


def small_vgg() -> Network:
    """Two convolutions, one of them with a pool, and two fully connected layers, for maps of 3 x 8 x 8."""
    layers: tuple[Layer, ...] = (
        conv("c1", 3, 5),
        sign("s1"),
        conv("c2", 5, 6),
        MaxPool2d("pool", (2, 2), (2, 2)),
        sign("s2"),
        Flatten("flat"),
        linear("f1", 6 * 4 * 4, 9),
        sign("s3"),
        linear("f2", 9, 4),
    )
    return Network("vgg", (3, 8, 8), layers, None)


def placement_of(network: Network) -> TrainingPlacement:
    """Every matrix on arrays of ROWS rows and PAIRS pairs."""
    layers = []
    for layer, shape in zip(network.layers, network.shapes, strict=True):
        if isinstance(layer, Linear | Conv2d):
            outputs = layer.weight.shape[0]
            inputs = layer.weight.size // outputs
            corners = [(row, pair) for row in range(0, inputs, ROWS) for pair in range(0, outputs, PAIRS)]
            arrays = tuple(
                SynapseArray(0, slot, (row, min(row + ROWS, inputs)), (pair, min(pair + PAIRS, outputs)))
                for slot, (row, pair) in enumerate(corners)
            )
            windows = math.prod(shape) // outputs
            layers.append(SynapseLayer(layer.name, inputs, outputs, windows, 2, False, 1, arrays))
    return TrainingPlacement(network.name, tuple(layers), math.prod(network.input_shape), 1)


def hardware(*sets: str) -> Hardware:
    """The preset with the weak-RESET card."""
    return load_chip("hfox_weak_reset_128", sets).chip.hardware


def random_images(count: int) -> Dataset:
    """Images of `small_vgg` and labels that have nothing to do with each other."""
    random = np.random.default_rng(5)
    images = random.random((count, 3, 8, 8), dtype=np.float32)
    return Dataset("random", "train", images, random.integers(0, 4, count), "drawn")


@cache
def digits(count: int) -> Dataset:
    """The first shipped training images of MNIST."""
    return load_dataset("mnist", "train", count)


def setup_of(
    network: Network, train: Dataset, names: tuple[str, ...] = (), *, batch: int = 20, rate: float = 8.0, seed: int = 1,
    threads: int = 1, on: Hardware | None = None,
) -> Setup:  # fmt: skip
    """A run of a network on the preset."""
    chip = on or hardware()
    assert chip.learning is not None
    return Setup(
        network=network,
        placement=placement_of(network),
        learning=chip.learning,
        array=chip.array,
        weights=chip.weights,
        input=chip.input,
        readout=chip.readout,
        write=chip.write,
        train=train,
        imperfections=frozenset(names),
        learning_rate=rate,
        batch=batch,
        seed=seed,
        threads=threads,
    )


def with_placement(setup: Setup, placement: TrainingPlacement) -> Setup:
    """The same with another placement."""
    return replace(setup, placement=placement)
