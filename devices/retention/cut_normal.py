"""The normal law cut at zero: what would be negative is drawn again from the part above zero."""

from __future__ import annotations

import math

import torch

_TINY = 1e-300  # probability, keeps a normal quantile finite


def cut_normal(centre: torch.Tensor, spread: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Return a draw of the law for each element, from its standard normal number `z`; all of one shape and type.

    centre, spread: of the law before the cut, spread >= 0. Elements that stay above zero are centre + spread z.
    Without spread a negative centre becomes 0.
    """
    drawn = torch.addcmul(centre, spread, z)
    below = drawn < 0
    if bool(below.any()):
        c, s, low = centre[below].double(), spread[below].double(), z[below].double()
        ratio = torch.where(s > 0, c / s, torch.full_like(c, -math.inf))
        # Given that it fell below, Phi(z) / Phi(-ratio) is uniform: it serves as the new draw.
        place = torch.special.ndtr(low) / torch.special.ndtr(-ratio).clamp(min=_TINY)
        again = -torch.special.ndtri((place * torch.special.ndtr(ratio)).clamp(min=_TINY))
        drawn[below] = torch.where(s > 0, c + s * again, torch.zeros_like(c)).clamp(min=0).to(drawn.dtype)
    return drawn


def cut_median(centre: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Return the median of the law for each element, same shape and type."""
    c, s = centre.double(), spread.double()
    place = torch.special.ndtr(c / s.clamp(min=_TINY)) / 2
    median = c - s * torch.special.ndtri(place.clamp(min=_TINY))
    return torch.where(s > 0, median, c).clamp(min=0).to(centre.dtype)
