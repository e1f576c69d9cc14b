"""Single ONNX nodes and small groups of them, against ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workloads.importer.graphs import GraphMaker, agrees

FUNCTIONS: dict[str, tuple[int, Callable[[GraphMaker, Any], Any]]] = {
    "relu6": (11, lambda g, x: g.add("Clip", x, g.numbers(0), g.numbers(1.5))),
    "clip above": (11, lambda g, x: g.add("Clip", x, "", g.numbers(0.3))),
    "clip below": (11, lambda g, x: g.add("Clip", x, g.numbers(-0.3))),
    "old clip": (7, lambda g, x: g.add("Clip", x, min=-0.5, max=0.7)),
    "old softmax": (11, lambda g, x: g.add("Softmax", x, axis=1)),
    "softmax": (13, lambda g, x: g.add("Softmax", x, axis=1)),
    "elu": (9, lambda g, x: g.add("Elu", x, alpha=0.7)),
    "selu": (9, lambda g, x: g.add("Selu", x)),
    "celu": (12, lambda g, x: g.add("Celu", x, alpha=0.6)),
    "one slope": (9, lambda g, x: g.add("PRelu", x, g.numbers([0.2]))),
    "slope a channel": (9, lambda g, x: g.add("PRelu", x, g.normal(4, 1, 1))),
    "tanh": (9, lambda g, x: g.add("Tanh", x)),
    "gelu": (20, lambda g, x: g.add("Gelu", x)),
    "gelu tanh": (20, lambda g, x: g.add("Gelu", x, approximate="tanh")),
    "swish": (24, lambda g, x: g.add("Swish", x)),
    "max": (9, lambda g, x: g.add("Max", x, g.numbers(0.25))),
    "min": (9, lambda g, x: g.add("Min", g.numbers(0.25), x)),
    "square": (9, lambda g, x: g.add("Pow", x, g.numbers(2))),
    "one minus": (9, lambda g, x: g.add("Sub", g.numbers(1), x)),
    "negative": (9, lambda g, x: g.add("Neg", x)),
    "normalise": (
        9,
        lambda g, x: g.add("Div", g.add("Sub", x, g.normal(4, 1, 1)), g.numbers([[[2.0]], [[3.0]], [[4.0]], [[5.0]]])),
    ),
    "difference": (9, lambda g, x: g.add("Sub", x, g.add("Relu", x))),
    "sum of three": (9, lambda g, x: g.add("Sum", x, g.add("Relu", x), g.add("Tanh", x))),
    "broadcast add": (13, lambda g, x: g.add("Add", x, g.add("GlobalAveragePool", x))),
    "outer product": (
        13,
        lambda g, x: g.add("Mul", g.add("ReduceMean", x, axes=[2]), g.add("ReduceMean", x, axes=[3])),
    ),
    "where": (
        16,
        lambda g, x: g.add("Where", g.numbers([[True, False, True, False, True]], np.bool_), x, g.numbers(-1.5)),
    ),
    "sum of an axis": (11, lambda g, x: g.add("ReduceSum", x, axes=[1])),
    "largest of axes": (11, lambda g, x: g.add("ReduceMax", x, axes=[2, 3], keepdims=0)),
    "mean of channels": (11, lambda g, x: g.add("ReduceMean", x, axes=[1], keepdims=0)),
    "slice": (11, lambda g, x: g.add("Slice", x, g.integers(1, -4), g.integers(2**31, -1), g.integers(1, 3))),
    "every second": (11, lambda g, x: g.add("Slice", x, g.integers(0), g.integers(6), g.integers(2), g.integers(2))),
    "backwards": (
        11,
        lambda g, x: g.add("Slice", x, g.integers(-1), g.integers(-(2**31)), g.integers(3), g.integers(-1)),
    ),
    "old slice": (9, lambda g, x: g.add("Slice", x, starts=[1], ends=[3], axes=[1])),
    "gather a row": (11, lambda g, x: g.add("Gather", x, g.integers(2, 0, 1), axis=2)),
    "split": (
        13,
        lambda g, x: g.add("Concat", *reversed(g.add("Split", x, g.integers(1, 3), outputs=2, axis=1)), axis=1),
    ),
    "equal split": (11, lambda g, x: g.add("Mul", *g.add("Split", x, outputs=2, axis=1))),
    "num_outputs": (18, lambda g, x: g.add("Split", x, outputs=2, axis=3, num_outputs=2)[1]),
    "transpose": (11, lambda g, x: g.add("Transpose", x, perm=[0, 3, 1, 2])),
    "squeeze": (13, lambda g, x: g.add("Squeeze", g.add("Unsqueeze", x, g.integers(1, 3)), g.integers(1))),
    "zero keeps": (13, lambda g, x: g.add("Reshape", x, g.integers(0, 0, -1))),
    "zero pad": (13, lambda g, x: g.add("Pad", x, g.integers(0, 0, 1, 2, 0, 1, 0, 3))),
    "crop": (13, lambda g, x: g.add("Pad", x, g.integers(0, 0, -1, 0, 0, 0, 0, -2))),
    "filled pad": (18, lambda g, x: g.add("Pad", x, g.integers(1, 2), g.numbers(0.5), g.integers(2))),
    "constant first": (13, lambda g, x: g.add("MatMul", g.normal(3, 6), x)),
    "batched constant": (13, lambda g, x: g.add("MatMul", x, g.normal(1, 4, 5, 3))),
    "vector": (13, lambda g, x: g.add("MatMul", x, g.normal(5))),
    "two products": (13, lambda g, x: g.add("MatMul", x, g.add("Transpose", x, perm=[0, 1, 3, 2]))),
    "norm of two axes": (17, lambda g, x: g.add("LayerNormalization", x, g.normal(6, 5), g.normal(6, 5), axis=2)),
    "dropout": (13, lambda g, x: g.add("Identity", g.add("Dropout", x))),
    "attention": (23, lambda g, x: g.add("Attention", x, x, x, is_causal=1)),
    "expanded": (13, lambda g, x: g.add("Expand", g.add("ReduceMean", x, axes=[3]), g.integers(1, 4, 6, 3))),
    "cast": (13, lambda g, x: g.add("Cast", x, to=1)),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_node(tmp_path: Path, case: str) -> None:
    """One kind of node, or a few that belong together, behind a convolution."""
    opset, build = FUNCTIONS[case]
    g = GraphMaker((2, 6, 5), opset=opset)
    out = g.conv("x", (4, 2, 3, 3), pads=[1, 1, 1, 1])
    agrees(g.save(tmp_path, build(g, out)))


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """Kernel, stride, padding and flags of a pool that is defined."""
    rank = draw(st.integers(1, 2))
    kernel = draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank))
    pads = [draw(st.integers(0, size - 1)) for size in (*kernel, *kernel)]
    return {
        "kernel_shape": kernel,
        "pads": pads,
        "strides": draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank)),
        "ceil_mode": draw(st.integers(0, 1)),
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(window=windows(), counted=st.integers(0, 1), height=st.integers(4, 9), width=st.integers(4, 9))
def test_pools(tmp_path: Path, window: dict[str, Any], counted: int, height: int, width: int) -> None:
    """Largest values and means of every window, stride and padding, with a last partial window or without."""
    rank = len(window["kernel_shape"])
    size = (height, width)[:rank]
    for kind in ("MaxPool", "AveragePool"):
        g = GraphMaker((2, *size), opset=22)
        extra = {"count_include_pad": counted} if kind == "AveragePool" else {}
        out = g.add(kind, g.conv("x", (3, 2, *(1,) * rank)), **window, **extra)
        agrees(g.save(tmp_path, out))


@pytest.mark.parametrize("kind", ["Conv", "MaxPool", "AveragePool", "AveragePool counted"])
def test_padding_in_front(tmp_path: Path, kind: str) -> None:
    """Padding as a node of its own goes into a convolution or a mean; in front of a maximum it stays zeros."""
    g = GraphMaker((2, 7, 7), opset=13)
    out = g.conv("x", (3, 2, 1, 1))
    out = g.add("Pad", out, g.integers(0, 0, 1, 2, 0, 0, 2, 1))
    if kind == "Conv":
        out = g.conv(out, (4, 3, 3, 3), pads=[0, 1, 1, 0])
    else:
        counted = {"count_include_pad": 1} if "counted" in kind else {}
        out = g.add(kind.split()[0], out, kernel_shape=[3, 3], strides=[2, 2], **counted)
    network = agrees(g.save(tmp_path, out), low=-3.0)
    assert any(type(layer).__name__ == "Concat" for layer in network.layers) == (kind == "MaxPool")
