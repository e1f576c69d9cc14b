"""Lowering: a network's layers become nodes, each a matrix or a digital operator with what is fused behind it.

Batch norm and per-channel affine operators fold into the matrix before them; element-wise functions and pools fuse
behind a node whose output nobody else takes; reshape, transpose, slice and flatten become views on edges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import INPUT, Access, Edge
from pillarsim.mapping.matrix import Matrix, channel_affine, matrix_of
from pillarsim.mapping.streams import Ref, Tensor, access_of, input_tensor, values_of, viewed_axes
from pillarsim.workloads.network import INPUT as NETWORK_INPUT
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
    output_shape,
)

__all__ = ["Lowered", "Node", "lower"]


@dataclass(frozen=True, eq=False)
class Node:
    """A matrix (`matrix`) or a digital operator (`operator`), and the operators fused behind it.

    constants: (place among the operator's inputs, values) of inputs that depend on nothing.
    result: what it gives before `post`; output: after it.
    """

    name: str
    edges: tuple[Edge, ...]
    matrix: Matrix | None
    operator: Layer | None
    constants: tuple[tuple[int, Constant], ...]
    post: tuple[Layer, ...]
    result: Tensor
    output: Tensor


@dataclass(frozen=True, eq=False)
class Lowered:
    """Nodes in order; the last one gives the network's output."""

    name: str
    input: Tensor
    nodes: tuple[Node, ...]

    @property
    def matrices(self) -> tuple[tuple[int, Matrix], ...]:
        """(number of the node, its matrix) of every matrix node."""
        return tuple((number, node.matrix) for number, node in enumerate(self.nodes) if node.matrix is not None)


@dataclass
class _Draft:
    """A node while what follows it may still be fused."""

    name: str
    edges: tuple[Edge, ...]
    matrix: Matrix | None
    operator: Layer | None
    constants: tuple[tuple[int, Constant], ...]
    result: Tensor
    output: Tensor
    post: list[Layer] = field(default_factory=list)

    @property
    def signs(self) -> bool:
        """Whether its output is -1, 0 or 1, whose mean has no such code."""
        last = self.operator
        for layer in self.post:
            last = layer if isinstance(layer, Activation) and layer.function != "clip" else last
        return isinstance(last, Activation) and last.function == "sign"

    def node(self) -> Node:
        return Node(
            self.name,
            self.edges,
            self.matrix,
            self.operator,
            self.constants,
            tuple(self.post),
            self.result,
            self.output,
        )


def lower(network: Network) -> Lowered:
    """Return the network's nodes. Raises InputError, naming the layer, for what no chip can compute."""
    work = _Lowering(network)
    for layer, sources in zip(network.layers, network.sources, strict=True):
        work.take(layer, sources)
    name = network.layers[-1].name
    last = work.refs[name]
    if isinstance(last, Ref) and any(isinstance(view, Transpose | Slice) for view in last.views):
        # outputs are given flat, so that only these views change them; an operator that costs nothing takes them
        last = work.copied(name, last)
    if not isinstance(last, Ref) or last.source != len(work.drafts) - 1:
        raise InputError(f"layer '{name}': expected the output to come from the last operator")
    return Lowered(network.name, work.input, tuple(draft.node() for draft in work.drafts))


class _Lowering:
    """The drafts so far, and what each layer's name stands for."""

    def __init__(self, network: Network) -> None:
        self.input = input_tensor(network.input_shape)
        self.refs: dict[str, Ref | Constant] = {NETWORK_INPUT: Ref(INPUT, (), network.input_shape)}
        self.drafts: list[_Draft] = []
        self.uses = Counter(source for sources in network.sources for source in sources)

    def take(self, layer: Layer, sources: tuple[str, ...]) -> None:
        """Add one layer."""
        found = [self.refs[source] for source in sources]
        if isinstance(layer, Constant):
            self.refs[layer.name] = layer
        elif isinstance(layer, Reshape | Transpose | Slice | Flatten):
            ref = _no_constant(layer, found[0])
            shape = output_shape(layer, ref.shape)
            same = shape == ref.shape and not isinstance(layer, Transpose)
            self.refs[layer.name] = ref if same else Ref(ref.source, (*ref.views, layer), shape)
        elif not self._fused(layer, found):
            self._add(layer, found)

    def _fused(self, layer: Layer, found: Sequence[Ref | Constant]) -> bool:
        """Fold or fuse `layer` into the node before it, if that node's output goes nowhere else."""
        ref = found[0]
        if not isinstance(ref, Ref) or ref.source == INPUT or not self._alone(ref.source):
            return False
        draft = self.drafts[ref.source]
        if isinstance(layer, Relu | Activation):
            draft.post.append(layer)
            self.refs[layer.name] = ref
            return True
        if isinstance(layer, BatchNorm | Affine) and draft.matrix is not None and not draft.post:
            # Reshaping that keeps the first axis keeps the channels, as behind one-dimensional convolutions.
            kept = all(isinstance(view, Reshape | Flatten) for view in ref.views) and isinstance(layer, BatchNorm)
            kept = kept and ref.shape[0] == draft.result.shape[0]
            folded = channel_affine(layer, draft.result.shape) if kept or not ref.views else None
            if folded is not None and draft.matrix.layer.response is None:
                draft.matrix = draft.matrix.followed_by(*folded)
                self.refs[layer.name] = ref
                return True
        if isinstance(layer, AvgPool2d) and draft.signs:
            return False
        if isinstance(layer, MaxPool2d | AvgPool2d) and not ref.views and draft.output.pixel_axes == (1, 2):
            draft.post.append(layer)
            draft.output = Tensor(output_shape(layer, draft.output.shape), (1, 2))
            self.refs[layer.name] = Ref(ref.source, (), draft.output.shape)
            return True
        return False

    def _alone(self, source: int) -> bool:
        """Whether each name that stands for the node's output, behind views too, is taken once."""
        return all(
            self.uses[name] == 1 for name, ref in self.refs.items() if isinstance(ref, Ref) and ref.source == source
        )

    def copied(self, name: str, ref: Ref) -> Ref | Constant:
        """A node that gives what `ref` is behind its views."""
        one, zero = np.ones((), np.float32), np.zeros((), np.float32)
        self._add(Affine(name, one, zero), [ref])
        return self.refs[name]

    def _tensor(self, source: int) -> Tensor:
        return self.input if source == INPUT else self.drafts[source].output

    def _add(self, layer: Layer, found: Sequence[Ref | Constant]) -> None:
        if isinstance(layer, Conv2d | Linear):
            self._add_matrix(layer, _no_constant(layer, found[0]))
            return
        if isinstance(layer, BatchNorm):
            layer = _as_affine(layer, _no_constant(layer, found[0]).shape)
        refs = [ref for ref in found if isinstance(ref, Ref)]
        if not refs:
            raise InputError(f"layer '{layer.name}': expected an input that depends on the network's input")
        constants = tuple((place, ref) for place, ref in enumerate(found) if isinstance(ref, Constant))
        if constants and isinstance(layer, Add | Multiply):
            layer = _with_constant(layer, constants[0][1])
            if not self._fused(layer, refs):
                self._add(layer, refs)
            return
        if constants and not isinstance(layer, Concat):
            raise InputError(
                f"layer '{layer.name}': constant '{constants[0][1].name}' is supported in a concat only; "
                "expected an affine operator for sums and products with constants"
            )
        shape = output_shape(layer, *(ref.shape if isinstance(ref, Ref) else ref.value.shape for ref in found))
        result = Tensor(shape, self._pixel_axes(layer, refs[0], shape))
        edges = tuple(self._edge(layer, ref, place, result) for place, ref in enumerate(refs))
        self._append(layer, edges, None, layer, constants, result)

    def _add_matrix(self, layer: Conv2d | Linear, ref: Ref) -> None:
        tensor = self._tensor(ref.source)
        matrix = matrix_of(layer, ref, tensor)
        access: Access = "window" if matrix.in_map == tensor.stream else "map"
        if access == "window" and ref.views and not matrix.whole_map:
            axes = viewed_axes(tensor, ref.views)
            pixels = tensor.stream[1] * tensor.stream[2]
            access = "window" if access_of(tensor, ref.views, axes, pixels) == "pixel" else "map"
        edge = Edge(ref.source, ref.views, ref.shape, access, values_of(tensor, ref.views))
        shape = output_shape(layer, ref.shape)
        axes = (1, 2) if isinstance(layer, Conv2d) else tuple(range(len(shape) - 1))
        self._append(layer, (edge,), matrix, None, (), Tensor(shape, axes))

    def _append(
        self,
        layer: Layer,
        edges: tuple[Edge, ...],
        matrix: Matrix | None,
        operator: Layer | None,
        constants: tuple[tuple[int, Constant], ...],
        result: Tensor,
    ) -> None:
        self.drafts.append(_Draft(layer.name, edges, matrix, operator, constants, result, result))
        self.refs[layer.name] = Ref(len(self.drafts) - 1, (), result.shape)

    def _pixel_axes(self, layer: Layer, ref: Ref, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The axes that number the pixels of a digital operator's result: those of its first input."""
        if isinstance(layer, MaxPool2d | AvgPool2d):
            return (1, 2)
        axes = viewed_axes(self._tensor(ref.source), ref.views) or ()
        if isinstance(layer, MatMul) and len(shape) - 1 in axes:
            return ()
        return axes

    def _edge(self, layer: Layer, ref: Ref, place: int, result: Tensor) -> Edge:
        tensor = self._tensor(ref.source)
        values = values_of(tensor, ref.views)
        if isinstance(layer, MaxPool2d | AvgPool2d):
            plain = not ref.views and tensor.pixel_axes == (1, 2)
            return Edge(ref.source, ref.views, ref.shape, "window" if plain else "map", values)
        axes = viewed_axes(tensor, ref.views)
        pixels = result.stream[1] * result.stream[2]
        access = access_of(tensor, ref.views, axes, pixels)
        if (isinstance(layer, MatMul) and place == 1) or _crosses_pixels(layer, ref.shape, axes):
            access = "map" if pixels > 1 or tensor.stream[1:] != (1, 1) else access
        return Edge(ref.source, ref.views, ref.shape, access, values)


def _crosses_pixels(layer: Layer, shape: tuple[int, ...], axes: tuple[int, ...] | None) -> bool:
    """Whether an operator combines values of different pixels."""
    if isinstance(layer, Softmax | Concat):
        return axes is None or layer.axis % len(shape) in axes
    if isinstance(layer, LayerNorm | MatMul):
        return axes is None or len(shape) - 1 in axes
    return False


def _no_constant(layer: Layer, ref: Ref | Constant) -> Ref:
    if isinstance(ref, Constant):
        raise InputError(f"layer '{layer.name}': expected an input that depends on the network's input")
    return ref


def _with_constant(layer: Add | Multiply, constant: Constant) -> Affine:
    """A sum or product with a constant as an affine operator."""
    if isinstance(layer, Add):
        return Affine(layer.name, np.float32(1), constant.value)  # type: ignore[arg-type]
    return Affine(layer.name, constant.value, np.float32(0))  # type: ignore[arg-type]


def _as_affine(norm: BatchNorm, shape: tuple[int, ...]) -> Affine:
    """Batch norm that follows no matrix, as scale and shift of each channel."""
    scale = norm.gamma.astype(np.float64) / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
    column = (-1, *(1,) * (len(shape) - 1))
    shift = norm.beta - norm.mean * scale
    return Affine(norm.name, scale.reshape(column).astype(np.float32), shift.reshape(column).astype(np.float32))
