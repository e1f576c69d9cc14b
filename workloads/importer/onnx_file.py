"""Reads an ONNX file, and says in one line what is wrong with it where it cannot be imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, checker, external_data_helper, inliner, numpy_helper, shape_inference

from pillarsim.arch.errors import InputError, nearest
from pillarsim.workloads.importer.values import Array
from pillarsim.workloads.operators import Shape

__all__ = ["NEWEST_OPSET", "OLDEST_OPSET", "Graph", "read_graph"]

OLDEST_OPSET, NEWEST_OPSET = 7, 25  # what the tests cover: ONNX 1.2 (2018) to 1.20
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
SMALL = 1024  # elements; larger tensors are weights, whose values no shape depends on


@dataclass(frozen=True)
class Graph:
    """A checked graph. input_shape: of one sample; batch: the one that the graph declares, 1 where it is open."""

    nodes: tuple[Any, ...]
    weights: dict[str, Any]
    opset: int
    input_name: str
    input_shape: Shape
    output_name: str
    batch: int

    def weight(self, name: str) -> Array | None:
        """The numbers of an initialiser, None if there is none of that name."""
        tensor = self.weights.get(name)
        if tensor is None:
            return None
        try:
            return np.asarray(numpy_helper.to_array(tensor))
        except (ValueError, TypeError) as error:
            raise InputError(f"weight '{name}': its data do not fit its shape {tuple(tensor.dims)}: {error}") from error


def read_graph(path: Path, input_shape: Shape | None) -> Graph:
    """The graph of an ONNX file, checked, with its batch set to 1. Raises InputError for what cannot be imported."""
    model = _load(path)
    opset = _opset(model, path)
    _refuse_damaged_text(model, path)
    _refuse_quantised(model, path)
    if model.functions:
        model = inliner.inline_local_functions(model)
    graph = model.graph
    if graph.sparse_initializer:
        raise InputError(f"{path}: sparse weights are not supported; export dense ones")
    weights = {tensor.name: tensor for tensor in graph.initializer}
    _refuse_missing(model, path)
    _load_external(model, path)
    inputs = [given for given in graph.input if given.name not in weights]
    outputs = [given.name for given in graph.output]
    for what, names in (("input", [given.name for given in inputs]), ("output", outputs)):
        if len(names) != 1:
            listed = ", ".join(f"'{name}'" for name in names) or "none"
            raise InputError(f"{path}: expected one {what}, found {len(names)} ({listed}); export a model with one")
    shape, batch = _input_shape(path, inputs[0], input_shape)
    _check(model, path, inputs[0], shape, strict=batch == 1)
    return Graph(tuple(graph.node), weights, opset, inputs[0].name, shape, outputs[0], batch)


def _load(path: Path) -> ModelProto:
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; expected an ONNX model")
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # protobuf's own kinds
        raise InputError(f"{path}: not a readable ONNX file, perhaps truncated ({_line(error)})") from error
    if not model.graph.node:
        raise InputError(f"{path}: the ONNX file holds no nodes, perhaps it is truncated")
    return model


def _opset(model: ModelProto, path: Path) -> int:
    found = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if not found or not OLDEST_OPSET <= found[0] <= NEWEST_OPSET:
        raise InputError(
            f"{path}: opset {found[0] if found else 'missing'} is not supported; expected {OLDEST_OPSET} to "
            f"{NEWEST_OPSET} (export again, or use onnx.version_converter)"
        )
    return int(found[0])


def _refuse_damaged_text(model: ModelProto, path: Path) -> None:
    """protobuf hands on text that is not UTF-8 as bytes."""
    graph = model.graph
    named = [*graph.initializer, *graph.input, *graph.output]
    texts = [given.name for given in named]
    for node in graph.node:
        texts += [node.op_type, node.name, node.domain, *node.input, *node.output]
        texts += [attribute.name for attribute in node.attribute]
    damaged: list[object] = [text for text in texts if not isinstance(text, str)]
    if damaged:
        raise InputError(f"{path}: not a readable ONNX file, it is damaged: {damaged[0]!r} is no text")


def _refuse_missing(model: ModelProto, path: Path) -> None:
    """What a node takes is an input, a weight, or made by an earlier node."""
    graph = model.graph
    known = {given.name for given in (*graph.input, *graph.initializer)}
    for node in graph.node:
        for name in node.input:
            if name and name not in known:
                raise InputError(
                    f"{path}: node '{node.name or node.output[0]}' ({node.op_type}): its input '{name}' is missing: "
                    f"no weight has that name, and no earlier node makes it{nearest(name, known)}"
                )
        known.update(node.output)


def _refuse_quantised(model: ModelProto, path: Path) -> None:
    for node in model.graph.node:
        kind = node.op_type
        if kind.endswith(("QuantizeLinear", "DequantizeLinear", "Integer")) or kind.startswith(("QLinear", "QGemm")):
            raise InputError(
                f"{path}: node '{node.name or node.output[0]}' ({kind}): the model is quantised; export the float "
                "model, the chip's own quantisation is applied to it"
            )


def _load_external(model: ModelProto, path: Path) -> None:
    outside = [tensor.name for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL]
    if not outside:
        return
    try:
        external_data_helper.load_external_data_for_model(model, str(path.resolve().parent))
    except (OSError, ValueError, checker.ValidationError) as error:
        raise InputError(
            f"{path}: weight '{outside[0]}' is missing: its data stand in another file, which cannot be read "
            f"({_line(error)}); keep that file beside the model"
        ) from error


def _input_shape(path: Path, given: Any, wanted: Shape | None) -> tuple[Shape, int]:
    """The shape of one sample, and the batch that the graph declares (1 where it is open)."""
    kind = given.type.tensor_type
    if not given.type.HasField("tensor_type") or kind.elem_type not in FLOATS:
        name = TensorProto.DataType.Name(kind.elem_type)
        raise InputError(f"{path}: input '{given.name}': expected floating-point numbers, found {name}")
    if not kind.HasField("shape"):
        if wanted is None:
            raise InputError(f"{path}: input '{given.name}': the file gives no shape; give input_shape (one sample)")
        return wanted, 1
    sizes = [axis.dim_value if axis.HasField("dim_value") else 0 for axis in kind.shape.dim]
    names = [axis.dim_param or "without a name" for axis in kind.shape.dim]
    if len(sizes) < 2:
        raise InputError(f"{path}: input '{given.name}': expected a batch axis in front, found a shape of {sizes}")
    if wanted is None:
        for axis, size in enumerate(sizes[1:], start=1):
            if size < 1:
                raise InputError(
                    f"{path}: input '{given.name}': axis {axis} ({names[axis]}) is dynamic; only the batch may be: "
                    "export with a fixed size, or give input_shape (one sample)"
                )
        wanted = tuple(sizes[1:])
    fits = len(wanted) == len(sizes) - 1 and all(a in (0, b) for a, b in zip(sizes[1:], wanted, strict=True))
    if not fits:
        raise InputError(f"{path}: input '{given.name}' is {tuple(sizes[1:])} a sample, not {wanted} as asked for")
    return wanted, max(sizes[0], 1)


def _check(model: ModelProto, path: Path, given: Any, shape: Shape, strict: bool) -> None:
    """The checker and the shape inference of onnx, on a copy without the large weights.

    strict: an inconsistency that the inference finds is an error; not so where shapes hold another batch than 1.
    """
    graph = model.graph
    bare = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    bare.graph.name = "graph"
    bare.graph.node.extend(graph.node)
    entry = onnx.helper.make_tensor_value_info(given.name, given.type.tensor_type.elem_type, (1, *shape))
    bare.graph.input.append(entry)
    for tensor in graph.initializer:
        if np.prod(tensor.dims, dtype=np.int64) <= SMALL:
            bare.graph.initializer.append(tensor)
        if np.prod(tensor.dims, dtype=np.int64) > SMALL or model.ir_version < 4:
            info = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tuple(tensor.dims))
            bare.graph.input.append(info)
    output = graph.output[0]
    kind = output.type.tensor_type.elem_type or TensorProto.FLOAT
    bare.graph.output.append(onnx.helper.make_tensor_value_info(output.name, kind, ()))
    try:
        checker.check_model(bare)
        bare.graph.output[0].type.tensor_type.ClearField("shape")  # the checker asks for one, the inference finds it
        if strict:
            shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True)
    except (checker.ValidationError, shape_inference.InferenceError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a valid ONNX model: {_line(error)}") from error


def _line(error: Exception) -> str:
    """The first lines of a message as one."""
    return " ".join(str(error).split())[:300]
