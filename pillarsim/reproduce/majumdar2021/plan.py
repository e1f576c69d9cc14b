"""Sizes of the row, the imperfections that it compares, and its networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pillarsim.workloads.network import Activation, Conv2d, Flatten, Layer, Linear, MaxPool2d, Network

__all__ = ["CHIP", "FULL", "QUICK", "SEED", "VARIANTS", "Plan", "VggPlan", "perceptron", "vgg"]

SEED = 2021  # our choice, made once
CHIP = "hfox_weak_reset_128"  # a preset with the weak-RESET card; the row asks it for no time and no energy
# what is switched on; "noise" is the paper's noise without device-to-device variability
VARIANTS: dict[str, tuple[str, ...]] = {
    "none": (),
    "noise": ("rtn", "pink"),
    "d2d": ("d2d",),
    "all": ("d2d", "rtn", "pink"),
}


@dataclass(frozen=True)
class VggPlan:
    """The convolutional network's run, one seed. channels: of the three pairs of convolutions; variants: compared."""

    channels: tuple[int, int, int]
    features: int
    training: int
    test: int
    epochs: int
    batch: int
    variants: tuple[str, ...] = ("none", "all")


@dataclass(frozen=True)
class Plan:
    """How large the row is. training, test: images of MNIST; threads: runs at once; vgg: None leaves it out."""

    hidden: int
    training: int
    test: int
    epochs: int
    batch: int
    learning_rate: float
    seeds: int
    devices: int
    vgg: VggPlan | None = None
    threads: int = 1


# network, images, epochs, batch and learning rate of the authors' program; seeds and the rest are ours
FULL = Plan(3000, 60_000, 10_000, 20, 1000, 8.0, 5, 1_000_000, VggPlan((32, 64, 128), 256, 8_000, 2_000, 5, 200), 2)
QUICK = Plan(64, 5_000, 5_000, 10, 100, 8.0, 3, 1_000_000)  # 500 steps of the 1200: what devices lose depends on them


def perceptron(hidden: int) -> Network:
    """784-hidden-10 with a sign between."""
    layers = (Flatten("flatten"), _linear("fc1", 784, hidden), Activation("sign1", "sign"), _linear("fc2", hidden, 10))
    return Network(f"mnist-{hidden}", (1, 28, 28), layers, "mnist", trained=False)


def vgg(plan: VggPlan) -> Network:
    """Three pairs of convolutions of kernel 3, a max pool after each pair, two fully connected layers.

    As the paper's 384-384-768-768-1536-512 with 8192-1024-1024-10, far narrower and with one layer less at the end.
    """
    layers: list[Layer] = []
    channels = 3
    for number, width in enumerate(plan.channels, 1):
        for half in "ab":
            layers.append(_conv(f"conv{number}{half}", channels, width))
            channels = width
            if half == "b":
                layers.append(MaxPool2d(f"pool{number}", (2, 2), (2, 2)))
            layers.append(Activation(f"sign{number}{half}", "sign"))
    layers += [
        Flatten("flatten"),
        _linear("fc1", channels * 4 * 4, plan.features),
        Activation("sign4", "sign"),
        _linear("fc2", plan.features, 10),
    ]
    return Network("vgg", (3, 32, 32), tuple(layers), "cifar10", trained=False)


def _linear(name: str, inputs: int, outputs: int) -> Linear:
    return Linear(name, np.zeros((outputs, inputs), np.float32), np.zeros(outputs, np.float32), has_bias=False)


def _conv(name: str, inputs: int, outputs: int) -> Conv2d:
    weight = np.zeros((outputs, inputs, 3, 3), np.float32)
    return Conv2d(name, weight, np.zeros(outputs, np.float32), padding=(1, 1), has_bias=False)
