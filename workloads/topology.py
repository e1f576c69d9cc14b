"""Networks by name, and as files: a YAML topology beside a `.safetensors` file with the parameters.

    name: my-net                    # label
    dataset: mnist                  # or null, where accuracy cannot be evaluated
    metric: top-1 accuracy          # label, optional
    weights: my_net.safetensors     # beside this file, or an absolute path
    trained: true                   # false: the parameters come from no training, and accuracy means nothing
    accuracy: 0.9911                # label, optional: share of the test split, float parameters
    about: LeNet-5                  # label, optional: one line
    input: [1, 28, 28]              # one sample: [channels, height, width], [tokens, features] or [features]
    layers:                         # in order; `name` may be left out for layers without parameters
      - {name: conv1, kind: conv2d, channels: 6, kernel: 5, stride: 1, padding: 2}    # defaults: 1 and 0
      - {name: norm1, kind: batch_norm, epsilon: 1.0e-5}
      - {name: relu1, kind: relu}
      - {name: conv2, kind: conv2d, channels: 6, kernel: 3, padding: [0, 0, 2, 2], dilation: 1, groups: 2, bias: false}
      - {kind: add, inputs: [conv2, relu1]}                       # what a layer takes that is not the one before it
      - {kind: max_pool2d, kernel: 2, stride: 2}                  # or avg_pool2d; stride = kernel if absent
      - {kind: flatten}
      - {name: fc1, kind: linear, features: 10, bias: false}      # bias: true if absent

`inputs` names layers that stand above, or `input`, the network's own. With `trained: false` and without `weights` the
parameters are drawn (`workloads.drawn`). docs/workloads.md lists all kinds of layers with their keys.

A conv2d or linear layer that was trained for a device's cells says so; without `response` it multiplies:

    response: {law: sinh, v0: 333 mV, read_voltage: 1 V, g_min: 60 nS, g_max: 1 uS, input_scale: 1.0, weight_scale: 0.2}

laws: linear, sinh (v0), poole_frenkel (permittivity, thickness), polynomial; meaning of the rest: `CellResponse`.
kernel, stride, dilation and padding take one integer or [vertical, horizontal]; padding also [top, left, bottom,
right]. Tensors are named `<layer>.weight` and `<layer>.bias`; batch norm adds `<layer>.running_mean` and
`<layer>.running_var`, as a torch state_dict does; affine has `scale` and `shift`, constant `value`.
Every tensor must have the shape that the topology gives it, and every tensor of the file must be used.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from pillarsim.arch.errors import InputError, nearest
from pillarsim.arch.reader import read_yaml
from pillarsim.workloads.architectures import ARCHITECTURES
from pillarsim.workloads.architectures.graph import constant
from pillarsim.workloads.datasets import dataset_names
from pillarsim.workloads.drawn import drawn, neutral
from pillarsim.workloads.fields import Fields
from pillarsim.workloads.layer_checks import Floats
from pillarsim.workloads.layer_specs import Fetch, read_layer
from pillarsim.workloads.network import (
    INPUT,
    BatchNorm,
    Conv2d,
    Layer,
    LayerNorm,
    Linear,
    Network,
    NetworkError,
    Shape,
    parameters,
)
from pillarsim.workloads.published import published_network
from pillarsim.workloads.topology_text import topology_text
from pillarsim.workloads.weights_file import read_tensors, write_tensors

__all__ = [
    "Labels",
    "blank_network",
    "labels_of",
    "load_network",
    "save_network",
    "save_parameters",
    "workload_names",
]

_ZOO = Path(__file__).parent / "zoo"
_KEYS = ("name", "dataset", "metric", "weights", "trained", "accuracy", "about", "input", "layers")
_SUFFIXES = (".yaml", ".yml")
_NORM_TENSORS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
# A counter that torch keeps beside the statistics of batch norm; it changes nothing at inference.
_IGNORED = ".num_batches_tracked"


@dataclass(frozen=True)
class Labels:
    """What a workload says of itself: one line, and the accuracy stated for it (share of the test split) or None."""

    about: str
    accuracy: float | None


def workload_names() -> tuple[str, ...]:
    """The names of the networks shipped with the package, sorted."""
    return tuple(sorted([*(path.stem.replace("_", "-") for path in _ZOO.glob("*.yaml")), *ARCHITECTURES]))


def load_network(name_or_path: str | Path, *, seed: int = 0, data_dir: Path | None = None) -> Network:
    """The network of a shipped name (`mnist-lenet5`) or of a topology file, with its parameters.

    seed: of the parameters of networks that have no trained ones (`Network.trained` is False). data_dir: folder that
    may hold published weights, None: that of the variable PILLARSIM_DATA.
    Raises InputError for an unknown name (naming the nearest), an unreadable or wrong topology (file:line,
    key, what was expected), an absent, unreadable or truncated weights file, and missing, unused, misshapen
    or non-finite tensors.
    """
    if str(name_or_path) in ARCHITECTURES:
        made = ARCHITECTURES[str(name_or_path)].build()
        return published_network(made, data_dir) or drawn(made, seed)
    top, weights = _open_topology(name_or_path)
    if weights is None:
        return drawn(_blank(top), seed)
    tensors = read_tensors(weights, top.document.where(("weights",)))
    network = _read_network(top, tensors.take)
    tensors.check_all_used(_IGNORED)
    return network


def blank_network(name_or_path: str | Path) -> Network:
    """The same network with every parameter zero (norms: unit scale and variance), without its file."""
    if str(name_or_path) in ARCHITECTURES:
        return ARCHITECTURES[str(name_or_path)].build()
    return _blank(_open_topology(name_or_path)[0])


def labels_of(name_or_path: str | Path) -> Labels:
    """The labels of a workload; raises InputError as `load_network` does for its topology."""
    if str(name_or_path) in ARCHITECTURES:
        return Labels(ARCHITECTURES[str(name_or_path)].about, None)
    top, _ = _open_topology(name_or_path)
    accuracy = None if top.values.get("accuracy") is None else top.number("accuracy", 0.0)
    if accuracy is not None and accuracy > 1:
        top.fail("accuracy", f"expected a share from 0 to 1, got {accuracy:g}")
    return Labels(top.text("about") if "about" in top.values else "", accuracy)


def save_parameters(network: Network, name_or_path: str | Path) -> Path:
    """Write the network's parameters to the weights file that the topology names; returns its path.

    The file appears whole or not at all. Raises InputError for a wrong topology, or one that names no file.
    """
    path = None if str(name_or_path) in ARCHITECTURES else _open_topology(name_or_path)[1]
    if path is None:
        raise InputError(f"workload '{name_or_path}' names no weights file; expected a topology that does")
    write_tensors(path, _tensors(network))
    return path


def save_network(network: Network, path: Path) -> None:
    """Write the topology to `path` and the parameters beside it, `<stem>.safetensors`; `load_network` reads them back.

    Each file appears whole or not at all, the parameters first. Raises InputError for a path that does not end in
    .yaml or .yml, a dataset that is not known, and where a file cannot be written.
    """
    if path.suffix not in _SUFFIXES:
        raise InputError(f"{path}: expected a file name that ends in .yaml or .yml")
    if network.dataset is not None and network.dataset not in dataset_names():
        raise InputError(f"dataset '{network.dataset}': expected one of {', '.join(dataset_names())}, or none")
    weights = path.with_suffix(".safetensors")
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(topology_text(network, weights.name), encoding="utf-8")
        write_tensors(weights, _tensors(network))
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path}: the network cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _tensors(network: Network) -> dict[str, Floats]:
    return {
        f"{layer.name}.{_NORM_TENSORS[key] if isinstance(layer, BatchNorm | LayerNorm) else key}": array
        for layer in network.layers
        for key, array in parameters(layer).items()
        if key != "bias" or not isinstance(layer, Conv2d | Linear) or layer.has_bias
    }


def _blank(top: Fields) -> Network:
    network = _read_network(top, lambda tensor, shape: constant(0, *shape))
    return replace(network, layers=tuple(neutral(layer) for layer in network.layers))


def _open_topology(name_or_path: str | Path) -> tuple[Fields, Path | None]:
    """The top mapping of a topology file, its keys checked, and the weights file that it names."""
    path = _topology_path(name_or_path)
    document = read_yaml(path)
    top = Fields.at(document, (), document.data)
    top.only(_KEYS)
    if "weights" not in top.values:
        if top.flag("trained", True):
            top.fail(None, "key 'weights' is missing: expected the name of a .safetensors file, or 'trained: false'")
        return top, None
    return top, path.parent / top.text("weights")


def _topology_path(name_or_path: str | Path) -> Path:
    """A shipped name wins over a file of that name; anything that looks like a path is taken as one."""
    names = workload_names()
    text = str(name_or_path)
    if text in names:
        return _ZOO / f"{text.replace('-', '_')}.yaml"
    path = Path(name_or_path)
    if path.suffix in _SUFFIXES or path.is_file():
        return path
    raise InputError(
        f"unknown workload '{text}'{nearest(text, names)}; expected one of {', '.join(names)}, "
        "or a file (.yaml, .onnx, .pt2)"
    )


def _dataset(top: Fields) -> str | None:
    if top.require("dataset", "the name of a dataset, or null") is None:
        return None
    name = top.text("dataset")
    known = dataset_names()
    if name not in known:
        top.fail("dataset", f"unknown dataset '{name}'{nearest(name, known)}; known: {', '.join(known)}, or null")
    return name


def _read_network(top: Fields, fetch: Fetch) -> Network:
    entries = top.require("layers", "a list of layers")
    if not isinstance(entries, list) or not entries:
        top.fail("layers", "expected a list of layers")
    input_shape = top.integers("input", (1, 2, 3))
    layers: list[Layer] = []
    wires: dict[str, tuple[str, ...]] = {}
    known: dict[str, Shape] = {INPUT: input_shape}
    before, used = INPUT, frozenset[str]()
    for index, entry in enumerate(entries):
        fields = Fields.at(top.document, ("layers", index), entry)
        layer, sources, known[layer.name] = read_layer(fields, index + 1, before, known, fetch)
        if "inputs" in fields.values:
            wires[layer.name] = sources
        layers.append(layer)
        before, used = layer.name, used.union(sources)
    for index, layer in enumerate(layers[:-1]):
        if layer.name not in used:
            fields = Fields.at(top.document, ("layers", index), entries[index])
            fields.fail(None, f"the output of '{layer.name}' is used by no layer, and it is not the last one")
    metric, trained = top.text("metric", "top-1 accuracy"), top.flag("trained", True)
    try:
        return Network(top.text("name"), input_shape, tuple(layers), _dataset(top), metric, wires, trained)
    except NetworkError as error:
        top.fail("layers", str(error))
