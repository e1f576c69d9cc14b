"""A cell behind a resistance, its access transistor: the conductance that a read sees, and back.

Values may be numbers, numpy arrays or torch tensors; the cell is linear.
"""

from __future__ import annotations

from typing import Any


def in_series_s(cell_s: Any, ohm: float) -> Any:
    """Return the conductance (S) of cells in series with `ohm`."""
    return cell_s / (1 + cell_s * ohm) if ohm else cell_s


def alone_s(seen_s: Any, ohm: float) -> Any:
    """Return the conductance (S) of cells that are seen as `seen_s` through `ohm`; the inverse of `in_series_s`."""
    return seen_s / (1 - seen_s * ohm) if ohm else seen_s
