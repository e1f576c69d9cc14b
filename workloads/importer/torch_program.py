"""From a program of torch.export, saved or made of a module here, to a network."""

import logging
import operator
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

from pillarsim.arch.errors import InputError, nearest
from pillarsim.workloads.importer.aten_call import Call, numbers
from pillarsim.workloads.importer.aten_ops import HANDLERS, HINTS, KEPT
from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.pt2_archive import check_archive, tensors_alone
from pillarsim.workloads.importer.values import Value
from pillarsim.workloads.network import Network
from pillarsim.workloads.operators import Shape

__all__ = ["from_file", "from_module", "from_program"]

SEVERAL = ("Multihead", "Transformer", "container")  # modules of torch that become many layers


def from_module(module: torch.nn.Module, input_shape: Shape, name: str) -> Network:
    """The network of a module in evaluation mode, which is left as it was. Raises InputError as `from_program`."""
    parameter = next((p for p in module.parameters() if p.is_floating_point()), None)
    kind, device = (torch.float32, torch.device("cpu")) if parameter is None else (parameter.dtype, parameter.device)
    example = torch.zeros((1, *input_shape), dtype=kind, device=device)
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        with torch.no_grad(), _quiet():
            program = torch.export.export(module, (example,))
    except Exception as error:
        raise InputError(
            f"{name}: torch.export cannot trace it for an input of {tuple(example.shape)}: {_line(error)}"
        ) from error
    finally:
        for part, training in modes:
            part.training = training
    return from_program(program, name, input_shape, name)


def from_file(path: Path, input_shape: Shape | None, name: str) -> Network:
    """The network of a file of torch.export.save. Raises InputError as `check_archive` and `from_program`."""
    check_archive(path)
    try:
        with _quiet(), tensors_alone():
            program = torch.export.load(path)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: holds Python objects that are no tensors, which reading it would run; export plain tensors"
        ) from error
    except Exception as error:
        raise InputError(
            f"{path}: not a readable torch.export program, perhaps truncated ({_line(error)}); "
            "write it with torch.export.save"
        ) from error
    return from_program(program, str(path), input_shape, name)


def from_program(program: ExportedProgram, source: str, input_shape: Shape | None, name: str) -> Network:
    """The network of an exported program; source: what messages call it.

    Raises InputError for a program in training mode, several inputs or outputs, sizes that are open but for the
    batch, and operators that no operator of the set computes.
    """
    signature = program.graph_signature
    for what, found in (("input", signature.user_inputs), ("output", signature.user_outputs)):
        if len(found) != 1:
            raise InputError(f"{source}: expected one {what}, found {len(found)}; export a model with one")
    table: Any = torch.export.default_decompositions()
    for kept in KEPT:
        packet = getattr(torch.ops.aten, kept)
        for overload in packet.overloads():
            table.pop(getattr(packet, overload), None)
    try:
        with torch.no_grad(), _quiet():
            program = program.run_decompositions(table)
    except Exception as error:
        raise InputError(f"{source}: torch cannot write it in its basic operators: {_line(error)}") from error
    if program.graph_signature.buffers_to_mutate:
        raise InputError(f"{source}: it was exported in training mode (it changes its buffers); call eval() before")
    return _walk(program, source, input_shape, name)


def _walk(program: ExportedProgram, source: str, input_shape: Shape | None, name: str) -> Network:
    signature = program.graph_signature
    held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    held.update(signature.inputs_to_lifted_tensor_constants)
    values: dict[torch.fx.Node, Any] = {}
    b: Builder | None = None
    for node in program.graph.nodes:
        if node.op == "placeholder":
            if node.name in signature.user_inputs:
                shape, batch = _input_shape(source, node, input_shape)
                b = Builder(source, shape, batch)
                values[node] = b.input
            elif node.name in held:
                target = held[node.name]
                values[node] = program.state_dict.get(target, program.constants.get(target))
                if values[node] is None:
                    raise InputError(f"{source}: the weight '{target}' is missing")
        elif node.op == "call_function" and node.users:
            assert b is not None
            b.at(f"node '{node.name}' ({_kind(node)})", _label(node, held))
            values[node] = _apply(b, node, values)
        elif node.op == "output":
            assert b is not None
            b.at("output", "output")
            found = torch.fx.node.map_arg(node.args[0], lambda given: values[given])
            while isinstance(found, tuple | list):
                found = found[0]
            return b.finish(found if isinstance(found, Value) else numbers(found), name)
        elif node.op == "get_attr":
            raise InputError(f"{source}: node '{node.name}': control flow is not supported; export without it")
    raise InputError(f"{source}: the program has no output")


def _apply(b: Builder, node: torch.fx.Node, values: dict[torch.fx.Node, Any]) -> Any:
    args: Any = torch.fx.node.map_arg(node.args, lambda given: values[given])
    kwargs: Any = torch.fx.node.map_arg(node.kwargs, lambda given: values[given])
    target: Any = node.target
    if target is operator.getitem:
        return args[0][args[1]]
    if not any(isinstance(given, Value) for given in _flat((args, kwargs))):
        if torch.Tag.nondeterministic_seeded in getattr(target, "tags", ()):
            raise b.error("random numbers are not supported; make them a buffer of the module")
        try:
            with torch.no_grad():
                return target(*args, **kwargs)
        except Exception as error:
            raise b.error(f"its constants cannot be computed: {_line(error)}") from error
    kind = _kind(node)
    if kind not in HANDLERS or not isinstance(target, torch._ops.OpOverload):
        hint = HINTS.get(kind, "replace it by supported operators before the export")
        raise b.error(f"operator '{kind}' is not supported{nearest(kind, HANDLERS)}; {hint}")
    schema = target._schema.arguments
    given = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
    given.update(zip((argument.name for argument in schema), args, strict=False))
    given.update(kwargs)
    made = HANDLERS[kind](Call(b, kind, given))
    return torch.as_tensor(made) if isinstance(made, np.ndarray) else made


def _input_shape(source: str, node: torch.fx.Node, wanted: Shape | None) -> tuple[Shape, int]:
    """The shape of one sample, and the batch that the program declares (1 where it is open)."""
    example = node.meta["val"]
    if not isinstance(example, torch.Tensor) or not example.is_floating_point():
        raise InputError(
            f"{source}: input '{node.name}': expected floating-point numbers, found "
            f"{getattr(example, 'dtype', type(example).__name__)}"
        )
    sizes: list[Any] = list(example.shape)
    if len(sizes) < 2:
        raise InputError(f"{source}: input '{node.name}': expected a batch axis in front, found a shape of {sizes}")
    if wanted is None:
        for axis, size in enumerate(sizes[1:], start=1):
            if not isinstance(size, int):
                raise InputError(
                    f"{source}: input '{node.name}': axis {axis} ({size}) is dynamic; only the batch may be: "
                    "export with a fixed size, or give input_shape (one sample)"
                )
        wanted = tuple(sizes[1:])
    fixed = zip(sizes[1:], wanted, strict=False)
    if len(wanted) != len(sizes) - 1 or any(isinstance(size, int) and size != want for size, want in fixed):
        raise InputError(f"{source}: input '{node.name}' is {tuple(sizes[1:])} a sample, not {wanted} as asked for")
    return wanted, sizes[0] if isinstance(sizes[0], int) else 1


def _kind(node: torch.fx.Node) -> str:
    """The operator without its namespace and overload, for instance conv2d."""
    target: Any = node.target
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name).removeprefix("aten::")
    return str(getattr(target, "__name__", target))


def _label(node: torch.fx.Node, held: dict[str, str]) -> str:
    """A name for the layer: that of its weight without `weight`, else its module's, else the node's."""
    for given in node.all_input_nodes:
        if held.get(given.name, "").endswith("weight"):
            return held[given.name].removesuffix("weight").rstrip("._") or node.name
    stack = list(node.meta.get("nn_module_stack", {}).values())
    path, kind = stack[-1] if stack else ("", "")
    single = str(kind).startswith("torch.nn.modules.") and not any(part in str(kind) for part in SEVERAL)
    return str(path).partition("@")[0] if single and path else node.name


def _flat(given: Any) -> Iterator[Any]:
    if isinstance(given, tuple | list):
        for part in given:
            yield from _flat(part)
    elif isinstance(given, dict):
        yield from _flat(list(given.values()))
    else:
        yield given


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the deprecation notes that torch writes about its own code, and its log of errors that are raised too."""
    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        log.setLevel(level)


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
