"""Software training of graphs with batch norm on samples with several labels each.

Modelled: binary cross-entropy of the logits before a last sigmoid, Adam with a learning rate that falls as
lr / (1 + decay step), dropout behind named layers, batch norm with the statistics of each batch and running ones for
inference: how Zhao and Hamada (BMC Bioinformatics 22:554, 2021) trained, after their published code.
Left out: their class weights, and the choice of the epoch of least validation loss.
"""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.devices.streams import generator
from pillarsim.workloads.checkpoint import TrainingState, dataset_digest, load_state, save_state
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.forward import apply_layer, tensors
from pillarsim.workloads.network import (
    INPUT,
    Activation,
    BatchNorm,
    Constant,
    Conv2d,
    Layer,
    Linear,
    Network,
    NetworkError,
    parameters,
)

__all__ = ["MultilabelOptions", "train_multilabel"]

_log = logging.getLogger(__name__)
_STATISTICS = ("mean", "variance")  # parameters of batch norm that follow the batches and have no gradient

# (steps done, steps in all)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MultilabelOptions:
    """How to train. dropout: (layer, share of its outputs set to 0 in training; the others grow by 1 / (1 - share)).

    epsilon, decay: of Adam, Keras 2.3. momentum: share of the running statistics that a batch leaves as they were
    (Keras: 0.99, which wants many hundreds of steps; 0.9 is the project's own choice).
    """

    epochs: int = 40
    batch: int = 128
    learning_rate: float = 1e-3
    decay: float = 1e-6
    epsilon: float = 1e-8
    momentum: float = 0.9
    dropout: tuple[tuple[str, float], ...] = ()


def train_multilabel(
    network: Network,
    dataset: Dataset,
    options: MultilabelOptions,
    seed: int,
    *,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> Network:
    """Train from the network's present parameters; returns a new network, `trained`, named after the dataset.

    dataset: labels (N, outputs) of 0 and 1. A batch holds about `options.batch` samples, and all batches of an epoch as
    many as one another, but for one sample. progress: called after every step. checkpoint: a folder that holds the
    state after the last whole epoch; a run with the same arguments goes on from there, bit for bit as if it had never
    stopped. Deterministic for a seed, a thread count and a torch build.
    Raises NetworkError where the last layer is no sigmoid, where labels or dropout do not fit the network, and where it
    has constants or cells in place of products; InputError for a checkpoint that cannot be read or written, or is of
    another run.
    """
    _check(network, dataset, options)
    identity = {
        "network": network.digest,
        "dataset": dataset_digest(dataset),
        "options": repr(asdict(options)),
        "seed": str(seed),
        "loss": "binary cross-entropy",
    }
    run = _Run.start(network, options, seed)
    held = None if checkpoint is None else load_state(checkpoint, identity)
    if held is not None:
        run.resume(held)
    while run.epochs < options.epochs:
        loss = run.train_epoch(dataset, progress)
        _log.info("epoch %d of %d: loss %.4f", run.epochs, options.epochs, loss)
        if checkpoint is not None:
            save_state(checkpoint, identity, run.state())
    return _refilled(network, run.named, dataset.name)


@dataclass
class _Run:
    """What changes while a network trains."""

    network: Network
    options: MultilabelOptions
    named: dict[str, Tensor]
    optimizer: torch.optim.Adam
    generator: torch.Generator
    steps: int = 0
    epochs: int = 0

    @classmethod
    def start(cls, network: Network, options: MultilabelOptions, seed: int) -> "_Run":
        named, trained = tensors(network), []
        for layer in network.layers:
            for key in parameters(layer):
                absent = key == "bias" and isinstance(layer, Conv2d | Linear) and not layer.has_bias
                if not absent and not (isinstance(layer, BatchNorm) and key in _STATISTICS):
                    trained.append(named[f"{layer.name}.{key}"].requires_grad_())
        optimizer = torch.optim.Adam(trained, lr=options.learning_rate, eps=options.epsilon)
        return cls(network, options, named, optimizer, generator(seed, "train multilabel"))

    def state(self) -> TrainingState:
        named = {name: tensor.detach().clone() for name, tensor in self.named.items()}
        schedule = {"steps": self.steps}
        return TrainingState(self.epochs, named, self.optimizer.state_dict(), schedule, self.generator.get_state())

    def resume(self, held: TrainingState) -> None:
        with torch.no_grad():
            for name, tensor in self.named.items():
                tensor.copy_(held.named[name])
        self.optimizer.load_state_dict(held.optimizer)
        self.generator.set_state(held.generator)
        self.steps, self.epochs = held.schedule["steps"], held.epochs

    def train_epoch(self, dataset: Dataset, progress: Progress | None) -> float:
        """One pass over the samples; returns the mean loss."""
        inputs, labels = torch.from_numpy(dataset.images), torch.from_numpy(dataset.labels).float()
        each, total = math.ceil(len(inputs) / self.options.batch), 0.0
        for batch in torch.randperm(len(inputs), generator=self.generator).tensor_split(each):
            for group in self.optimizer.param_groups:
                group["lr"] = self.options.learning_rate / (1 + self.options.decay * self.steps)
            loss = functional.binary_cross_entropy_with_logits(self.logits(inputs[batch]), labels[batch])
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.steps += 1
            total += loss.item() * len(batch)
            if progress is not None:
                progress(self.steps, self.options.epochs * each)
        self.epochs += 1
        return total / len(inputs)

    def logits(self, inputs: Tensor) -> Tensor:
        """What goes into the last layer, a sigmoid; the running statistics of batch norm move."""
        known, shares, output = {INPUT: inputs}, dict(self.options.dropout), inputs
        for layer, sources in zip(self.network.layers[:-1], self.network.sources[:-1], strict=True):
            taken = [known[source] for source in sources]
            if isinstance(layer, BatchNorm):
                output = self.normalised(layer, taken[0])
            else:
                output = apply_layer(layer, taken, self.named)
            if layer.name in shares:
                output = dropped(output, shares[layer.name], self.generator)
            known[layer.name] = output
        return output

    def normalised(self, layer: BatchNorm, values: Tensor) -> Tensor:
        """Batch norm by the statistics of the batch itself."""
        mean, variance, gamma, beta = (
            self.named[f"{layer.name}.{key}"] for key in (*_STATISTICS, "gamma", "beta")
        )  # fmt: skip
        moved = 1 - self.options.momentum
        return functional.batch_norm(values, mean, variance, gamma, beta, True, moved, layer.epsilon)


def dropped(values: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Values of which a random share is 0; the others grow so that the mean stays."""
    kept = torch.rand(values.shape, generator=generator) >= share
    return values * kept / (1 - share)


def _check(network: Network, dataset: Dataset, options: MultilabelOptions) -> None:
    last = network.layers[-1]
    if not isinstance(last, Activation) or last.function != "sigmoid":
        raise NetworkError(f"layer '{last.name}': training on several labels expects a sigmoid as the last layer")
    outputs = network.shapes[-1]
    if (len(dataset.images), *outputs) != dataset.labels.shape or len(outputs) != 1:
        raise NetworkError(
            f"network '{network.name}' has outputs of {outputs}: expected labels of (samples, labels) for "
            f"{len(dataset.images)} samples, found {dataset.labels.shape}"
        )
    if tuple(dataset.images.shape[1:]) != network.input_shape or len(dataset.images) < 2:
        raise NetworkError(
            f"network '{network.name}': expected at least 2 samples of {network.input_shape}, "
            f"found {dataset.images.shape}"
        )
    for layer in network.layers:
        if isinstance(layer, Constant) or getattr(layer, "response", None) is not None:
            raise NetworkError(f"layer '{layer.name}': constants and cells are not trained on several labels")
    names = {layer.name for layer in network.layers[:-1]}
    for name, share in options.dropout:
        if name not in names or not 0 <= share < 1:
            raise NetworkError(f"dropout behind '{name}': expected a layer before the last one and a share below 1")


def _refilled(network: Network, named: Mapping[str, Tensor], dataset: str) -> Network:
    def refilled(layer: Layer) -> Layer:
        changes: dict[str, Any] = {key: named[f"{layer.name}.{key}"].detach().numpy() for key in parameters(layer)}
        return replace(layer, **changes)

    return replace(network, layers=tuple(map(refilled, network.layers)), dataset=dataset, trained=True)
