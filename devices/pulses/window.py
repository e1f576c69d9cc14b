"""The range of conductance in which a device moves, and its spread from device to device.

A device's place in its own window is x in [0, 1]: G = low + x span. The spread is log-normal, of the lower bound and of
the span, so that no device's bounds cross.
Left out: correlation of the two, bounds that move by cycling.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pillarsim.devices.pulses.batch import Batch, parts
from pillarsim.devices.pulses.draws import keys_of, normal, stream
from pillarsim.devices.ranges import within


@dataclass(frozen=True)
class Window:
    """Bounds in siemens; spreads = standard deviations of ln(lower bound) and ln(span) over devices.

    Raises OutOfRange unless 0 <= g_min_s < g_max_s and the spreads lie in [0, 2].
    """

    g_min_s: float
    g_max_s: float
    spread_min: float = 0.0
    spread_span: float = 0.0

    def __post_init__(self) -> None:
        within("g_max_s", self.g_max_s, 1e-15, 1.0, "S")
        within("g_min_s", self.g_min_s, 0.0, self.g_max_s * (1 - 1e-6), "S")
        within("spread_min", self.spread_min, 0.0, 2.0, "of ln G")
        within("spread_span", self.spread_span, 0.0, 2.0, "of ln G")

    @property
    def span_s(self) -> float:
        """Width in siemens."""
        return self.g_max_s - self.g_min_s


def spread(value: float, sigma: float, count: int, seed: int, *names: str) -> torch.Tensor:
    """Draw value exp(sigma z) for devices 0, ..., count - 1 from the stream called `names`, float64; value: median."""
    drawn = torch.full((count,), value, dtype=torch.float64)
    if sigma:
        for part in parts(count):
            drawn[part] *= standard(part, seed, *names).mul_(sigma).exp_()
    return drawn


def standard(part: slice, seed: int, *names: str) -> torch.Tensor:
    """Draw one standard normal number for each device of a slice from the stream called `names`, float64."""
    number = torch.arange(part.start, part.stop, dtype=torch.int32)
    return normal(keys_of(stream(seed, *names), number), torch.zeros_like(number)).double()


@dataclass(frozen=True, eq=False)
class WindowedDevices(Batch):
    """Devices that move in windows of their own, float64 (count,): bounds, what drives each direction, place x."""

    low_s: torch.Tensor
    span_s: torch.Tensor
    up: torch.Tensor
    down: torch.Tensor
    x: torch.Tensor

    def conductance_s(self) -> torch.Tensor:
        """Return the conductance of each device in siemens, float64 (count,)."""
        return torch.addcmul(self.low_s, self.span_s, self.x)


def at_lower_bound(window: Window, spreads: bool, count: int, seed: int, name: str) -> dict[str, torch.Tensor]:
    """Return number, pulses, bounds and place of fresh devices; spreads: whether bounds differ between devices."""
    on = float(spreads)
    return {
        "number": torch.arange(count, dtype=torch.int32),
        "pulses": torch.zeros(count, dtype=torch.int32),
        "low_s": spread(window.g_min_s, on * window.spread_min, count, seed, name, "low"),
        "span_s": spread(window.span_s, on * window.spread_span, count, seed, name, "span"),
        "x": torch.zeros(count, dtype=torch.float64),
    }
