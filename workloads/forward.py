"""The float forward pass of a network in torch: the reference that the chip's values are compared with.

Pure functions; float32 unless the inputs are float64. Batch norm uses its stored statistics. A layer with a response
computes with its cells' law (`mapping.response`); autograd runs through it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pillarsim.mapping.response import input_factors, weight_factors
from pillarsim.workloads.digital import apply_digital
from pillarsim.workloads.network import (
    INPUT,
    BatchNorm,
    CellResponse,
    Constant,
    Conv2d,
    Layer,
    Linear,
    Network,
    NetworkError,
    padding_of,
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


def apply_layer(layer: Layer, inputs: Sequence[Tensor], named: Mapping[str, Tensor]) -> Tensor:
    """One layer on batches (b, *shape), with its parameters from `named` (keys as `tensors` gives them)."""

    def get(parameter: str) -> Tensor:
        value = named[f"{layer.name}.{parameter}"]
        return value.to(inputs[0].dtype) if inputs else value

    match layer:
        case Conv2d():
            x, weight = _as_seen(layer.response, inputs[0], get("weight"))
            return _convolve(layer, x, weight, get("bias"))
        case Linear():
            x, weight = _as_seen(layer.response, inputs[0], get("weight"))
            return functional.linear(x, weight, get("bias"))
        case BatchNorm():
            return functional.batch_norm(
                inputs[0], get("mean"), get("variance"), get("gamma"), get("beta"), eps=layer.epsilon
            )
    return apply_digital(layer, inputs, get)


def _convolve(layer: Conv2d, values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    top, left, bottom, right = padding_of(layer)
    if (top, left) != (bottom, right):
        values = functional.pad(values, (left, right, top, bottom))
        top = left = 0
    return functional.conv2d(values, weight, bias, layer.stride, (top, left), layer.dilation, layer.groups)


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
    images do not have the network's input shape. An output is let go once no later layer takes it.
    """
    if tuple(images.shape[1:]) != network.input_shape:
        raise NetworkError(
            f"network '{network.name}' takes images of {network.input_shape}, not {tuple(images.shape[1:])}"
        )
    named = tensors(network) if named is None else named
    left = Counter(source for sources in network.sources for source in sources)
    known = {INPUT: images}
    for layer, sources in zip(network.layers, network.sources, strict=True):
        if isinstance(layer, Constant):
            value = named[f"{layer.name}.value"].to(images.dtype)
            output = value.expand(len(images), *value.shape)
        else:
            output = apply_layer(layer, [known[source] for source in sources], named)
        for source in sources:
            left[source] -= 1
            if not left[source]:
                known.pop(source, None)
        known[layer.name] = output
        yield layer, output


def forward(network: Network, images: Tensor, named: Mapping[str, Tensor] | None = None) -> Tensor:
    """Logits (b, outputs) of images (b, *input_shape). Raises NetworkError as `forward_layers` does."""
    values = images
    for _, output in forward_layers(network, images, named):
        values = output
    return values
