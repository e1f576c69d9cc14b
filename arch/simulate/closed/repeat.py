"""Where the run repeats itself: images that are then not computed one by one.

When an image is through every stage and nothing of the next has begun, all that later times depend on is a list of
earlier times, the same list (counted from the images done) after every image; what the recurrences make of it are
maxima and sums. So if every time on it grew by T over the last p images, everything will grow by T over the next p,
for ever (adding T to all terms of a maximum adds T to it). Times on the list that did not grow at all are of parts
that were not used, and p is a multiple of the images after which the same replicas have their turn, so that the next
p do not use them either. Then a multiple of p images is left out, and their growth is added to what comes out.

A buffer that was never full may fill later. Places that were left before now are no reason to wait if the sender is
past that time already; those of the last p images are not asked for within the next p if the buffer holds 2 p images,
and then the sender is T further; by the same reason places left later are not, for ever.

The list holds: free times of slots and their last uses, replicas' and stages' times, departures
from buffers that may be short of room, arrays awake, and the log of uses that are not looked at yet. Comparisons with
the number of windows of the run are the same as long as a replica's next window is one of the run, so that many
images are left over. A run whose parts have rates of their own (a source whose rows still fill the global buffer,
a stage ahead of others that never fills a buffer) does not repeat itself yet, and is computed image by image.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.simulate.closed import columns as to
from pillarsim.arch.simulate.closed.columns import Work
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Machine
from pillarsim.arch.simulate.fast.steady import _GROWING_REPLICA, _GROWING_TRACKER, Steady, _Skip
from pillarsim.arch.simulate.plan import Plan

__all__ = ["Repeats"]

Ints = NDArray[np.int64]
_PERIODS = 4  # of the replicas' turns, that a period is looked for in; assumed, changes no result
_KEPT = 1 << 23  # times kept in all; assumed, changes no result
_TRACKER_TIMES = [at.P_END, at.P_HELD, at.P_AWAKE]
_GROWING_CHANNEL = [to.C_ACTIVE, to.C_GATED_PS, to.C_WAKES]


@dataclass(frozen=True, eq=False)
class _NeverFull:
    """A buffer that was never full: departures so far, how many an image, room, time of the last thing sent there."""

    departures: Ints
    pixels: int
    size: int
    sender_ps: int

    def stays(self, period: int, step_ps: int) -> bool:
        """Whether no later sender waits for a departure, if the run repeats itself from now on."""
        last = period * self.pixels
        if self.size < 2 * last or len(self.departures) < last:
            return False
        before, within = self.departures[:-last], self.departures[-last:]
        return max(before, default=0) <= self.sender_ps and max(within) <= self.sender_ps + step_ps


@dataclass(frozen=True, eq=False)
class _Cut:
    """What the run had come to after an image: times that all grow; times that may stand still; sums."""

    never_full: list[_NeverFull]
    moving: Ints
    times: Ints
    fixed: Ints
    services: Ints
    trackers: Ints
    replicas: Ints
    channels: Ints
    last_uses: Ints


class Repeats(Steady):
    """Looks for repetition, and adds what was left out to the results."""

    def __init__(self, plan: Plan, images: int, skip: bool) -> None:
        super().__init__(plan, images, skip)
        turns = [(len(stage.replicas), stage.windows) for stage in plan.stages]
        self._turn = lcm(*(replicas // gcd(replicas, windows) for replicas, windows in turns))
        self._ahead = 1 + max(-(-replicas // windows) for replicas, windows in turns)
        self._cuts: deque[_Cut] = deque(maxlen=_PERIODS * self._turn + 1)
        # Times of trackers (n, 3) and last uses of channels that did not grow over the images left out.
        self._still: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None

    def look_at(self, m: Machine, w: Work, done: int, images: int) -> None:
        """Compare what the run has come to after `done` of `images` images with earlier ones; take images off it."""
        if not self._skip or images - done <= self._ahead or self._turn > len(m.replicas) + 64:
            return
        now = _cut(m, w, done)
        if (len(now.times) + len(now.moving)) * (_PERIODS * self._turn + 1) > _KEPT:
            return
        for period in range(self._turn, len(self._cuts) + 1, self._turn):
            then = self._cuts[-period]
            times = (images - done - self._ahead) // period
            step_ps = _step(then, now, period)
            if step_ps is not None and times > 0:
                self._leave_out(m, w, then, now, (done, times, period, step_ps))
                self._cuts.clear()
                self._skip = False  # what is left is less than a period and what must be left over
                return
        self._cuts.append(now)

    def trackers(self, m: Machine) -> Ints:
        """Power trackers over the whole run; a part that was not used keeps the time of its last use."""
        rows = super().trackers(m)
        if self._still is not None:
            rows[:, _TRACKER_TIMES] -= self.skipped_ps * self._still[0]
        return rows

    def told(self, tracker: int, channel: int) -> None:
        """A tracker's last use is the channel's."""
        if self._still is not None:
            self._still[0][tracker, 0] = self._still[1][channel]

    def _leave_out(self, m: Machine, w: Work, then: _Cut, now: _Cut, skip: tuple[int, int, int, int]) -> None:
        done, times, period, step_ps = skip
        self._skips.append(_Skip(done, times * period, period, step_ps))
        self._services = self._services + times * (now.services - then.services)
        self._trackers = self._trackers + times * (now.trackers - then.trackers)
        of_trackers = slice(len(now.times) - len(m.trackers) * len(_TRACKER_TIMES), None)
        still = (now.times[of_trackers] == then.times[of_trackers]).reshape(len(m.trackers), -1)
        self._still = still, (now.last_uses == then.last_uses).all(axis=1)
        self._replicas = self._replicas + times * (now.replicas - then.replicas)
        w.channels[:, _GROWING_CHANNEL] += times * (now.channels - then.channels)
        m.stages[:, at.T_TOTAL] -= times * period * m.stages[:, at.T_WINDOWS]


def _cut(m: Machine, w: Work, done: int) -> _Cut:
    tables = [(w.head[to.Z_ROWS_AT], w.head[to.Z_ROWS], m.head[at.H_SENT], w.head[to.Z_LINK_PS])]
    tables += [(w.head[to.Z_OUT_AT], w.head[to.Z_OUT], m.stages[-1, at.T_SENT], w.stages[-1, to.G_SENT_PS])]
    early = []
    for row, ring in zip(w.rings, m.rings, strict=True):
        source = int(ring[at.G_SOURCE])
        sender_ps = w.head[to.Z_PUMP_PS] if source < 0 else w.stages[source, to.G_SENT_PS]
        tables.append((row[to.R_FREED], row[to.R_FREED_SIZE], ring[at.G_ARRIVED], sender_ps))
        if row[to.R_FREED_SIZE]:
            early.append(_last(w, row[to.R_EARLY], row[to.R_EARLY_SIZE], ring[at.G_ARRIVED]))
    histories, never_full = list[Ints](), list[_NeverFull]()
    for place, size, count, sender_ps in (map(int, table) for table in tables):
        if size and count >= size:
            histories.append(_last(w, place, size, count))
        elif size:
            never_full.append(_NeverFull(w.memory[place : place + count].copy(), count // done, size, sender_ps))
    log = w.log[: w.head[to.Z_LOGGED]]
    order = np.lexsort((log[:, 1], log[:, 0]))
    moving = [*histories, log[order, 1] >> 1]
    times = [
        w.slots[:, to.X_ASKED : to.X_END + 1],
        w.slots[:, to.X_FREE :],
        w.replicas,
        w.stages[:, to.G_SENT_PS],
        w.rings[:, to.R_LAST_PS],
        *early,
        w.channels[:, [to.C_START, to.C_LAST]],
        w.head[[to.Z_SPAN, to.Z_LINK_PS, to.Z_PUMP_PS, to.Z_OUT_PS]],
        m.replicas[:, at.R_FREE_PS],
        m.trackers[:, _TRACKER_TIMES],  # the last ones, where `_leave_out` looks for them
    ]
    fixed = [
        log[order, 0],
        log[order, 1] & 1,
        w.channels[:, [to.C_COUNT, to.C_FULL]],
        w.slots[:, [to.X_CHECK, to.X_MIXED]],
        w.head[[to.Z_OUT_MIXED]],
    ]
    return _Cut(
        never_full,
        _flat(moving),
        _flat(times),
        _flat(fixed),
        m.services[:, at.S_DONE].copy(),
        m.trackers[:, _GROWING_TRACKER],
        m.replicas[:, _GROWING_REPLICA],
        w.channels[:, _GROWING_CHANNEL],
        w.channels[:, [to.C_START, to.C_LAST]],
    )


def _flat(parts: list[Ints]) -> Ints:
    return np.concatenate([part.reshape(-1) for part in parts]) if parts else np.zeros(0, np.int64)


def _last(w: Work, place: int, size: int, count: int) -> Ints:
    """The last `size` times of a table in turn, the earliest first."""
    return np.roll(w.memory[place : place + size], -int(count % size))


def _step(then: _Cut, now: _Cut, period: int) -> int | None:
    """By how much every time has grown; None if not by the same."""
    if not np.array_equal(then.fixed, now.fixed) or len(then.moving) != len(now.moving):
        return None
    grown = now.times - then.times
    step_ps = int(grown.max())
    if ((grown != 0) & (grown != step_ps)).any() or (now.moving - then.moving != step_ps).any():
        return None
    return step_ps if all(buffer.stays(period, step_ps) for buffer in now.never_full) else None
