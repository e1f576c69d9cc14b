"""Cells with equally spaced conductance levels, and how write pulses bring them there.

Modelled: each write pulse leaves a conductance of the programming error's distribution about the target
(`programming_error.py`); write-verify repeats pulses until |G - target| <= tolerance or the pulse limit is reached;
stuck cells. Drawn in closed form: the pulse count is a geometric variate, the accepted conductance one of the error's
distribution within the tolerance, a failed one of the distribution outside it; so no pulse loop runs.
Left out: dependence of a pulse on the state before it, device-to-device memory between pulses, drift, nonlinear I-V.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.programming_error import ProgrammingError
from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.streams import stream_seed
from pillarsim.devices.write_kernel import ABOVE, ACCEPTED, BELOW, KNOTS, knots, write_range

Array = NDArray[np.float64]

_CHUNK = 1 << 20  # cells that a thread takes at a time
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class CellStates:
    """Electrical levels of a cell as a read sees them, what a pulse leaves, and the shares of stuck cells."""

    g_min_s: float
    g_max_s: float
    levels: int
    error: ProgrammingError
    stuck_min: float
    stuck_max: float

    def targets_s(self) -> Array:
        """Equally spaced target conductances, lowest first (levels,)."""
        return np.linspace(self.g_min_s, self.g_max_s, self.levels)


@dataclass(frozen=True)
class WriteRule:
    """Verify tolerance in siemens (None: one pulse, unverified) and pulse limit."""

    tolerance_s: float | None
    max_pulses: int


@dataclass(frozen=True, eq=False)
class WrittenCells:
    """Outcome of writing cells, all of one shape: conductance (float32, S), pulses given, within tolerance or not."""

    conductance_s: torch.Tensor
    pulses: torch.Tensor
    failed: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Laws:
    """What the kernel needs, by level; see `write_range`."""

    inverse_log: Array
    share_below: Array
    tables: NDArray[np.float32]
    stuck_fails: NDArray[np.bool_]


def acceptance(states: CellStates, rule: WriteRule) -> tuple[Array, Array]:
    """Return (probability of a pulse below the accepted interval, probability within it), by level."""
    targets = states.targets_s()
    if rule.tolerance_s is None:
        return np.zeros(states.levels), np.ones(states.levels)
    # The interval holds its ends: what lies below it ends at the number before.
    below = states.error.cdf(targets, np.nextafter(targets - rule.tolerance_s, -1.0))
    return below, states.error.cdf(targets, targets + rule.tolerance_s) - below


def write_cells(
    levels: torch.Tensor,
    states: CellStates,
    rule: WriteRule,
    seed: int,
    threads: int = 1,
    starts: Sequence[int] = (0,),
) -> WrittenCells:
    """Write every cell of `levels` (uint8, any shape) once.

    Three uniform draws belong to each cell, counted by its place in the flattened tensor: cells added after it, other
    rules, and `threads` leave them as they are. A part of more cells is written as it would be among them: `starts`
    cuts it into as many equal runs, in order, and says the number that each run counts from. Conductances come from
    tables of the error's quantiles (`write_kernel.py` says how fine). Besides the outcome, memory is that of the
    tables, 100 kB a level. Raises ValueError for another type, or runs that do not divide the cells; OutOfRange for a
    level or a target that the states or the error lack.
    """
    if levels.dtype != torch.uint8:
        raise ValueError(f"levels: expected uint8, found {levels.dtype}")
    if not starts or levels.numel() % len(starts):
        raise ValueError(f"starts: expected equal runs of {levels.numel()} cells, found {len(starts)}")
    if levels.numel() and int(levels.max()) >= states.levels:
        raise OutOfRange(f"level: expected 0 to {states.levels - 1}, found {int(levels.max())}")
    laws = _laws(states, rule)
    written = WrittenCells(
        torch.empty(levels.shape, dtype=torch.float32),
        torch.empty(levels.shape, dtype=torch.int32),
        torch.empty(levels.shape, dtype=torch.bool),
    )
    flat = levels.contiguous().view(-1).numpy()
    outcome = [one.view(-1).numpy() for one in (written.conductance_s, written.pulses, written.failed)]
    streams = np.uint64(stream_seed(seed, "write", "pulses")), np.uint64(stream_seed(seed, "write", "stuck"))
    stuck = (states.stuck_min, states.stuck_max, np.float32(states.g_min_s), np.float32(states.g_max_s))

    run = len(flat) // len(starts)

    def write(chunk: tuple[int, int, int]) -> None:
        write_range(
            flat, chunk[:2], chunk[2], streams, rule.max_pulses, laws.inverse_log, laws.share_below, laws.tables, stuck,
            laws.stuck_fails, *outcome,
        )  # fmt: skip

    chunks = [
        (first, min(first + _CHUNK, (number + 1) * run), start - number * run)
        for number, start in enumerate(starts)
        for first in range(number * run, (number + 1) * run, _CHUNK)
    ]
    if threads == 1 or len(chunks) < 2:
        for chunk in chunks:
            write(chunk)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(write, chunks))
    return written


@lru_cache(maxsize=2)
def _laws(states: CellStates, rule: WriteRule) -> _Laws:
    targets = states.targets_s()
    below, accepted = acceptance(states, rule)
    above = np.maximum(1 - below - accepted, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse_log = 1 / np.log1p(-accepted)
        share_below = np.where(below > 0, below / (below + above), 0.0)
    tables = np.empty((states.levels, 3, 2, KNOTS), np.float32)
    tolerance = _LARGEST / 2 if rule.tolerance_s is None else rule.tolerance_s  # unverified: all is accepted
    for level, target in enumerate(targets):
        low, high = target - tolerance, target + tolerance
        edge = 1 - above[level]
        first, last = max(-_at_most(-low), 0.0), _at_most(high)
        if first > last:  # a tolerance finer than float32
            first = last = float(np.float32(target))
        tables[level, ACCEPTED] = _table(states.error, target, below[level], edge, first, last)
        tables[level, BELOW] = _table(states.error, target, 0, below[level], 0.0, max(_before(low), 0.0))
        tables[level, ABOVE] = _table(states.error, target, edge, 1, -_before(-high), _LARGEST)
    ends = np.array([states.g_min_s, states.g_max_s])
    return _Laws(inverse_log, share_below, tables, np.abs(ends - targets[:, None]) > tolerance)


def _table(
    error: ProgrammingError, target_s: float, start: float, stop: float, low_s: float, high_s: float
) -> NDArray[np.float32]:
    """Quantiles (2, KNOTS) of the error given a probability between start and stop, kept in [low_s, high_s]."""
    p = knots() * (stop - start)
    # 1 - 2^-53 is the largest double below 1: no draw is infinite.
    probability = np.clip(np.stack([start + p, stop - p]), 0, 1 - 2.0**-53)
    return np.clip(error.quantile_s(target_s, probability), low_s, high_s).astype(np.float32)


def _at_most(value: float) -> float:
    """The largest float32 that is not above `value`."""
    rounded = np.float32(value)
    return float(rounded if float(rounded) <= value else np.nextafter(rounded, np.float32(-np.inf)))


def _before(value: float) -> float:
    """The largest float32 below `value`."""
    found = _at_most(value)
    return found if found < value else float(np.nextafter(np.float32(found), np.float32(-np.inf)))
