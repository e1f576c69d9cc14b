"""Topology files of graphs: every kind there and back, parameters that are drawn, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pillarsim.arch.errors import InputError
from pillarsim.workloads.architectures import ARCHITECTURES
from pillarsim.workloads.layer_specs import kinds
from pillarsim.workloads.network import (
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
from pillarsim.workloads.operators import FUNCTIONS
from pillarsim.workloads.topology import blank_network, load_network, save_network, save_parameters
from pillarsim.workloads.topology_text import kind_of, topology_text

SETTINGS = {"low": -1.5, "high": 2.5, "slope": 0.01, "alpha": 1.25, "scale": 0.2, "shift": 0.5}

GRAPH = """\
name: branch
dataset: null
trained: false
input: [4, 6, 6]
layers:
  - {name: conv1, kind: conv2d, channels: 4, kernel: 3, padding: [0, 1, 2, 1], dilation: 1, groups: 2, bias: false}
  - {name: relu1, kind: relu6}
  - {name: conv2, kind: conv2d, channels: 4, kernel: 3, padding: 2, dilation: 2}
  - {name: sum, kind: add, inputs: [conv2, relu1]}
  - {name: gate, kind: clip, low: -1, high: 0.5, inputs: [input]}
  - {name: both, kind: concat, inputs: [sum, gate], axis: 0}
  - {kind: flatten}
  - {name: fc1, kind: linear, features: 3}
"""


def numbers(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Distinct positive numbers."""
    return (np.arange(1, 1 + int(np.prod(shape))).reshape(shape) / 7).astype(np.float32)


def every_kind() -> Network:
    """A network with each kind of layer and each option away from its default."""
    layers: list[Layer] = [
        Conv2d("conv", numbers(4, 2, 3, 2), numbers(4), (2, 1), (1, 0, 2, 1), (1, 2), 2),
        BatchNorm("norm", numbers(4), numbers(4), numbers(4), numbers(4), 1e-5),
        Relu("relu"),
        MaxPool2d("largest", (2, 3), (1, 2), (0, 1, 1, 0)),
        AvgPool2d("mean", (2, 2), (1, 1), (1, 0), count_padding=False),
        Affine("scaled", np.array(0.5, np.float32), numbers(4, 1, 1)),
        *(
            Activation(f"{name}?", name, tuple((key, SETTINGS[key]) for key in keys))
            for name, keys in FUNCTIONS.items()
        ),
    ]
    before = layers[-1].name
    rows = Network("", (4, 9, 9), tuple(layers), None).shapes[-1]
    size = rows[1] * rows[2]
    layers += [
        Reshape("rows", (4, size)),
        Transpose("columns", (1, 0)),
        Linear("wide", numbers(6, 4), np.zeros(6, np.float32), has_bias=False),
        LayerNorm("even", numbers(6), numbers(6), 1e-6),
        Slice("left", 1, 0, 3),
        Slice("right", -1, 3, 6),
        Transpose("turned", (1, 0)),
        MatMul("products", 0.125),
        Softmax("shares", 0),
        Constant("token", numbers(1, size)),
        Concat("joined", 0),
        Multiply("gated"),
        Add("twice"),
        Flatten("flat"),
    ]
    assert before != "rows"
    wires = {
        "right": ("even",), "products": ("left", "turned"), "joined": ("token", "shares"), "gated": ("joined", "token"),
        "twice": ("gated", "joined"),
    }  # fmt: skip
    return Network("every", (4, 9, 9), tuple(layers), None, "a label: \u00fc", wires, False)


def test_every_kind_is_tried() -> None:
    """The network above has all kinds; the two other names are those of clips."""
    assert {kind_of(layer) for layer in every_kind().layers} | {"relu6", "hardtanh"} == set(kinds())


def test_every_kind_comes_back(tmp_path: Path) -> None:
    """Saved and loaded, a network has the same digest: topology, options and parameters."""
    network = every_kind()
    save_network(network, tmp_path / "every.yaml")
    found = load_network(tmp_path / "every.yaml")
    assert found.digest == network.digest
    assert (found.wires, found.metric, found.trained) == (network.wires, network.metric, False)
    assert (found.weights, found.macs) == (network.weights, network.macs)
    save_network(replace(network, trained=True), tmp_path / "every.yaml")
    assert load_network(tmp_path / "every.yaml").trained


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "vgg16"])
def test_architectures_come_back(name: str, tmp_path: Path) -> None:
    """The text of an architecture gives the same shapes and, its parameters drawn, the same network."""
    network = ARCHITECTURES[name].build()
    path = tmp_path / "copy.yaml"
    path.write_text(topology_text(network, None), encoding="utf-8")
    assert "weights:" not in path.read_text(encoding="utf-8")
    assert blank_network(path).shapes == network.shapes
    assert blank_network(path).weights == network.weights
    if network.weights < 4_000_000:
        assert load_network(path, seed=7).digest == load_network(name, seed=7).digest


def write(folder: Path, text: str) -> Path:
    """A topology file."""
    path = folder / "branch.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_branches_as_written(tmp_path: Path) -> None:
    """Inputs by name, the network's own among them; what stands below another layer takes that one."""
    network = load_network(write(tmp_path, GRAPH))
    assert network.sources == (
        *(("input",), ("conv1",), ("relu1",), ("conv2", "relu1"), ("input",), ("sum", "gate"), ("both",)),
        ("flatten7",),
    )
    conv1, relu1, conv2 = network.layers[:3]
    assert isinstance(conv1, Conv2d)
    assert (conv1.weight.shape, conv1.padding, conv1.groups, conv1.has_bias) == ((4, 2, 3, 3), (0, 1, 2, 1), 2, False)
    assert isinstance(conv2, Conv2d)
    assert (conv2.dilation, conv2.has_bias) == ((2, 2), True)
    assert isinstance(relu1, Activation)
    assert relu1.settings == (("low", 0.0), ("high", 6.0))
    assert network.weights == 4 * 2 * 9 + 4 * 4 * 9 + 4 + 3 * 288 + 3


def test_parameters_are_drawn_from_the_seed(tmp_path: Path) -> None:
    """Without weights and with `trained: false` the seed gives the parameters; nobody calls them trained."""
    path = write(tmp_path, GRAPH)
    assert load_network(path).digest == load_network(path, seed=0).digest != load_network(path, seed=1).digest
    assert not load_network(path).trained
    with pytest.raises(InputError, match="names no weights file"):
        save_parameters(load_network(path), path)
    with pytest.raises(InputError, match="'resnet18' names no weights file"):
        save_parameters(load_network(path), "resnet18")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trained: false\n", "", r":1: key 'weights' is missing: expected .*'trained: false'"),
        ("trained: false", "trained: 0", r":3: trained: expected true or false, got 0"),
        ("inputs: [conv2, relu1]", "inputs: [conv2, relu]", r":9: layers\[3\]\.inputs: no layer 'relu' .*'relu1'"),
        ("inputs: [conv2, relu1]", "inputs: [conv2, both]", r":9: layers\[3\]\.inputs: no layer 'both' before this"),
        ("inputs: [conv2, relu1]", "inputs: [conv2]", r":9: layers\[3\]\.inputs: 'add' takes 2 input\(s\), found 1"),
        ("inputs: [conv2, relu1]", "inputs: conv2", r":9: layers\[3\]\.inputs: expected a list of names"),
        (", inputs: [conv2, relu1]", "", r":9: layers\[3\]: key 'inputs' is missing: expected 2 names"),
        ("padding: 2,", "padding: 1,", r":9: layers\[3\]: layer 'sum': expected two inputs of one shape, \(4, 4, 4\)"),
        ("inputs: [input]}", "inputs: [input, sum]}", r":10: layers\[4\]\.inputs: 'clip' takes 1 input"),
        ("groups: 2", "groups: 3", r":6: layers\[0\]\.groups: expected a divisor of 4 input and 4 output channels"),
        ("padding: [0, 1, 2, 1]", "padding: [0, 1, 2]", r":6: layers\[0\]\.padding: expected .*\[top, left"),
        ("high: 0.5", "high: -2", r":10: layers\[4\]: layer 'gate': clip expects low below high"),
        ("high: 0.5, ", "", r":10: layers\[4\]: key 'high' is missing: expected a number"),
        ("low: -1", "low: wide", r":10: layers\[4\]\.low: expected a finite number, got 'wide'"),
        ("axis: 0", "axis: 3", r":11: layers\[5\]: layer 'both': expected an input with an axis 3"),
        ("axis: 0", "axis: 0.5", r":11: layers\[5\]\.axis: expected an integer, got 0\.5"),
        ("name: both", "name: input", r":11: layers\[5\]\.name: the layer name 'input' is that of the network's input"),
        ("name: both", "name: sum", r":11: layers\[5\]\.name: the layer name 'sum' is used twice"),
        ("inputs: [sum, gate]", "inputs: [sum]", r":10: layers\[4\]: the output of 'gate' is used by no layer"),
        ("kind: relu6", "kind: rely6", r":7: layers\[1\]\.kind: unknown layer kind 'rely6' \(did you mean 'relu6'"),
    ],
)
def test_wrong_graphs(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Each fault is told with the file, the line, the key and what was expected."""
    assert old in GRAPH
    path = write(tmp_path, GRAPH.replace(old, new, 1))
    with pytest.raises(InputError, match=f"{re.escape(str(path))}.*{message}"):
        load_network(path)


def test_binary_weights_are_stored_as_bits(tmp_path: Path) -> None:
    """A tensor of -a and +a takes a bit a value and comes back exactly; all others are floats."""
    stream = np.random.default_rng(1)
    signs = np.where(stream.random((30, 77)) < 0.5, np.float32(-0.3), np.float32(0.3))
    other = signs.copy()
    other[0, 0] = 0.1
    layers = (
        Linear("binary", signs, numbers(30)),
        Linear("other", other.T.copy(), numbers(77)),
        Linear("last", np.ones((2, 77), np.float32), np.zeros(2, np.float32)),
    )
    network = Network("bits", (77,), layers, None)
    save_network(network, tmp_path / "bits.yaml")
    assert load_network(tmp_path / "bits.yaml").digest == network.digest
    size = (tmp_path / "bits.safetensors").stat().st_size
    floats = 4 * (other.size + 30 + 77 + 2 + 2)
    assert floats + signs.size / 8 < size < floats + signs.size / 8 + 1000
    text = (tmp_path / "bits.yaml").read_text(encoding="utf-8")
    (tmp_path / "bits.yaml").write_text(text.replace("features: 30", "features: 29"), encoding="utf-8")
    with pytest.raises(InputError, match=r"'binary\.weight\.signs' of .* has 289 bytes, the topology asks for one bit"):
        load_network(tmp_path / "bits.yaml")
