"""Learning of binary networks by weak RESET (Majumdar et al. 2021): a pair of devices a weight, pulses by Adam's step.

Every step: forward and backward pass of a batch with the pairs' signs as weights (`binary_network`), then for each
matrix Adam's step u = -rate m / (sqrt(v) + epsilon), bias-corrected, becomes n = round(clamp(u, +-(taps - 1))) pulses:
n > 0 on BL, n < 0 on BLb, taps being those of the pink noise. The rate halves every 7 epochs. Batch norm learns by
ordinary Adam with rate 8e-3, which does not fall. Loss: cross-entropy.
Modelled after the published program (github.com/Atreya95/Learning-with-memory-device-imperfections, MLP/main.py and
MLP/utils.py). The learning rate 8 stands in the name of its result file, `pole_15_3000_hidden_neu_lr_8_lr_decay_7...`;
an early README gives 100, which goes with the 126 taps of its comments: with 15 the clamp would cut most steps.
Simplified: the forward pass reads signs (a comparison is free of noise and offset); sums, batch norm and gradients are
floats. Images are not moved or mirrored. Torch runs on one thread a piece of work (`torch.set_num_threads(1)`, for the
whole process); with any `setup.threads` the results are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pillarsim.arch.errors import InputError
from pillarsim.arch.pulse_models import pulse_model
from pillarsim.arch.training.counts import StepCounts
from pillarsim.devices.pulses.weak_reset import WeakReset
from pillarsim.devices.streams import generator, stream_seed
from pillarsim.devices.synapses.weak_reset import MOST_AT_ONCE, WeakResetPairs, fresh_pairs
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.network import Linear
from pillarsim.workloads.on_chip.binary_counts import Counter
from pillarsim.workloads.on_chip.binary_kernels import adam_pulses
from pillarsim.workloads.on_chip.binary_network import (
    Block,
    Norm,
    Workers,
    backward,
    blocks_of,
    forward,
    inferred,
    input_errors,
    kernel_gradient,
    pieces,
    spread,
    weight_gradient,
)
from pillarsim.workloads.on_chip.interface import LayerWear, Setup, State
from pillarsim.workloads.on_chip.scales import coding_of, coding_tables

__all__ = ["BATCH", "LEARNING_RATE", "BinaryLearner"]

LEARNING_RATE = 8.0  # pulses a unit step of Adam; name of a result file of the published program
BATCH = 1000  # images; MLP/main.py
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # Adam, MLP/utils.py
_NORM_RATE = 8e-3  # Adam's rate of batch norm, MLP/utils.py
_DECAY, _EVERY = 0.5, 7  # factor and epochs, MLP/main.py
_ROWS = 56  # of a matrix that a thread updates at once; changes no result
_TEST = 1000  # images of a test that are held at once


@dataclass(frozen=True, eq=False)
class _Layer:
    """What changes in a layer, all in place: pairs, Adam's moments of their matrix (I, O) and of batch norm (2, 2, O).

    moments of batch norm: (gamma, beta) x (m, v).
    """

    block: Block
    pairs: WeakResetPairs
    norm: Norm
    first: Tensor
    second: Tensor
    norm_moments: Tensor

    @property
    def signs(self) -> Tensor:
        """The weights, (I, O)."""
        return torch.from_numpy(self.pairs.signs)

    def tensors(self) -> dict[str, Tensor]:
        """All that changes but the pairs' signs and conductances, which follow from it."""
        return {
            "pulses": torch.from_numpy(self.pairs.pulses),
            "high": torch.from_numpy(self.pairs.high),
            "first": self.first,
            "second": self.second,
            "norm_moments": self.norm_moments,
            "gamma": self.norm.gamma,
            "beta": self.norm.beta,
            "mean": self.norm.mean,
            "variance": self.norm.variance,
        }


class BinaryLearner:
    """A `Learner` of rule `binary`; see the module. Images and labels of `setup.train` are taken as they are.

    Raises NetworkError for a network that is not made of the blocks of `binary_network`, InputError for a cell without
    weak RESET, for read noise (comparisons have none here), a placement of another network, or a rate below 0.
    """

    def __init__(self, setup: Setup) -> None:
        torch.set_num_threads(1)
        self.setup = setup
        self.step = 0
        self.steps_per_epoch = math.ceil(len(setup.train.images) / setup.batch)
        model = _model_of(setup)
        self._most = min(model.pink.poles - 1, MOST_AT_ONCE)
        self._layers = tuple(_fresh_layer(block, model, setup) for block in blocks_of(setup.network))
        self._counters = _counters_of(setup, [layer.block for layer in self._layers])
        self._images = torch.from_numpy(setup.train.images)
        self._labels = torch.from_numpy(setup.train.labels)
        self._order: tuple[int, Tensor] = (-1, torch.zeros(0))
        self._loss = math.nan

    def advance(self, steps: int) -> StepCounts:
        """Do `steps` more steps, not across the end of an epoch; raises InputError where the loss is not a number."""
        left = self.steps_per_epoch - self.step % self.steps_per_epoch
        if not 1 <= steps <= left:
            raise ValueError(f"steps: expected 1 to {left}, what is left of the epoch, found {steps}")
        counts = self._no_counts(steps)
        total = images = 0.0
        with self._workers() as workers:
            for step in range(steps):
                batch = self._batch()
                total += self._advance(counts, step, batch, workers) * len(batch)
                images += len(batch)
                self.step += 1
        self._loss = total / images
        return counts

    def programming(self) -> StepCounts:
        """Nothing: fresh pairs have signs, so no pulse writes the first weights."""
        return self._no_counts(1)

    def accuracy(self, test: Dataset) -> float:
        """Share of images right with the running statistics of batch norm; changes nothing."""
        right, images = 0, torch.from_numpy(test.images)
        with self._workers() as workers:
            for part in pieces(len(images), _TEST):
                values = images[part].clone()  # aligned: digits of sums may depend on it
                for layer in self._layers:
                    values = inferred(layer.block, layer.signs, layer.norm, values, workers)
                right += int((values.argmax(dim=1) == torch.from_numpy(test.labels[part])).sum())
        return right / len(images)

    def loss(self) -> float:
        """Mean cross-entropy of the images of the last `advance`; NaN before the first."""
        return self._loss

    def wear(self) -> tuple[LayerWear, ...]:
        """Pulses so far; saturated: devices past their knee, where a pulse moves them 1/25 as far (medians).

        No device of this model has a bound.
        """
        found = []
        for layer in self._layers:
            pairs = layer.pairs
            total, most = int(pairs.pulses.sum(dtype=np.int64)), int(pairs.pulses.max())
            updated = float(np.count_nonzero(pairs.pulses)) / pairs.devices
            found.append(LayerWear(layer.block.name, pairs.devices, total, most, pairs.past_knee, updated))
        return tuple(found)

    def state(self) -> State:
        """All that changes, as copies: what `restore` needs to go on bit for bit."""
        held: State = {"step": np.array(self.step), "loss": np.array(self._loss)}
        for layer in self._layers:
            held |= {f"{layer.block.name}.{name}": of.numpy().copy() for name, of in layer.tensors().items()}
        return held

    def restore(self, state: State) -> None:
        """Go on from a state; raises InputError where it is of another setup."""
        own = self.state()
        for name in sorted(own.keys() | state.keys()):
            pair = own.get(name), state.get(name)
            seen = ["nothing" if one is None else f"{one.dtype} {one.shape}" for one in pair]
            if seen[0] != seen[1]:
                raise InputError(f"checkpoint: {name}: expected {seen[0]}, found {seen[1]}; it is of another setup")
        self.step, self._loss = int(state["step"]), float(state["loss"])
        with self._workers() as workers:
            for layer in self._layers:
                for name, of in layer.tensors().items():
                    of.copy_(torch.from_numpy(state[f"{layer.block.name}.{name}"]))
                layer.pairs.read_all(workers)

    @contextmanager
    def _workers(self) -> Iterator[Workers]:
        """Threads for pieces of work. Each is told anew that its products take one thread: the library forgets it."""
        if self.setup.threads == 1:
            yield None
            return
        with ThreadPoolExecutor(self.setup.threads, initializer=torch.set_num_threads, initargs=(1,)) as workers:
            yield workers

    def _no_counts(self, steps: int) -> StepCounts:
        placement = self.setup.placement
        return StepCounts.none(steps, len(placement.layers), len(placement.arrays))

    def _batch(self) -> Tensor:
        """Numbers of the images of this step: every epoch has an order of its own."""
        epoch, place = divmod(self.step, self.steps_per_epoch)
        if self._order[0] != epoch:
            random = generator(self.setup.seed, "binary", "order", epoch)
            self._order = epoch, torch.randperm(len(self._images), generator=random)
        return self._order[1][place * self.setup.batch : (place + 1) * self.setup.batch]

    def _advance(self, counts: StepCounts, step: int, batch: Tensor, workers: Workers) -> float:
        """One step; returns its mean loss."""
        counts.images[step] = len(batch)
        values, held = self._images[batch], []
        if not bool(values.isfinite().all()):
            raise InputError(f"step {self.step + 1}: an image holds a value that is not a number")
        for layer, counter in zip(self._layers, self._counters, strict=True):
            counter.forward(counts, step, values, layer.pairs)
            values, passed = forward(layer.block, layer.signs, layer.norm, values, workers)
            held.append(passed)
        errors = values.softmax(dim=1)
        loss = float(functional.cross_entropy(values, self._labels[batch]))
        if not math.isfinite(loss):
            raise InputError(f"step {self.step + 1}: the loss is {loss}; learning stops before the update")
        errors[torch.arange(len(batch)), self._labels[batch]] -= 1
        errors /= len(batch)
        updates = []
        for number in range(len(self._layers) - 1, -1, -1):
            layer, passed = self._layers[number], held[number]
            found = backward(layer.block, layer.norm, passed, errors, workers)
            updates.append((layer, self._counters[number], passed.values, found))
            if number:
                self._counters[number].transposed(counts, step, found.sums, layer.pairs)
                errors = input_errors(layer.block, layer.signs, passed.values, found.sums, workers)
        for layer, counter, values, found in reversed(updates):
            n = self._pulses(layer, values, found.sums, workers)
            before_s = None if self.setup.write.scheme == "isolated" else layer.pairs.conductance_s.copy()
            counter.pulsed(counts, step, n, before_s, layer.pairs.give(n, workers))
            self._learn_norm(layer, torch.stack([found.gamma, found.beta]))
        return loss

    def _corrections(self) -> tuple[float, float]:
        """Bias corrections of Adam's moments at this step."""
        return 1 - _BETA1 ** (self.step + 1), 1 - _BETA2 ** (self.step + 1)

    def _pulses(self, layer: _Layer, values: Tensor, sums: Tensor, workers: Workers) -> NDArray[np.int8]:
        """Move Adam's moments of a matrix by its gradient and return the pulses of the step, (I, O)."""
        block, pulses = layer.block, np.empty(tuple(layer.first.shape), np.int8)
        dense = isinstance(block.layer, Linear)
        whole = None if dense else kernel_gradient(block, values, sums, workers)
        rate = self.setup.learning_rate * _DECAY ** (self.step // self.steps_per_epoch // _EVERY)
        one, two = self._corrections()
        numbers = np.array([_BETA1, _BETA2, rate / one, 1 / math.sqrt(two), _EPSILON, self._most], np.float32)

        def work(rows: slice) -> bool:
            gradient = weight_gradient(block, values, sums, rows) if whole is None else whole[rows]
            first, second = (of[rows].numpy() for of in (layer.first, layer.second))
            return adam_pulses(gradient.numpy(), first, second, numbers, pulses[rows])

        if not all(spread(work, pieces(block.inputs, _ROWS), workers)):
            raise InputError(f"step {self.step + 1}: layer '{block.name}': a gradient is not a number")
        return pulses

    def _learn_norm(self, layer: _Layer, gradient: Tensor) -> None:
        """Adam's step of gamma and beta; gradient (2, O)."""
        first, second = layer.norm_moments.unbind(1)
        first.mul_(_BETA1).add_(gradient, alpha=1 - _BETA1)
        second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        one, two = self._corrections()
        step = first / (second.sqrt() / math.sqrt(two) + _EPSILON) * (-_NORM_RATE / one)
        layer.norm.gamma.add_(step[0])
        layer.norm.beta.add_(step[1])


def _model_of(setup: Setup) -> WeakReset:
    cell = setup.array.cell
    section = cell.pulse_update
    model = None if section is None else pulse_model(section, 1 / cell.hrs, 1 / cell.lrs)
    if not isinstance(model, WeakReset):
        found = "none" if section is None else section.model
        raise InputError(f"array.cell.pulse_update: expected model weak_reset with rule 'binary', found {found}")
    if "read_noise" in setup.imperfections:
        raise InputError("imperfections: expected no read_noise with rule 'binary', whose comparisons have none")
    if not (math.isfinite(setup.learning_rate) and setup.learning_rate > 0):
        raise InputError(f"learning rate: expected a number above 0, found {setup.learning_rate:g}")
    return model


def _fresh_layer(block: Block, model: WeakReset, setup: Setup) -> _Layer:
    shape, outputs = (block.inputs, block.outputs), block.outputs
    try:
        pairs = fresh_pairs(model, *shape, setup.imperfections, stream_seed(setup.seed, "binary", block.name))
    except ValueError as error:
        raise InputError(str(error)) from None
    first, second = torch.zeros(2, *shape)
    return _Layer(block, pairs, Norm.fresh(outputs), first, second, torch.zeros(2, 2, outputs))


def _counters_of(setup: Setup, blocks: list[Block]) -> tuple[Counter, ...]:
    layers = setup.placement.layers
    names = [(block.name, block.outputs) for block in blocks]
    if [(layer.name, layer.outputs) for layer in layers] != names:
        raise InputError(f"placement: expected layers {names}, found {[(one.name, one.outputs) for one in layers]}")
    coding = coding_of(setup.input, setup.input.bits, signed=False)
    errors = coding_of(setup.input, setup.learning.error_bits, signed=True)
    found, before = [], 0
    for number, (block, layer) in enumerate(zip(blocks, layers, strict=True)):
        coded = None if number else (coding, coding_tables(coding))
        found.append(Counter(block, layer, number, before, setup.write, coded, errors))
        before += len(layer.arrays)
    return tuple(found)
