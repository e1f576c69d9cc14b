"""Copies of stages under a budget of arrays, for the least bottleneck of the pipeline.

With c copies a stage of work w (windows x time of a window) takes w / c an image. To lower the largest w / c, every
stage that has it needs one copy more, so that one round after another gives each bottleneck that can be reached, with
the fewest arrays. Left-over arrays that lower nothing stay free.
Left out: time of digital units, buffers and the network, and of windows that do not divide evenly over the copies.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Load", "copies_after", "rounds"]


@dataclass(frozen=True)
class Load:
    """A stage: time for an image with one copy, and arrays of a copy; neither for a digital operator."""

    work_ps: int
    arrays: int


def rounds(loads: Sequence[Load], budget: int, floor_ps: int = 0) -> Iterator[tuple[int, ...]]:
    """Yield the stages that each round gives one copy more, until the next round would exceed `budget` arrays.

    floor_ps: no round once all stages are as fast as what copies do not shorten. Where one copy of each exceeds the
    budget already there is no round.
    """
    used = sum(load.arrays for load in loads)
    heap = [(-Fraction(load.work_ps), number, 1) for number, load in enumerate(loads) if load.arrays]
    heapq.heapify(heap)
    while heap:
        slowest, chosen = heap[0][0], []
        if -slowest <= floor_ps:
            return
        while heap and heap[0][0] == slowest:
            chosen.append(heapq.heappop(heap))
        used += sum(loads[number].arrays for _, number, _ in chosen)
        if used > budget:
            return
        for _, number, copies in chosen:
            heapq.heappush(heap, (-Fraction(loads[number].work_ps, copies + 1), number, copies + 1))
        yield tuple(number for _, number, _ in chosen)


def copies_after(stages: int, done: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Copies of each of `stages` stages after some rounds."""
    copies = [1] * stages
    for chosen in done:
        for number in chosen:
            copies[number] += 1
    return tuple(copies)
