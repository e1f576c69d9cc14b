"""From weight slices (P, R, O, S) to the physical columns of arrays, and back."""

from __future__ import annotations

import torch

from pillarsim.arch.placement import PlacedArray, PlacedLayer


def physical(values: torch.Tensor) -> torch.Tensor:
    """(P, R, O, S) -> (R, units * P), the order of physical columns."""
    polarities, rows, outputs, slices = values.shape
    return values.permute(1, 2, 3, 0).reshape(rows, outputs * slices * polarities)


def sliced(columns: torch.Tensor, polarities: int, slices: int) -> torch.Tensor:
    """(R, units * P) -> (P, R, O, S): the inverse of `physical`."""
    return columns.reshape(columns.shape[0], -1, slices, polarities).permute(3, 0, 1, 2).contiguous()


def array_part(columns: torch.Tensor, layer: PlacedLayer, placed: PlacedArray) -> torch.Tensor:
    """The part (rows of its block, its columns) of physical columns (R, units * P) that one array holds; a view."""
    block = layer.row_blocks[placed.row_block]
    first, last = placed.units
    return columns[block.start : block.stop, first * layer.polarities : last * layer.polarities]
