"""Splitting a layer's matrix over rows and columns of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from pillarsim.arch.errors import FitError
from pillarsim.arch.placement import RowBlock


@dataclass(frozen=True)
class ArrayShape:
    """What partitioning needs to know of an array: inputs, those on at once, physical columns.

    step: inputs that share a pillar row and are on together; span: inputs of one layer, where a read takes one layer.
    """

    inputs: int
    active_inputs: int
    columns: int
    step: int = 1
    span: int | None = None


def balanced(start: int, stop: int, largest: int) -> tuple[tuple[int, int], ...]:
    """Cut [start, stop) into the fewest pieces of at most `largest`, sizes differing by one at most."""
    length = stop - start
    pieces = -(-length // largest)
    edges = [start + length * k // pieces for k in range(pieces + 1)]
    return tuple(pairwise(edges))


def row_blocks(rows: int, shape: ArrayShape) -> tuple[RowBlock, ...]:
    """Row blocks of a matrix with `rows` inputs; each block's groups are the rows of one read."""
    return tuple(RowBlock(start, stop, _groups(start, stop, shape)) for start, stop in balanced(0, rows, shape.inputs))


def _groups(start: int, stop: int, shape: ArrayShape) -> tuple[tuple[int, int], ...]:
    """Rows of each read of one block, as few reads as the array allows."""
    span = shape.span or stop - start
    groups = []
    for first in range(start, stop, span):
        last = min(first + span, stop)
        pillar_rows = balanced(0, -(-(last - first) // shape.step), max(1, shape.active_inputs // shape.step))
        groups += [(first + a * shape.step, min(first + b * shape.step, last)) for a, b in pillar_rows]
    return tuple(groups)


def unit_blocks(outputs: int, slices: int, polarities: int, shape: ArrayShape) -> tuple[tuple[int, int], ...]:
    """Unit ranges of each array column block; slices of one output stay together where an array holds them all.

    Raises FitError when one array cannot hold one weight slice.
    """
    capacity = shape.columns // polarities
    if capacity < 1:
        raise FitError(
            f"array.columns: an array of {shape.columns} column(s) is too small for one weight slice, "
            f"which takes {polarities} columns; expected array.columns of at least {polarities}"
        )
    if capacity >= slices:
        capacity -= capacity % slices
    units = outputs * slices
    return tuple((start, min(start + capacity, units)) for start in range(0, units, capacity))


def group_ranges(groups: int, rows: int, outputs: int, units: int, shape: ArrayShape) -> tuple[tuple[int, int], ...]:
    """Groups [first, last) of a grouped convolution that share arrays, as many as one array holds side by side.

    rows, outputs: of one group; units: outputs that an array holds.
    """
    if groups == 1:
        return ((0, 1),)
    together = max(1, min(groups, shape.inputs // rows, units // outputs))
    return balanced(0, groups, together)


def outputs_held(slices: int, polarities: int, shape: ArrayShape) -> int:
    """Whole outputs, all slices of them, that the columns of one array hold; 0 where not even one."""
    return shape.columns // polarities // slices


def arrays_needed(rows: int, outputs: int, slices: int, polarities: int, shape: ArrayShape) -> int:
    """Arrays of one replica of a (rows, outputs) matrix."""
    return len(row_blocks(rows, shape)) * len(unit_blocks(outputs, slices, polarities, shape))
