"""A node of an ONNX graph with what its inputs are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.values import Array, Operand, Value

__all__ = ["Node"]


@dataclass(frozen=True)
class Node:
    """kind: the operator; inputs: activations, constants, or None for one left out; outputs: how many are named."""

    b: Builder
    kind: str
    opset: int
    attributes: dict[str, Any]
    inputs: tuple[Operand | None, ...]
    outputs: int

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute, text as str."""
        found = self.attributes.get(name, default)
        return found.decode() if isinstance(found, bytes) else found

    def given(self, index: int) -> Operand | None:
        """An input, None if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def operand(self, index: int) -> Operand:
        """An input that must be there."""
        found = self.given(index)
        if found is None:
            raise self.b.error(f"input {index} is missing")
        return found

    def value(self, index: int = 0) -> Value:
        """An input that must be an activation."""
        found = self.operand(index)
        return found if isinstance(found, Value) else self.b.want(found)

    def constant(self, index: int, what: str) -> Array | None:
        """An input that must not depend on the network's input, None if it is left out."""
        found = self.given(index)
        if isinstance(found, Value):
            raise self.b.error(f"its {what} depends on the network's input; only constants are supported")
        return found

    def number(self, index: int, attribute: str, since: int, default: float | None) -> float | None:
        """A number that older opsets give as an attribute, those from `since` on as an input."""
        if self.opset < since:
            found = self.attribute(attribute, default)
            return None if found is None else float(found)
        array = self.constant(index, attribute)
        return default if array is None else float(array.reshape(-1)[0])

    def integers(self, index: int, attribute: str, since: int) -> list[int] | None:
        """Integers that older opsets give as an attribute, those from `since` on as an input; None if left out."""
        if self.opset < since:
            found = self.attribute(attribute)
            return None if found is None else [int(size) for size in found]
        array = self.constant(index, attribute)
        return None if array is None else [int(size) for size in np.atleast_1d(array)]
