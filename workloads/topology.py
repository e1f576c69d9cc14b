"""Networks as files: a YAML topology beside a `.safetensors` file with the parameters.

    name: my-net                    # label
    dataset: mnist                  # or null, where accuracy cannot be evaluated
    metric: top-1 accuracy          # label, optional
    weights: my_net.safetensors     # beside this file, or an absolute path
    input: [1, 28, 28]              # one image: [channels, height, width] or [features]
    layers:                         # in order; `name` may be left out for layers without parameters
      - {name: conv1, kind: conv2d, channels: 6, kernel: 5, stride: 1, padding: 2}    # defaults: 1 and 0
      - {name: norm1, kind: batch_norm, epsilon: 1.0e-5}
      - {kind: relu}
      - {kind: max_pool2d, kernel: 2, stride: 2}                  # or avg_pool2d; stride = kernel if absent
      - {kind: flatten}
      - {name: fc1, kind: linear, features: 10, bias: false}      # bias: true if absent

A conv2d or linear layer that was trained for a device's cells says so; without `response` it multiplies:

    response: {law: sinh, v0: 333 mV, read_voltage: 1 V, g_min: 60 nS, g_max: 1 uS, input_scale: 1.0, weight_scale: 0.2}

laws: linear, sinh (v0), poole_frenkel (permittivity, thickness), polynomial; meaning of the rest: `CellResponse`.
kernel, stride and padding take one integer or [vertical, horizontal]. Tensors are named `<layer>.weight` and
`<layer>.bias`; batch norm adds `<layer>.running_mean` and `<layer>.running_var`, as a torch state_dict does.
Every tensor must have the shape that the topology gives it, and every tensor of the file must be used.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pillarsim.arch.errors import InputError, nearest
from pillarsim.arch.reader import read_yaml
from pillarsim.workloads.datasets import dataset_names
from pillarsim.workloads.fields import Fields
from pillarsim.workloads.layer_specs import Fetch, read_layer
from pillarsim.workloads.network import BatchNorm, Layer, Network, NetworkError, parameters
from pillarsim.workloads.topology_text import topology_text
from pillarsim.workloads.weights_file import read_tensors, write_tensors

__all__ = ["blank_network", "load_network", "save_network", "save_parameters", "workload_names"]

Floats = npt.NDArray[np.float32]

_ZOO = Path(__file__).parent / "zoo"
_KEYS = ("name", "dataset", "metric", "weights", "input", "layers")
_SUFFIXES = (".yaml", ".yml")
_BATCH_NORM_TENSORS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
# A counter that torch keeps beside the statistics of batch norm; it changes nothing at inference.
_IGNORED = ".num_batches_tracked"


def workload_names() -> tuple[str, ...]:
    """The names of the networks shipped with the package, sorted."""
    return tuple(sorted(path.stem.replace("_", "-") for path in _ZOO.glob("*.yaml")))


def load_network(name_or_path: str | Path) -> Network:
    """The network of a shipped name (`mnist-lenet5`) or of a topology file, with its parameters.

    Raises InputError for an unknown name (naming the nearest), an unreadable or wrong topology (file:line,
    key, what was expected), an absent, unreadable or truncated weights file, and missing, unused, misshapen
    or non-finite tensors.
    """
    top, weights = _open_topology(name_or_path)
    where = top.document.where(("weights",))
    held = read_tensors(weights, where)
    used: set[str] = set()

    def fetch(tensor: str, shape: tuple[int, ...]) -> Floats:
        if tensor not in held:
            raise InputError(f"{where}: weights: {weights} has no tensor '{tensor}'{nearest(tensor, held)}")
        if held[tensor].shape != shape:
            raise InputError(
                f"{where}: weights: tensor '{tensor}' of {weights} has shape {held[tensor].shape}, "
                f"the topology asks for {shape}"
            )
        used.add(tensor)
        return held[tensor]

    network = _read_network(top, fetch)
    unused = sorted(name for name in held.keys() - used if not name.endswith(_IGNORED))
    if unused:
        raise InputError(f"{where}: weights: {weights} has tensors that no layer uses: {', '.join(unused)}")
    return network


def blank_network(name_or_path: str | Path) -> Network:
    """The same network with every parameter zero (batch norm: unit scale and variance), without its file."""

    def fetch(tensor: str, shape: tuple[int, ...]) -> Floats:
        return np.zeros(shape, np.float32)

    top, _ = _open_topology(name_or_path)
    network = _read_network(top, fetch)
    return Network(
        network.name,
        network.input_shape,
        tuple(_neutral(layer) for layer in network.layers),
        network.dataset,
        network.metric,
    )


def save_parameters(network: Network, name_or_path: str | Path) -> Path:
    """Write the network's parameters to the weights file that the topology names; returns its path.

    The file appears whole or not at all. Raises InputError for a wrong topology.
    """
    _, path = _open_topology(name_or_path)
    write_tensors(
        path,
        {_tensor_name(layer, key): a for layer in network.layers for key, a in parameters(layer).items()},
    )
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
        write_tensors(
            weights,
            {_tensor_name(layer, key): a for layer in network.layers for key, a in parameters(layer).items()},
        )
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path}: the network cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _neutral(layer: Layer) -> Layer:
    """A batch norm that changes nothing instead of one that multiplies by zero."""
    if not isinstance(layer, BatchNorm):
        return layer
    ones, zeros = np.ones_like(layer.gamma), np.zeros_like(layer.gamma)
    return BatchNorm(layer.name, ones, zeros, zeros, ones, layer.epsilon)


def _tensor_name(layer: Layer, parameter: str) -> str:
    part = _BATCH_NORM_TENSORS[parameter] if isinstance(layer, BatchNorm) else parameter
    return f"{layer.name}.{part}"


def _open_topology(name_or_path: str | Path) -> tuple[Fields, Path]:
    """The top mapping of a topology file, its keys checked, and the weights file that it names."""
    path = _topology_path(name_or_path)
    document = read_yaml(path)
    top = Fields.at(document, (), document.data)
    top.only(_KEYS)
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
        f"unknown workload '{text}'{nearest(text, names)}; expected one of {', '.join(names)}, or a .yaml file"
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
    input_shape = shape = top.integers("input", (1, 3))
    layers: list[Layer] = []
    for index, entry in enumerate(entries):
        fields = Fields.at(top.document, ("layers", index), entry)
        layer, shape = read_layer(fields, index + 1, shape, fetch)
        if any(layer.name == other.name for other in layers):
            fields.fail("name" if "name" in fields.values else None, f"the layer name '{layer.name}' is used twice")
        layers.append(layer)
    metric = top.text("metric", "top-1 accuracy")
    try:
        return Network(top.text("name"), input_shape, tuple(layers), _dataset(top), metric)
    except NetworkError as error:
        top.fail("layers", str(error))
