"""Small networks of every kind that the compiler takes apart: chain, residual sum, branches, attention, signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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

Wires = dict[str, tuple[str, ...]]
RANDOM = np.random.default_rng(3)


def normal(*shape: int) -> NDArray[np.float32]:
    return RANDOM.normal(size=shape).astype(np.float32)


def conv(name: str, outputs: int, inputs: int, kernel: int = 3, groups: int = 1, **rest: object) -> Conv2d:
    weight = normal(outputs, inputs // groups, kernel, kernel)
    options = {"padding": (kernel // 2, kernel // 2), "groups": groups} | rest
    return Conv2d(name, weight, normal(outputs), **options)  # type: ignore[arg-type]


def linear(name: str, outputs: int, inputs: int) -> Linear:
    return Linear(name, normal(outputs, inputs), normal(outputs))


def norm(name: str, channels: int) -> BatchNorm:
    positive = RANDOM.uniform(0.5, 2, (2, channels)).astype(np.float32)
    return BatchNorm(name, positive[0], normal(channels), normal(channels), positive[1])


def network(shape: tuple[int, ...], *layers: Layer, wires: Wires | None = None) -> Network:
    return Network("small", shape, layers, None, wires=wires or {})


def chain() -> Network:
    """Odd strides, padding and pools; batch norm in both places; a linear layer over a flattened map."""
    return network(
        (2, 8, 9),
        Conv2d("c1", normal(4, 2, 3, 3), normal(4), (1, 2), (1, 0)),
        norm("n1", 4),
        Relu("r1"),
        MaxPool2d("p1", (2, 2), (2, 1)),
        Conv2d("c2", normal(3, 4, 2, 2), normal(3), padding=(0, 1, 1, 0)),
        Affine("a2", normal(3, 1, 1), normal(3, 1, 1)),
        AvgPool2d("p2", (2, 2), (1, 1)),
        Flatten("f"),
        linear("fc", 5, 18),
    )


def residual() -> Network:
    return network(
        (3, 8, 8),
        conv("stem", 4, 3),
        norm("n0", 4),
        Relu("r0"),
        conv("a", 4, 4),
        norm("n1", 4),
        Relu("r1"),
        conv("b", 4, 4),
        norm("n2", 4),
        Add("add"),
        Relu("r2"),
        AvgPool2d("pool", (8, 8), (8, 8)),
        Flatten("flat"),
        linear("fc", 6, 4),
        wires={"a": ("r0",), "add": ("n2", "r0")},
    )


def branches() -> Network:
    """Concat of branches, a gate of channels, groups, dilation, a batch norm that nothing precedes."""
    return network(
        (4, 6, 6),
        norm("n", 4),
        conv("left", 4, 4, groups=2),
        conv("deep", 4, 4, groups=4, dilation=(2, 2), padding=(2, 2)),
        Concat("cat"),
        AvgPool2d("squeeze", (6, 6), (6, 6)),
        conv("excite", 8, 8, kernel=1),
        Activation("gate", "sigmoid"),
        Multiply("scaled"),
        conv("last", 3, 8, kernel=1),
        Flatten("flat"),
        linear("fc", 2, 108),
        wires={"left": ("n",), "deep": ("n",), "cat": ("left", "deep"), "scaled": ("cat", "gate")},
    )


def attention() -> Network:
    """One head over tokens made from a map: class token, positions, layer norm, softmax, views of one product."""
    return network(
        (2, 4, 4),
        Conv2d("patch", normal(6, 2, 2, 2), normal(6), (2, 2)),
        Reshape("rows", (6, 4)),
        Transpose("tokens", (1, 0)),
        Constant("class", normal(1, 6)),
        Concat("cat", axis=0),
        Affine("position", np.ones((), np.float32), normal(5, 6)),
        LayerNorm("ln", normal(6), normal(6)),
        linear("qkv", 18, 6),
        Slice("q", 1, 0, 6),
        Slice("k", 1, 6, 12),
        Slice("v", 1, 12, 18),
        Transpose("kt", (1, 0)),
        MatMul("scores", 6**-0.5),
        Softmax("soft"),
        MatMul("mix"),
        linear("out", 6, 6),
        Add("skip"),
        Activation("gelu", "gelu"),
        Slice("first", 0, 0, 1),
        Flatten("flat"),
        linear("head", 3, 6),
        wires={
            "cat": ("class", "tokens"),
            "q": ("qkv",),
            "k": ("qkv",),
            "v": ("qkv",),
            "kt": ("k",),
            "scores": ("q", "kt"),
            "mix": ("soft", "v"),
            "out": ("mix",),
            "skip": ("out", "position"),
        },
    )


def signal() -> Network:
    """One-dimensional convolutions: maps of height 1 between reshapes, batch norm behind one."""
    return network(
        (5, 12),
        Reshape("map", (5, 1, 12)),
        Conv2d("c", normal(4, 5, 1, 3), normal(4), padding=(0, 1)),
        Reshape("back", (4, 12)),
        norm("n", 4),
        Relu("r"),
        Flatten("flat"),
        linear("fc", 3, 48),
    )


NETWORKS = {make.__name__: make() for make in (chain, residual, branches, attention, signal)}
