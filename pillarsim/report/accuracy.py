"""What the values gave: accuracy and outputs of the float, the integer and the chip's network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOT_EVALUATED", "Accuracy", "Outputs"]


@dataclass(frozen=True, eq=False)
class Outputs:
    """Outputs on the same N inputs: float (N, values), quantized (N, values), chip (device seeds, N, values)."""

    float_: NDArray[np.float64]
    quantized: NDArray[np.float64]
    chip: NDArray[np.float64]


@dataclass(frozen=True)
class Accuracy:
    """Accuracy (what `metric` says) of the float, the integer and the chip's network on the same inputs."""

    metric: str
    float_: float
    quantized: float
    per_seed: tuple[float, ...]
    samples: int

    def as_json(self) -> dict[str, Any]:
        """The `accuracy` object; the standard deviation is the sample one (None for a single seed)."""
        mean = sum(self.per_seed) / len(self.per_seed)
        spread = None
        if len(self.per_seed) > 1:
            spread = math.sqrt(sum((x - mean) ** 2 for x in self.per_seed) / (len(self.per_seed) - 1))
        return {
            "metric": self.metric,
            "float": self.float_,
            "quantized": self.quantized,
            "chip_mean": mean,
            "chip_std": spread,
            "per_seed": list(self.per_seed),
            "samples": self.samples,
        }


NOT_EVALUATED: dict[str, Any] = {
    "float": None, "quantized": None, "chip_mean": None, "chip_std": None, "per_seed": [], "samples": 0,
}  # fmt: skip
