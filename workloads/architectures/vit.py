"""A vision transformer for 224 x 224 images: DeiT-Ti (arXiv 2012.12877, table 1; blocks of arXiv 2010.11929).

Layers are named as in timm's `deit_tiny_patch16_224`. Queries, keys and values come from one fully connected layer.
Without the distillation token and without dropout.
"""

import math

from pillarsim.workloads.architectures.graph import Graph, constant
from pillarsim.workloads.network import (
    Activation,
    Add,
    Concat,
    Constant,
    MatMul,
    Network,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)

__all__ = ["vit_tiny"]

_PATCH, _WIDTH, _DEPTH, _HEADS, _MLP = 16, 192, 12, 3, 768  # DeiT-Ti, table 1 and section 3
_EPSILON = 1e-6  # of layer norm, timm


def vit_tiny() -> Network:
    """DeiT-Ti: 5 717 416 parameters with layer norm, class token and positions."""
    graph = Graph("vit_tiny", (3, 224, 224))
    graph.conv("patch_embed.proj", _WIDTH, _PATCH, stride=_PATCH)
    patches = math.prod(graph.shape[1:])
    graph.add(Reshape("patch_embed.flatten", (_WIDTH, patches)))
    embedded = graph.add(Transpose("patch_embed.tokens", (1, 0)))
    token = graph.source(Constant("cls_token", constant(0, 1, _WIDTH)))
    tokens = graph.add(Concat("tokens"), token, embedded)
    positions = graph.source(Constant("pos_embed", constant(0, patches + 1, _WIDTH)))
    graph.add(Add("embed"), tokens, positions)
    for index in range(_DEPTH):
        _block(graph, f"blocks.{index}")
    graph.layer_norm("norm", _EPSILON)
    graph.add(Slice("class", 0, 0, 1))
    graph.add(Reshape("class.flatten", (_WIDTH,)))
    graph.linear("head", 1000)
    return graph.network()


def _block(graph: Graph, name: str) -> None:
    """Attention, then two fully connected layers of each token, each with its input added."""
    taken = graph.at
    graph.layer_norm(f"{name}.norm1", _EPSILON)
    found = _attention(graph, f"{name}.attn")
    taken = graph.residual(f"{name}.add1", taken, found)
    graph.layer_norm(f"{name}.norm2", _EPSILON)
    graph.linear(f"{name}.mlp.fc1", _MLP)
    graph.add(Activation(f"{name}.mlp.act", "gelu"))
    found = graph.linear(f"{name}.mlp.fc2", _WIDTH)
    graph.residual(f"{name}.add2", taken, found)


def _attention(graph: Graph, name: str) -> str:
    """softmax(q k^T / sqrt(d)) v of each head, and a fully connected layer."""
    size = _WIDTH // _HEADS
    tokens = graph.shape[0]
    joint = graph.linear(f"{name}.qkv", 3 * _WIDTH)
    orders = {"q": (1, 0, 2), "k": (1, 2, 0), "v": (1, 0, 2)}  # heads first; keys transposed
    parts = {}
    for position, (part, order) in enumerate(orders.items()):
        graph.add(Slice(f"{name}.{part}", 1, position * _WIDTH, (position + 1) * _WIDTH), joint)
        graph.add(Reshape(f"{name}.{part}.heads", (tokens, _HEADS, size)))
        parts[part] = graph.add(Transpose(f"{name}.{part}.order", order))
    graph.add(MatMul(f"{name}.scores", 1 / math.sqrt(size)), parts["q"], parts["k"])
    shares = graph.add(Softmax(f"{name}.softmax"))
    graph.add(MatMul(f"{name}.mix"), shares, parts["v"])
    graph.add(Transpose(f"{name}.mix.order", (1, 0, 2)))
    graph.add(Reshape(f"{name}.mix.flatten", (tokens, _WIDTH)))
    return graph.linear(f"{name}.proj", _WIDTH)
