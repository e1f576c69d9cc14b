"""A call of an ATen operator with its arguments by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.values import Array, Operand, Value

__all__ = ["Call", "numbers"]


def numbers(given: Any) -> Array:
    """A tensor or a plain number as an array; half precision becomes single."""
    if not isinstance(given, torch.Tensor):
        return np.asarray(given)
    tensor = given.detach().cpu()
    return tensor.float().numpy() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.numpy()


@dataclass(frozen=True)
class Call:
    """kind: the operator; given: its arguments by the names of its schema, defaults included."""

    b: Builder
    kind: str
    given: dict[str, Any]

    def operand(self, name: str) -> Operand:
        """An activation or numbers; `self` and `input` stand for each other."""
        if name == "self" and "self" not in self.given:
            name = "input"
        found = self.given[name]
        return found if isinstance(found, Value) else numbers(found)

    def value(self, name: str = "self") -> Value:
        """An argument as an activation."""
        found = self.operand(name)
        return found if isinstance(found, Value) else self.b.want(found)

    def constant(self, name: str) -> Array | None:
        """Numbers that may not depend on the network's input; None if left out."""
        found = self.given.get(name)
        if found is None:
            return None
        if isinstance(found, Value):
            raise self.b.error(f"its {name} depends on the network's input; only constants are supported")
        return numbers(found)

    def number(self, name: str, default: float | None = None) -> float | None:
        """One number; None or the default if left out."""
        found = self.constant(name)
        return default if found is None else float(found.reshape(()))

    def required(self, name: str) -> float:
        """One number that has a default in the schema."""
        found = self.number(name)
        assert found is not None
        return found

    def integers(self, name: str, count: int = 0) -> list[int]:
        """Integers; one number stands for `count` of them."""
        found = self.given.get(name)
        if isinstance(found, Sequence):
            return [int(size) for size in found] * (count if len(found) == 1 and count else 1)
        return [] if found is None else [int(found)] * max(count, 1)
