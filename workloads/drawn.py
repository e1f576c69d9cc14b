"""Random parameters for networks without trained ones, from named streams of one seed.

Weights: normal of variance 2 / fan-in (He et al., arXiv 1502.01852, equation 10); biases zero; batch and layer norm
neutral; scales one and shifts zero; constants normal of standard deviation 0.02, as transformers start with.
"""

import math
from dataclasses import replace

import numpy as np
import torch

from pillarsim.devices.streams import generator
from pillarsim.workloads.layer_checks import Floats
from pillarsim.workloads.network import (
    Affine,
    BatchNorm,
    Constant,
    Conv2d,
    Layer,
    LayerNorm,
    Linear,
    Network,
    Shape,
)

__all__ = ["drawn", "neutral"]

_CONSTANT_SIGMA = 0.02  # arXiv 2010.11929's public code: positions and tokens


def drawn(network: Network, seed: int) -> Network:
    """The same topology with random parameters; not trained.

    Each layer draws from its own stream, named by network and layer, so that no layer's draw depends on another's.
    """
    layers = tuple(_drawn(layer, network.name, seed) for layer in network.layers)
    return replace(network, layers=layers, trained=False)


def neutral(layer: Layer) -> Layer:
    """The layer with parameters that change nothing; convolutions and fully connected layers stay as they are."""
    match layer:
        case BatchNorm():
            ones, zeros = np.ones_like(layer.gamma), np.zeros_like(layer.gamma)
            return replace(layer, gamma=ones, beta=zeros, mean=zeros, variance=ones)
        case LayerNorm():
            return replace(layer, gamma=np.ones_like(layer.gamma), beta=np.zeros_like(layer.beta))
        case Affine():
            return replace(layer, scale=np.ones_like(layer.scale), shift=np.zeros_like(layer.shift))
    return layer


def _drawn(layer: Layer, network: str, seed: int) -> Layer:
    def normal(shape: Shape, sigma: float) -> Floats:
        stream = generator(seed, "workload", network, layer.name)
        array = np.empty(shape, np.float32)
        torch.from_numpy(array).normal_(0.0, sigma, generator=stream)
        array.flags.writeable = False  # the layer takes it without a copy
        return array

    match layer:
        case Conv2d() | Linear():
            shape = layer.weight.shape
            weight = normal(shape, math.sqrt(2 / math.prod(shape[1:])))
            return replace(layer, weight=weight, bias=np.zeros(shape[0], np.float32))
        case Constant():
            return replace(layer, value=normal(layer.value.shape, _CONSTANT_SIGMA))
    return neutral(layer)
