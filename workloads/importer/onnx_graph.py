"""From an ONNX graph to a network: constants are computed, the other nodes become layers one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from pillarsim.arch.errors import InputError, nearest
from pillarsim.workloads.importer import matrix, pools
from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.onnx_file import Graph, read_graph
from pillarsim.workloads.importer.onnx_node import Node
from pillarsim.workloads.importer.onnx_ops import MORE, Handler, Results
from pillarsim.workloads.importer.values import Array, Operand, Value
from pillarsim.workloads.network import Network
from pillarsim.workloads.operators import Shape

__all__ = ["from_onnx"]

DRAWN = ("Random", "Bernoulli", "Multinomial")  # their results are no constants

# operators that often stand in a model, and what to do about them
HINTS = {
    "LogSoftmax": "leave it out of the exported model: it does not change which output is largest",
    "ArgMax": "leave it out of the exported model: the network's output are the numbers before it",
    "InstanceNormalization": "its statistics depend on the sample; use batch norm, or layer norm over features",
    "GroupNormalization": "its statistics depend on the sample; use batch norm, or layer norm over features",
    "ConvTranspose": "supported are convolutions that do not enlarge the map",
    "LSTM": "recurrent layers are not supported",
    "GRU": "recurrent layers are not supported",
    "RNN": "recurrent layers are not supported",
    "Loop": "export the model without control flow",
    "If": "export the model without control flow",
    "Scan": "export the model without control flow",
}


def from_onnx(path: Path, input_shape: Shape | None, name: str) -> Network:
    """The network of an ONNX file. Raises InputError for what cannot be imported, naming file, node and operator."""
    graph = read_graph(path, input_shape)
    b = Builder(str(path), graph.input_shape, graph.batch)
    known: dict[str, Operand] = {graph.input_name: b.input}
    for node in graph.nodes:
        label = _label(node, graph)
        b.at(f"node '{node.name or node.output[0]}' ({node.op_type})", label)
        inputs = tuple(_find(b, known, graph, given) for given in node.input)
        results = _apply(b, graph, node, inputs)
        several = [results] if isinstance(results, Value | np.ndarray) else list(results)
        known.update((key, result) for key, result in zip(node.output, several, strict=False) if key)
    b.at("output", "output")
    output = _find(b, known, graph, graph.output_name)
    assert output is not None
    return b.finish(output, name)


def _find(b: Builder, known: dict[str, Operand], graph: Graph, name: str) -> Operand | None:
    if not name:
        return None
    if name not in known:
        try:
            weight = graph.weight(name)
        except InputError as error:
            raise b.error(str(error)) from error
        if weight is None:
            raise b.error(f"its input '{name}' is made by no supported output of an earlier node")
        return weight  # not kept: large ones would stand in memory twice
    return known[name]


def _apply(b: Builder, graph: Graph, node: Any, inputs: tuple[Operand | None, ...]) -> Results:
    kind = node.op_type
    plain = node.domain in ("", "ai.onnx")
    if plain and not any(isinstance(given, Value) for given in inputs):
        inner = any(attribute.type == onnx.AttributeProto.GRAPH for attribute in node.attribute)
        if inner or kind.startswith(DRAWN):
            raise _unsupported(b, graph, kind)
        return _folded(b, graph, node, inputs)
    if not plain or kind not in HANDLERS:
        raise _unsupported(b, graph, kind if plain else f"{node.domain}.{kind}")
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return HANDLERS[kind](Node(b, kind, graph.opset, attributes, inputs, len(node.output)))


def _folded(b: Builder, graph: Graph, node: Any, inputs: tuple[Operand | None, ...]) -> list[Array]:
    """What a node makes of constants, by the reference evaluator of onnx."""
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(given.dtype), given.shape)
        for name, given in dict(zip(node.input, inputs, strict=True)).items()
        if given is not None
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    opsets = [helper.make_opsetid("", graph.opset)]
    model = helper.make_model(helper.make_graph([node], "constants", infos, outputs), opset_imports=opsets)
    feeds = {name: given for name, given in zip(node.input, inputs, strict=True) if given is not None}
    try:
        with np.errstate(all="ignore"):
            found = iter(ReferenceEvaluator(model).run(None, feeds))
        # an output without a name has no result of its own
        return [np.asarray(next(found)) if name else np.zeros(0) for name in node.output]
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise b.error(f"its constants cannot be computed: {type(error).__name__}: {reason}") from error


def _unsupported(b: Builder, graph: Graph, kind: str) -> InputError:
    others = sorted({node.op_type for node in graph.nodes} & set(HINTS) - {kind})
    also = f"; this graph also holds {', '.join(others)}, not supported either" if others else ""
    hint = f"; {HINTS[kind]}" if kind in HINTS else "; replace it by supported operators before the export"
    return b.error(f"operator '{kind}' is not supported{nearest(kind, HANDLERS)}{hint}{also}")


def _label(node: Any, graph: Graph) -> str:
    """A name for the layer: that of its weight without `.weight`, else the node's, else its output's."""
    for name in node.input[1:2]:
        if name in graph.weights and name.endswith(".weight"):
            return str(name.removesuffix(".weight"))
    name = node.name.strip("/").removesuffix(f"/{node.op_type}").replace("/", ".")
    return str(name or node.output[0] or node.op_type)


def _convolution(node: Node) -> Results:
    weight = matrix.weights_of(node.b, node.given(1), "weight")
    bias = node.constant(2, "bias")
    dimensions = weight.ndim - 2
    dilation = node.attribute("dilations") or [1] * dimensions
    stride, padding = _window(node, weight.shape[2:], dilation)
    groups = int(node.attribute("group", 1))
    return matrix.convolution(node.b, node.value(), weight, bias, stride, padding, dilation, groups)


def _window(node: Node, kernel: Shape, dilation: list[int]) -> tuple[list[int], tuple[list[int], list[int]]]:
    """Stride, and padding before and after, by `pads` or `auto_pad`."""
    rank = len(kernel)
    stride = [int(step) for step in node.attribute("strides") or [1] * rank]
    kind = node.attribute("auto_pad", "NOTSET")
    if kind in ("SAME_UPPER", "SAME_LOWER"):
        pads = [
            matrix.same_padding(*sizes, lower=kind == "SAME_LOWER")
            for sizes in zip(node.value().shape[2:], kernel, stride, dilation, strict=True)
        ]
        return stride, ([low for low, _ in pads], [high for _, high in pads])
    given = [0] * 2 * rank if kind == "VALID" else [int(pad) for pad in node.attribute("pads") or [0] * 2 * rank]
    return stride, (given[:rank], given[rank:])


def _pool(node: Node) -> Results:
    kernel = [int(size) for size in node.attribute("kernel_shape")]
    dilation = [int(step) for step in node.attribute("dilations") or [1] * len(kernel)]
    if set(dilation) != {1}:
        raise node.b.error("a pool with dilation is not supported")
    stride, padding = _window(node, tuple(kernel), dilation)
    return pools.pool(
        node.b,
        node.value(),
        "max" if node.kind == "MaxPool" else "average",
        kernel,
        stride,
        padding,
        bool(node.attribute("ceil_mode", 0)),
        bool(node.attribute("count_include_pad", 0)),
    )


def _global_pool(node: Node) -> Results:
    value = node.value()
    kind = "max" if node.kind == "GlobalMaxPool" else "mean"
    return pools.reduce(node.b, value, kind, range(2, len(value.shape)), True)


def _gemm(node: Node) -> Results:
    alpha, beta = float(node.attribute("alpha", 1.0)), float(node.attribute("beta", 1.0))
    left, right = node.operand(0), node.operand(1)
    turned = MORE["Transpose"]
    sides = []
    for operand, flag in ((left, "transA"), (right, "transB")):
        if int(node.attribute(flag, 0)):
            given = Node(node.b, "Transpose", node.opset, {"perm": [1, 0]}, (operand,), 1)
            operand = turned(given) if isinstance(operand, Value) else operand.T  # type: ignore[assignment]
        sides.append(operand)
    product = matrix.matmul(node.b, sides[0], sides[1], alpha)
    third = node.given(2)
    if third is None:
        return product
    scaled = MORE["Mul"](Node(node.b, "Mul", node.opset, {}, (third, np.array(beta)), 1)) if beta != 1 else third
    return MORE["Add"](Node(node.b, "Add", node.opset, {}, (product, scaled), 1))  # type: ignore[arg-type]


def _attention(node: Node) -> Results:
    if any(len(node.operand(index).shape) != 4 for index in range(3)) or len(node.inputs) > 4:
        raise node.b.error("'Attention' is supported for inputs of (batch, heads, tokens, features), without a cache")
    if node.attribute("softcap") or node.attribute("qk_matmul_output_mode"):
        raise node.b.error("'Attention' with softcap or with scores as an output is not supported")
    query, key, value = (node.operand(index) for index in range(3))
    scale = node.attribute("scale")
    return matrix.attention(
        node.b,
        query,
        key,
        value,
        node.given(3),
        bool(node.attribute("is_causal", 0)),
        None if scale is None else float(scale),
    )


HANDLERS: dict[str, Handler] = {
    **MORE,
    "Conv": _convolution,
    "Gemm": _gemm,
    "MatMul": lambda node: matrix.matmul(node.b, node.operand(0), node.operand(1)),
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "Attention": _attention,
}
