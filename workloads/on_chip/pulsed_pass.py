"""One batch through a network on the chip and back: what the arrays read, and what updates and costs need of it.

Forward: input codes into the arrays, sums out, digital operators behind them. Backward: the gradient of the
cross-entropy, computed off the arrays from the outputs; digital operators pass it back exactly; a transposed read takes
it through each matrix but the first. Errors are those of single images: the mean over a batch is the update's affair.
Left out: rounding inside digital operators, which compute in single precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.arch.chip import Input
from pillarsim.workloads.on_chip.forward import digital, input_errors, output_errors, outputs_of, vectors_of
from pillarsim.workloads.on_chip.pulsed_layer import PulsedLayer, Ranges
from pillarsim.workloads.on_chip.scales import error_codes, percentile, short

__all__ = ["Batch", "Seen", "calibrate", "logits", "train_pass"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a layer met in a batch: input codes (M, inputs), error codes (M, outputs) and their scales (M, 1)."""

    codes: Tensor
    errors: Tensor
    scales: Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """losses: cross-entropy of each image; layers: in forward order."""

    losses: Tensor
    layers: tuple[Seen, ...]


def logits(
    layers: Sequence[PulsedLayer], ranges: Sequence[Ranges], images: Tensor, draws: torch.Generator | None
) -> Tensor:
    """Outputs (b, classes) of images (b, *input_shape); draws: of read noise."""
    values = digital(layers[0].stage.before, images)
    for layer, range_ in zip(layers, ranges, strict=True):
        sums = layer.forward(layer.coded(_flat(layer, values), range_.scale), range_, draws)
        values = digital(layer.stage.after, outputs_of(layer.stage, _windowed(sums, values)))
    return values


def train_pass(
    layers: Sequence[PulsedLayer],
    ranges: Sequence[Ranges],
    images: Tensor,
    labels: Tensor,
    draws: torch.Generator | None,
) -> Batch:
    """Forward and backward of a batch; where a loss is not a number nothing goes back, and `layers` is empty."""
    values = digital(layers[0].stage.before, images)
    codes, tails = [], []
    for layer, range_ in zip(layers, ranges, strict=True):
        codes.append(layer.coded(_flat(layer, values), range_.scale))
        tail = _Tail.behind(layer, layer.forward(codes[-1], range_, draws), len(images))
        tails.append(tail)
        values = tail.values.detach()
    losses = functional.cross_entropy(values, labels, reduction="none")
    if not bool(torch.isfinite(losses).all()):
        return Batch(losses, ())
    errors = values.softmax(1) - functional.one_hot(labels, values.shape[1])
    seen = []
    for number in reversed(range(len(layers))):
        layer, stage = layers[number], layers[number].stage
        vectors = tails[number].back(layer, errors)
        found, scales = error_codes(vectors, layer.errors)
        seen.append(Seen(codes[number], found, scales))
        if number:
            back = layer.transposed(found, scales, ranges[number], draws)
            errors = input_errors(stage, back.reshape(len(images), stage.windows, stage.inputs))
    return Batch(losses, tuple(reversed(seen)))


def calibrate(layers: Sequence[PulsedLayer], inputs: Input, images: Tensor, labels: Tensor) -> tuple[Ranges, ...]:
    """Ranges of all layers as calibration images find them, without read noise.

    Layer by layer forward, each behind the ranges found for those before it, then backward.
    """
    values = digital(layers[0].stage.before, images)
    forward: list[Ranges] = []
    tails = []
    for layer in layers:
        vectors = _flat(layer, values)
        largest = percentile(vectors.abs(), inputs.calibration_percentile)
        scale = (largest if largest > 0 else 1.0) / layer.inputs.high
        codes = layer.coded(vectors, scale)
        lsb = short(layer.calibrated_forward(codes) * scale) / scale
        forward.append(Ranges(scale, lsb, 1.0))
        tails.append(_Tail.behind(layer, layer.forward(codes, forward[-1], None), len(images)))
        values = tails[-1].values.detach()
    errors = values.softmax(1) - functional.one_hot(labels, values.shape[1])
    found = [forward[0]]
    for number in reversed(range(1, len(layers))):
        layer, stage = layers[number], layers[number].stage
        codes, scales = error_codes(tails[number].back(layer, errors), layer.errors)
        driven = codes[codes.any(dim=1)]  # a window without errors says nothing of the range
        ranges = Ranges(forward[number].scale, forward[number].lsb, layer.calibrated_back(driven))
        found.insert(1, ranges)
        back = layer.transposed(codes, scales, ranges, None)
        errors = input_errors(stage, back.reshape(len(images), stage.windows, stage.inputs))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Tail:
    """What comes out of a layer's arrays, `sums` (b, *given), and of the digital operators behind it, `values`."""

    sums: Tensor
    values: Tensor

    @classmethod
    def behind(cls, layer: PulsedLayer, sums: Tensor, images: int) -> _Tail:
        given = outputs_of(layer.stage, sums.reshape(images, layer.stage.windows, layer.stage.outputs))
        given = given.contiguous().requires_grad_()
        with torch.enable_grad():
            return cls(given, digital(layer.stage.after, given))

    def back(self, layer: PulsedLayer, errors: Tensor) -> Tensor:
        """Errors of `values` as errors (M, outputs) of the arrays' results."""
        if self.values is not self.sums:
            (errors,) = torch.autograd.grad(self.values, self.sums, errors)
        return output_errors(layer.stage, errors).reshape(-1, layer.stage.outputs)


def _flat(layer: PulsedLayer, values: Tensor) -> Tensor:
    return vectors_of(layer.stage, values).reshape(-1, layer.stage.inputs)


def _windowed(sums: Tensor, values: Tensor) -> Tensor:
    return sums.reshape(len(values), -1, sums.shape[1])
