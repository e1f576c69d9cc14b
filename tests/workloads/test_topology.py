"""Networks as files: the shipped ones, and one clear message for each thing that can be wrong."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pillarsim.arch.errors import InputError
from pillarsim.workloads.network import BatchNorm, Conv2d, Linear, MaxPool2d
from pillarsim.workloads.topology import blank_network, labels_of, load_network, workload_names

TOPOLOGY = """\
name: tiny
dataset: mnist
weights: tiny.safetensors
input: [1, 28, 28]
layers:
  - {name: conv1, kind: conv2d, channels: 2, kernel: [3, 5], stride: 2, padding: [1, 0]}
  - {name: norm1, kind: batch_norm, epsilon: 0.001}
  - {kind: relu}
  - {kind: max_pool2d, kernel: 2}
  - {kind: flatten}
  - {name: fc1, kind: linear, features: 10, bias: false}
"""

TENSORS = {
    "conv1.weight": (2, 1, 3, 5),
    "conv1.bias": (2,),
    "norm1.weight": (2,),
    "norm1.bias": (2,),
    "norm1.running_mean": (2,),
    "norm1.running_var": (2,),
    "fc1.weight": (10, 2 * 7 * 6),
}


def _write(folder: Path, topology: str = TOPOLOGY, tensors: dict[str, tuple[int, ...]] | None = None) -> Path:
    """A topology file and its weights file of ones."""
    shapes = TENSORS if tensors is None else tensors
    save_file({name: np.ones(shape, np.float32) for name, shape in shapes.items()}, folder / "tiny.safetensors")
    path = folder / "tiny.yaml"
    path.write_text(topology, encoding="utf-8")
    return path


def _line(text: str) -> int:
    """The line of the topology on which `text` stands, counted from 1."""
    return next(number for number, line in enumerate(TOPOLOGY.splitlines(), 1) if text in line)


DRAWN = """\
name: drawn
trained: false
accuracy: null
dataset: null
input: [4, 6, 6]
layers:
- {kind: conv2d, name: c1, channels: 2, kernel: 3}
- {kind: flatten}
- {kind: linear, name: fc, features: 3}
"""


def test_shipped_names() -> None:
    """All networks of the zoo are there."""
    assert set(workload_names()) == {
        "alexnet", "letters-perceptron", "mnist-bnn", "mnist-lenet5", "mnist-mlp", "mnist-mlp250", "mobilenet_v2",
        "multi-resbind", "resnet18", "resnet50", "squeezenet1_0", "vgg16", "vgg8", "vit_tiny",
    }  # fmt: skip


def test_small_vgg_of_cifar() -> None:
    """VGG-8 counted by hand: seven convolutions and one fully connected layer."""
    network = load_network("vgg8")
    channels = (3, 128, 128, 256, 256, 512, 512, 1024)
    kernels = [9 * a * b for a, b in pairwise(channels)]
    positions = (1024, 1024, 256, 256, 64, 64, 4)
    assert network.weights == sum(kernels) + sum(channels[1:]) + 10_250
    assert network.macs == sum(a * b for a, b in zip(kernels, positions, strict=True)) + 10_240
    assert (network.shapes[-1], network.dataset, network.trained) == ((10,), "cifar10", False)


@pytest.mark.parametrize(
    ("name", "weights", "macs"), [("mnist-lenet5", 61_706, 416_520), ("mnist-mlp", 235_146, 234_752)]
)
def test_shipped_networks(name: str, weights: int, macs: int) -> None:
    """Weights and multiply-accumulates as counted by hand."""
    network = load_network(name)
    assert (network.name, network.weights, network.macs) == (name, weights, macs)
    assert network.shapes[-1] == (10,)
    assert network.dataset == "mnist"
    assert blank_network(name).shapes == network.shapes


def test_every_kind_and_option(tmp_path: Path) -> None:
    """A file with every kind of option gives the layers that it describes."""
    network = load_network(_write(tmp_path))
    conv, norm, relu, pool, flatten, linear = network.layers
    assert isinstance(conv, Conv2d)
    assert (conv.stride, conv.padding, conv.weight.shape) == ((2, 2), (1, 0), (2, 1, 3, 5))
    assert isinstance(norm, BatchNorm)
    assert norm.epsilon == 0.001
    assert isinstance(pool, MaxPool2d)
    assert (pool.kernel, pool.stride) == ((2, 2), (2, 2))
    assert isinstance(linear, Linear)
    assert not linear.bias.any()
    assert [relu.name, pool.name, flatten.name] == ["relu3", "max_pool2d4", "flatten5"]
    assert network.metric == "top-1 accuracy"


def test_counter_of_batch_norm_is_ignored(tmp_path: Path) -> None:
    """torch keeps a batch counter in its state_dict; it may stay in the file."""
    load_network(_write(tmp_path, tensors={**TENSORS, "norm1.num_batches_tracked": ()}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: relu", "kind: rely", r"{line}: layers\[2\]\.kind: unknown layer kind 'rely'.*relu"),
        ("padding: [1, 0]", "pading: 1", r"{line}: layers\[0\]\.pading: unknown key.*padding"),
        ("kernel: 2", "kernel: 0", r"{line}: layers\[3\]\.kernel: expected an integer of at least 1.*got 0"),
        ("kernel: 2", "kernel: 2 x 2", r"{line}: layers\[3\]\.kernel: expected .*got '2 x 2'"),
        ("stride: 2,", "stride: true,", r"{line}: layers\[0\]\.stride: expected .*got True"),
        ("bias: false", "bias: 0", r"{line}: layers\[5\]\.bias: expected true or false, got 0"),
        ("epsilon: 0.001", "epsilon: -1", r"{line}: layers\[1\]\.epsilon: expected a number of at least 0"),
        ("{name: fc1, ", "{", r"{line}: layers\[5\]: key 'name' is missing"),
        ("features: 10, ", "", r"{line}: layers\[5\]: key 'features' is missing"),
        ("{kind: flatten}", "{kind: relu}", r"layers\[5\]: a linear layer takes a flat input.*flatten"),
        (
            "kernel: 2}",
            "kernel: 99}",
            r"{line}: layers\[3\]: layer 'max_pool2d4': expected an input no smaller",
        ),
        ("name: fc1", "name: conv1", r"conv1\.weight' .*has shape|layers\[5\]"),
        ("dataset: mnist", "dataset: mnits", r"{line}: dataset: unknown dataset 'mnits'.*mnist"),
        ("dataset: mnist\n", "", r"key 'dataset' is missing"),
        ("input: [1, 28, 28]", "input: [1, 1, 28, 28]", r"{line}: input: expected a list of 1 or 2 or 3 integers"),
        ("input: [1, 28, 28]", "input: [28, 28]", r"layers\[0\]: a conv2d layer takes \(C, H, W\), its input is"),
        ("name: tiny", "nam: tiny", r"{line}: nam: unknown key.*name"),
        ("weights: tiny", "weights: tinny", r"{line}: weights: no file .*tinny\.safetensors"),
    ],
)
def test_wrong_topology(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Each fault is told with the file, the line, the key and what was expected."""
    assert TOPOLOGY.count(old) == 1 or old == "name: tiny"
    path = _write(tmp_path, TOPOLOGY.replace(old, new, 1))
    where = message.replace("{line}", f"{re.escape(str(path))}:{_line(old.strip())}")
    with pytest.raises(InputError, match=where):
        load_network(path)


def test_layers_that_are_no_list(tmp_path: Path) -> None:
    """`layers` must be a list of mappings."""
    head = TOPOLOGY.partition("layers:")[0]
    for text in ("layers: {}", "layers: []", "layers: 5", "layers:"):
        with pytest.raises(InputError, match="layers: expected a list of layers"):
            load_network(_write(tmp_path, head + text))
    with pytest.raises(InputError, match=r"layers\[0\]: expected a mapping, got 'relu'"):
        load_network(_write(tmp_path, head + "layers: [relu]"))


@pytest.mark.parametrize(("old", "new"), [("channels: 2", "channels: 1000000000000"), ("6, 6]", "600000, 600000]")])
def test_tensor_of_absurd_size(tmp_path: Path, old: str, new: str) -> None:
    """It is refused before memory is asked for; the line of the layer is named."""
    assert old in DRAWN
    path = tmp_path / "large.yaml"
    path.write_text(DRAWN.replace(old, new), encoding="utf-8")
    with pytest.raises(
        InputError, match=r"large\.yaml:\d+: layers\[\d\].* would hold .* numbers; expected at most 2\^31"
    ):
        load_network(path)


def test_accuracy_may_be_null(tmp_path: Path) -> None:
    """As absent: nothing is stated."""
    path = tmp_path / "null.yaml"
    path.write_text(DRAWN, encoding="utf-8")
    assert labels_of(path).accuracy is None
    path.write_text(DRAWN.replace("accuracy: null", "accuracy: 1.5"), encoding="utf-8")
    with pytest.raises(InputError, match=r"null\.yaml:3: accuracy: expected a share from 0 to 1"):
        labels_of(path)


@pytest.mark.parametrize("content", [b"", b"just a string", b"- a\n- b\n", b"\x00\x01\x02\xff", b"a: [1"])
def test_file_that_is_no_topology(tmp_path: Path, content: bytes) -> None:
    """An empty, binary or broken file, or one that is not a mapping, gets one message that names it."""
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(path))):
        load_network(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnist-lenet", "unknown workload 'mnist-lenet'.*mnist-lenet5"),
        ("nothing-like-it", "expected one of alexnet, .*mnist-lenet5, mnist-mlp"),
        ("absent.yaml", r"absent\.yaml"),
        ("", "unknown workload ''"),
    ],
)
def test_unknown_workload(name: str, message: str) -> None:
    """A name that does not exist gets the list and the nearest one."""
    with pytest.raises(InputError, match=message):
        load_network(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc1.weight": None}, r"has no tensor 'fc1\.weight'"),
        ({"fc1.weight": None, "fc1.wieght": (10, 84)}, r"has no tensor 'fc1\.weight'.*fc1\.wieght"),
        ({"fc1.weight": (84, 10)}, r"'fc1\.weight' .*has shape \(84, 10\), the topology asks for \(10, 84\)"),
        ({"fc2.weight": (10, 10)}, r"tensors that no layer uses: fc2\.weight"),
    ],
)
def test_tensors_that_do_not_fit(tmp_path: Path, change: dict[str, tuple[int, ...] | None], message: str) -> None:
    """A missing, misshapen or unused tensor is named."""
    tensors = {name: shape for name, shape in {**TENSORS, **change}.items() if shape is not None}
    path = _write(tmp_path, tensors=tensors)
    with pytest.raises(InputError, match=f"{re.escape(str(path))}:{_line('weights:')}: weights: .*{message}"):
        load_network(path)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_weights_file(tmp_path: Path, kept: int) -> None:
    """A weights file cut anywhere, empty included, is told as such."""
    path = _write(tmp_path)
    weights = tmp_path / "tiny.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"tiny\.safetensors is truncated or no \.safetensors file"):
        load_network(path)


def test_weights_of_the_wrong_type_or_value(tmp_path: Path) -> None:
    """Integer tensors and NaN are refused by name; half precision is taken."""
    path = _write(tmp_path)
    tensors = {name: np.ones(shape, np.float16) for name, shape in TENSORS.items()}
    save_file(tensors, tmp_path / "tiny.safetensors")
    assert load_network(path).weights == 32 + 840  # fc1 has no bias
    save_file({**tensors, "fc1.weight": np.full((10, 84), np.nan, np.float32)}, tmp_path / "tiny.safetensors")
    with pytest.raises(InputError, match=r"layers\[5\]: layer 'fc1': weight holds 840 value"):
        load_network(path)
    save_file({**tensors, "fc1.weight": np.ones((10, 84), np.int8)}, tmp_path / "tiny.safetensors")
    with pytest.raises(InputError, match=r"'fc1\.weight' .*is int8, expected float"):
        load_network(path)


def test_weights_that_are_a_folder(tmp_path: Path) -> None:
    """A folder in place of the weights file is an error, not a traceback."""
    path = _write(tmp_path, TOPOLOGY.replace("tiny.safetensors", "."))
    with pytest.raises(InputError, match="cannot be read"):
        load_network(path)


def test_public_names_of_the_package() -> None:
    """Every name of `pillarsim.workloads.__all__` loads."""
    import pillarsim.workloads as workloads

    for name in workloads.__all__:
        assert callable(getattr(workloads, name))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = workloads.no_such_name
