"""ONNX files that cannot be imported: each gives one clear error."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pillarsim.arch.errors import InputError
from pillarsim.workloads.importer import import_network
from tests.workloads.importer.graphs import GraphMaker


def refused(path: Path, *expected: str, shape: tuple[int, ...] | None = None) -> None:
    """The import fails with one line that names the file and holds every expected part."""
    with pytest.raises(InputError) as caught:
        import_network(path, input_shape=shape)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for part in expected:
        assert re.search(part, message), f"{part!r} is not in {message!r}"


def small(folder: Path, **options: Any) -> Path:
    """A good model with one fully connected layer."""
    g = GraphMaker((4,), **options)
    return g.save(folder, g.linear("x", 3, 4))


BEHIND: dict[str, tuple[Callable[[GraphMaker, Any], Any], tuple[str, ...]]] = {
    "no such operator": (
        lambda g, x: g.add("InstanceNormalization", x, g.normal(4), g.normal(4)),
        (
            r"node 'instancenormalization1' \(InstanceNormalization\)",
            "not supported",
            "did you mean 'LayerNorm",
        ),
    ),
    "transposed convolution": (
        lambda g, x: g.add("ConvTranspose", x, g.normal(4, 2, 3, 3)),
        ("ConvTranspose", "enlarge"),
    ),
    "log-softmax": (lambda g, x: g.add("LogSoftmax", x), ("LogSoftmax", "leave it out")),
    "largest class": (lambda g, x: g.add("Cast", g.add("ArgMax", x), to=1), ("ArgMax", "leave it out")),
    "lone erf": (lambda g, x: g.add("Relu", g.add("Erf", x)), (r"node 'erf1' \(Erf\): 'erf' by itself", "GELU")),
    "quotient": (lambda g, x: g.add("Div", x, g.add("Relu", x)), (r"\(Div\)", "quotient of two activations")),
    "odd power": (lambda g, x: g.add("Pow", x, g.numbers(1.7)), ("power of 1.7",)),
    "drawn noise": (
        lambda g, x: g.add("Add", x, g.add("RandomNormal", shape=[4, 1, 1])),
        ("RandomNormal", "not supported"),
    ),
    "comparison": (lambda g, x: g.add("Where", g.add("Greater", x, g.numbers(0)), x, x), ("Greater", "not supported")),
    "integers": (lambda g, x: g.add("Cast", g.add("Cast", x, to=6), to=1), ("activations cannot become INT32",)),
    "reflection": (
        lambda g, x: g.add("Pad", x, g.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect"),
        ("padding by 'reflect'", "constant"),
    ),
    "pool with dilation": (
        lambda g, x: g.add("MaxPool", x, kernel_shape=[2, 2], dilations=[2, 2]),
        ("pool with dilation",),
    ),
    "weight from the input": (lambda g, x: g.add("Conv", x, x), (r"\(Conv\)", "weight depends on the network's input")),
    "softmax over samples": (lambda g, x: g.add("Softmax", x, axis=0), ("softmax works across the batch",)),
    "mean over samples": (lambda g, x: g.add("ReduceMean", x, axes=[0]), ("mean works across the batch",)),
    "joined samples": (lambda g, x: g.add("Concat", x, x, axis=0), ("concatenation works across the batch",)),
    "gram matrix": (
        lambda g, x: g.add("MatMul", g.add("Flatten", x), g.add("Transpose", g.add("Flatten", x), perm=[1, 0])),
        ("works across the batch",),
    ),
    "moved batch": (
        lambda g, x: g.add("ReduceMax", g.add("Transpose", x, perm=[1, 0, 2, 3]), axes=[1]),
        ("max works across the batch",),
    ),
    "samples last": (lambda g, x: g.add("Transpose", x, perm=[1, 2, 3, 0]), ("first axis is not the batch",)),
    "apart axes": (lambda g, x: g.add("ReduceMean", x, axes=[1, 3]), ("axes side by side",)),
    "training": (
        lambda g, x: g.add(
            "BatchNormalization", x, *(g.numbers([1.0] * 4) for _ in range(4)), training_mode=1, outputs=3
        )[0],
        ("training mode", "evaluation"),
    ),
    "dropout in training": (
        lambda g, x: g.add("Dropout", x, g.numbers(0.5), g.numbers(True, np.bool_)),
        ("training mode", "evaluation"),
    ),
    "division by zero": (lambda g, x: g.add("Div", x, g.numbers(0)), ("divides by a constant that is zero",)),
}


@pytest.mark.parametrize("case", BEHIND)
def test_node_behind_a_convolution(tmp_path: Path, case: str) -> None:
    """What no operator of the set computes is named with its node, its kind and what could be done."""
    build, expected = BEHIND[case]
    g = GraphMaker((2, 6, 5))
    refused(g.save(tmp_path, build(g, g.conv("x", (4, 2, 1, 1)))), *expected)


def test_foreign_domain(tmp_path: Path) -> None:
    """A fused operator of another domain is named with it."""
    g = GraphMaker((4,))
    out = g.add("FusedGemm", g.linear("x", 3, 4), domain="com.microsoft")
    model = g.model(out)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, tmp_path / "model.onnx")
    refused(tmp_path / "model.onnx", "com.microsoft.FusedGemm", "not supported")


@pytest.mark.parametrize("opset", [6, 99])
def test_opset(tmp_path: Path, opset: int) -> None:
    """The range of opsets stands in the message."""
    refused(small(tmp_path, opset=opset), f"opset {opset}", "7 to 25", "version_converter")


@pytest.mark.parametrize(("axis", "name"), [(1, "channels"), (3, "width")])
def test_open_axis(tmp_path: Path, axis: int, name: str) -> None:
    """Only the batch may be open; the axis is named."""
    g = GraphMaker((2, 6, 5))
    path = g.save(tmp_path, g.conv("x", (4, 2, 1, 1)))
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(model, path)
    refused(path, rf"axis {axis} \({name}\) is dynamic", "only the batch", "input_shape")
    refused(path, "not \\(2, 6\\) as asked for", shape=(2, 6))


def test_shape_asked_for(tmp_path: Path) -> None:
    """A shape that contradicts the file."""
    refused(small(tmp_path), r"is \(4,\) a sample, not \(5,\)", shape=(5,))


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    """One input, one output; all are named."""
    g = GraphMaker((4,))
    one, two = g.linear("x", 3, 4), g.linear("x", 2, 4)
    refused(g.save(tmp_path, [one, two]), "expected one output, found 2", one, two)
    g = GraphMaker((4,))
    model = g.model(g.add("Add", "x", "y"))
    model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4]))
    onnx.save(model, tmp_path / "model.onnx")
    refused(tmp_path / "model.onnx", "expected one input, found 2 \\('x', 'y'\\)")


def test_integer_input(tmp_path: Path) -> None:
    """Indices of words, say."""
    g = GraphMaker((4,))
    model = g.model(g.add("Relu", "x"), TensorProto.INT64)
    onnx.save(model, tmp_path / "model.onnx")
    refused(tmp_path / "model.onnx", "floating-point", "INT64")


def test_no_batch_axis(tmp_path: Path) -> None:
    """A vector alone."""
    g = GraphMaker(())
    refused(g.save(tmp_path, g.add("Relu", "x")), "expected a batch axis")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_numbers(tmp_path: Path, value: float) -> None:
    """The layer and the number of bad values are named."""
    g = GraphMaker((4,))
    weight = np.ones((3, 4))
    weight[1, 2] = weight[0, 0] = value
    path = g.save(tmp_path, g.add("MatMul", "x", g.numbers(weight.T)))
    refused(path, r"node 'matmul0' \(MatMul\)", "2 value\\(s\\) that are not finite")


def test_missing_weights(tmp_path: Path) -> None:
    """A file of weights that is not there or too short, and a weight that nobody defines."""
    g = GraphMaker((40,))
    model = g.model(g.linear("x", 30, 40))
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    weights = tmp_path / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:100])
    refused(path, "weight")
    weights.unlink()
    refused(path, "weight 'c0' is missing", "keep that file beside the model")
    g = GraphMaker((4,))
    refused(
        g.save(tmp_path, g.add("MatMul", "x", "nowhere")), r"node 'matmul0' \(MatMul\): its input 'nowhere' is missing"
    )


def test_wrong_weight_shape(tmp_path: Path) -> None:
    """The shape inference of onnx finds it."""
    g = GraphMaker((4,))
    refused(g.save(tmp_path, g.add("MatMul", "x", g.normal(5, 3))), "not a valid ONNX model")


def test_damaged_files(tmp_path: Path) -> None:
    """Empty, truncated at any point, or another kind of file."""
    good = small(tmp_path).read_bytes()
    path = tmp_path / "damaged.onnx"
    path.write_bytes(b"")
    refused(path, "empty")
    path.write_bytes(b"PK\x03\x04 this is no model at all")
    refused(path, "not a readable ONNX file|holds no nodes|opset")
    for length in range(1, len(good) - 1, 7):
        path.write_bytes(good[:length])
        refused(path)


def test_damaged_text(tmp_path: Path) -> None:
    """Names that are no UTF-8 any more: of a node, an operator, an input and a weight, each wherever it stands."""
    good = small(tmp_path).read_bytes()
    path = tmp_path / "damaged.onnx"
    found = 0
    for text in (b"MatMul", b"Gemm", b"matmul0", b"gemm0", b"c0", b"x"):
        for at in (match.start() for match in re.finditer(re.escape(text), good)):
            path.write_bytes(good[:at] + b"\xe7" + good[at + 1 :])
            with pytest.raises(InputError, match=r"damaged\.onnx: not a (readable ONNX file|valid ONNX model)"):
                import_network(path)
            found += 1
    assert found > 3


def test_no_file(tmp_path: Path) -> None:
    """A name that is nearly right, a folder, a kind of file that holds no graph."""
    path = small(tmp_path)
    refused(tmp_path / "modle.onnx", "no such file", "did you mean 'model.onnx'")
    (tmp_path / "folder.onnx").mkdir()
    refused(tmp_path / "folder.onnx", "not a file")
    refused(path.with_suffix(".pth"), "ends in .onnx or .pt2", "weights alone have no graph")
    refused(path.with_suffix(".onx"), "did you mean '.onnx'")


def test_quantised(tmp_path: Path) -> None:
    """A model with quantisation nodes."""
    g = GraphMaker((4,))
    scale, zero = g.numbers(0.1), g.numbers(0, np.int8)
    low = g.add("QuantizeLinear", "x", scale, zero)
    path = g.save(tmp_path, g.linear(g.add("DequantizeLinear", low, scale, zero), 3, 4))
    refused(path, "quantised", "QuantizeLinear", "export the float model")


def test_no_weights_and_no_layers(tmp_path: Path) -> None:
    """Nothing for an array to hold; an output that is the input, or a constant."""
    g = GraphMaker((4,))
    refused(g.save(tmp_path, g.add("Relu", "x")), "no convolution and no linear layer")
    g = GraphMaker((4,))
    refused(g.save(tmp_path, g.add("Identity", "x")), "it is the input itself")
    g = GraphMaker((4,))
    g.add("Relu", "x")
    refused(g.save(tmp_path, g.add("Identity", g.normal(2))), "depends on no input")


def test_hard_coded_batch(tmp_path: Path) -> None:
    """A reshape that merges a fixed batch with features cannot be read for one sample."""
    g = GraphMaker((6,), batch=4)
    out = g.add("Reshape", g.linear("x", 6, 6), g.integers(8, 3))
    refused(g.save(tmp_path, out), "fixed to a batch of 4", "export it with a batch of 1")


def test_onnx_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra to install is named."""
    path = small(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(path, "needs the package onnx", re.escape("pip install 'pillarsim[onnx]'"))
