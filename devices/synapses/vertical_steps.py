"""Parts of pulses on cells with soft bounds: what half-selected cells and pulses of another width or voltage do.

    r > 0   x += r up exp(-bend_up x) (1 + sigma z)             x the place in the window, clipped to [0, 1]
    r < 0   x += r down exp(-bend_down (1 - x)) (1 + sigma z)
r is the part of a full pulse (`vertical.rate`, or the width over that of a full pulse); r = 1 and -1 are the whole
pulses of `pulses.soft_bounds` without floors. Left out: that a long pulse slows down as its cell moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.pulses.soft_bounds import SoftBounds

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Steps:
    """First steps of each cell from its bounds, parts of the window; bends; spread of a step from pulse to pulse."""

    up: Floats
    down: Floats
    bend_up: float
    bend_down: float
    sigma: float

    @classmethod
    def drawn(cls, model: SoftBounds, shape: tuple[int, ...], random: np.random.Generator) -> Steps:
        """Steps of cells of a model, log-normal from cell to cell; bounds are the same for all. Raises ValueError."""
        if model.floor_up or model.floor_down:
            raise ValueError("expected soft bounds without floors")
        first, second = np.exp(model.spread_step * random.standard_normal((2, *shape)))
        span = model.window.span_s
        return cls(
            model.step_up_s / span * first, model.step_down_s / span * second,
            model.bend_up, model.bend_down, model.sigma,
        )  # fmt: skip

    def moved(self, x: Floats, parts: Floats, normal: Floats) -> Floats:
        """Places after parts of pulses; `normal`: a standard normal number a cell."""
        up, down = self.up * np.exp(-self.bend_up * x), self.down * np.exp(-self.bend_down * (1 - x))
        step = np.where(parts > 0, up, down) * parts * (1 + self.sigma * normal)
        return np.asarray(np.clip(x + step, 0.0, 1.0))
