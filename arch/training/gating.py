"""Power states of many units at once, from the times of their uses.

A unit starts idle at 0 ps. Where its policy gates, it goes to sleep `after_ps` after a use and is woken `wake_ps` ahead
of the next one: what a training step does is known before it starts, so a wake-up delays nothing. It counts as idle
meanwhile, and does not go to sleep for a pause that is not longer than after_ps + wake_ps. (In inference a part is
woken by what it is to serve, which waits: `arch.simulate.power`.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.errors import ModelError

__all__ = ["Policy", "UnitTimes", "UnitUses", "joined_uses"]

Ints = NDArray[np.int64]
_FIELDS = ("active_ps", "gated_ps", "wakes", "last_ps")


@dataclass(frozen=True)
class Policy:
    """Whether units of a group are gated, and when."""

    gated: bool
    after_ps: int
    wake_ps: int

    def sleep_ps(self, pauses: Ints) -> Ints:
        """Time asleep in pauses between two uses."""
        if not self.gated:
            return np.zeros_like(pauses)
        return np.maximum(pauses - (self.after_ps + self.wake_ps), 0)


@dataclass(frozen=True, eq=False)
class UnitUses:
    """Uses of U units over a stretch of time, (U,) each: first start, last end (-1: none), and what lies between."""

    first_ps: Ints
    last_ps: Ints
    active_ps: Ints
    gated_ps: Ints
    wakes: Ints


def joined_uses(uses: Sequence[Sequence[tuple[int, int]]], policy: Policy) -> UnitUses:
    """Uses of each unit as a whole; they may overlap and come in any order."""
    made = np.zeros((5, len(uses)), np.int64)
    made[:2] = -1
    for unit, pairs in enumerate(uses):
        if not pairs:
            continue
        starts, ends = np.array(sorted(pairs), np.int64).T
        reach = np.maximum.accumulate(ends)
        pauses = np.maximum(starts[1:] - reach[:-1], 0)
        asleep = policy.sleep_ps(pauses)
        active = reach[-1] - starts[0] - pauses.sum()
        made[:, unit] = starts[0], reach[-1], active, asleep.sum(), np.count_nonzero(asleep)
    return UnitUses(*made)


class UnitTimes:
    """Times of `units` units so far; all that changes is integers (U,)."""

    def __init__(self, units: int, policy: Policy) -> None:
        self.policy = policy
        self._times = {name: np.zeros(units, np.int64) for name in _FIELDS}

    @property
    def state(self) -> Ints:
        """All that changes, (4, U)."""
        return np.stack([self._times[name] for name in _FIELDS])

    @state.setter
    def state(self, value: Ints) -> None:
        if value.shape != self.state.shape:
            raise ModelError(f"power states of {self.state.shape[1]} units: found an array of shape {value.shape}")
        self._times = {name: row.copy() for name, row in zip(_FIELDS, value.astype(np.int64), strict=True)}

    def add(self, used: NDArray[np.bool_], starts: Ints, ends: Ints, inside: Sequence[Ints]) -> None:
        """Stretches (..., U) in order of time, none before the last; inside: active, gated and wakes of each.

        A stretch that is not `used` is none.
        """
        times, units = self._times, used.shape[-1]
        used, starts, ends = used.reshape(-1, units), starts.reshape(-1, units), ends.reshape(-1, units)
        inside = [value.reshape(-1, units) for value in inside]
        reach = np.maximum.accumulate(np.concatenate([times["last_ps"][None], np.where(used, ends, 0)]), axis=0)
        pauses = np.where(used, starts - reach[:-1], 0)
        if pauses.size and pauses.min() < 0:
            raise ModelError("power states: a use begins before the last one has ended")
        asleep = self.policy.sleep_ps(pauses)
        active, gated, wakes = (np.where(used, value, 0).sum(axis=0) for value in inside)
        times["active_ps"] += active
        times["gated_ps"] += gated + asleep.sum(axis=0)
        times["wakes"] += wakes + np.count_nonzero(asleep, axis=0)
        times["last_ps"] = reach[-1]

    def totals(self, span_ps: int, units: int) -> tuple[int, int, int, int]:
        """(active, idle, gated, wakes) of `units` units by `span_ps`, those that were never used included."""
        times = self._times
        asleep = np.maximum(span_ps - times["last_ps"] - self.policy.after_ps, 0) * self.policy.gated
        active, wakes = sum(times["active_ps"].tolist()), sum(times["wakes"].tolist())
        never = max(0, span_ps - self.policy.after_ps) * self.policy.gated
        gated = sum((times["gated_ps"] + asleep).tolist()) + never * (units - len(asleep))
        idle = units * span_ps - active - gated
        if idle < 0 or units < len(asleep):
            raise ModelError(f"power states: {active} ps active and {gated} ps gated in {units} x {span_ps} ps")
        return active, idle, gated, wakes
