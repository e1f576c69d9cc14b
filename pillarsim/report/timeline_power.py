"""Power over time of a recorded run: the energies of its report, each spread over the time in which it arose.

An action's energy is spread evenly over the service that it is part of: reads, drivers, sample-and-hold and input
registers over the time that a window holds its arrays, conversions from the first sample to the last conversion,
shift-adds and output registers from the first sample until all is added. Energies that depend on data are the report's
means. Leakage and clocks follow the power state of every unit; a wake-up's energy is spread over its time. Actions
that take no time are spread over the whole recording. Left out: what no source states (as in the report's totals).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Idle
from pillarsim.arch.components.component import Component
from pillarsim.arch.costing import POLICY_OF_GROUP, Costs, EnergyRow
from pillarsim.arch.errors import ModelError
from pillarsim.arch.simulate.fast.observe import ACTIVE, GATED, SERVED, WINDOW
from pillarsim.arch.simulate.timeline import Recording
from pillarsim.arch.timing import PS
from pillarsim.arch.trace import StateTimes, Trace

__all__ = ["BINS", "Power", "PowerTable", "bin_width_ps"]

BINS = 1000  # at most, in a recording; assumed, some more than a screen has columns
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Column: TypeAlias = tuple[str, str]  # (component, kind of energy)
Place: TypeAlias = tuple[str, str, str]  # (component, action, layer)
_SEGMENTS = {"converter": 1, "shift_add": 2, "output_register": 2}  # of a window; 0: while its arrays are held
_COLUMNS_OF_SEGMENTS = ((3, 4), (5, 6), (5, 7))  # of a row WINDOW: start and end


def bin_width_ps(end_ps: int) -> int:
    """The narrowest of 1, 2 and 5 times a power of ten picoseconds that needs at most `BINS` bins."""
    width = max(1, -(-end_ps // BINS))
    power: int = 10 ** (len(str(width)) - 1)
    return next(power * step for step in (1, 2, 5, 10) if power * step >= width)


@dataclass(frozen=True, eq=False)
class PowerTable:
    """Mean watts of each bin, by component and kind; `edges_ps` has one more entry than there are bins."""

    edges_ps: Ints
    columns: tuple[Column, ...]
    watts: Floats

    @property
    def energy_j(self) -> float:
        """Joules of the whole recording."""
        return float((self.watts * np.diff(self.edges_ps)).sum()) * PS

    def by(self, place: int) -> dict[str, Floats]:
        """Watts by component (place 0) or kind (place 1)."""
        found: dict[str, Floats] = {}
        for column, watts in zip(self.columns, self.watts, strict=True):
            found[column[place]] = found.get(column[place], 0) + watts
        return found


class Power:
    """Collects energies, chunk by chunk of a recording."""

    def __init__(
        self, recording: Recording, trace: Trace, costs: Costs, components: Sequence[Component], idle: Idle
    ) -> None:
        self._recording, self._idle = recording, idle
        self._states = {state.group: state for state in trace.states}
        self._total_j = costs.total()
        self._prices = prices = _Prices(costs, trace, components, idle.residual)
        self._groups = np.array([group for group, _ in recording.trackers])
        self._units = np.array([units for _, units in recording.trackers])
        self._columns = sorted({(row.role, row.kind) for row in costs.rows})
        number = {column: place for place, column in enumerate(self._columns)}
        self._services = np.zeros((len(recording.services), len(number)))
        for row, service in zip(self._services, recording.services, strict=True):
            for role, action in service.actions:
                for column, joules in prices.actions.get((role, action, service.layer), {}).items():
                    row[number[column]] += joules * service.amount
        self._windows = np.zeros((3, len(recording.plan.replicas), len(number)))
        for place, replica in enumerate(recording.plan.replicas):
            if not replica.arrays:
                continue
            for (role, action, layer), count in recording.window_counts(replica).items():
                for column, joules in prices.actions.get((role, action, layer), {}).items():
                    self._windows[_SEGMENTS.get(role, 0), place, number[column]] += joules * count
                if (role, action) == ("array", "window"):
                    for segment, column, joules in prices.windows.get(layer, []):
                        self._windows[segment, place, number[column]] += joules
        self._number = number
        self.width_ps = bin_width_ps(recording.end_ps)
        self._edges = np.append(np.arange(0, recording.end_ps, self.width_ps), recording.end_ps)
        self._joules = np.zeros((len(number), len(self._edges) - 1))
        self._active: dict[str, Floats] = defaultdict(self._zeros)
        self._gated: dict[str, Floats] = defaultdict(self._zeros)

    def _zeros(self) -> Floats:
        return np.zeros(len(self._edges) - 1)

    def add(self, rows: Ints) -> None:
        """Take some rows of the recording."""
        served = rows[rows[:, 0] == SERVED]
        self._spread(served[:, 3], served[:, 4], served[:, 2], self._services)
        windows = rows[rows[:, 0] == WINDOW]
        for prices, (start, end) in zip(self._windows, _COLUMNS_OF_SEGMENTS, strict=True):
            self._spread(windows[:, start], windows[:, end], windows[:, 1], prices)
        for what, found in ((ACTIVE, self._active), (GATED, self._gated)):
            times = rows[rows[:, 0] == what]
            row, place, share = self._pieces(times[:, 2], times[:, 3])
            number = times[row, 1]
            picoseconds = (times[:, 3] - times[:, 2])[row] * share * self._units[number]
            for group in np.unique(self._groups[number]).tolist():
                own = self._groups[number] == group
                found[group] += np.bincount(place[own], picoseconds[own], len(self._edges) - 1)
        self._wake(rows[(rows[:, 0] == GATED) & (rows[:, 4] == 1)])

    def _wake(self, rows: Ints) -> None:
        row, place, share = self._pieces(rows[:, 3], rows[:, 3] + self._recording.timing.wake_ps)
        wakes = np.bincount(place, share * self._units[rows[row, 1]], len(self._edges) - 1)
        for column, joules in self._prices.wakes.items():
            self._joules[self._number[column]] += joules * wakes

    def _spread(self, starts: Ints, ends: Ints, which: Ints, prices: Floats) -> None:
        """Spread prices[which] (rows x columns) over [start, end)."""
        row, place, share = self._pieces(starts, ends)
        for column in np.flatnonzero(prices.any(axis=0)).tolist():
            weights = prices[which[row], column] * share
            self._joules[column] += np.bincount(place, weights, len(self._edges) - 1)

    def _pieces(self, starts: Ints, ends: Ints) -> tuple[Ints, Ints, Floats]:
        """(row, bin, share of the row's time in it) of all that is within the recording; an instant is in one bin."""
        limit, width = self._recording.end_ps, self.width_ps
        first = starts // width
        last = np.maximum((np.minimum(ends, limit) - 1) // width, first)
        inside = np.flatnonzero((starts < limit) | ((starts == ends) & (starts == limit)))
        first, last = np.minimum(first, len(self._edges) - 2)[inside], np.minimum(last, len(self._edges) - 2)[inside]
        counts = last - first + 1
        row = np.repeat(inside, counts)
        place = np.repeat(first, counts) + np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        overlap = np.minimum(ends[row], self._edges[place + 1]) - np.maximum(starts[row], self._edges[place])
        duration = ends[row] - starts[row]
        share = np.where(duration > 0, overlap / np.maximum(duration, 1), 1.0)
        return row, place, share

    def table(self) -> PowerTable:
        """The power of all rows. Raises ModelError where a run recorded whole does not have the report's energy."""
        joules = self._joules.copy()
        widths = np.diff(self._edges)
        undrawn = np.array(self._recording.undrawn) @ self._services
        joules += undrawn[:, None] * widths / max(self._recording.end_ps, 1)
        for group, column, clock, watts in self._prices.static:
            state = self._states[group]
            gated = self._gated[group] + self._never_used(state) * self._never_gated(group, widths)
            unclocked = self._active[group] + gated
            time_ps = state.units * widths - (unclocked if clock else (1 - self._idle.residual) * gated)
            joules[self._number[column]] += watts * PS * np.maximum(time_ps, 0.0)  # rounding may leave less than none
        table = PowerTable(self._edges, tuple(self._columns), joules / (widths * PS))
        if self._recording.whole and not math.isclose(table.energy_j, self._total_j, rel_tol=1e-6):
            raise ModelError(f"power over time sums to {table.energy_j!r} J, the run's energy is {self._total_j!r} J")
        return table

    def _never_used(self, state: StateTimes) -> int:
        return state.units - sum(units for group, units in self._recording.trackers if group == state.group)

    def _never_gated(self, group: str, widths: Ints) -> Floats:
        """Gated picoseconds of each bin of a unit that is never used."""
        policy = getattr(self._idle, POLICY_OF_GROUP.get(group, group))
        if policy != "gated" or group == "off_chip":
            return self._zeros()
        gated: Floats = np.clip(self._edges[1:] - self._recording.timing.after_ps, 0, widths).astype(float)
        return gated


class _Prices:
    """Joules of each action, of a window, of a wake-up, and watts of each unit in a state, from a report's rows."""

    def __init__(self, costs: Costs, trace: Trace, components: Sequence[Component], residual: float) -> None:
        self.actions: defaultdict[Place, defaultdict[Column, float]] = defaultdict(lambda: defaultdict(float))
        self.windows: defaultdict[str, list[tuple[int, Column, float]]] = defaultdict(list)
        self.static: list[tuple[str, Column, bool, float]] = []
        self.wakes: dict[Column, float] = {}
        parts = {component.role: component for component in components}
        states = {state.group: state for state in trace.states}
        for row in costs.rows:
            column, part = (row.role, row.kind), parts.get(row.role)
            charged = None if part is None else part.charged_with
            role, action = charged or (row.role, row.action)
            if row.layer == "" and row.action in ("leakage", "idle clock") and part is not None:
                self._stand(row, column, states[part.group], residual)
            elif row.role == "wake_up":
                self.wakes[column] = row.energy_j / row.count
            elif count := trace.ledger.counts.get((role, action, row.layer)):
                self.actions[role, action, row.layer][column] += row.energy_j / count
            elif windows := trace.ledger.counts.get(("array", "window", row.layer)):
                self.windows[row.layer].append((_SEGMENTS.get(role, 0), column, row.energy_j / windows))
            elif row.energy_j:
                raise ModelError(
                    f"energy of {row.role} {row.action} {row.layer!r}: no time that it could be spread over"
                )

    def _stand(self, row: EnergyRow, column: Column, state: StateTimes, residual: float) -> None:
        """What a unit draws while it is not gated (leakage), or while it is idle (clock)."""
        clock = row.action == "idle clock"
        powered_ps = state.idle_ps if clock else state.active_ps + state.idle_ps + residual * state.gated_ps
        if powered_ps:
            self.static.append((state.group, column, clock, row.energy_j / (powered_ps * PS)))
