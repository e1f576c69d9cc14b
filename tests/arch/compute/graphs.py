"""Small networks with branches, groups, tokens and every kind of digital operator, with seeded weights."""

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

HEADS, WIDTH, TOKENS = 3, 12, 9


class Draws:
    """Seeded normal weights, scaled by the square root of what is summed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)

    def __call__(self, *shape: int) -> NDArray[np.float32]:
        scale = np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 4.0
        return (self._random.normal(size=shape) / scale).astype(np.float32)

    def norm(self, name: str, channels: int) -> BatchNorm:
        """Batch norm away from the identity."""
        gamma, beta, mean, variance = (self(channels) for _ in range(4))
        gamma, variance = (np.abs(gamma) + np.float32(0.5), np.abs(variance) + np.float32(0.5))
        return BatchNorm(name, gamma, beta, mean, variance)


def branching() -> Network:
    """A residual sum behind a depthwise convolution, a gate, a concat, dilation and asymmetric padding, softmax."""
    n = Draws()
    layers = (
        Conv2d("c1", n(16, 3, 3, 3), n(16), padding=(1, 1)),
        n.norm("b1", 16),
        Relu("r1"),
        MaxPool2d("mp", (3, 3), (2, 2), (1, 1)),
        Conv2d("c2", n(16, 1, 3, 3), n(16), padding=(1, 1), groups=16),
        n.norm("b2", 16),
        Activation("r2", "clip", (("low", 0.0), ("high", 6.0))),
        Conv2d("c3", n(16, 16, 1, 1), n(16)),
        n.norm("b3", 16),
        Add("add"),
        Relu("r3"),
        Conv2d("c4", n(8, 16, 3, 3), n(8), padding=(2, 2, 0, 1), dilation=(2, 2)),
        Activation("g", "gelu"),
        Conv2d("c5", n(8, 16, 1, 1), n(8)),
        Activation("s", "sigmoid"),
        Slice("rows", 1, 0, 6),
        Slice("columns", 2, 0, 7),
        Multiply("gate"),
        Concat("both", 0),
        AvgPool2d("ap", (2, 2), (2, 2), (0, 0, 0, 1), count_padding=False),
        Flatten("f"),
        Linear("fc", n(5, 16 * 12), n(5)),
        Softmax("shares"),
    )
    wires = {
        "add": ("b3", "mp"), "c4": ("r3",), "c5": ("r3",), "rows": ("s",), "gate": ("g", "columns"),
        "both": ("gate", "g"),
    }  # fmt: skip
    return Network("branching", (3, 16, 16), layers, None, wires=wires)


def attention() -> Network:
    """Patches, a class token, positions, one block of attention in three heads, layer norms."""
    n = Draws(1)
    each = WIDTH // HEADS
    layers = (
        Conv2d("patches", n(WIDTH, 3, 4, 4), n(WIDTH), (4, 4)),
        Reshape("line", (WIDTH, TOKENS)),
        Transpose("tokens", (1, 0)),
        Constant("class", n(1, WIDTH)),
        Concat("all", 0),
        Affine("positions", np.float32(1), n(TOKENS + 1, WIDTH)),  # type: ignore[arg-type]
        LayerNorm("norm1", np.abs(n(WIDTH)) + 1, n(WIDTH)),
        Linear("qkv", n(3 * WIDTH, WIDTH), n(3 * WIDTH)),
        Slice("q", 1, 0, WIDTH),
        Reshape("q heads", (TOKENS + 1, HEADS, each)),
        Transpose("q by head", (1, 0, 2)),
        Slice("k", 1, WIDTH, 2 * WIDTH),
        Reshape("k heads", (TOKENS + 1, HEADS, each)),
        Transpose("k by head", (1, 2, 0)),
        Slice("v", 1, 2 * WIDTH, 3 * WIDTH),
        Reshape("v heads", (TOKENS + 1, HEADS, each)),
        Transpose("v by head", (1, 0, 2)),
        MatMul("scores", 0.5),
        Softmax("shares"),
        MatMul("mix"),
        Transpose("by token", (1, 0, 2)),
        Reshape("joined", (TOKENS + 1, WIDTH)),
        Linear("project", n(WIDTH, WIDTH), n(WIDTH)),
        Add("residual"),
        LayerNorm("norm2", np.abs(n(WIDTH)) + 1, n(WIDTH)),
        Slice("first", 0, 0, 1),
        Flatten("flat"),
        Linear("head", n(7, WIDTH), n(7)),
    )
    wires = {
        "all": ("class", "tokens"), "q": ("qkv",), "k": ("qkv",), "v": ("qkv",), "scores": ("q by head", "k by head"),
        "mix": ("shares", "v by head"), "residual": ("project", "positions"),
    }  # fmt: skip
    return Network("attention", (3, 12, 12), layers, None, wires=wires)


def binary() -> Network:
    """Two layers of signs: weights of one size, sign functions between them."""
    n = Draws(2)
    layers = (
        Linear("fc1", np.sign(n(30, 20)), n(30)),
        Activation("sign", "sign"),
        Linear("fc2", np.sign(n(6, 30)), n(6)),
    )
    return Network("binary", (20,), layers, None)
