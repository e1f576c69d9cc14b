"""A network rebuilt around a device's current-voltage law: each matrix layer computes what its cells would.

The ranges are fixed before training: what stands for the read voltage (a layer's input scale) and for the highest
conductance (its weight scale). Activations and weights beyond them are clipped, in training as on a chip.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from pillarsim.mapping.response import device_law
from pillarsim.workloads.forward import apply_layer, tensors
from pillarsim.workloads.network import CellLaw, CellResponse, Conv2d, Layer, Linear, Network, NetworkError

__all__ = ["Ranges", "responds", "with_cells", "without_cells"]


@dataclass(frozen=True)
class Ranges:
    """How ranges follow from a network as it stands.

    input_percentile: of a layer's inputs, what the read voltage stands for; weight_percentile: of |w|, what the whole
    conductance range stands for, times weight_headroom. A network without training needs headroom: weights grow.
    """

    input_percentile: float = 99.9  # clips a thousandth of the activations; assumed
    weight_percentile: float = 99.5  # clips 5 in a thousand weights, which leaves finer levels to the rest; assumed
    weight_headroom: float = 1.0


def with_cells(
    network: Network, law: CellLaw, images: npt.NDArray[np.float32], ranges: Ranges | None = None
) -> Network:
    """The same network on cells of `law`, with ranges taken from what `images` (N, *input_shape) give in it.

    Present responses are replaced. Weights beyond their range are clipped by the response, not here.
    Raises NetworkError for an unknown law, a layer whose inputs are negative on some image (a cell's input is a voltage
    from 0 to the read voltage) or all 0, and a layer whose weights are.
    """
    device_law(law)
    chosen, named = ranges or Ranges(), tensors(network)
    values, layers = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)), list[Layer]()
    for layer in network.layers:
        placed = layer
        if isinstance(layer, Conv2d | Linear):
            low = float(values.min())
            if low < 0:
                raise NetworkError(
                    f"layer '{layer.name}': cells with a response take inputs of at least 0, found {low:g}: "
                    "is a relu missing before it?"
                )
            input_scale = float(np.percentile(values.numpy(), chosen.input_percentile))
            weight_scale = float(np.percentile(np.abs(layer.weight), chosen.weight_percentile)) * chosen.weight_headroom
            if input_scale <= 0 or weight_scale <= 0:
                raise NetworkError(f"layer '{layer.name}': its inputs or its weights are (nearly) all 0: no range")
            placed = replace(layer, response=CellResponse(law, input_scale, weight_scale))
        layers.append(placed)
        with torch.inference_mode():
            values = apply_layer(placed, [values], named)
    return replace(network, layers=tuple(layers))


def without_cells(network: Network) -> Network:
    """The same network with plain products."""
    return replace(
        network,
        layers=tuple(
            replace(layer, response=None) if isinstance(layer, Conv2d | Linear) else layer for layer in network.layers
        ),
    )


def responds(network: Network) -> bool:
    """Whether every matrix layer has a response."""
    return all(layer.response is not None for layer in network.layers if isinstance(layer, Conv2d | Linear))
