"""Pulse sweeps of a measured table: runs of SET or of RESET pulses with the conductance after each.

Two forms: columns potentiation and depression, side by side, each a run of its own; or a column conductance with a
column direction (1: the row follows a SET pulse, -1: a RESET pulse), whose runs follow each other. A column pulse
numbers the rows; without it the first row of a run side by side is the state before its first pulse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.device.fit.result import Array, NotFitted
from pillarsim.device.fit.table import Table

SHORTEST = 5  # rows of a run, our choice
_MOST_PULSES = 1_000_000  # of a run, as cards take


@dataclass(frozen=True, eq=False)
class Sweep:
    """A run in one direction: 1 SET, -1 RESET; pulses so far (rising) and conductance after them (S, or a.u.)."""

    direction: int
    pulses: NDArray[np.int64]
    conductance: Array

    @property
    def name(self) -> str:
        """Which way."""
        return "potentiation" if self.direction > 0 else "depression"


@dataclass(frozen=True)
class Sweeps:
    """All runs of a table; arbitrary: their conductances have no unit."""

    runs: tuple[Sweep, ...]
    arbitrary: bool

    def of(self, direction: int) -> list[Sweep]:
        """The runs in one direction."""
        return [run for run in self.runs if run.direction == direction]

    @property
    def values(self) -> Array:
        """All conductances."""
        return np.concatenate([run.conductance for run in self.runs])

    @property
    def points(self) -> int:
        """Number of conductances."""
        return len(self.values)


def sweeps_of(table: Table) -> Sweeps:
    """Return the runs of a table. Raises InputError for pulses that do not rise or other directions than 1 and -1;
    NotFitted for several devices, short runs, or pulses in one direction alone.
    """
    if "device" in table.columns and len(np.unique(table.whole("device"))) > 1:
        raise NotFitted("expected the pulses of one device, found several: fit one device, or their mean, at a time")
    side_by_side = "direction" not in table.columns and "conductance" not in table.columns
    runs = _side_by_side(table) if side_by_side else _following(table)
    for direction, name in ((1, "SET pulses (potentiation)"), (-1, "RESET pulses (depression)")):
        if not any(run.direction == direction for run in runs):
            raise NotFitted(f"expected {name}, found none: the card's model needs both directions")
    for run in runs:
        if len(run.pulses) < SHORTEST:
            raise NotFitted(f"expected at least {SHORTEST} points of each run of pulses, found {len(run.pulses)}")
        if run.pulses[-1] > _MOST_PULSES:
            raise NotFitted(f"expected at most {_MOST_PULSES} pulses in a run, found {run.pulses[-1]}")
    return Sweeps(tuple(runs), table.arbitrary("potentiation", "conductance"))


def _side_by_side(table: Table) -> list[Sweep]:
    pulses = table.whole("pulse") if "pulse" in table.columns else np.arange(table.rows)
    falls = np.flatnonzero(np.diff(pulses) <= 0)
    if len(falls):
        row = int(falls[0]) + 1
        table.refuse(row, "pulse", f"expected to rise, found {pulses[row]} after {pulses[row - 1]}")
    if pulses[0] < 0:
        table.refuse(0, "pulse", f"expected at least 0, found {pulses[0]}")
    return [Sweep(1, pulses, table.column("potentiation")), Sweep(-1, pulses, table.column("depression"))]


def _following(table: Table) -> list[Sweep]:
    """Runs of rows of one direction; a run starts from the last row of the one before."""
    conductance, direction = table.column("conductance"), table.whole("direction")
    wrong = ~np.isin(direction, (1, -1))
    if wrong.any():
        row = int(np.argmax(wrong))
        table.refuse(row, "direction", f"expected 1 (SET) or -1 (RESET), found {direction[row]}")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(direction)) + 1, [len(direction)]])
    runs = []
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        first = max(start - 1, 0)
        # The first row of the table follows a pulse whose start is not in the table.
        number = np.arange(stop - first) + (1 if start == 0 else 0)
        runs.append(Sweep(int(direction[start]), number, conductance[first:stop]))
    return runs
