"""A network's topology as the text of a topology file."""

import json
from collections.abc import Mapping

from pillarsim.workloads.network import (
    INPUT,
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
    Network,
    Relu,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from pillarsim.workloads.response_fields import number_text, response_entry

__all__ = ["kind_of", "topology_text"]

# kinds without a key
_PLAIN: Mapping[type, str] = {Relu: "relu", Add: "add", Multiply: "multiply", Flatten: "flatten"}


def topology_text(network: Network, weights: str | None) -> str:
    """YAML that `load_network` reads; `weights`: name of the file with the parameters, None: drawn when loaded."""
    # JSON strings and lists are YAML, whatever characters a name has.
    lines = [
        f"name: {json.dumps(network.name)}",
        f"dataset: {json.dumps(network.dataset)}",
        f"metric: {json.dumps(network.metric)}",
    ]
    if weights is not None:
        lines.append(f"weights: {json.dumps(weights)}")
    if weights is None or not network.trained:
        lines.append("trained: false")
    lines += [f"input: {json.dumps(list(network.input_shape))}", "layers:"]
    before = INPUT
    for layer, sources in zip(network.layers, network.sources, strict=True):
        chained = isinstance(layer, Constant) or (sources == (before,) and not isinstance(layer, Concat))
        lines.append(f"  - {{{_entry(layer, None if chained else sources)}}}")
        before = layer.name
    return "\n".join([*lines, ""])


def kind_of(layer: Layer) -> str:
    """The name of a layer's kind in a topology file."""
    return _keys(layer)[0]


def _entry(layer: Layer, sources: tuple[str, ...] | None) -> str:
    kind, keys = _keys(layer)
    entries = [f"name: {json.dumps(layer.name)}", f"kind: {kind}"]
    if sources is not None:
        entries.append(f"inputs: {json.dumps(sources)}")
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
            return "conv2d", _conv_keys(layer)
        case Linear():
            return "linear", {"features": layer.weight.shape[0], "bias": layer.has_bias}
        case BatchNorm():
            return "batch_norm", {"epsilon": layer.epsilon}
        case LayerNorm():
            return "layer_norm", {"epsilon": layer.epsilon}
        case Affine():
            return "affine", {"scale_shape": layer.scale.shape, "shift_shape": layer.shift.shape}
        case Constant():
            return "constant", {"shape": layer.value.shape}
        case Activation():
            return layer.function, dict(layer.settings)
        case MaxPool2d():
            return "max_pool2d", {"kernel": layer.kernel, "stride": layer.stride, "padding": layer.padding}
        case AvgPool2d():
            pool = {"kernel": layer.kernel, "stride": layer.stride, "padding": layer.padding}
            return "avg_pool2d", {**pool, "count_padding": layer.count_padding}
        case Softmax():
            return "softmax", {"axis": layer.axis}
        case MatMul():
            return "matmul", {"scale": layer.scale}
        case Concat():
            return "concat", {"axis": layer.axis}
        case Slice():
            return "slice", {"axis": layer.axis, "start": layer.start, "stop": layer.stop}
        case Reshape():
            return "reshape", {"shape": layer.shape}
        case Transpose():
            return "transpose", {"axes": layer.axes}
        case _:
            return _PLAIN[type(layer)], {}


def _conv_keys(layer: Conv2d) -> dict[str, object]:
    outputs, _, *kernel = layer.weight.shape
    keys: dict[str, object] = {
        "channels": outputs, "kernel": kernel, "stride": layer.stride, "padding": layer.padding,
        "dilation": layer.dilation, "groups": layer.groups, "bias": layer.has_bias,
    }  # fmt: skip
    standard = {"dilation": (1, 1), "groups": 1, "bias": True}
    return {key: value for key, value in keys.items() if key not in standard or value != standard[key]}
