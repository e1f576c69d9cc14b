"""Symmetric integer quantisation of weights and activations, with scales from calibration images.

Weights: signed codes of `bits`, scale max|w| / (2^(bits-1) - 1) per layer or per output channel (symmetric, no zero
point). Activations: unsigned codes where nothing is negative (after ReLU), else two's complement.
A layer with a response has its scales from it, one for all channels, and unsigned codes: they stand for the voltages
and conductances that it was trained with. Average pooling before such a layer takes the mean of clipped codes.
Left out: asymmetric zero points, quantisation-aware training, per-channel activation scales.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import CodedResponse, Codes, PostOperator, QuantizedMatrix
from pillarsim.mapping.fold import MatrixStage
from pillarsim.mapping.response import input_factors, weight_factors
from pillarsim.workloads.network import CellResponse

_EXACT_BITS = 52  # sums below 2^52 of the grid's step squared are exact in float64
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
    input_codes = _codes_into(stages[0].response, values, activation_bits, percentile)
    incoming, matrices = input_codes, []
    for index, stage in enumerate(stages):
        accumulated = _convolve(values, stage)
        last = index == len(stages) - 1
        relu_first = bool(stage.post) and stage.post[0].kind == "relu"
        shown = accumulated.clamp(min=0) if relu_first else accumulated
        outgoing = None if last else _codes_into(stages[index + 1].response, shown, activation_bits, percentile)
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


def _codes_into(response: CellResponse | None, values: torch.Tensor, bits: int, percentile: float) -> Codes:
    """Coding of a layer's inputs: calibrated on `values`, or what its response was trained with."""
    if response is None:
        return codes_for(values, bits, percentile)
    return Codes(bits, False, response.input_scale / ((1 << bits) - 1))


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
    if stage.response is not None:
        shaped = torch.cat(input_factors(stage.response, shaped), dim=1)
        kernel = torch.cat(weight_factors(stage.response, kernel), dim=1)
        kernel = kernel * (stage.response.input_scale * stage.response.weight_scale)
    return torch.nn.functional.conv2d(shaped, kernel, torch.from_numpy(stage.bias), stage.stride, stage.padding)


def _matrix(
    stage: MatrixStage, incoming: Codes, outgoing: Codes | None, bits: int, per_channel: bool
) -> QuantizedMatrix:
    high, response = (1 << (bits - 1)) - 1, stage.response
    if response is None:
        scale = _weight_scales(stage, high, per_channel)
        weight = np.rint(stage.weight / scale).astype(np.int32)
    else:
        scale = np.full(stage.bias.shape, response.weight_scale / high)
        weight = np.clip(np.rint(stage.weight / scale), -high, high).astype(np.int32)
    step = incoming.scale * scale
    return QuantizedMatrix(
        weight=weight,
        bias=np.rint(stage.bias / step).astype(np.int64),
        multiplier=step if outgoing is None else step / outgoing.scale,
        input=incoming,
        output=outgoing,
        kernel=stage.kernel,
        stride=stage.stride,
        padding=stage.padding,
        in_shape=stage.in_shape,
        out_shape=stage.out_shape,
        response=None if response is None else coded_response(response, weight, incoming, high),
    )


def _weight_scales(stage: MatrixStage, high: int, per_channel: bool) -> NDArray[np.float64]:
    """Worth of one weight code, by output."""
    whole = float(np.abs(stage.weight).max()) or 1.0
    largest = np.abs(stage.weight).max(axis=0) if per_channel else whole
    # A channel of (nearly) nothing must not turn the noise of its cells, or its bias, into huge numbers.
    largest = np.where(largest >= LEAST_SHARE * whole, largest, whole)
    return np.broadcast_to(largest / high, stage.bias.shape).astype(np.float64)


def coded_response(response: CellResponse, weight: NDArray[np.int32], codes: Codes, high: int) -> CodedResponse:
    """The response by input code, and at each weight code of `weight` (R, O); `high` is the largest weight code.

    Both factors are in codes, so that a linear law gives the product of the two codes.
    """
    levels = torch.arange(codes.high + 1, dtype=torch.float64) / codes.high * response.input_scale
    shares = torch.from_numpy(weight).double() / high * response.weight_scale
    inputs = np.stack([factor.numpy() for factor in input_factors(response, levels)]) * codes.high
    weights = np.stack([factor.numpy() for factor in weight_factors(response, shares)]) * high
    largest = sum(
        float(np.abs(x).max()) * float(np.abs(w).sum(axis=0).max()) for x, w in zip(inputs, weights, strict=True)
    )
    grid = 2.0 ** ((_EXACT_BITS - math.ceil(math.log2(max(largest, 1.0)))) // 2)
    return CodedResponse(np.rint(inputs * grid) / grid, np.rint(weights * grid) / grid)
