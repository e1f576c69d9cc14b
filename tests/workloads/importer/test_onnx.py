"""ONNX graphs, against ONNX Runtime: whole networks, the kinds of nodes, the opsets."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, numpy_helper

from pillarsim.workloads.importer import import_network
from pillarsim.workloads.importer.onnx_file import NEWEST_OPSET, OLDEST_OPSET
from pillarsim.workloads.network import (
    Activation,
    LayerNorm,
    Linear,
    MatMul,
    Multiply,
    Network,
)
from tests.workloads.importer.graphs import GraphMaker, agrees

OPSETS = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]


def kinds(network: Network) -> list[str]:
    return [type(layer).__name__ for layer in network.layers]


def test_residual_network(tmp_path: Path) -> None:
    """Two paths that meet, batch norm, a projection, global pooling."""
    g = GraphMaker((3, 12, 12))
    stem = g.add("Relu", g.batch_norm(g.conv("x", (8, 3, 3, 3), pads=[1, 1, 1, 1]), 8))
    body = g.add("Relu", g.batch_norm(g.conv(stem, (12, 8, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]), 12))
    body = g.batch_norm(g.conv(body, (12, 12, 3, 3), pads=[1, 1, 1, 1]), 12)
    met = g.add("Relu", g.add("Add", body, g.conv(stem, (12, 8, 1, 1), strides=[2, 2])))
    pooled = g.add("Flatten", g.add("GlobalAveragePool", met))
    network = agrees(g.save(tmp_path, g.linear(pooled, 5, 12)))
    assert network.input_shape == (3, 12, 12)
    assert network.dataset is None
    assert network.trained
    assert network.metric == "top-1 accuracy"
    assert network.name == "model"
    assert not network.is_chain
    assert kinds(network).count("Add") == 1
    # weights by hand: 8*3*9+8, 12*8*9+12, 12*12*9+12, 12*8+12, 5*12+5
    assert network.weights == 224 + 876 + 1308 + 108 + 65


@pytest.mark.parametrize("auto_pad", ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_depthwise_dilated(tmp_path: Path, auto_pad: str, stride: int) -> None:
    """Depthwise and grouped convolutions with dilation and padding that differs on every side."""
    g = GraphMaker((6, 13, 10))
    pads = {"pads": [1, 0, 2, 3]} if auto_pad == "NOTSET" else {"auto_pad": auto_pad}
    dilations = [2, 3] if auto_pad == "NOTSET" else [1, 1]  # ONNX Runtime takes no other with auto_pad
    out = g.conv("x", (6, 1, 3, 2), group=6, dilations=dilations, strides=[stride, stride], **pads)
    out = g.conv(out, (4, 3, 1, 1), group=2)
    agrees(g.save(tmp_path, g.add("LeakyRelu", out, alpha=0.1)))


def test_one_dimensional(tmp_path: Path) -> None:
    """Conv1d with dilation, batch norm and pools: one reshape in front, none between the layers."""
    g = GraphMaker((4, 60))
    out = g.add("Relu", g.batch_norm(g.conv("x", (8, 4, 11), auto_pad="SAME_UPPER"), 8))
    inner = g.conv(out, (8, 8, 3), pads=[8, 8], dilations=[8])
    out = g.add("Add", g.add("Sigmoid", inner), out)
    out = g.add("MaxPool", out, kernel_shape=[3], strides=[2], pads=[1, 0])
    out = g.add("AveragePool", out, kernel_shape=[7], strides=[4], pads=[3, 3], ceil_mode=0)
    out = g.linear(g.add("Flatten", out), 5, 8 * 8)
    network = agrees(g.save(tmp_path, out))
    assert [kind for kind in kinds(network) if kind in ("Reshape", "Flatten")] == ["Reshape", "Flatten"]


def erf_gelu(g: GraphMaker, x: Any, order: int) -> Any:
    """GELU by the error function as exporters write it, in three orders."""
    one, half, root = g.numbers(1), g.numbers(0.5), g.numbers(math.sqrt(2))
    gate = g.add("Add", g.add("Erf", g.add("Div", x, root)), one)
    if order == 0:
        return g.add("Mul", g.add("Mul", x, gate), half)
    if order == 1:
        return g.add("Mul", g.add("Mul", x, half), gate)
    return g.add("Mul", x, g.add("Mul", gate, half))


def tanh_gelu(g: GraphMaker, x: Any, order: int) -> Any:
    """GELU by its tanh approximation, with the cube as a power or as products."""
    cube = g.add("Pow", x, g.numbers(3)) if order == 0 else g.add("Mul", g.add("Mul", x, x), x)
    inner = g.add("Add", x, g.add("Mul", cube, g.numbers(0.044715)))
    gate = g.add("Tanh", g.add("Mul", inner, g.numbers(math.sqrt(2 / math.pi))))
    return g.add("Mul", g.add("Mul", x, g.numbers(0.5)), g.add("Add", gate, g.numbers(1)))


def written_norm(g: GraphMaker, x: Any, features: int, order: int) -> Any:
    """Layer norm written out, with its deviation divided or inverted."""
    centred = g.add("Sub", x, g.add("ReduceMean", x, axes=[-1]))
    square = g.add("Pow", centred, g.numbers(2)) if order == 0 else g.add("Mul", centred, centred)
    variance = g.add("Add", g.add("ReduceMean", square, axes=[-1]), g.numbers(1e-5))
    deviation = g.add("Sqrt", variance)
    out = g.add("Div", centred, deviation) if order < 2 else g.add("Mul", centred, g.add("Reciprocal", deviation))
    return g.add("Add", g.add("Mul", out, g.normal(features)), g.normal(features))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_written_out_patterns(tmp_path: Path, order: int) -> None:
    """A layer norm and both forms of GELU, node by node, become one layer each; MatMul and Add a linear one."""
    g = GraphMaker((10,), opset=13)
    out = g.add("Add", g.add("MatMul", "x", g.normal(10, 16)), g.normal(16))
    out = erf_gelu(g, written_norm(g, out, 16, order), order)
    out = g.add("Add", g.normal(16), g.add("MatMul", out, g.normal(16, 16)))
    out = tanh_gelu(g, out, order)
    out = g.add("MatMul", out, g.normal(16, 3))
    network = agrees(g.save(tmp_path, out))
    assert kinds(network) == ["Linear", "LayerNorm", "Activation", "Linear", "Activation", "Linear"]
    functions = [layer.function for layer in network.layers if isinstance(layer, Activation)]
    assert functions == ["gelu", "gelu_tanh"]
    assert isinstance(network.layers[1], LayerNorm)
    assert network.layers[1].epsilon == pytest.approx(1e-5)


def test_written_out_swish(tmp_path: Path) -> None:
    """x sigmoid(x) and x clip(x + 3, 0, 6) / 6 are SiLU and hard swish; x sigmoid(2 x) stays a product."""
    g = GraphMaker((6,))
    out = g.linear("x", 8, 6)
    out = g.add("Mul", out, g.add("Sigmoid", out))
    gate = g.add("Clip", g.add("Add", out, g.numbers(3)), g.numbers(0), g.numbers(6))
    out = g.add("Div", g.add("Mul", out, gate), g.numbers(6))
    out = g.add("Mul", out, g.add("Sigmoid", g.add("Mul", out, g.numbers(2))))
    network = agrees(g.save(tmp_path, out))
    functions = [layer.function for layer in network.layers if isinstance(layer, Activation)]
    assert functions == ["silu", "hard_swish", "sigmoid"]
    assert isinstance(network.layers[-1], Multiply)


@pytest.mark.parametrize("tokens_first", [False, True])
def test_vision_transformer(tmp_path: Path, tokens_first: bool) -> None:
    """Patches, class token by Shape and Expand, position embedding, attention, the token's features alone."""
    width, heads, tokens = 12, 3, 10
    g = GraphMaker((3, 9, 9), opset=17)
    patches = g.conv("x", (width, 3, 3, 3), strides=[3, 3])
    batch = g.add("Gather", g.add("Shape", patches), g.integers(0), axis=0)
    flat = g.add("Concat", batch, g.integers(width, -1), axis=0)
    rows = g.add("Transpose", g.add("Reshape", patches, flat), perm=[0, 2, 1])
    wanted = g.add("Concat", batch, g.integers(-1, -1), axis=0)
    unknown = g.add("Equal", wanted, g.integers(-1, -1, -1))
    sizes = g.add("Where", unknown, g.add("ConstantOfShape", g.integers(3), value=_one()), wanted)
    token = g.add("Expand", g.normal(1, 1, width), sizes)
    x = g.add("Add", g.add("Concat", token, rows, axis=1), g.normal(1, tokens, width))
    y = g.add("LayerNormalization", x, g.normal(width), g.normal(width), axis=-1)
    packed = g.add("Add", g.add("MatMul", y, g.normal(width, 3 * width)), g.normal(3 * width))
    split = g.add("Concat", batch, g.integers(tokens, 3, heads, width // heads), axis=0)
    turned = g.add("Transpose", g.add("Reshape", packed, split), perm=[2, 0, 3, 1, 4])
    q, k, v = (g.add("Gather", turned, g.numbers(n, np.int64), axis=0) for n in range(3))
    scale = g.numbers((width // heads) ** -0.25)
    q, k = g.add("Mul", q, scale), g.add("Mul", g.add("Transpose", k, perm=[0, 1, 3, 2]), scale)
    weights = g.add("Softmax", g.add("MatMul", q, k), axis=-1)
    back = g.add("Transpose", g.add("MatMul", weights, v), perm=[0, 2, 1, 3])
    joined = g.add("Reshape", back, g.add("Concat", batch, g.integers(tokens, width), axis=0))
    x = g.add("Add", x, g.add("Add", g.add("MatMul", joined, g.normal(width, width)), g.normal(width)))
    if tokens_first:
        token = g.add("Gather", g.add("Transpose", x, perm=[1, 0, 2]), g.numbers(0, np.int64), axis=0)
    else:
        token = g.add("Gather", x, g.numbers(0, np.int64), axis=1)
    network = agrees(g.save(tmp_path, g.linear(token, 7, width)))
    products = [layer for layer in network.layers if isinstance(layer, MatMul)]
    assert [round(layer.scale, 6) for layer in products] == [0.5, 1.0]  # 1 / sqrt(4 features)
    assert kinds(network).count("Affine") == 1  # the position embedding


def _one() -> Any:
    return numpy_helper.from_array(np.array([1], np.int64))


def test_squeeze_excite(tmp_path: Path) -> None:
    """A gate a channel, made by two 1 x 1 convolutions, with the gate as first or second factor."""
    g = GraphMaker((4, 7, 7))
    out = g.add("HardSwish", g.conv("x", (8, 4, 3, 3)))
    for first in (True, False):
        small = g.add("Relu", g.conv(g.add("GlobalAveragePool", out), (2, 8, 1, 1)))
        gate = g.add("HardSigmoid", g.conv(small, (8, 2, 1, 1)), alpha=1 / 6, beta=0.5)
        out = g.add("Mul", gate, out) if first else g.add("Mul", out, gate)
    agrees(g.save(tmp_path, g.add("ReduceMean", out, axes=[2, 3], keepdims=0)))


@pytest.mark.parametrize("size", [15, 16, 17])
def test_fire_module(tmp_path: Path, size: int) -> None:
    """Pools with ceil_mode and concatenation, as in SqueezeNet."""
    g = GraphMaker((3, size, size))
    out = g.add("Relu", g.conv("x", (6, 3, 3, 3), strides=[2, 2]))
    out = g.add("MaxPool", out, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    small = g.add("Relu", g.conv(out, (3, 6, 1, 1)))
    left, right = g.conv(small, (4, 3, 1, 1)), g.conv(small, (5, 3, 3, 3), pads=[1, 1, 1, 1])
    out = g.add("Concat", g.add("Relu", left), g.add("Relu", right), axis=1)
    network = agrees(g.save(tmp_path, g.add("GlobalMaxPool", out)))
    assert "Concat" in kinds(network)


def test_binary_network(tmp_path: Path) -> None:
    """Signs between fully connected layers."""
    g = GraphMaker((1, 5, 4))
    out = g.add("Sign", g.add("Flatten", "x"))
    out = g.add("Sign", g.batch_norm(g.add("MatMul", out, g.numbers(np.sign(g.draw.normal(size=(20, 9))))), 9))
    agrees(g.save(tmp_path, g.linear(out, 3, 9)))


@pytest.mark.parametrize("opset", OPSETS)
def test_opsets(tmp_path: Path, opset: int) -> None:
    """One network in every opset of the range, with the operators whose form changed between them."""
    g = GraphMaker((3, 8, 8), opset=opset)
    out = g.batch_norm(g.conv("x", (4, 3, 3, 3)), 4)
    if opset < 11:
        out = g.add("Clip", out, min=0.0, max=6.0)
        out = g.add("Pad", out, pads=[0, 0, 1, 1, 0, 0, 1, 1])
    else:
        out = g.add("Clip", out, g.numbers(0), g.numbers(6))
        out = g.add("Pad", out, g.integers(0, 0, 1, 1, 0, 0, 1, 1))
    out = g.add("MaxPool", g.conv(out, (6, 4, 3, 3)), kernel_shape=[2, 2], strides=[2, 2])
    out = g.add("Dropout", out)
    left, right = (
        g.add("Split", out, axis=1, outputs=2, split=[2, 4])
        if opset < 13
        else g.add("Split", out, g.integers(2, 4), axis=1, outputs=2)
    )
    right = g.add("ReduceMean", right, axes=[1]) if opset < 18 else g.add("ReduceMean", right, g.integers(1))
    out = g.add("Concat", left, right, axis=1)
    if opset < 10:
        out = g.add("Slice", out, starts=[0], ends=[2], axes=[2])
    else:
        out = g.add("Slice", out, g.integers(0), g.integers(2), g.integers(2))
    if opset < 13:
        out = g.add("Squeeze", g.add("Unsqueeze", out, axes=[1]), axes=[1])
    else:
        out = g.add("Squeeze", g.add("Unsqueeze", out, g.integers(1)), g.integers(1))
    out = g.linear(g.add("Reshape", out, g.integers(-1, 18)), 5, 18)
    agrees(g.save(tmp_path, g.add("Softmax", g.add("Sigmoid", out))))
    assert (min(OPSETS), max(OPSETS)) == (OLDEST_OPSET, NEWEST_OPSET)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_graphs(tmp_path: Path, data: st.DataObject) -> None:
    """Random chains and branches of layers that keep the number of axes."""
    channels, size = data.draw(st.integers(1, 3)), data.draw(st.integers(5, 8))
    g = GraphMaker((channels, size, size), opset=17, seed=data.draw(st.integers(0, 99)))
    live = [(g.conv("x", (4, channels, 1, 1)), (4, size, size))]
    steps = st.sampled_from(["conv", "relu", "norm", "pool", "add", "mul", "cat", "turn", "flat", "scale"])
    for step in data.draw(st.lists(steps, min_size=2, max_size=8)):
        x, (c, h, w) = live[-1]
        alike = [name for name, shape in live if shape == (c, h, w)]
        other = data.draw(st.sampled_from(alike))
        match step:
            case "conv":
                live.append((g.conv(x, (5, c, 2, 1), pads=[1, 0, 0, 0]), (5, h, w)))
            case "relu":
                live.append((g.add("LeakyRelu", x, alpha=0.3), (c, h, w)))
            case "norm":
                live.append((g.batch_norm(x, c), (c, h, w)))
            case "pool" if h > 1:
                out = g.add("AveragePool", x, kernel_shape=[2, 1], strides=[2, 1], ceil_mode=1)
                live.append((out, (c, -(-h // 2), w)))
            case "add" | "mul":
                live.append((g.add(step.title(), x, other), (c, h, w)))
            case "cat":
                live.append((g.add("Concat", x, other, axis=2), (c, 2 * h, w)))
            case "turn":
                live.append((g.add("Transpose", x, perm=[0, 2, 1, 3]), (h, c, w)))
            case "flat":
                folded = g.add("Reshape", x, g.integers(-1, c * h, w))
                live.append((g.add("Unsqueeze", folded, g.integers(2)), (c * h, 1, w)))
            case "scale":
                live.append((g.add("Mul", x, g.normal(c, 1, w)), (c, h, w)))
    agrees(g.save(tmp_path, live[-1][0]))


def test_names_and_plain_chain(tmp_path: Path) -> None:
    """Layers are called after their weights or nodes; inverse reshapes cancel and leave a chain."""
    g = GraphMaker((12,))
    for name, array in (("fc1.weight", (8, 12)), ("fc1.bias", (8,)), ("fc2.weight", (3, 8)), ("fc2.bias", (3,))):
        g.normal(*array)
        g.weights[-1].name = name
    out = g.add("Reshape", "x", g.integers(-1, 3, 4))
    out = g.add("Gemm", g.add("Reshape", out, g.integers(-1, 12)), "fc1.weight", "fc1.bias", transB=1)
    out = g.add("Relu", g.add("Reshape", out, g.integers(-1, 2, 4)))
    g.nodes[-1].name = "/body/act/Relu"
    out = g.add("Gemm", g.add("Flatten", out), "fc2.weight", "fc2.bias", transB=1)
    network = agrees(g.save(tmp_path, out))
    assert [layer.name for layer in network.layers] == ["fc1", "body.act", "fc2"]
    assert network.is_chain
    assert not network.wires


def test_dead_branch_goes(tmp_path: Path) -> None:
    """A branch that nobody uses is no layer."""
    g = GraphMaker((4,))
    out = g.linear("x", 3, 4)
    g.add("Tanh", out)
    network = agrees(g.save(tmp_path, g.add("Relu", out)))
    assert kinds(network) == ["Linear", "Relu"]


def test_gemm_in_all_forms(tmp_path: Path) -> None:
    """alpha, beta, both transposes and a bias as a row."""
    g = GraphMaker((4,))
    out = g.add("Gemm", "x", g.normal(4, 6), g.normal(1, 6), alpha=0.5, beta=2.0)
    turned = g.add("Gemm", out, g.normal(3, 6), transB=1, alpha=1.5)
    network = agrees(g.save(tmp_path, turned))
    assert kinds(network) == ["Linear", "Linear"]


@pytest.mark.parametrize("batch", [1, 4])
def test_fixed_batch(tmp_path: Path, batch: int) -> None:
    """A graph that is fixed to a batch is read for one sample, reshapes to that batch included."""
    g = GraphMaker((2, 4, 4), batch=batch)
    out = g.add("Reshape", g.conv("x", (3, 2, 1, 1)), g.integers(batch, 48))
    path = g.save(tmp_path, g.linear(out, 5, 48))
    network = agrees(path, samples=batch)
    assert network.input_shape == (2, 4, 4)


def test_open_sizes_given(tmp_path: Path) -> None:
    """Sizes that the file leaves open are those that are asked for."""
    g = GraphMaker((2, 4, 4))
    path = g.save(tmp_path, g.add("GlobalAveragePool", g.conv("x", (3, 2, 3, 3))))
    model = onnx.load(path)
    for axis, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(model, path)
    network = import_network(path, input_shape=(2, 9, 7), name="mine")
    assert network.input_shape == (2, 9, 7)
    assert network.name == "mine"
    assert network.shapes[0] == (3, 7, 5)


def test_external_weights(tmp_path: Path) -> None:
    """Weights in a file beside the model."""
    g = GraphMaker((40,))
    path = tmp_path / "model.onnx"
    model = g.model(g.linear("x", 30, 40))
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    network = agrees(path)
    assert isinstance(network.layers[0], Linear)


def test_half_precision_weights(tmp_path: Path) -> None:
    """A model in half precision computes with single precision here; agreement is that of half precision."""
    g = GraphMaker((4,))
    weight = np.asarray(g.draw.normal(size=(3, 4)), np.float16)
    g.weights.append(numpy_helper.from_array(weight, "w"))
    model = g.model(g.add("Gemm", "x", "w", transB=1), TensorProto.FLOAT16)
    onnx.save(model, tmp_path / "model.onnx")
    layer = import_network(tmp_path / "model.onnx").layers[0]
    assert isinstance(layer, Linear)
    assert np.array_equal(layer.weight, weight.astype(np.float32))


def test_local_functions(tmp_path: Path) -> None:
    """A function that the model defines itself is taken apart."""
    g = GraphMaker((4,))
    out = g.add("Twice", g.linear("x", 3, 4), domain="mine")
    model = g.model(out)
    body = [onnx.helper.make_node("Tanh", ["a"], ["t"]), onnx.helper.make_node("Add", ["a", "t"], ["b"])]
    opsets = [onnx.helper.make_opsetid("", 17)]
    model.functions.append(onnx.helper.make_function("mine", "Twice", ["a"], ["b"], body, opsets))
    model.opset_import.append(onnx.helper.make_opsetid("mine", 1))
    onnx.save(model, tmp_path / "model.onnx")
    assert kinds(agrees(tmp_path / "model.onnx")) == ["Linear", "Activation", "Add"]
