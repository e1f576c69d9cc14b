"""A network's topology as the text of a topology file."""

import json

from pillarsim.workloads.network import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    Relu,
)
from pillarsim.workloads.response_fields import number_text, response_entry

__all__ = ["topology_text"]


def topology_text(network: Network, weights: str) -> str:
    """YAML that `load_network` reads; `weights`: name of the file with the parameters."""
    # JSON strings and lists are YAML, whatever characters a name has.
    lines = [
        f"name: {json.dumps(network.name)}",
        f"dataset: {json.dumps(network.dataset)}",
        f"metric: {json.dumps(network.metric)}",
        f"weights: {json.dumps(weights)}",
        f"input: {json.dumps(list(network.input_shape))}",
        "layers:",
    ]
    return "\n".join([*lines, *(f"  - {{{_entry(layer)}}}" for layer in network.layers), ""])


def _entry(layer: Layer) -> str:
    kind, keys = _keys(layer)
    entries = [f"name: {json.dumps(layer.name)}", f"kind: {kind}"]
    entries += [
        f"{key}: {number_text(value) if isinstance(value, float) else json.dumps(value)}" for key, value in keys.items()
    ]
    if isinstance(layer, Conv2d | Linear) and layer.response is not None:
        entries.append(f"response: {response_entry(layer.response)}")
    return ", ".join(entries)


def _keys(layer: Layer) -> tuple[str, dict[str, object]]:
    """Kind of a layer and its keys."""
    match layer:
        case Conv2d():
            outputs, _, *kernel = layer.weight.shape
            return "conv2d", {"channels": outputs, "kernel": kernel, "stride": layer.stride, "padding": layer.padding}
        case Linear():
            return "linear", {"features": layer.weight.shape[0]}
        case BatchNorm():
            return "batch_norm", {"epsilon": layer.epsilon}
        case MaxPool2d():
            return "max_pool2d", {"kernel": layer.kernel, "stride": layer.stride}
        case AvgPool2d():
            return "avg_pool2d", {"kernel": layer.kernel, "stride": layer.stride}
        case Relu():
            return "relu", {}
        case Flatten():
            return "flatten", {}
