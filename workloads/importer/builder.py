"""Collects the layers of a network while a graph is read, and the shapes that they need in between."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pillarsim.arch.errors import InputError
from pillarsim.workloads.cell_response import NetworkError
from pillarsim.workloads.importer.tidy import Step, tidy
from pillarsim.workloads.importer.values import (
    Array,
    Operand,
    Value,
    axis_held,
    batch_after_reshape,
    of_sample,
)
from pillarsim.workloads.network import INPUT, Network
from pillarsim.workloads.operators import Constant, Flatten, Layer, Reshape, Shape
from pillarsim.workloads.shapes import output_shape

__all__ = ["Builder"]


class Builder:
    """The layers so far. `at` names the node being read: its place for messages, its label for layers."""

    def __init__(self, source: str, input_shape: Shape, declared_batch: int = 1) -> None:
        self.source = source
        self.place = source
        self.label = ""
        self.input_shape = input_shape
        self.declared_batch = declared_batch
        self.input = Value(INPUT, input_shape, (1, *input_shape), 0)
        self.roots: dict[tuple[str, Shape], Value] = {}
        self.padded: dict[tuple[str, Shape], tuple[Value, Shape, Shape, float]] = {}
        self._steps: dict[str, Step] = {}
        self._names = {INPUT}
        self._reshaped: dict[str, tuple[str, Shape]] = {}
        self._known: dict[tuple[str, Shape], str] = {}

    def at(self, place: str, label: str) -> None:
        """Read the next node: `place` stands in messages, `label` is the name of its layer."""
        self.place = f"{self.source}: {place}"
        self.label = label

    def error(self, message: str) -> InputError:
        """An error at the node being read."""
        return InputError(f"{self.place}: {message}")

    def layer(
        self,
        make: Callable[[str], Layer],
        sources: Sequence[Value],
        shape: Shape | None = None,
        batch: int | None = 0,
        suffix: str = "",
    ) -> Value:
        """Add a layer on values in the shapes in which they are held; InputError if it cannot take them.

        shape: the output's shape in the graph, None for a batch of 1 in front of the shape held.
        """
        name = self._fresh(suffix)
        names, shapes = [], []
        for source in sources:
            names.append(self._made(source))
            shapes.append(source.held)
        try:
            layer = make(name)
            held = output_shape(layer, *shapes)
        except NetworkError as error:
            raise self.error(str(error)) from error
        self._steps[name] = (layer, tuple(names))
        full = (1, *held) if shape is None else shape
        if math.prod(full) != math.prod(held):
            raise self.error(f"the graph expects a shape of {full}, its layer gives {held}")
        return Value(name, held, full, batch)

    def want(self, operand: Operand, held: Shape | None = None) -> Value:
        """The operand held as `held` (None: the shape of its sample), reshaped or made a constant where needed."""
        value = operand if isinstance(operand, Value) else self._constant(operand)
        held = of_sample(value.shape) if held is None else held
        name = self._made(value)
        if value.held == held:
            return value
        source = self._reshaped.get(name, (name, value.held))
        if source[1] == held:
            return replace(value, layer=source[0], held=held)
        if (source[0], held) not in self._known:
            found = Value(source[0], source[1], (1, *source[1]), 0)
            made = self.layer(
                lambda name: Flatten(name) if len(held) == 1 else Reshape(name, held),
                [found],
                suffix="flatten" if len(held) == 1 else "reshape",
            )
            assert made.layer is not None
            self._known[(source[0], held)] = made.layer
            self._reshaped[made.layer] = source
        return replace(value, layer=self._known[(source[0], held)], held=held)

    def along(self, value: Value, axis: int) -> tuple[Value, int]:
        """The value held so that axis `axis` of its shape is an axis of its own, and that axis."""
        found = axis_held(value.held, value.shape, axis)
        if found is not None:
            return value, found
        value = self.want(value)
        return value, axis - (len(value.shape) - len(value.held))

    def view(self, value: Value, shape: Shape, batch: int | None = -1) -> Value:
        """The same values with another shape in the graph. batch: where its axis goes, -1: found from the shapes."""
        if math.prod(shape) != math.prod(value.shape) or min(shape, default=1) < 1:
            raise self.error(f"a shape of {shape} does not fit an input of {value.shape}")
        if batch == -1:
            batch = batch_after_reshape(value.shape, value.batch, shape)
        if shape == value.shape:
            return replace(value, batch=batch)
        return Value(value.layer, value.held, shape, batch, value.missing)

    def not_across_batch(self, value: Value, axes: Sequence[int], what: str) -> None:
        """InputError if one of the axes is the batch."""
        if value.batch is not None and value.batch in axes:
            raise self.error(
                f"{what} works across the batch (axis {value.batch}), but samples are computed one by one; "
                "work on another axis"
            )

    def one_batch(self, left: Value, right: Value, what: str) -> None:
        """InputError if two values that meet have the batch on different axes, counted from the last."""
        if left.batch is None or right.batch is None:
            return
        if left.batch - len(left.shape) != right.batch - len(right.shape):
            raise self.error(
                f"{what} of {left.shape} and {right.shape} works across the batch (axes {left.batch} and "
                f"{right.batch}), but samples are computed one by one"
            )

    def broadcast(self, left: Shape, right: Shape) -> Shape:
        """The shape of two that are repeated along axes of length 1 until they agree."""
        try:
            return np.broadcast_shapes(left, right)
        except ValueError:
            raise self.error(f"inputs of {left} and {right} do not fit each other") from None

    def axis(self, value: Value, axis: int) -> int:
        """An axis counted from the front."""
        rank = len(value.shape)
        if not -rank <= axis < rank:
            raise self.error(f"axis {axis} does not exist in an input of {value.shape}")
        return axis % rank

    def finish(self, output: Operand, name: str) -> Network:
        """The network whose output is `output`; what it does not depend on is left out."""
        self.place, self.label = f"{self.source}: output", "output"
        if not isinstance(output, Value):
            raise self.error("it depends on no input: the graph holds constants only")
        if output.shape and output.shape[0] != 1:
            raise self.error(f"its first axis is not the batch: its shape is {output.shape} for a batch of 1")
        last = self.want(output).layer
        if last is None or last == INPUT:
            raise self.error("it is the input itself: the graph has no layers")
        order = tidy(self._steps, last)
        layers, wires, before = [], {}, INPUT
        for layer_name, (layer, sources) in order.items():
            layers.append(layer)
            if sources != (() if isinstance(layer, Constant) else (before,)):
                wires[layer_name] = sources
            before = layer_name
        try:
            return Network(name, self.input_shape, tuple(layers), None, wires=wires)
        except NetworkError as error:
            raise InputError(f"{self.source}: {error}") from error

    def _constant(self, numbers: Array) -> Value:
        held = of_sample(numbers.shape)
        value = np.asarray(numbers).reshape(held)
        return self.layer(lambda name: Constant(name, value), [], numbers.shape, None, "constant")

    def _made(self, value: Value) -> str:
        if value.layer is None:
            raise InputError(value.missing)
        return value.layer

    def _fresh(self, suffix: str) -> str:
        stem = f"{self.label}_{suffix}" if suffix else self.label
        name, number = stem, 2
        while name in self._names:
            name, number = f"{stem}_{number}", number + 1
        self._names.add(name)
        return name
