"""Streams: the pixels that one producer sends, in raster order, to every place that needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pillarsim.arch.simulate.buffers import PixelRing
from pillarsim.arch.simulate.ports import Key

__all__ = ["Stream", "Target"]

PIXELS = 2  # kind of requests for links, after partial sums


class Target(Protocol):
    """Where pixels go: an input's share of a tile's buffer, or the way out of the chip."""

    @property
    def ring(self) -> PixelRing:
        """Credits of this place."""

    def deliver(self, at_ps: int, source: int, first: int, count: int, key: Key) -> None:
        """Bring pixels whose credits are taken."""


class Stream:
    """A producer's output; `stage` is the producer's number (-1 for the source), the first part of its keys."""

    def __init__(self, stage: int, targets: Sequence[Target]) -> None:
        self._stage, self._targets = stage, targets
        self.sent = 0

    def take(self, count: int) -> int | None:
        """Take credits for the next `count` pixels everywhere; return the number of the first, or None if one lacks."""
        for target in self._targets:
            if target.ring.credits < count:
                return None
        for target in self._targets:
            target.ring.taken += count
        first = self.sent
        self.sent += count
        return first

    def dispatch(self, at_ps: int, source: int, first: int, count: int) -> None:
        """Send pixels that have credits from tile `source` (or GLOBAL) to every target, at `at_ps`."""
        key = (self._stage, PIXELS, 0, first, 0)
        for target in self._targets:
            target.deliver(at_ps, source, first, count, key)
