"""Symmetric integer quantisation of weights and activations, with scales from calibration images.

Weights: signed codes of `bits`, scale max|w| / (2^(bits-1) - 1) per layer or per output channel (symmetric, no zero
point). Activations: unsigned codes where nothing is negative (after ReLU), else two's complement.
Left out: asymmetric zero points, quantisation-aware training, per-channel activation scales.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import Codes, PostOperator, QuantizedMatrix
from pillarsim.mapping.fold import MatrixStage

LEAST_SHARE = 1e-3  # of a layer's largest weight: channels below it take the layer's scale (the project's own choice)


def quantize(
    stages: Sequence[MatrixStage],
    images: NDArray[np.float32],
    *,
    weight_bits: int,
    per_channel: bool,
    activation_bits: int,
    percentile: float,
) -> tuple[Codes, tuple[QuantizedMatrix, ...]]:
    """Return the input's coding and one quantised matrix a stage, calibrated on float `images` (N, C, H, W)."""
    values = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float64)).reshape(len(images), *stages[0].in_shape)
    input_codes = codes_for(values, activation_bits, percentile)
    incoming, matrices = input_codes, []
    for index, stage in enumerate(stages):
        accumulated = _convolve(values, stage)
        last = index == len(stages) - 1
        relu_first = bool(stage.post) and stage.post[0].kind == "relu"
        shown = accumulated.clamp(min=0) if relu_first else accumulated
        outgoing = None if last else codes_for(shown, activation_bits, percentile)
        matrices.append(_matrix(stage, incoming, outgoing, weight_bits, per_channel))
        values = apply_post(accumulated, stage.post)
        if outgoing is not None:
            incoming = outgoing
    return input_codes, tuple(matrices)


def codes_for(values: torch.Tensor, bits: int, percentile: float) -> Codes:
    """Coding whose largest code stands for the percentile of |values|; signed where any value is negative.

    Raises InputError where the percentile is 0 and the values are not.
    """
    signed = bool((values < 0).any())
    if signed and bits == 1:
        bits = 2  # a single two's complement bit holds only 0 and -1
    top = float(np.percentile(values.abs().numpy(), percentile))
    if top == 0 and bool(values.any()):
        raise InputError(
            f"input.calibration_percentile: percentile {percentile:g} of the calibration activations of a layer is 0; "
            "expected one that more of them reach"
        )
    high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1
    return Codes(bits, signed, top / high if top > 0 else 1.0)


def apply_post(values: torch.Tensor, post: Sequence[PostOperator]) -> torch.Tensor:
    """Apply the digital operators to a float map (N, C, H, W)."""
    for operator in post:
        if operator.kind == "relu":
            values = values.clamp(min=0)
        elif operator.kind == "max_pool":
            values = torch.nn.functional.max_pool2d(values, operator.kernel, operator.stride)
        elif operator.kind == "avg_pool":
            values = torch.nn.functional.avg_pool2d(values, operator.kernel, operator.stride)
    return values


def _convolve(values: torch.Tensor, stage: MatrixStage) -> torch.Tensor:
    outputs = stage.weight.shape[1]
    kernel = torch.from_numpy(stage.weight.T.copy()).reshape(outputs, stage.in_shape[0], *stage.kernel)
    shaped = values.reshape(len(values), *stage.in_shape)
    return torch.nn.functional.conv2d(shaped, kernel, torch.from_numpy(stage.bias), stage.stride, stage.padding)


def _matrix(
    stage: MatrixStage, incoming: Codes, outgoing: Codes | None, bits: int, per_channel: bool
) -> QuantizedMatrix:
    whole = float(np.abs(stage.weight).max()) or 1.0
    largest = np.abs(stage.weight).max(axis=0) if per_channel else whole
    # A channel of (nearly) nothing must not turn the noise of its cells, or its bias, into huge numbers.
    largest = np.where(largest >= LEAST_SHARE * whole, largest, whole)
    scale = np.broadcast_to(largest / ((1 << (bits - 1)) - 1), stage.bias.shape).astype(np.float64)
    step = incoming.scale * scale
    return QuantizedMatrix(
        weight=np.rint(stage.weight / scale).astype(np.int32),
        bias=np.rint(stage.bias / step).astype(np.int64),
        multiplier=step if outgoing is None else step / outgoing.scale,
        input=incoming,
        output=outgoing,
        kernel=stage.kernel,
        stride=stage.stride,
        padding=stage.padding,
        in_shape=stage.in_shape,
        out_shape=stage.out_shape,
    )
