"""The quantised network in exact integers: what an ideal chip with enough converter bits must equal bit for bit.

A layer with a response sums what its cells compute, no longer whole numbers; a chip rounds that at each conversion.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.compute.graph import forward_codes
from pillarsim.arch.compute.windows import gather_windows
from pillarsim.arch.placement import CodedResponse, PlacedLayer, Placement

_IMAGES_AT_ONCE = 50  # bounds memory; the outcome does not depend on it
_FLOAT32_EXACT = 1 << 24  # integers up to here are exact in float32, so every order of additions gives the same sum


def integer_forward(placement: Placement, images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logits (N, outputs) of float images (N, *input_shape)."""
    return np.concatenate(
        [
            forward_codes(placement, images[first : first + _IMAGES_AT_ONCE], partial(_layer_sums, placement))
            for first in range(0, len(images), _IMAGES_AT_ONCE)
        ]
    )


def visit_layers(
    placement: Placement, images: NDArray[np.float32], visit: Callable[[int, NDArray[np.int32]], None]
) -> None:
    """Call `visit(number of the layer, its input codes (N, C, H, W))` for each layer in order, for float images."""

    def sums(number: int, codes: NDArray[np.int32]) -> NDArray[np.float64]:
        visit(number, codes)
        return _layer_sums(placement, number, codes)

    forward_codes(placement, images, sums)


def _layer_sums(placement: Placement, number: int, codes: NDArray[np.int32]) -> NDArray[np.float64]:
    return integer_sums(placement.layers[number], codes)


def integer_sums(layer: PlacedLayer, codes: NDArray[np.int32]) -> NDArray[np.float64]:
    """Accumulators (N * windows, O) without bias: exact below 2^53, held as floats."""
    weight = layer.matrix.weight
    if layer.matrix.response is not None:
        return _responding_sums(layer.matrix.response, gather_windows(codes, layer.matrix))
    limits = layer.matrix.input
    largest = int(np.abs(weight.astype(np.int64)).sum(axis=0).max()) * max(limits.high, -limits.low)
    kind = torch.float32 if largest < _FLOAT32_EXACT else torch.float64
    rows = torch.from_numpy(gather_windows(codes, layer.matrix)).to(kind)
    return (rows @ torch.from_numpy(weight).to(kind)).double().numpy()


def _responding_sums(response: CodedResponse, rows: NDArray[np.int32]) -> NDArray[np.float64]:
    """The same for rows (N * windows, R) that pass through the cells' law."""
    sums = torch.zeros(len(rows), response.weights.shape[2], dtype=torch.float64)
    for inputs, weights in zip(response.inputs, response.weights, strict=True):
        sums += torch.from_numpy(inputs[rows]) @ torch.from_numpy(weights)
    return sums.numpy()
