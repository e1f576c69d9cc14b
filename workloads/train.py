"""Software training in torch: how the shipped weights were made, and how a user makes others.

    python -m pillarsim.workloads.train mnist-lenet5 --data-dir DIR

Modelled: Adam with decoupled weight decay, a one-cycle learning rate, random shifts of the images.
Left out: training of batch norm, validation splits, any non-ideality of a chip.
"""

import argparse
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.arch.errors import InputError
from pillarsim.workloads.datasets import Dataset, load_dataset
from pillarsim.workloads.forward import forward, tensors
from pillarsim.workloads.network import BatchNorm, Conv2d, Layer, Linear, Network, NetworkError, parameters
from pillarsim.workloads.topology import blank_network, save_parameters, workload_names

__all__ = ["TrainingOptions", "accuracy", "initial_network", "train_software"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingOptions:
    """How to train. shift: largest shift of an image in pixels, each way, drawn anew for every epoch."""

    epochs: int = 10
    batch: int = 128
    peak_learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    shift: int = 2


# What the shipped weights were trained with, seed 0.
_SHIPPED_OPTIONS = {
    "mnist-lenet5": TrainingOptions(epochs=12, shift=2),
    "mnist-mlp": TrainingOptions(epochs=16, shift=1),
}


def initial_network(network: Network, seed: int) -> Network:
    """The same topology with weights and biases drawn uniformly within +-1/sqrt(fan-in), from one seed.

    Raises NetworkError if the network has batch norm, whose statistics this module does not train.
    """
    generator = torch.Generator().manual_seed(seed)
    named = {}
    for layer in network.layers:
        if isinstance(layer, BatchNorm):
            raise NetworkError(f"layer '{layer.name}': software training of batch norm is not supported")
        arrays = parameters(layer)
        bound = 1 / math.sqrt(math.prod(arrays["weight"].shape[1:])) if arrays else 0.0
        for name, array in arrays.items():
            named[f"{layer.name}.{name}"] = (torch.rand(array.shape, generator=generator) * 2 - 1) * bound
    return _with_parameters(network, named)


def train_software(network: Network, dataset: Dataset, options: TrainingOptions, seed: int) -> Network:
    """Train from the network's present parameters by cross entropy; returns a new network.

    Deterministic for a seed, a thread count and a torch build.
    Raises NetworkError if the network has batch norm, or does not take the dataset's images.
    """
    if any(isinstance(layer, BatchNorm) for layer in network.layers):
        raise NetworkError("software training of batch norm is not supported")
    images, labels = torch.from_numpy(dataset.images), torch.from_numpy(dataset.labels)
    named = {name: tensor.requires_grad_() for name, tensor in tensors(network).items()}
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(named.values(), lr=options.peak_learning_rate, weight_decay=options.weight_decay)
    steps = options.epochs * math.ceil(len(images) / options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.peak_learning_rate, total_steps=steps)
    for epoch in range(options.epochs):
        total = 0.0
        for batch in _batches(len(images), options.batch, generator):
            logits = forward(network, _shifted(images[batch], options.shift, generator), named)
            loss = functional.cross_entropy(logits, labels[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        _log.info("epoch %d of %d: loss %.4f", epoch + 1, options.epochs, total / len(images))
    return _with_parameters(network, {name: tensor.detach() for name, tensor in named.items()})


def accuracy(network: Network, dataset: Dataset, batch: int = 1000) -> float:
    """The fraction of images whose largest logit is at their label."""
    right = 0
    with torch.inference_mode():
        for start in range(0, len(dataset.images), batch):
            images = torch.from_numpy(dataset.images[start : start + batch])
            labels = torch.from_numpy(dataset.labels[start : start + batch])
            right += int((forward(network, images).argmax(1) == labels).sum())
    return right / len(dataset.images)


def _batches(count: int, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(count, generator=generator)
    yield from (order[start : start + batch] for start in range(0, count, batch))


def _shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Each image (b, C, H, W) moved by its own random amount, zeros moving in."""
    if most == 0:
        return images
    height, width = images.shape[2:]
    padded = functional.pad(images, (most, most, most, most))
    down, right = torch.randint(0, 2 * most + 1, (2, len(images), 1), generator=generator)
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    each = torch.arange(len(images))[:, None, None]
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def _with_parameters(network: Network, named: Mapping[str, Tensor]) -> Network:
    def refilled(layer: Layer) -> Layer:
        if not isinstance(layer, Conv2d | Linear):
            return layer
        weight, bias = (named[f"{layer.name}.{part}"].numpy() for part in ("weight", "bias"))
        return replace(layer, weight=weight, bias=bias)

    return replace(network, layers=tuple(refilled(layer) for layer in network.layers))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train a shipped topology from scratch and write its weights file; 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m pillarsim.workloads.train", description=main.__doc__)
    parser.add_argument("workload", help=f"a shipped name ({', '.join(workload_names())}) or a topology file")
    parser.add_argument("--data-dir", type=Path, help="folder with mnist/; without it 10 000 images are used")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(given.threads)
    try:
        return _train_and_save(given.workload, given.seed, given.epochs, given.data_dir)
    except (InputError, NetworkError) as error:
        _log.error("%s", error)
        return 2


def _train_and_save(workload: str, seed: int, epochs: int | None, data_dir: Path | None) -> int:
    network = initial_network(blank_network(workload), seed)
    if network.dataset is None:
        raise InputError(f"workload '{workload}' names no dataset to train on")
    options = _SHIPPED_OPTIONS.get(network.name, TrainingOptions())
    options = options if epochs is None else replace(options, epochs=epochs)
    train, test = (load_dataset(network.dataset, split, None, data_dir) for split in ("train", "test"))
    trained = train_software(network, train, options, seed)
    path = save_parameters(trained, workload)
    _log.info(
        "%s: %.2f %% of %d test images; written to %s",
        network.name,
        100 * accuracy(trained, test),
        len(test.images),
        path,
    )
    largest = max(float(np.abs(array).max()) for layer in trained.layers for array in parameters(layer).values())
    _log.info("largest parameter %.3f", largest)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
