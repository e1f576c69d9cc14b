"""Training of networks with binary weights and sign activations: how the shipped mnist-bnn was made.

    python -m pillarsim.workloads.train_binary mnist-bnn --data-dir DIR

Modelled, after Courbariaux et al. (arXiv 1602.02830): real-valued weights behind the binary ones, their sign in the
forward pass; gradients pass a sign where its input lies within [-1, 1]; batch norm before every sign, in training only.
Afterwards batch norm is folded: a sign needs its threshold alone, so each hidden layer becomes weights of -1 and +1
with a bias; the last batch norm has one scale for all outputs, so its weights are -a and +a.
The input is not binary. Left out: convolutions, stochastic signs.
"""

import argparse
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.arch.errors import InputError
from pillarsim.devices.streams import generator
from pillarsim.workloads.datasets import Dataset, load_dataset
from pillarsim.workloads.network import Activation, Flatten, Layer, Linear, Network, NetworkError
from pillarsim.workloads.topology import blank_network, save_parameters
from pillarsim.workloads.train import accuracy

__all__ = ["BinaryOptions", "train_binary"]

_log = logging.getLogger(__name__)
_MOMENTUM = 0.1  # of the running statistics, as torch
_EPSILON = 1e-5  # of batch norm, as torch


@dataclass(frozen=True)
class BinaryOptions:
    """How to train; peak_learning_rate: of Adam, one cycle, for the weights behind the binary ones."""

    epochs: int = 10
    batch: int = 500
    peak_learning_rate: float = 5e-3


def train_binary(network: Network, dataset: Dataset, options: BinaryOptions, seed: int) -> Network:
    """Train a chain of flatten, linear and sign layers by cross entropy, from scratch; returns a new network.

    Its weights are binary, of one magnitude a layer. Deterministic for a seed, a thread count and a torch build.
    Raises NetworkError for any other layer, or hidden linear layers that no sign follows.
    """
    linears = _linears(network)
    stream = generator(seed, "train_binary", network.name)
    states = [_State.start(layer, stream, last=layer is linears[-1]) for layer in linears]
    parameters = [tensor for state in states for tensor in state.trained]
    optimizer = torch.optim.Adam(parameters, lr=options.peak_learning_rate)
    images, labels = torch.from_numpy(dataset.images).flatten(1), torch.from_numpy(dataset.labels)
    each = math.ceil(len(images) / options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.peak_learning_rate, total_steps=options.epochs * each
    )
    for epoch in range(options.epochs):
        total = 0.0
        order = torch.randperm(len(images), generator=stream)
        for start in range(0, len(order), options.batch):
            batch = order[start : start + options.batch]
            loss = functional.cross_entropy(_outputs(states, images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                for state in states:
                    state.weight.clamp_(-1, 1)
            total += loss.item() * len(batch)
        _log.info("epoch %d of %d: loss %.4f", epoch + 1, options.epochs, total / len(images))
    folded = {layer.name: state.folded(layer) for layer, state in zip(linears, states, strict=True)}
    return replace(network, layers=tuple(folded.get(layer.name, layer) for layer in network.layers), trained=True)


@dataclass
class _State:
    """A layer while it trains: real-valued weights (O, I); batch norm with scale gamma, (O,) or one, and shift."""

    weight: Tensor
    gamma: Tensor
    beta: Tensor
    mean: Tensor
    variance: Tensor

    @classmethod
    def start(cls, layer: Linear, stream: torch.Generator, *, last: bool) -> "_State":
        outputs, inputs = layer.weight.shape
        weight = (torch.rand(outputs, inputs, generator=stream) * 2 - 1) * math.sqrt(6 / (inputs + outputs))
        gamma = torch.ones(1 if last else outputs)
        state = cls(weight, gamma, torch.zeros(outputs), torch.zeros(outputs), torch.ones(outputs))
        for tensor in state.trained:
            tensor.requires_grad_()
        return state

    @property
    def trained(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.weight, self.gamma, self.beta

    def forward(self, values: Tensor) -> Tensor:
        sums = functional.linear(values, _binary(self.weight))
        mean, variance = sums.mean(0), sums.var(0, unbiased=False)
        if self.gamma.numel() == 1:  # one scale for all outputs needs one variance
            variance = variance.mean().expand_as(variance)
        with torch.no_grad():
            self.mean.lerp_(mean, _MOMENTUM)
            self.variance.lerp_(variance, _MOMENTUM)
        return (sums - mean) / torch.sqrt(variance + _EPSILON) * self.gamma + self.beta

    def folded(self, layer: Linear) -> Linear:
        """The layer at inference: the same signs of hidden sums, the same outputs of the last layer."""
        with torch.no_grad():
            weight = torch.where(self.weight < 0, -1.0, 1.0)  # exactly; `_binary` may round
            scale = self.gamma / torch.sqrt(self.variance + _EPSILON)
            if self.gamma.numel() == 1:
                return replace(layer, weight=(weight * scale[:1]).numpy(), bias=(self.beta - self.mean * scale).numpy())
            flipped = torch.where(scale < 0, -1.0, 1.0)
            bias = flipped * (self.beta / scale - self.mean)
            return replace(layer, weight=(weight * flipped[:, None]).numpy(), bias=bias.numpy())


def _binary(values: Tensor) -> Tensor:
    """-1 below 0, else +1; the gradient passes where the value lies within [-1, 1]."""
    hard = torch.where(values < 0, -1.0, 1.0)
    soft = values.clamp(-1, 1)
    return soft + (hard - soft).detach()


def _outputs(states: Sequence[_State], values: Tensor) -> Tensor:
    for state in states[:-1]:
        values = _binary(state.forward(values))
    return states[-1].forward(values)


def _linears(network: Network) -> list[Linear]:
    inner: list[Layer] = [layer for layer in network.layers if not isinstance(layer, Flatten)]
    found: list[Linear] = []
    for index, layer in enumerate(inner):
        if index % 2 == 0 and isinstance(layer, Linear) and layer.response is None:
            found.append(layer)
        elif index % 2 == 0 or not (isinstance(layer, Activation) and layer.function == "sign"):
            raise NetworkError(
                f"layer '{layer.name}': binary training takes linear layers with a sign between each two"
            )
    if not network.is_chain or len(inner) % 2 == 0:
        raise NetworkError(f"network '{network.name}': binary training takes a chain that ends in a linear layer")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Train a network with binary weights and write its parameters. Status 0: done, 2: bad input."""
    parser = argparse.ArgumentParser(prog="python -m pillarsim.workloads.train_binary", description=main.__doc__)
    parser.add_argument("workload", help="mnist-bnn, or a topology file")
    parser.add_argument("--data-dir", type=Path, help="folder with the dataset; without it the shipped images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=BinaryOptions().epochs)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(given.threads)
    try:
        network = blank_network(given.workload)
        if network.dataset is None:
            raise InputError(f"workload '{given.workload}' names no dataset to train on")
        train, test = (load_dataset(network.dataset, split, None, given.data_dir) for split in ("train", "test"))
        trained = train_binary(network, train, BinaryOptions(epochs=given.epochs), given.seed)
        path = save_parameters(trained, given.workload)
    except (InputError, NetworkError) as error:
        _log.error("%s", error)
        return 2
    found = 100 * accuracy(trained, test)
    _log.info("%s: %.2f %% of %d test images; written to %s", network.name, found, len(test.images), path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
