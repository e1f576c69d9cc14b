"""How training starts and what the chip is compared with: first weights, the order of images, the float baseline."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pillarsim.arch.errors import InputError
from pillarsim.devices.streams import generator
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.forward import forward
from pillarsim.workloads.network import Network, Relu
from pillarsim.workloads.on_chip.forward import Stage, stages_of

__all__ = ["epoch_order", "first_weights", "float_baseline", "one_thread"]

_TEST_IMAGES = 1000


def first_weights(stages: Sequence[Stage], seed: int) -> list[NDArray[np.float32]]:
    """First weights (inputs, outputs) of each stage, without bias rows (they start at 0), uniform about 0.

    Variance 2 / inputs in front of a ReLU (He et al., arXiv 1502.01852, 2015), else 1 / inputs.
    """
    found = []
    for stage in stages:
        gain = 2.0 if any(isinstance(layer, Relu) for layer in stage.after) else 1.0
        bound = math.sqrt(3 * gain / stage.inputs)
        drawn = torch.rand(stage.inputs, stage.outputs, generator=generator(seed, "first weights", stage.name))
        found.append(((drawn * 2 - 1) * bound).numpy())
    return found


def epoch_order(seed: int, epoch: int, count: int) -> torch.Tensor:
    """In which order an epoch shows the images: a permutation, (count,) int64."""
    return torch.randperm(count, generator=generator(seed, "order", epoch))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread inside: sums do not depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def float_baseline(
    network: Network,
    train: Dataset,
    test: Dataset,
    epochs: int,
    batch: int,
    learning_rate: float,
    seed: int,
    decay: float = 1.0,
) -> float:
    """Test accuracy of the same network after the same epochs of plain float32 stochastic gradient descent.

    Same first weights, images, order, batches and learning rate as the learner of that seed; decay: of the rate, from
    epoch to epoch; one thread. Raises
    NetworkError for a network that cannot learn on the chip, and InputError where the loss is not a number.
    """
    stages = stages_of(network)
    named = {}
    for stage, weight in zip(stages, first_weights(stages, seed), strict=True):
        shaped = np.ascontiguousarray(weight.T).reshape(stage.layer.weight.shape)
        named[f"{stage.name}.weight"] = torch.from_numpy(shaped).requires_grad_()
        named[f"{stage.name}.bias"] = torch.zeros(stage.outputs, requires_grad=stage.layer.has_bias)
    trained = [tensor for tensor in named.values() if tensor.requires_grad]
    images, labels = torch.from_numpy(train.images), torch.from_numpy(train.labels)
    with one_thread():
        for epoch in range(epochs):
            order = epoch_order(seed, epoch, len(images))
            for begin in range(0, len(order), batch):
                chosen = order[begin : begin + batch]
                loss = functional.cross_entropy(forward(network, images[chosen], named), labels[chosen])
                if not math.isfinite(float(loss.detach())):
                    raise InputError(
                        f"float baseline: the loss is not a number in epoch {epoch + 1}: expected a lower learning "
                        f"rate, found {learning_rate:g}"
                    )
                gradients = torch.autograd.grad(loss, trained)
                with torch.no_grad():
                    for tensor, gradient in zip(trained, gradients, strict=True):
                        tensor -= learning_rate * decay**epoch * gradient
        right = 0
        with torch.no_grad():
            for start in range(0, len(test.images), _TEST_IMAGES):
                found = forward(network, torch.from_numpy(test.images[start : start + _TEST_IMAGES]), named).argmax(1)
                right += int((found.numpy() == test.labels[start : start + _TEST_IMAGES]).sum())
    return right / len(test.images)
