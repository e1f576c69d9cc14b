"""Long steady streams of images: where the run repeats itself exactly, a number of periods is added and not simulated.

At marks (some rows of the input sent) the whole state is written down with every time taken relative to now and every
window, pixel and row number relative to the images sent. The state is everything that anything to come depends on:
pending events, free times of servers and converters, power states, rings with pixels that came too early, replicas
with their registers and claims, stages, sink and source. What lies behind (a server free since long) is written as
"now", where no later time can tell the difference. Left out of it are three numbers of the source (rows offered, held
and stored) and how many windows and rows the run has in all.

Let the state be the same at times t - T and t, with p images between. What is left out enters in comparisons only:
(1) a replica's next window, and the one after it, against the windows of the run; (2) rows offered against the rows of
the run; (3) rows held against the buffer's room; (4) rows sent against rows stored. If in the next k periods all of
these turn out as they did in the last one, every event of them is one of the last period, T later, with numbers p
images on: by induction over the events, as the state and the outcome of all comparisons say what an event does. Then
the run is, at t + k T, in the state that it is in now, with k p images fewer to come, and all that only adds up (work
done, busy times, time in power states, stalled time) has grown by k times its growth in the last period. So k p
images are taken off the run, and their growth, their times and k T of time are added to what comes out.

The comparisons turn out the same when: (1) next + step + k p windows stays below the run's windows, for every replica;
and either rows keep being offered, as many a period as are sent, so that rows held and stored are the same numbers a
period later, (2) with offered + k rows of a period still below the rows of the run; or (2) all rows have been offered
before the period, which makes (3) idle, and (4) of the rows stored at least one is left unsent after k more periods.

A pipeline whose parts have periods without a common one never repeats, and is simulated image by image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Machine
from pillarsim.arch.simulate.plan_types import Plan

__all__ = ["Steady", "state_of"]

Ints = NDArray[np.int64]
_NONE = -(1 << 62)  # no window, no claim
_KEPT_BYTES = 1 << 26  # of states written down, the oldest are forgotten; assumed, changes no result
_GROWING_TRACKER = [at.P_ACTIVE, at.P_GATED_PS, at.P_WAKES]
_GROWING_REPLICA = [at.R_WINDOWS, at.R_BUSY_PS, at.R_CONVERT_PS, at.R_STALLED_PS]


@dataclass(frozen=True, eq=False)
class _Then:
    """What the run had come to at a mark."""

    now_ps: int
    images: int
    remaining: int
    source: tuple[int, int, int]
    services: Ints
    trackers: Ints
    replicas: Ints

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        return self.services.nbytes + self.trackers.nbytes + self.replicas.nbytes


@dataclass(frozen=True)
class _Skip:
    """`images` left out after `finished` images, in periods of `period` images and `period_ps`."""

    finished: int
    images: int
    period: int
    period_ps: int


class Steady:
    """Looks for repetition, and adds what was left out to the results."""

    def __init__(self, plan: Plan, images: int, skip: bool) -> None:
        self._skip = skip and images > 2
        self._seen: dict[bytes, _Then] = {}
        self._bytes = 0
        self._skips: list[_Skip] = []
        self._services = np.zeros(1, np.int64)
        self._trackers = np.zeros(1, np.int64)
        self._replicas = np.zeros(1, np.int64)

    @property
    def skipped(self) -> int:
        """Images left out so far."""
        return sum(skip.images for skip in self._skips)

    @property
    def skipped_ps(self) -> int:
        """The time that they take."""
        return sum(skip.images // skip.period * skip.period_ps for skip in self._skips)

    def look(self, m: Machine) -> None:
        """Compare the state with earlier ones; take images off the run where it repeats itself."""
        if not self._skip:
            return
        state = state_of(m)
        then, now = self._seen.get(state), _now(m)
        if then is not None and self._take_off(m, then, now):
            self._seen.clear()
            self._bytes = 0
            return
        if then is not None:
            self._forget(state)
        self._seen[state] = now
        self._bytes += len(state) + now.nbytes
        while self._bytes > _KEPT_BYTES and len(self._seen) > 1:
            self._forget(next(iter(self._seen)))

    def _forget(self, state: bytes) -> None:
        self._bytes -= len(state) + self._seen.pop(state).nbytes

    def _take_off(self, m: Machine, then: _Then, now: _Then) -> bool:
        period = now.images - then.images
        rows = period * int(m.head[at.H_IMAGE_ROWS])
        windows = m.stages[m.replicas[:, at.R_STAGE], at.T_WINDOWS] * period
        step = m.stages[m.replicas[:, at.R_STAGE], at.T_REPLICAS]
        total = m.stages[m.replicas[:, at.R_STAGE], at.T_TOTAL]
        times = int(((total - 1 - m.replicas[:, at.R_NEXT] - step) // windows).min())
        offered, held, written = (late - early for late, early in zip(now.source, then.source, strict=True))
        if (offered, held, written) == (rows, 0, rows):
            times = min(times, (now.remaining - 1) // rows)
        elif (offered, held, written) == (0, -rows, 0) and then.remaining == 0:
            times = min(times, int(m.head[at.H_WRITTEN] - m.head[at.H_SENT] - 1) // rows)
        else:
            return False
        finished = int(m.head[at.H_FINISHED])
        if times < 1 or finished < period or (m.finished[:finished] < 0).any():
            return False
        self._skips.append(_Skip(finished, times * period, period, now.now_ps - then.now_ps))
        self._services = self._services + times * (now.services - then.services)
        self._trackers = self._trackers + times * (now.trackers - then.trackers)
        self._replicas = self._replicas + times * (now.replicas - then.replicas)
        m.stages[:, at.T_TOTAL] -= times * period * m.stages[:, at.T_WINDOWS]
        m.head[at.H_ROWS] -= times * rows
        if not offered:
            m.head[[at.H_OFFERED, at.H_HELD, at.H_WRITTEN]] -= times * rows
        return True

    def finished(self, m: Machine) -> tuple[int, ...]:
        """When each image left the chip, those left out included."""
        times: list[int] = []
        taken = later = 0
        for skip in self._skips:
            times += (m.finished[taken : skip.finished] + later).tolist()
            taken = skip.finished
            for _ in range(skip.images):
                times.append(times[-skip.period] + skip.period_ps)
            later += skip.images // skip.period * skip.period_ps
        left = len(m.finished) - self.skipped
        rest = m.finished[taken:left]
        return (*times, *np.where(rest < 0, -1, rest + later).tolist())

    def services(self, m: Machine) -> Ints:
        """How often each service was done."""
        return m.services[:, at.S_DONE] + self._services

    def trackers(self, m: Machine) -> Ints:
        """Power states: rows whose times in each state are those of the whole run, up to its end without skips."""
        rows = m.trackers.copy()
        rows[:, _GROWING_TRACKER] += self._trackers
        rows[:, [at.P_END, at.P_HELD, at.P_AWAKE]] += self.skipped_ps
        return rows

    def replicas(self, m: Machine) -> Ints:
        """Replicas with what they did in the whole run."""
        rows = m.replicas.copy()
        rows[:, _GROWING_REPLICA] += self._replicas
        return rows


def _now(m: Machine) -> _Then:
    head = m.head
    return _Then(
        now_ps=int(head[at.H_NOW]),
        images=int(head[at.H_SENT] // head[at.H_IMAGE_ROWS]),
        remaining=int(head[at.H_ROWS] - head[at.H_OFFERED]),
        source=(int(head[at.H_OFFERED]), int(head[at.H_HELD]), int(head[at.H_WRITTEN])),
        services=m.services[:, at.S_DONE].copy(),
        trackers=m.trackers[:, _GROWING_TRACKER],
        replicas=m.replicas[:, _GROWING_REPLICA],
    )


def state_of(m: Machine) -> bytes:
    """The state at the end of a picosecond, relative to now and to the images sent (see above)."""
    head, now = m.head, int(m.head[at.H_NOW])
    images = int(head[at.H_SENT] // head[at.H_IMAGE_ROWS])
    windows = images * m.stages[:, at.T_WINDOWS]
    pixels = images * m.rings[:, at.G_PIXELS]
    parts = [
        _events(m, images, windows, pixels),
        np.maximum(m.servers[:, at.V_FREE :] - now, 0),
        _power(m.trackers, now),
        _replicas(m.replicas, windows[m.replicas[:, at.R_STAGE]], now),
        np.maximum(m.sets[:, at.A_FREE] - now, 0),
        m.stages[:, at.T_NEXT] - windows,
        m.stages[:, at.T_SENT] - images * m.stages[:, at.T_PIXELS],
        m.rings[:, [at.G_TAKEN, at.G_ARRIVED, at.G_FREED]] - pixels[:, None],
        m.keep - np.repeat(pixels, m.rings[:, at.G_KEEP_END] - m.rings[:, at.G_KEEP]),
        _early(m, pixels),
        head[[at.H_OUT_TAKEN, at.H_OUT_FREED]] - images * head[at.H_OUT_PIXELS],
        np.array([head[at.H_LINK_BUSY], head[at.H_SENT] % head[at.H_IMAGE_ROWS], head[at.H_FINISHED] - images]),
        _leaving(m, images),
    ]
    sizes = np.array([part.size for part in parts])
    return np.concatenate([sizes, *(part.reshape(-1) for part in parts)]).astype(np.int64).tobytes()


def _events(m: Machine, images: int, windows: Ints, pixels: Ints) -> Ints:
    """Pending events (time, kind, A, B, C), sorted."""
    head = m.head
    found = m.events[m.queue[: head[at.H_QUEUED], 3]]
    found = found[:, [at.TIME, at.KIND, at.A, at.B, at.C]]
    found[:, 0] -= head[at.H_NOW]
    kind, number = found[:, 1], found[:, 2]

    def shift(kinds: list[int], column: int, by: Ints | int) -> None:
        """Take `by` (by number of what A is, or one for all) off a column of the events of some kinds."""
        rows = np.isin(kind, kinds)
        found[rows, column] -= by[number[rows]] if isinstance(by, np.ndarray) else by

    of_replica = windows[m.replicas[:, at.R_STAGE]]
    shift([at.FETCH, at.TRANSFER], 4, of_replica[m.parts[:, at.Q_REPLICA]])
    shift([at.PARTIAL_HOP], 3, of_replica[m.parts[:, at.Q_REPLICA]])
    shift([at.STEP, at.FINISH], 3, of_replica)
    shift([at.PIXEL_HOP, at.WRITE, at.ARRIVE], 3, pixels)
    shift([at.RELEASE], 3, pixels[m.parts[:, at.Q_RING]])
    out = [at.OUT_HOP, at.OUT_WRITE, at.OUT_READ, at.OUT_MOVE, at.GONE]
    shift(out, 3, images * int(head[at.H_OUT_PIXELS]))
    shift([at.IN_READ, at.ROW_READ], 3, images * int(head[at.H_IMAGE_ROWS]))
    shift([at.IN_MOVE, at.IN_WRITE], 3, int(head[at.H_OFFERED]))
    return found[np.lexsort(found.T)]


def _power(trackers: Ints, now: int) -> Ints:
    """Until when each unit is active and awake, and, where it may be gated, since when it is idle."""
    end = np.maximum(trackers[:, at.P_END] - now, 0)
    awake = np.maximum(trackers[:, at.P_AWAKE] - now, 0)
    last = np.maximum(trackers[:, at.P_END], trackers[:, at.P_HELD]) - now
    return np.stack([end, awake, np.where(trackers[:, at.P_GATED], last, 0)])


def _replicas(rows: Ints, windows: Ints, now: int) -> Ints:
    fetched = rows[:, at.R_FETCHED]
    waits = fetched >= 0  # for an output register, or for arrays
    free, filled = rows[:, at.R_FREE_PS] - now, rows[:, at.R_FETCHED_PS] - now
    ready = np.where(waits, np.maximum(free, filled), np.maximum(free, 0))
    filling = np.where(~waits & (rows[:, at.R_LEFT] > 0), np.maximum(filled, 0), 0)
    claim = rows[:, at.R_CLAIM_PS]
    columns = [rows[:, at.R_NEXT] - windows, ready, filling, np.where(waits, fetched - windows, _NONE)]
    columns += [rows[:, column] for column in (at.R_FILLING, at.R_LEFT, at.R_SLOTS, at.R_BEGINNING, at.R_RUNNING)]
    columns += [np.where(claim >= 0, claim - now, _NONE)]
    for turn in range(2):
        gathers, done = rows[:, at.R_GATHER + turn], rows[:, at.R_DONE + turn]
        columns += [gathers, np.where(gathers > 0, np.maximum(rows[:, at.R_GATHER_PS + turn] - now, 0), 0)]
        columns += [np.where(done >= 0, done - windows, _NONE)]
    return np.stack(columns)


def _early(m: Machine, pixels: Ints) -> Ints:
    """(ring, first pixel) of what came too early."""
    found = []
    for ring in np.flatnonzero(m.rings[:, at.G_EARLY] >= 0):
        node = m.rings[ring, at.G_EARLY]
        while node >= 0:
            found.append((int(ring), int(m.early[node, at.Y_FIRST] - pixels[ring])))
            node = m.early[node, at.Y_NEXT]
    return np.array(sorted(found), np.int64)


def _leaving(m: Machine, images: int) -> Ints:
    """(image, pixels left) of images that have left in part."""
    partly = np.flatnonzero((m.left > 0) & (m.left < m.head[at.H_OUT_PIXELS]))
    return np.stack([partly - images, m.left[partly]])
