"""Software training in torch: how the shipped weights were made, and how a user makes others.

    python -m pillarsim.workloads.train mnist-lenet5 --data-dir DIR

Modelled: Adam with decoupled weight decay, a one-cycle learning rate, random shifts of the images; a cell's
current-voltage law inside the network, with the ranges of its voltages and conductances (after Kim et al.,
arXiv 1703.10642, 2017).
Left out: training of batch norm, validation splits, any other non-ideality of a chip.
"""

import argparse
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import InputError
from pillarsim.mapping import cell_law
from pillarsim.workloads.checkpoint import TrainingState, dataset_digest, load_state, save_state
from pillarsim.workloads.datasets import Dataset, dataset_names, load_dataset
from pillarsim.workloads.forward import forward, tensors
from pillarsim.workloads.in_loop import with_cells
from pillarsim.workloads.network import BatchNorm, CellLaw, Conv2d, Layer, Linear, Network, NetworkError, parameters
from pillarsim.workloads.topology import blank_network, load_network, save_network, save_parameters, workload_names

__all__ = ["TrainingOptions", "accuracy", "initial_network", "train_software"]

_log = logging.getLogger(__name__)
_RANGE_IMAGES = 256  # first training images that set the ranges of a device in the loop, assumed

# (steps done, steps in all)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainingOptions:
    """How to train. shift: largest shift of an image in pixels, each way, drawn anew for every epoch.

    weight_noise: standard deviation of a normal error of the weights of layers with a response, drawn anew for every
    step, in shares of their weight scale: what programming and levels of cells will do to them.
    """

    epochs: int = 10
    batch: int = 128
    peak_learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    shift: int = 2
    weight_noise: float = 0.0


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


def train_software(
    network: Network,
    dataset: Dataset,
    options: TrainingOptions,
    seed: int,
    *,
    device: CellLaw | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> Network:
    """Train from the network's present parameters by cross entropy; returns a new network.

    device: cells that every matrix layer is rebuilt on before training, with ranges from its present parameters and the
    first 256 images (`with_cells`); without it, layers that have a response keep it. Weights of such layers stay within
    their range. progress: called after every step. checkpoint: a folder that holds the state after the last whole
    epoch; a run with the same arguments goes on from there, bit for bit as if it had never stopped.
    Deterministic for a seed, a thread count and a torch build.
    Raises NetworkError if the network has batch norm, does not take the dataset's images or cannot stand on the device,
    and InputError for a checkpoint that cannot be read or written, or is of another run.
    """
    if any(isinstance(layer, BatchNorm) for layer in network.layers):
        raise NetworkError("software training of batch norm is not supported")
    identity = {
        "network": network.digest,
        "dataset": dataset_digest(dataset),
        "options": repr(asdict(options)),
        "seed": str(seed),
        "device": repr(device),
    }
    if device is not None:
        network = with_cells(network, device, dataset.images[:_RANGE_IMAGES])
    run = _start(network, options, seed, math.ceil(len(dataset.images) / options.batch))
    if checkpoint is not None:
        held = load_state(checkpoint, identity)
        if held is not None:
            run.resume(held)
    while run.epochs < options.epochs:
        loss = run.train_epoch(dataset, options, progress)
        _log.info("epoch %d of %d: loss %.4f", run.epochs, options.epochs, loss)
        if checkpoint is not None:
            save_state(checkpoint, identity, run.state())
    return _with_parameters(network, {name: tensor.detach() for name, tensor in run.named.items()})


@dataclass
class _Run:
    """What changes while a network trains."""

    network: Network
    named: dict[str, Tensor]
    optimizer: torch.optim.AdamW
    schedule: torch.optim.lr_scheduler.OneCycleLR
    generator: torch.Generator
    epochs: int = 0

    def state(self) -> TrainingState:
        named = {name: tensor.detach().clone() for name, tensor in self.named.items()}
        optimizer, schedule = self.optimizer.state_dict(), self.schedule.state_dict()
        return TrainingState(self.epochs, named, optimizer, schedule, self.generator.get_state())

    def resume(self, held: TrainingState) -> None:
        with torch.no_grad():
            for name, tensor in self.named.items():
                tensor.copy_(held.named[name])
        self.optimizer.load_state_dict(held.optimizer)
        self.schedule.load_state_dict(held.schedule)
        self.generator.set_state(held.generator)
        self.epochs = held.epochs

    def train_epoch(self, dataset: Dataset, options: TrainingOptions, progress: Progress | None) -> float:
        """One pass over the images; returns the mean loss."""
        images, labels = torch.from_numpy(dataset.images), torch.from_numpy(dataset.labels)
        each, total = math.ceil(len(images) / options.batch), 0.0
        for step, batch in enumerate(_batches(len(images), options.batch, self.generator)):
            shifted = _shifted(images[batch], options.shift, self.generator)
            logits = forward(self.network, shifted, self._noisy(options.weight_noise))
            loss = functional.cross_entropy(logits, labels[batch])
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.schedule.step()
            self._keep_in_range()
            total += loss.item() * len(batch)
            if progress is not None:
                progress(self.epochs * each + step + 1, options.epochs * each)
        self.epochs += 1
        return total / len(images)

    def _noisy(self, share: float) -> Mapping[str, Tensor]:
        """The parameters with errors on the weights of layers with a response; the gradient passes through."""
        if share == 0:
            return self.named
        found = dict(self.named)
        for name, scale in self._weight_scales():
            error = torch.randn(found[name].shape, generator=self.generator)
            found[name] = found[name] + error * (share * scale)
        return found

    def _keep_in_range(self) -> None:
        with torch.no_grad():
            for name, scale in self._weight_scales():
                self.named[name].clamp_(-scale, scale)

    def _weight_scales(self) -> Iterator[tuple[str, float]]:
        for layer in self.network.layers:
            if isinstance(layer, Conv2d | Linear) and layer.response is not None:
                yield f"{layer.name}.weight", layer.response.weight_scale


def _start(network: Network, options: TrainingOptions, seed: int, steps_an_epoch: int) -> _Run:
    named = {name: tensor.requires_grad_() for name, tensor in tensors(network).items()}
    optimizer = torch.optim.AdamW(named.values(), lr=options.peak_learning_rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.peak_learning_rate, total_steps=options.epochs * steps_an_epoch
    )
    return _Run(network, named, optimizer, schedule, torch.Generator().manual_seed(seed))


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
    """Train a network and write its parameters.

    Without --chip: from scratch, into the weights file that the topology names. With it: from the present weights, the
    chip's cells inside the network, into the files of --save. Status 0: done, 2: bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m pillarsim.workloads.train", description=main.__doc__)
    parser.add_argument("workload", help=f"a shipped name ({', '.join(workload_names())}) or a topology file")
    parser.add_argument(
        "--data-dir", type=Path, help=f"folder with {' or '.join(dataset_names())}/; without it the shipped images"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint", type=Path, help="folder for the state after each epoch; goes on from there")
    parser.add_argument("--chip", help="a preset or chip file whose cells' law the network is rebuilt around")
    parser.add_argument("--save", type=Path, metavar="FILE.yaml", help="write topology and weights here")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(given.threads)
    try:
        _train_and_save(given)
    except (InputError, NetworkError) as error:
        _log.error("%s", error)
        return 2
    return 0


def _train_and_save(given: argparse.Namespace) -> None:
    device = None
    network = load_network(given.workload) if given.chip else initial_network(blank_network(given.workload), given.seed)
    if network.dataset is None:
        raise InputError(f"workload '{given.workload}' names no dataset to train on")
    if given.chip:
        if given.save is None:
            raise InputError("--chip: expected --save too, since the topology that it makes is another one")
        device = cell_law(load_chip(given.chip).chip.array)
    options = _SHIPPED_OPTIONS.get(network.name, TrainingOptions())
    options = options if given.epochs is None else replace(options, epochs=given.epochs)
    train, test = (load_dataset(network.dataset, split, None, given.data_dir) for split in ("train", "test"))
    trained = train_software(network, train, options, given.seed, device=device, checkpoint=given.checkpoint)
    path = given.save
    if path is None:
        path = save_parameters(trained, given.workload)
    else:
        save_network(trained, path)
    found, count = 100 * accuracy(trained, test), len(test.images)
    _log.info("%s: %.2f %% of %d test images; written to %s", network.name, found, count, path)
    largest = max(float(np.abs(array).max()) for layer in trained.layers for array in parameters(layer).values())
    _log.info("largest parameter %.3f", largest)


if __name__ == "__main__":
    raise SystemExit(main())
