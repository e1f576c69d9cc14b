"""A layer in pieces, runs of whole row blocks, so that what is worked on at once does not grow with the layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from pillarsim.arch.placement import PlacedLayer, RowBlock
from pillarsim.devices.streams import stream_seed

# Cells of a piece, where one row block has no more (the project's own choice). Draws that are counted by cell do not
# depend on it; those of a piece's own stream do (`part_seed`), in layers of several pieces.
MOST_CELLS = 1 << 23

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Piece:
    """Row blocks [first, last) of a layer, which hold its rows [start, stop)."""

    first: int
    last: int
    start: int
    stop: int

    @property
    def rows(self) -> slice:
        """The rows, to index with."""
        return slice(self.start, self.stop)

    def row_blocks(self, layer: PlacedLayer) -> tuple[RowBlock, ...]:
        """The row blocks as they stand in the layer."""
        return layer.row_blocks[self.first : self.last]


def pieces(layer: PlacedLayer) -> tuple[Piece, ...]:
    """Cut a layer into runs of row blocks, in order: as many blocks in each as MOST_CELLS allows, at least one."""
    row_cells = layer.units * layer.polarities
    found: list[Piece] = []
    first = 0
    for number, block in enumerate(layer.row_blocks, 1):
        start = layer.row_blocks[first].start
        full = number == len(layer.row_blocks) or (layer.row_blocks[number].stop - start) * row_cells > MOST_CELLS
        if full:
            found.append(Piece(first, number, start, block.stop))
            first = number
    return tuple(found)


def part_seed(seed: int, first_row: int) -> int:
    """Seed of draws that count from the start of a part of a layer's rows; the first part has its layer's `seed`."""
    return seed if first_row == 0 else stream_seed(seed, "rows from", first_row)


def in_order(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Result]:
    """Results of `work` in the order of `items`, at most `threads` at once; an exception cancels what has not started.

    progress(done, total) is called from the calling thread.
    """
    found = []
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        futures = [pool.submit(work, item) for item in items]
        for number, future in enumerate(futures, 1):
            found.append(future.result())
            progress(number, len(items))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return found
