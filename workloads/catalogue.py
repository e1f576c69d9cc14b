"""What there is to know of a workload without its parameters: sizes, layers, and what it says of itself."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from pillarsim.workloads.network import Conv2d, Layer, Linear, Network, Shape, parameters
from pillarsim.workloads.published import published_accuracy
from pillarsim.workloads.topology import Labels, blank_network, labels_of, workload_names
from pillarsim.workloads.topology_text import kind_of

__all__ = ["catalogue", "described", "layer_macs", "layer_parameters", "layer_weights", "sheet"]

_STATISTICS = ("mean", "variance")  # of batch norm: not trained
_MODELS = (".onnx", ".pt2")


def catalogue(data_dir: Path | None = None) -> list[dict[str, Any]]:
    """One entry a shipped workload, sorted by name; data_dir: folder that may hold published weights."""
    return [_entry(*_opened(name, data_dir)) for name in workload_names()]


def sheet(name_or_path: str, data_dir: Path | None = None) -> dict[str, Any]:
    """The entry of a workload (a shipped name, a topology file or a model file) with its layers."""
    network, labels = _opened(name_or_path, data_dir)
    return described(network, labels)


def described(network: Network, labels: Labels) -> dict[str, Any]:
    """The entry of a network with its layers, in order: kind, inputs, output shape, parameters and MACs."""
    layers = [
        {
            "name": layer.name,
            "kind": kind_of(layer),
            "inputs": list(sources),
            "shape": list(shape),
            "weights": layer_weights(layer),
            "parameters": layer_parameters(layer),
            "macs": layer_macs(layer, shape),
        }
        for layer, sources, shape in zip(network.layers, network.sources, network.shapes, strict=True)
    ]
    return {**_entry(network, labels), "output": list(network.shapes[-1]), "metric": network.metric, "layers": layers}


def layer_weights(layer: Layer) -> int:
    """Weights and biases of a convolution or fully connected layer, 0 of any other."""
    return layer.weight.size + layer.bias.size * layer.has_bias if isinstance(layer, Conv2d | Linear) else 0


def layer_parameters(layer: Layer) -> int:
    """Numbers that training sets, those of norms and constants included; statistics of batch norm do not count."""
    if isinstance(layer, Conv2d | Linear):
        return layer_weights(layer)
    return sum(array.size for name, array in parameters(layer).items() if name not in _STATISTICS)


def layer_macs(layer: Layer, shape: Shape) -> int:
    """Multiply-accumulates of a matrix layer of output `shape` for one sample, 0 of any other."""
    if not isinstance(layer, Conv2d | Linear):
        return 0
    return layer.weight.size * math.prod(shape[1:] if isinstance(layer, Conv2d) else shape[:-1])


def _opened(name_or_path: str, data_dir: Path | None) -> tuple[Network, Labels]:
    if Path(name_or_path).suffix.lower() in _MODELS:
        from pillarsim.workloads.load import load_network

        return load_network(name_or_path), Labels("", None)
    network, labels = blank_network(name_or_path), labels_of(name_or_path)
    published = published_accuracy(str(name_or_path), data_dir)
    if published is None:
        return network, labels
    dataset, accuracy = published
    return replace(network, dataset=dataset, trained=True), Labels(labels.about, accuracy)


def _entry(network: Network, labels: Labels) -> dict[str, Any]:
    return {
        "name": network.name,
        "about": labels.about,
        "input": list(network.input_shape),
        "matrix_layers": sum(isinstance(layer, Conv2d | Linear) for layer in network.layers),
        "all_layers": len(network.layers),
        "weights": network.weights,
        "parameters": sum(layer_parameters(layer) for layer in network.layers),
        "macs": network.macs,
        "dataset": network.dataset,
        "trained": network.trained,
        "accuracy": labels.accuracy if network.trained else None,
    }
