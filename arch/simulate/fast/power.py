"""Power states, compiled: `power.PowerTracker` with uses known from their start."""

from __future__ import annotations

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints, tracker_at
from pillarsim.devices.jit import compiled

__all__ = ["hold", "ready", "use"]


@compiled
def ready(m: Ints, tracker: int, time_ps: int) -> int:
    """Return when a use wanted at `time_ps` can start, waking the unit if it is gated."""
    power = tracker_at(m, tracker)
    if m[power + at.P_GATED]:
        gap = time_ps - max(m[power + at.P_END], m[power + at.P_HELD]) - m[at.H_AFTER_PS]
        if gap > 0:
            m[power + at.P_GATED_PS] += gap
            m[power + at.P_WAKES] += 1
            m[power + at.P_END] = time_ps
            m[power + at.P_AWAKE] = m[power + at.P_HELD] = time_ps + m[at.H_WAKE_PS]
    awake: int = m[power + at.P_AWAKE]
    return max(time_ps, awake)


@compiled
def hold(m: Ints, tracker: int, time_ps: int) -> None:
    """Keep the unit from being gated before `time_ps`."""
    power = tracker_at(m, tracker)
    if time_ps > m[power + at.P_HELD]:
        m[power + at.P_HELD] = time_ps


@compiled
def use(m: Ints, tracker: int, start_ps: int, end_ps: int) -> None:
    """The unit is active in [start_ps, end_ps)."""
    power = tracker_at(m, tracker)
    if start_ps > m[power + at.P_END]:
        m[power + at.P_END] = start_ps
    if end_ps > m[power + at.P_END]:
        m[power + at.P_ACTIVE] += end_ps - m[power + at.P_END]
        m[power + at.P_END] = end_ps
