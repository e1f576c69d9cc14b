"""Lowering: nodes that compute the same floats as the network, with little left of its digital operators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import INPUT
from pillarsim.mapping.lower import Lowered, lower
from pillarsim.mapping.lowered_forward import forward_nodes
from pillarsim.workloads.forward import forward
from pillarsim.workloads.network import Add, Affine, AvgPool2d, Constant, Conv2d, Flatten, Layer, MatMul, Multiply, Relu
from tests.mapping.networks import NETWORKS, Wires, conv, linear, network, norm, normal


def last_of(lowered: Lowered, images: torch.Tensor) -> torch.Tensor:
    """The lowered network's output; each node's steps have the shapes that it says."""
    values = images
    for node, steps in zip(lowered.nodes, forward_nodes(lowered, images), strict=True):
        assert tuple(steps[0].shape[1:]) == node.result.shape
        assert tuple(steps[-1].shape[1:]) == node.output.shape
        values = steps[-1]
    return values


@pytest.mark.parametrize("name", NETWORKS)
def test_nodes_compute_what_the_network_computes(name: str) -> None:
    """Folding, fusing and views leave the float64 outputs unchanged but for rounding."""
    net = NETWORKS[name]
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(5, *net.input_shape)))
    found, expected = last_of(lower(net), images), forward(net, images)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("chain", ["c1", "c2", "fc"]),
        ("residual", ["stem", "a", "b", "add", "fc"]),
        ("branches", ["n", "left", "deep", "cat", "squeeze", "excite", "scaled", "last", "fc"]),
        (
            "attention",
            ["patch", "cat", "position", "ln", "qkv", "scores", "soft", "mix", "out", "skip", "head"],
        ),
        ("signal", ["c", "fc"]),
    ],
)
def test_what_is_left_as_a_node(name: str, nodes: list[str]) -> None:
    """Batch norm and affine operators behind a matrix fold; functions and pools fuse; views are no nodes."""
    assert [node.name for node in lower(NETWORKS[name]).nodes] == nodes


def test_fused_operators_in_order() -> None:
    """ReLU and pool of a residual sum stand behind the sum; those of a branch point stay before the branch."""
    nodes = {node.name: node for node in lower(NETWORKS["residual"]).nodes}
    assert [type(operator) for operator in nodes["add"].post] == [Relu, AvgPool2d]
    assert [type(operator) for operator in nodes["stem"].post] == [Relu]
    assert [edge.source for edge in nodes["add"].edges] == [2, 0]
    assert [edge.access for edge in nodes["add"].edges] == ["pixel", "pixel"]
    assert nodes["stem"].edges[0].source == INPUT


def test_what_consumers_need_of_streams() -> None:
    """A class token shifts pixels (the whole map); the second factor of a product is a whole map; others go along."""
    nodes = {node.name: node for node in lower(NETWORKS["attention"]).nodes}
    access = {name: [edge.access for edge in nodes[name].edges] for name in nodes}
    assert access["qkv"] == ["window"]
    assert access["cat"] == ["map"]
    assert access["scores"] == ["pixel", "map"]
    assert access["soft"] == ["pixel"]
    assert access["skip"] == ["pixel", "pixel"]
    # the head takes one token of five, six values each
    assert nodes["head"].edges[0].values == (6, 0, 0, 0, 0)
    assert [edge.values for edge in nodes["scores"].edges] == [6, 6]
    gates = {node.name: node for node in lower(NETWORKS["branches"]).nodes}
    assert [edge.access for edge in gates["scaled"].edges] == ["pixel", "map"]


def test_a_constant_is_an_input_of_its_concat() -> None:
    """The class token stands first among the concat's inputs and depends on nothing."""
    nodes = {node.name: node for node in lower(NETWORKS["attention"]).nodes}
    assert [(place, constant.name) for place, constant in nodes["cat"].constants] == [(0, "class")]


def test_batch_norm_behind_a_branch_is_an_operator() -> None:
    """A matrix whose result somebody else takes too keeps its weights; the batch norm stays as scale and shift."""
    net = network(
        (2, 4, 4), conv("c", 2, 2), norm("n", 2), Add("add"), conv("d", 2, 2), wires={"add": ("c", "n")}
    )  # fmt: skip
    nodes = lower(net).nodes
    assert [type(node.operator) for node in nodes] == [type(None), Affine, Add, type(None)]
    images = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 2, 4, 4)))
    np.testing.assert_allclose(last_of(lower(net), images), forward(net, images), rtol=1e-5, atol=1e-6)


def test_a_view_at_the_end_is_no_operator() -> None:
    """A flatten behind the last matrix moves nothing."""
    assert [node.name for node in lower(network((2, 4, 4), conv("c", 2, 2), Flatten("flat"))).nodes] == ["c"]


def test_sums_and_products_with_constants_are_affine() -> None:
    """A constant in a sum or a product becomes shift or scale of every position."""
    layers = (Constant("k", normal(2, 4, 4)), conv("c", 2, 2), Add("add"), Multiply("times"), conv("d", 2, 2))
    net = network((2, 4, 4), *layers, wires={"c": ("input",), "add": ("c", "k"), "times": ("add", "k")})
    lowered = lower(net)
    assert not any(isinstance(node.operator, Add | Multiply) for node in lowered.nodes)
    images = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 2, 4, 4)))
    np.testing.assert_allclose(last_of(lowered, images), forward(net, images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "wires", "message"),
    [
        ((Constant("k", normal(2, 4, 4)), conv("c", 2, 2), Add("a")), {"c": ("k",), "a": ("c", "input")}, "layer 'c'"),
        ((Constant("k", normal(4, 3)), linear("c", 4, 4), MatMul("m")), {"c": ("input",), "m": ("c", "k")}, "'k'"),
    ],
)
def test_what_cannot_be_lowered_is_named(layers: tuple[Layer, ...], wires: Wires, message: str) -> None:
    """Constants through matrices, and in products of matrices: refused with the name."""
    shape = (2, 4, 4) if isinstance(layers[1], Conv2d) else (5, 4)
    with pytest.raises(InputError, match=message):
        lower(network(shape, *layers, wires=wires))
