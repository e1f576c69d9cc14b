"""How signed weights become cell levels and input codes become chunks, and back.

A weight is split into S slices of c bits, slice 0 lowest:
    differential  |w| on column 0 of a pair where w > 0, on column 1 where w < 0
    offset        u = w + 2^(bits-1) on single columns
    offset_flip   offset, with the levels l of an array column stored as (2^c - 1) - l where that lowers their sum
An input code of B bits is read in chunks of d bits, lowest first. Signed codes are two's complement: the lower B - 1
bits are chunked, and the sign plane is a read of its own, subtracted with weight 2^(B-1); with d = 1 that is the
plain bit-serial order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.compute.coding_kernel import flip, split
from pillarsim.arch.placement import Codes, RowBlock


@dataclass(frozen=True)
class Chunk:
    """Bits [shift, shift + bits) of an input code, read at once; `negative` is the sign plane."""

    shift: int
    bits: int
    negative: bool = False

    @property
    def high(self) -> int:
        """Largest value of the chunk."""
        return (1 << self.bits) - 1

    @property
    def weight(self) -> int:
        """What one unit of the chunk is worth in the code."""
        return -(1 << self.shift) if self.negative else 1 << self.shift


def chunk_plan(bits: int, signed: bool, chunk_bits: int) -> tuple[Chunk, ...]:
    """Reads of one input code, in order.

    ceil(bits / chunk_bits) of them; a signed code with chunk_bits > 1 takes ceil((bits - 1) / chunk_bits) + 1.
    """
    magnitude = bits - 1 if signed else bits
    plan = [Chunk(at, min(chunk_bits, magnitude - at)) for at in range(0, magnitude, chunk_bits)]
    if signed:
        plan.append(Chunk(bits - 1, 1, negative=True))
    return tuple(plan)


def input_codes(images: NDArray[np.floating] | NDArray[np.integer], codes: Codes) -> NDArray[np.int32]:
    """Codes of float images, clip(floor(value / scale + 0.5)); any shape."""
    scaled = np.floor(np.asarray(images, dtype=np.float64) / codes.scale + 0.5)
    return np.clip(scaled, codes.low, codes.high).astype(np.int32)


def slice_count(scheme: str, bits: int, bits_per_cell: int) -> int:
    """Cells (or pairs) that one weight takes."""
    magnitude = bits - 1 if scheme == "differential" else bits
    return -(-magnitude // bits_per_cell)


def top_levels(scheme: str, bits: int, bits_per_cell: int) -> tuple[int, ...]:
    """Largest level of each slice; the top slice may hold fewer bits than a cell does."""
    magnitude = bits - 1 if scheme == "differential" else bits
    return tuple(
        (1 << min(bits_per_cell, magnitude - bits_per_cell * s)) - 1
        for s in range(slice_count(scheme, bits, bits_per_cell))
    )


def weight_levels(
    weight: NDArray[np.int32], scheme: str, bits: int, bits_per_cell: int, row_blocks: Sequence[RowBlock]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return (levels uint8 (P, R, O, S), flipped bool (row blocks, O, S)) of integer weights (R, O).

    flipped is None but for offset_flip. Raises ValueError for a weight that `bits` cannot hold in this scheme
    (differential: |w| < 2^(bits-1); offset: -2^(bits-1) <= w < 2^(bits-1)) and for an unknown scheme.
    """
    half = 1 << (bits - 1)
    lowest = -half + 1 if scheme == "differential" else -half
    codes = np.ascontiguousarray(weight, dtype=np.int32)
    if codes.size and (int(codes.min()) < lowest or int(codes.max()) >= half):
        raise ValueError(f"weights: expected {lowest} to {half - 1} for {bits} bits, {scheme}")
    if scheme not in ("differential", "offset", "offset_flip"):
        raise ValueError(f"scheme: expected differential, offset or offset_flip, found {scheme!r}")
    sides, offset = (2, 0) if scheme == "differential" else (1, half)
    levels = np.empty((sides, *codes.shape, slice_count(scheme, bits, bits_per_cell)), np.uint8)
    split(codes, offset, bits_per_cell, levels)
    flipped = None
    if scheme == "offset_flip":
        flipped = np.empty((len(row_blocks), *levels.shape[2:]), np.bool_)
        columns = levels.reshape(len(codes), -1)
        for number, block in enumerate(row_blocks):
            flip(columns[block.start : block.stop], (1 << bits_per_cell) - 1, flipped[number].reshape(-1))
    return torch.from_numpy(levels), None if flipped is None else torch.from_numpy(flipped)


def weights_from_levels(
    levels: torch.Tensor,
    flipped: torch.Tensor | None,
    scheme: str,
    bits: int,
    bits_per_cell: int,
    row_blocks: Sequence[RowBlock],
) -> NDArray[np.int32]:
    """The weights (R, O) that levels stand for: the inverse of `weight_levels`."""
    values = levels.long()
    if flipped is not None:
        values = values.clone()
        for number, block in enumerate(row_blocks):
            part = values[:, block.start : block.stop]
            part.copy_(torch.where(flipped[number], (1 << bits_per_cell) - 1 - part, part))
    place = torch.tensor([1 << (bits_per_cell * s) for s in range(levels.shape[3])])
    summed = (values * place).sum(dim=3)
    weight = summed[0] - (summed[1] if scheme == "differential" else 1 << (bits - 1))
    return weight.numpy().astype(np.int32)
