"""Parts of layers, one to an array or several small ones together on rows and columns of their own.

An array that several layers share is filled along its diagonal: each takes rows and columns that no other takes, so
that a read of one drives no cell of another. Parts of one stage never share, since they work at the same time.
Packing is first fit by falling size (the larger of the shares of rows and columns), into the open array that is in
use for the shortest time, ties to the older one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pillarsim.mapping.partition import ArrayShape

__all__ = ["Part", "Shared", "packed"]


@dataclass(frozen=True)
class Part:
    """One row block and unit range of a copy of a layer; the rows and columns that it takes.

    work_ps: its time for an image; held_bits: what it needs of a tile's buffer.
    """

    stage: int
    layer: int
    copy: int
    block: int
    units: tuple[int, int]
    rows: int
    columns: int
    work_ps: int = 0
    held_bits: int = 0


@dataclass(frozen=True)
class Shared:
    """An array: its parts with the (row, column) at which each starts."""

    parts: tuple[tuple[Part, int, int], ...]


@dataclass
class _Open:
    """An array while it is filled; `rank`: of its first part in the order of the network."""

    rank: int
    parts: list[tuple[Part, int, int]]
    rows: int
    columns: int
    work_ps: int
    held_bits: int
    stages: set[int]


def packed(parts: Sequence[Part], shape: ArrayShape, buffer_bits: float) -> list[Shared]:
    """Pack parts into arrays whose inputs fit a buffer together, returned in the order of their first parts."""
    # a part starts at a whole pillar row, or at a whole layer where a read takes one layer
    step = shape.step if shape.span is None else shape.span
    order = sorted(
        range(len(parts)), key=lambda k: (-max(parts[k].rows / shape.inputs, parts[k].columns / shape.columns), k)
    )
    arrays: list[_Open] = []
    roomy: list[_Open] = []
    smallest = min((part.rows for part in parts), default=0), min((part.columns for part in parts), default=0)
    for rank in order:
        part = parts[rank]
        fits = [
            one
            for one in roomy
            if -(-one.rows // step) * step + part.rows <= shape.inputs
            and one.columns + part.columns <= shape.columns
            and one.held_bits + part.held_bits <= buffer_bits
            and part.stage not in one.stages
        ]
        if fits:
            best = min(fits, key=lambda one: one.work_ps)
        else:
            best = _Open(rank, [], 0, 0, 0, 0, set())
            arrays.append(best)
            roomy.append(best)
        row = -(-best.rows // step) * step
        best.parts.append((part, row, best.columns))
        best.rank = min(best.rank, rank)
        best.rows, best.columns = row + part.rows, best.columns + part.columns
        best.work_ps += part.work_ps
        best.held_bits += part.held_bits
        best.stages.add(part.stage)
        if best.rows + smallest[0] > shape.inputs or best.columns + smallest[1] > shape.columns:
            roomy.remove(best)
    return [Shared(tuple(one.parts)) for one in sorted(arrays, key=lambda one: one.rank)]
