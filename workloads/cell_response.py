"""What cells with a nonlinear current-voltage curve compute in place of a product: part of a matrix layer."""

import math
from dataclasses import dataclass

__all__ = ["CellLaw", "CellResponse", "NetworkError"]


class NetworkError(ValueError):
    """A network that makes no sense: the message names the layer and what was expected."""


@dataclass(frozen=True)
class CellLaw:
    """How the current of a memory cell follows voltage and state, in plain numbers.

    name: linear | sinh | polynomial | poole_frenkel, with its parameters as (name, value) pairs (SI units);
    g_min_s, g_max_s: I / V of the lowest and the highest level at the read voltage read_voltage_v.
    Raises NetworkError for numbers that are not finite or not in order; the laws are known to `mapping.response`.
    """

    name: str
    parameters: tuple[tuple[str, float], ...]
    read_voltage_v: float
    g_min_s: float
    g_max_s: float

    def __post_init__(self) -> None:
        if not (0 < self.read_voltage_v < math.inf and 0 < self.g_min_s < self.g_max_s < math.inf):
            raise NetworkError(
                f"cell law '{self.name}': expected a read voltage above 0 V and 0 < g_min < g_max, found "
                f"{self.read_voltage_v} V, {self.g_min_s} S and {self.g_max_s} S"
            )
        if not all(math.isfinite(value) for _, value in self.parameters):
            raise NetworkError(f"cell law '{self.name}': parameters must be finite, found {dict(self.parameters)}")


@dataclass(frozen=True)
class CellResponse:
    """What a pair of cells makes of input x and weight w instead of the product w x.

    s_w s_x [I(V_r x / s_x, G+(w)) - I(V_r x / s_x, G-(w))] / (V_r (g_max - g_min)), with x clipped to
    [0, s_x = input_scale] and w to +-(s_w = weight_scale). |w| raises one cell of the pair from g_min towards g_max,
    I / V at the read voltage, linearly. A linear law gives w x back, and so does x = s_x with any law.
    """

    law: CellLaw
    input_scale: float
    weight_scale: float

    def __post_init__(self) -> None:
        for name in ("input_scale", "weight_scale"):
            if not 0 < getattr(self, name) < math.inf:
                raise NetworkError(f"response: {name} must be a finite number above 0, found {getattr(self, name)}")
