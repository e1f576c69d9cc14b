"""Solve the points of a study: two circuits a point, the selected cells LRS, then HRS.

Currents and power are those of the LRS run; disturb is the larger of both runs. Left out: what the sources of V/2,
V/3 and 2V/3 lose, sense amplifiers, noise, and the change of cells while they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from pillarsim.arch.errors import InputError
from pillarsim.devices.circuits import CircuitError, ConvergenceError
from pillarsim.leakage.circuit import point_spec
from pillarsim.leakage.grid import Point
from pillarsim.leakage.read import solve_read
from pillarsim.leakage.source import Source

T = TypeVar("T")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Figures:
    """What a point shows; the field names carry their units, None is what does not exist.

    i_leak_a                what the sources deliver beyond the selected cells' current
    i_sense_leak_a          what the selected columns collect beyond the selected cells' current
    read_margin             (I_LRS - I_HRS) / I_LRS of the sensed current
    read_margin_v           the same difference as a voltage over the sense resistance, as a fraction of V
    disturb_v, _fraction    largest |voltage| over an unselected cell, and as a fraction of V
    disturb_..._v           the same by where the cell is: the classes of `read.Disturb`
    leakage_power_w         power_w less V times the selected cells' current
    """

    i_leak_a: float
    i_sense_leak_a: float
    i_sel_lrs_a: float
    i_sense_lrs_a: float
    i_sense_hrs_a: float
    read_margin: float | None
    read_margin_v: float | None
    disturb_v: float | None
    disturb_fraction: float | None
    disturb_same_pillar_v: float | None
    disturb_same_line_v: float | None
    disturb_elsewhere_v: float | None
    power_w: float
    leakage_power_w: float
    leakage_per_bit_a: float
    leakage_power_per_bit_w: float


@dataclass(frozen=True)
class Outcome:
    """A point with its figures, or with the reason why it has none; `converges` says whether Newton's method did."""

    point: Point
    figures: Figures | None
    error: str | None = None
    converges: bool = True


def solve_point(source: Source, pattern: str, seed: int, point: Point) -> Outcome:
    """Solve one point; what the circuit refuses is the outcome's error."""
    spec = point_spec(source, point, pattern, seed)
    try:
        found = solve_read(spec)
    except CircuitError as error:
        return Outcome(point, None, str(error), converges=not isinstance(error, ConvergenceError))
    lrs, hrs, margin, disturb = found.lrs, found.hrs, found.margin, found.disturb.largest_v
    leaked_w = lrs["power"] - point.voltage_v * lrs["i_sel_sum"]
    figures = Figures(
        i_leak_a=lrs["i_leak"],
        i_sense_leak_a=lrs["i_sense"] - lrs["i_sel_sum"],
        i_sel_lrs_a=lrs["i_sel_sum"],
        i_sense_lrs_a=lrs["i_sense"],
        i_sense_hrs_a=hrs["i_sense"],
        read_margin=margin["rm_i"],
        read_margin_v=margin["rm_v"] if spec["r_sense"] else None,
        disturb_v=disturb,
        disturb_fraction=None if disturb is None else disturb / point.voltage_v,
        disturb_same_pillar_v=found.disturb.same_pillar_v,
        disturb_same_line_v=found.disturb.same_line_v,
        disturb_elsewhere_v=found.disturb.elsewhere_v,
        power_w=lrs["power"],
        leakage_power_w=leaked_w,
        leakage_per_bit_a=lrs["i_leak"] / point.bits,
        leakage_power_per_bit_w=leaked_w / point.bits,
    )
    return Outcome(point, figures)


def solve_points(
    source: Source, points: Sequence[Point], pattern: str, seed: int, threads: int, progress: Progress
) -> list[Outcome]:
    """Solve every point, on several threads; the outcomes stand in the order of the points."""
    return in_order([partial(solve_point, source, pattern, seed, point) for point in points], threads, progress)


def refuse_if_no_point(source: Source, outcomes: Sequence[Outcome]) -> None:
    """Raise InputError where the circuit refuses every point for one reason: the array itself is at fault."""
    reasons = {outcome.error for outcome in outcomes}
    if len(reasons) == 1 and None not in reasons and all(outcome.converges for outcome in outcomes):
        raise InputError(f"{source.name}: {reasons.pop()}")


def in_order(tasks: Sequence[Callable[[], T]], threads: int, progress: Progress) -> list[T]:
    """Return the results of independent tasks in their order; progress(done, all) is called from this thread.

    An exception, Ctrl-C included, cancels what has not started.
    """
    results = []
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        for number, future in enumerate([pool.submit(task) for task in tasks]):
            results.append(future.result())
            progress(number + 1, len(tasks))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return results
