"""Power states: how long each unit was active, idle and gated, and which uses wait for a wake-up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pillarsim.arch.errors import ModelError
from pillarsim.arch.trace import StateTimes

__all__ = ["PowerTracker", "group_states"]


class PowerTracker:
    """Power state of one unit over time; it starts idle at 0 ps.

    Uses come in order of time. A use is either known whole, `use(start, end)`, or entered and left as it happens;
    overlapping uses count once. With `gated`, a unit idle for longer than `after_ps` is gated until `ready` is next
    called, and then takes `wake_ps` (counted as idle) to serve. Left out: the energy of a wake-up (the ledger's).
    """

    __slots__ = ("_awake", "_end", "_held", "_open", "active_ps", "after_ps", "gated", "gated_ps", "wake_ps", "wakes")

    def __init__(self, gated: bool, after_ps: int, wake_ps: int) -> None:
        self.gated, self.after_ps, self.wake_ps = gated, after_ps, wake_ps
        self.active_ps = self.gated_ps = self.wakes = 0
        self._end = self._held = self._awake = self._open = 0

    @classmethod
    def of(cls, row: Sequence[int], after_ps: int, wake_ps: int) -> PowerTracker:
        """The tracker of a row of the compiled engine's table."""
        gated, end, held, awake, active, gated_ps, wakes = (int(value) for value in row)
        made = cls(bool(gated), after_ps, wake_ps)
        made._end, made._held, made._awake = end, held, awake
        made.active_ps, made.gated_ps, made.wakes = active, gated_ps, wakes
        return made

    def ready(self, time_ps: int) -> int:
        """Return when a use wanted at `time_ps` can start, waking the unit if it is gated."""
        if self.gated and not self._open:
            gap = time_ps - max(self._end, self._held) - self.after_ps
            if gap > 0:
                self.gated_ps += gap
                self.wakes += 1
                self._end = time_ps
                self._awake = self._held = time_ps + self.wake_ps
        return max(time_ps, self._awake)

    def hold(self, time_ps: int) -> None:
        """Keep the unit from being gated before `time_ps`: a use is about to start then."""
        if time_ps > self._held:
            self._held = time_ps

    def use(self, start_ps: int, end_ps: int) -> None:
        """The unit is active in [start_ps, end_ps)."""
        self._advance(start_ps)
        if end_ps > self._end:
            self.active_ps += end_ps - self._end
            self._end = end_ps

    def enter(self, time_ps: int) -> None:
        """A use starts whose end is not known yet."""
        self._advance(time_ps)
        self._open += 1

    def leave(self, time_ps: int) -> None:
        """A use that was entered ends."""
        self._advance(time_ps)
        self._open -= 1

    def _advance(self, time_ps: int) -> None:
        if time_ps > self._end:
            if self._open:
                self.active_ps += time_ps - self._end
            self._end = time_ps

    def close(self, span_ps: int) -> tuple[int, int, int]:
        """Return (active, idle, gated) picoseconds of [0, span_ps). Raises ModelError if they cannot be."""
        gap = span_ps - max(self._end, self._held) - self.after_ps
        gated = self.gated_ps + (gap if self.gated and gap > 0 else 0)
        idle = span_ps - self.active_ps - gated
        if idle < 0 or self._open or self._end > span_ps:
            raise ModelError(f"power states: {self.active_ps} ps active and {gated} ps gated in a span of {span_ps} ps")
        return self.active_ps, idle, gated


def group_states(
    group: str, units: int, used: Iterable[tuple[PowerTracker, int]], never: PowerTracker, span_ps: int
) -> StateTimes:
    """Sum a group of `units` units: `used` are (tracker, units it stands for), all others behaved like `never`.

    Raises ModelError if more units were used than there are.
    """
    active = idle = gated = wakes = 0
    rest = units
    for tracker, weight in used:
        times = tracker.close(span_ps)
        active += times[0] * weight
        idle += times[1] * weight
        gated += times[2] * weight
        wakes += tracker.wakes * weight
        rest -= weight
    if rest < 0:
        raise ModelError(f"{group}: {units - rest} units in use, but the chip has {units}")
    _, idle_rest, gated_rest = never.close(span_ps)
    return StateTimes(group, units, active, idle + idle_rest * rest, gated + gated_rest * rest, wakes)
