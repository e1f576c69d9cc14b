"""Batch norm, layer norm and softmax of a graph."""

import math

import numpy as np

from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.values import Array, Value, constant_for
from pillarsim.workloads.operators import Affine, BatchNorm, LayerNorm, Softmax

__all__ = ["batch_norm", "layer_norm", "softmax"]


def batch_norm(
    b: Builder, value: Value, gamma: Array | None, beta: Array | None, mean: Array, variance: Array, epsilon: float
) -> Value:
    """Batch norm with stored statistics along axis 1 of the graph's shape."""
    channels = mean.shape[0]
    scale: Array = np.ones(channels) if gamma is None else gamma
    shift: Array = np.zeros(channels) if beta is None else beta
    if len(value.shape) < 2 or value.shape[1] != channels:
        raise b.error(f"expected an input of {channels} channels on axis 1, got {value.shape}")
    if value.shape[0] == 1:
        held = value if value.held[0] == channels else b.want(value)
        return b.layer(
            lambda name: BatchNorm(name, scale, shift, mean, variance, epsilon), [held], value.shape, value.batch
        )
    # tokens as the first axis: channels are not the first axis of a sample, so scale and shift do the same
    factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    axes = (channels, *(1,) * (len(value.shape) - 2))
    arrays = (factor.reshape(axes), (shift - mean * factor).reshape(axes))
    held = b.want(value)
    by, plus = (np.asarray(constant_for(array, held.shape, held.held)) for array in arrays)
    return b.layer(lambda name: Affine(name, by, plus), [held], value.shape, value.batch)


def layer_norm(b: Builder, value: Value, axes: int, gamma: Array | None, beta: Array | None, epsilon: float) -> Value:
    """Layer norm over the last `axes` axes of the graph's shape; gamma, beta: of those axes, or None."""
    rank = len(value.shape)
    b.not_across_batch(value, range(rank - axes, rank), "layer norm")
    features = math.prod(value.shape[rank - axes :])
    own = value.shape[rank - axes :]
    scale: Array = np.ones(features) if gamma is None else np.broadcast_to(gamma, own).reshape(-1)
    shift: Array = np.zeros(features) if beta is None else np.broadcast_to(beta, own).reshape(-1)
    if value.held[-1] != features:
        rows = math.prod(value.shape) // features
        value = b.want(value, (rows, features) if rows > 1 else (features,))
    return b.layer(lambda name: LayerNorm(name, scale, shift, epsilon), [value], value.shape, value.batch)


def softmax(b: Builder, value: Value, axis: int, suffix: str = "") -> Value:
    """Softmax along an axis of the graph's shape."""
    axis = b.axis(value, axis)
    b.not_across_batch(value, [axis], "softmax")
    value, held = b.along(value, axis)
    return b.layer(lambda name: Softmax(name, held), [value], value.shape, value.batch, suffix)
