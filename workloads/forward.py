"""The float forward pass of a network in torch: the reference that the chip's values are compared with.

Pure functions; float32 unless the images are float64. Batch norm uses its stored statistics. A layer with a response
computes with its cells' law (`mapping.response`); autograd runs through it.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.mapping.response import input_factors, weight_factors
from pillarsim.workloads.network import (
    AvgPool2d,
    BatchNorm,
    CellResponse,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    NetworkError,
    Relu,
    parameters,
)

__all__ = ["apply_layer", "forward", "forward_layers", "tensors"]


def tensors(network: Network) -> dict[str, Tensor]:
    """Fresh float32 copies of every parameter, keyed `<layer>.<parameter>`, for instance `conv1.weight`."""
    return {
        f"{layer.name}.{name}": torch.tensor(array)
        for layer in network.layers
        for name, array in parameters(layer).items()
    }


def apply_layer(layer: Layer, values: Tensor, named: Mapping[str, Tensor]) -> Tensor:
    """One layer on a batch (b, *shape), with its parameters from `named` (keys as `tensors` gives them)."""

    def get(parameter: str) -> Tensor:
        return named[f"{layer.name}.{parameter}"].to(values.dtype)

    match layer:
        case Conv2d():
            x, weight = _as_seen(layer.response, values, get("weight"))
            return functional.conv2d(x, weight, get("bias"), layer.stride, layer.padding)
        case Linear():
            x, weight = _as_seen(layer.response, values, get("weight"))
            return functional.linear(x, weight, get("bias"))
        case BatchNorm():
            return functional.batch_norm(
                values, get("mean"), get("variance"), get("gamma"), get("beta"), eps=layer.epsilon
            )
        case MaxPool2d():
            return functional.max_pool2d(values, layer.kernel, layer.stride)
        case AvgPool2d():
            return functional.avg_pool2d(values, layer.kernel, layer.stride)
        case Relu():
            return functional.relu(values)
        case Flatten():
            return values.flatten(1)


def _as_seen(response: CellResponse | None, values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and weights whose products are what the cells compute: a law's terms side by side as input channels."""
    if response is None:
        return values, weight
    scale = response.input_scale * response.weight_scale
    return (
        torch.cat(input_factors(response, values), dim=1),
        torch.cat(weight_factors(response, weight), dim=1) * scale,
    )


def forward_layers(
    network: Network, images: Tensor, named: Mapping[str, Tensor] | None = None
) -> Iterator[tuple[Layer, Tensor]]:
    """Each layer with its output (b, *shape), in order, for images (b, *input_shape).

    `named` replaces the network's own parameters, which is how they are trained. Raises NetworkError if the
    images do not have the network's input shape.
    """
    if tuple(images.shape[1:]) != network.input_shape:
        raise NetworkError(
            f"network '{network.name}' takes images of {network.input_shape}, not {tuple(images.shape[1:])}"
        )
    named = tensors(network) if named is None else named
    values = images
    for layer in network.layers:
        values = apply_layer(layer, values, named)
        yield layer, values


def forward(network: Network, images: Tensor, named: Mapping[str, Tensor] | None = None) -> Tensor:
    """Logits (b, outputs) of images (b, *input_shape). Raises NetworkError as `forward_layers` does."""
    values = images
    for _, output in forward_layers(network, images, named):
        values = output
    return values
