"""The network type: a graph of layers with their parameters, free of any framework.

Modelled: matrix layers (convolution with stride, padding, dilation and groups; fully connected) and the digital
operators between them (`operators`), with branches that meet again. Left out: recurrent layers, shapes that depend
on the values, several inputs or outputs. Shapes are those of one sample, without the batch.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from pillarsim.workloads.cell_response import CellLaw, CellResponse, NetworkError
from pillarsim.workloads.operators import (
    Activation,
    Add,
    Affine,
    AvgPool2d,
    BatchNorm,
    Concat,
    Constant,
    Conv2d,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool2d,
    Multiply,
    Relu,
    Reshape,
    Shape,
    Slice,
    Softmax,
    Transpose,
    arity,
    padding_of,
    parameters,
)
from pillarsim.workloads.shapes import output_shape

__all__ = [
    "INPUT",
    "Activation",
    "Add",
    "Affine",
    "AvgPool2d",
    "BatchNorm",
    "CellLaw",
    "CellResponse",
    "Concat",
    "Constant",
    "Conv2d",
    "Flatten",
    "Layer",
    "LayerNorm",
    "Linear",
    "MatMul",
    "MaxPool2d",
    "Multiply",
    "Network",
    "NetworkError",
    "Relu",
    "Reshape",
    "Shape",
    "Slice",
    "Softmax",
    "Transpose",
    "arity",
    "output_shape",
    "padding_of",
    "parameters",
]

INPUT = "input"  # name of the network's input as the source of a layer


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network: layers in an order in which each comes after its sources, with the shape of one sample.

    dataset: name of the dataset that it was trained on, or None; metric: what its accuracy means.
    wires: layer name -> names of the layers (or INPUT) whose outputs it takes; a layer that is not listed takes the
    output of the one before it, the first one the input. The last layer gives the output.
    trained: whether the parameters come from training; seeded random ones have no accuracy.
    Raises NetworkError if a layer cannot take what its sources give, if two layers share a name, if an output is
    used by nobody, or if no layer holds weights.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    dataset: str | None
    metric: str = "top-1 accuracy"
    wires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trained: bool = True

    def __post_init__(self) -> None:
        if not 1 <= len(self.input_shape) <= 3 or min(self.input_shape) < 1:
            raise NetworkError(
                f"input shape must be (C, H, W), (tokens, features) or (features,), not {self.input_shape}"
            )
        seen = {INPUT}
        for layer in self.layers:
            if layer.name in seen:
                raise NetworkError(f"layer '{layer.name}': the name is used twice, or is that of the input")
            seen.add(layer.name)
        if not any(isinstance(layer, Conv2d | Linear) for layer in self.layers):
            raise NetworkError(f"network '{self.name}' has no convolution and no linear layer")
        _check_wires(self, seen)
        _ = self.shapes

    @property
    def sources(self) -> tuple[tuple[str, ...], ...]:
        """The names of what each layer takes, in the order of its inputs."""
        found, before = [], INPUT
        for layer in self.layers:
            found.append(self.wires.get(layer.name, () if isinstance(layer, Constant) else (before,)))
            before = layer.name
        return tuple(found)

    @property
    def is_chain(self) -> bool:
        """Whether each layer takes the output of the one before it and nothing else."""
        before = (INPUT, *(layer.name for layer in self.layers))
        return all(sources == (name,) for sources, name in zip(self.sources, before, strict=False))

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The output shape of every layer, in order."""
        known = {INPUT: self.input_shape}
        for layer, sources in zip(self.layers, self.sources, strict=True):
            known[layer.name] = output_shape(layer, *(known[name] for name in sources))
        return tuple(known[layer.name] for layer in self.layers)

    @property
    def weights(self) -> int:
        """Weights and biases of the convolution and linear layers, without batch norm; no bias where there is none."""
        return sum(
            layer.weight.size + layer.bias.size * layer.has_bias
            for layer in self.layers
            if isinstance(layer, Conv2d | Linear)
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the matrix layers for one sample; biases and digital operators are not counted."""
        return sum(
            layer.weight.size * (math.prod(shape[1:]) if isinstance(layer, Conv2d) else math.prod(shape[:-1]))
            for layer, shape in zip(self.layers, self.shapes, strict=True)
            if isinstance(layer, Conv2d | Linear)
        )

    @property
    def digest(self) -> str:
        """sha256 (hex) of topology and parameters; the network's name, dataset and metric do not count."""
        hasher = hashlib.sha256(json.dumps({"input_shape": list(self.input_shape)}).encode())
        for layer, sources in zip(self.layers, self.sources, strict=True):
            arrays = parameters(layer)
            plain = {key: value for key, value in vars(layer).items() if key not in arrays}
            response = plain.pop("response", None)
            if response is not None:
                plain["response"] = asdict(response)
            shapes = {name: list(array.shape) for name, array in arrays.items()}
            hasher.update(json.dumps([type(layer).__name__, sources, plain, shapes], sort_keys=True).encode())
            for array in arrays.values():
                hasher.update(array.astype("<f4", copy=False).tobytes())
        return hasher.hexdigest()


def _check_wires(network: Network, names: set[str]) -> None:
    for name in network.wires:
        if name not in names or name == INPUT:
            raise NetworkError(f"wires of '{name}': the network has no such layer")
    before: set[str] = {INPUT}
    used: set[str] = set()
    for layer, sources in zip(network.layers, network.sources, strict=True):
        least, most = arity(layer)
        if len(sources) < least or (most is not None and len(sources) > most):
            wanted = str(least) if least == most else f"at least {least}"
            raise NetworkError(f"layer '{layer.name}': expected {wanted} input(s), found {len(sources)}")
        for source in sources:
            if source not in before:
                what = "comes later" if source in names else "does not exist"
                raise NetworkError(f"layer '{layer.name}': its input '{source}' {what}")
        before.add(layer.name)
        used.update(sources)
    unused = [layer.name for layer in network.layers[:-1] if layer.name not in used]
    if unused:
        raise NetworkError(f"layer '{unused[0]}': its output is used by no layer, and it is not the last one")
