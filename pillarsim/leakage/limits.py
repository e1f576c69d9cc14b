"""What a study says against limits: the largest layer count, the lowest and the highest read voltage.

A combination is a set of values of all axes but one. Along the voltages of a combination, a limit that changes sides
once is refined between the two studied voltages where it does, by bracketing (Brent); the voltage named is always one
that was solved and holds. Where it changes sides more than once, only the studied voltages count, and that is noted.
Layer counts are not refined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, pairwise

from scipy.optimize import brentq

from pillarsim.leakage.grid import Point
from pillarsim.leakage.study import Figures, Outcome, Progress, in_order

REFINED = 1e-3  # of the voltage: how closely a limit is bracketed
MARGIN = 0.10  # the usual criterion of a read margin
LEAKAGE_A = 100e-6  # A an array; assumed: about the current that writes one cell, which the array's supply can deliver

Solve = Callable[[Point], Outcome]
Excess = Callable[[Figures], float]


@dataclass(frozen=True)
class Thresholds:
    """Limits: read margin at least, supply leakage and disturb at most. One of the two disturb limits is None.

    disturb_source: where the limit of disturb comes from.
    """

    read_margin: float = MARGIN
    leakage_a: float = LEAKAGE_A
    disturb_v: float | None = None
    disturb_fraction: float | None = None
    disturb_source: str = "given"

    def margin_excess(self, figures: Figures) -> float:
        """At most 0 where the read margin is kept."""
        return math.inf if figures.read_margin is None else self.read_margin - figures.read_margin

    def leakage_excess(self, figures: Figures) -> float:
        """At most 0 where leakage and disturb are within their limits: the logarithm of the larger ratio."""
        ratios = [figures.i_leak_a / self.leakage_a]
        for found, limit in ((figures.disturb_v, self.disturb_v), (figures.disturb_fraction, self.disturb_fraction)):
            if found is not None and limit is not None:
                ratios.append(found / limit)
        return math.log(max([*ratios, 1e-30]))  # an array of one cell leaks nothing


@dataclass(frozen=True)
class LayerLimit:
    """Of one combination: the outcome with the most layers that keeps the margin, and the next studied one beyond."""

    combination: Point
    largest: Outcome | None
    beyond: Outcome | None
    monotone: bool


@dataclass(frozen=True)
class VoltageLimit:
    """Of one combination: the outcome at the limit, None where no voltage holds.

    refined: the limit lies within REFINED of it; else it is the end of what was studied or not monotone.
    solved: the outcomes that the refinement added.
    """

    combination: Point
    at: Outcome | None
    refined: bool
    monotone: bool
    solved: tuple[Outcome, ...] = ()


@dataclass(frozen=True)
class Limits:
    """The limits of every combination, in the order of the points; a combination has a lowest and a highest voltage."""

    layers: tuple[LayerLimit, ...]
    lowest: tuple[VoltageLimit, ...]
    highest: tuple[VoltageLimit, ...]


def find_limits(
    outcomes: Sequence[Outcome], thresholds: Thresholds, solve: Solve, threads: int, progress: Progress
) -> Limits:
    """Find the limits of every combination; `solve` solves a point between two studied voltages."""
    layers = tuple(
        layer_limit(group, thresholds)
        for group in _groups(outcomes, lambda point: replace(point, layers=None))
        if group[0].point.layers is not None
    )
    groups = _groups(outcomes, lambda point: replace(point, voltage_v=0.0))
    tasks = [partial(voltage_limit, group, thresholds.margin_excess, False, solve) for group in groups]
    tasks += [partial(voltage_limit, group, thresholds.leakage_excess, True, solve) for group in groups]
    found = in_order(tasks, threads, progress)
    return Limits(layers, tuple(found[: len(groups)]), tuple(found[len(groups) :]))


def layer_limit(group: Sequence[Outcome], thresholds: Thresholds) -> LayerLimit:
    """Return the largest layer count of a combination that keeps the margin."""
    ordered = sorted(group, key=lambda outcome: outcome.point.layers or 1)
    holds = [_holds(outcome, thresholds.margin_excess) for outcome in ordered]
    last = max((number for number, good in enumerate(holds) if good), default=None)
    if last is None:
        return LayerLimit(ordered[0].point, None, ordered[0], True)
    beyond = ordered[last + 1] if last + 1 < len(ordered) else None
    return LayerLimit(ordered[0].point, ordered[last], beyond, _changes(holds) <= 1)


def voltage_limit(group: Sequence[Outcome], excess: Excess, highest: bool, solve: Solve) -> VoltageLimit:
    """Return the highest (or lowest) voltage of a combination whose excess is at most 0, refined where monotone."""
    ordered = sorted(group, key=lambda outcome: outcome.point.voltage_v, reverse=highest)
    holds = [_holds(outcome, excess) for outcome in ordered]
    combination, monotone = ordered[0].point, _changes(holds) <= 1
    if True not in holds:
        return VoltageLimit(combination, None, False, True)
    first = holds.index(True)
    solved_both = first > 0 and ordered[first - 1].figures is not None
    if not (monotone and solved_both):
        return VoltageLimit(combination, ordered[first], False, monotone)
    return _refine(combination, ordered[first], ordered[first - 1], excess, solve)


class _Unsolved(Exception):
    pass


def _refine(combination: Point, holding: Outcome, failing: Outcome, excess: Excess, solve: Solve) -> VoltageLimit:
    """Bracket the voltage at which the limit is met, from one that holds and one that does not."""
    solved = {outcome.point.voltage_v: outcome for outcome in (holding, failing)}

    def at(volts: float) -> float:
        if volts not in solved:
            solved[volts] = solve(replace(combination, voltage_v=volts))
        figures = solved[volts].figures
        if figures is None:
            raise _Unsolved
        return min(excess(figures), 1.0)  # a margin that does not exist is infinitely far off

    low, high = sorted(solved)
    refined = True
    try:
        brentq(at, low, high, xtol=REFINED * high, rtol=4 * math.ulp(1.0))
    except _Unsolved:
        refined = False
    good = [outcome for outcome in solved.values() if _holds(outcome, excess)]
    best = min(good, key=lambda outcome: abs(outcome.point.voltage_v - failing.point.voltage_v))
    return VoltageLimit(combination, best, refined, True, tuple(solved.values())[2:])


def _groups(outcomes: Sequence[Outcome], without: Callable[[Point], Point]) -> list[list[Outcome]]:
    """Outcomes whose points are equal without one axis, in the order in which they first appear."""
    first: dict[Point, int] = {}
    keys = [without(outcome.point) for outcome in outcomes]
    for number, key in enumerate(keys):
        first.setdefault(key, number)
    paired = sorted(zip(keys, outcomes, strict=True), key=lambda pair: first[pair[0]])
    return [[outcome for _, outcome in group] for _, group in groupby(paired, key=lambda pair: pair[0])]


def _holds(outcome: Outcome, excess: Excess) -> bool:
    return outcome.figures is not None and excess(outcome.figures) <= 0


def _changes(holds: Sequence[bool]) -> int:
    return sum(one != other for one, other in pairwise(holds))
