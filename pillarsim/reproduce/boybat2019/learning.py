"""What the trainings decide: accuracy against devices a synapse, gaps to float; judged by paired 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pillarsim.reproduce.boybat2019.plan import Arrangement, Cells, Plan, Point
from pillarsim.reproduce.boybat2019.runs import Trained
from pillarsim.reproduce.claims import Claim
from pillarsim.reproduce.intervals import Interval, above, interval

__all__ = ["learning_claims"]

GAP = 0.02  # to float: abstract of Boybat et al. 2019
LOSS = 0.02  # that one device loses at least, beyond what many do: of the row
BINARY = 0.8  # of binary cells: abstract of Boybat et al. 2019
QUICK_GAP, QUICK_BINARY = 0.1, 0.6  # of a quick run's few images and devices; our choice
_ACCEPTED = (
    "Undecided by 95 % intervals; accepted, as a quick run accepts what is not below by more than its standard error."
)
_CARD = "Window, steps and spreads of the card are assumed: the paper's device could not be read."


def learning_claims(trained: Trained, plan: Plan, quick: bool) -> tuple[Claim, ...]:
    """Claims e5, e6, e7, d2 and d3."""
    judge = _Judge(trained, quick)
    return (
        judge.rises("e5", "multi-level", "single", plan.multi_level),
        judge.gap(plan.multi_level),
        judge.binary(plan.binary),
        judge.rises("d2", "binary", "single", plan.binary),
        judge.rises("d3", "multi-level", "differential", plan.differential),
    )


@dataclass(frozen=True)
class _Judge:
    """Trainings and how strictly their differences are taken."""

    trained: Trained
    quick: bool

    def accuracies(self, point: Point) -> list[float]:
        return [run.final for run in self.trained.runs[point]]

    def gain(self, fewer: Point, more: Point) -> Interval:
        """Accuracy with more devices less that with fewer, seed by seed."""
        pairs = zip(self.accuracies(more), self.accuracies(fewer), strict=True)
        return interval([one - two for one, two in pairs])

    def note(self, accepted: bool, *parts: str) -> str:
        return " ".join(part for part in (*parts, _ACCEPTED if accepted else "") if part)

    def rises(self, name: str, cells: Cells, arrangement: Arrangement, devices: tuple[int, ...]) -> Claim:
        """Each number of devices against the next smaller one."""
        points = [Point(cells, arrangement, count) for count in devices]
        gains = [self.gain(fewer, more) for fewer, more in pairwise(points)]
        found = [above(gain, 0.0, self.quick) for gain in gains]
        steps = ", ".join(f"{a.devices} to {b.devices}: {g}" for (a, b), g in zip(pairwise(points), gains, strict=True))
        means = ", ".join(f"{100 * float(np.mean(self.accuracies(point))):.2f}" for point in points)
        return Claim(
            name,
            f"accuracy rises with the number of devices: {cells} cells, {arrangement}, "
            f"N = {', '.join(str(count) for count in devices)}",
            "each step up",
            f"{means} %; points gained, {steps}",
            "",
            "assumed",
            _all(found),
            self.note(any(gain.mean < gain.half for gain in gains) and _all(found) is True, _CARD),
        )

    def gap(self, devices: tuple[int, ...]) -> Claim:
        """Claim e6: the gap to float of most devices, and what one device loses more."""
        one, most = (Point("multi-level", "single", count) for count in (devices[0], devices[-1]))
        pairs = zip(self.trained.baseline, self.accuracies(most), strict=True)
        spare = interval([there - here for here, there in pairs])  # minus the gap
        limit, loss = (QUICK_GAP if self.quick else GAP), self.gain(one, most)
        parts = above(spare, -limit, self.quick), above(loss, LOSS, self.quick)
        accepted = spare.mean - spare.half < -limit or loss.mean - loss.half < LOSS
        return Claim(
            "e6",
            f"multi-level cells with {most.devices} devices a synapse come within {100 * limit:g} points of float; "
            f"with {one.devices} they lose at least {100 * LOSS:g} points more",
            f"gap at most {100 * limit:g}, loss at least {100 * LOSS:g} points",
            f"from float ({100 * float(np.mean(self.trained.baseline)):.2f} %) {spare} points; "
            f"N = {one.devices} loses {loss} more",
            "",
            "assumed",
            _all(parts),
            self.note(
                accepted and _all(parts) is True,
                _CARD,
                f"The full run asks {100 * GAP:g} points." if self.quick else "",
            ),
        )

    def binary(self, devices: tuple[int, ...]) -> Claim:
        """Claim e7: binary cells learn with enough of them, and clearly worse with one."""
        one, most = (Point("binary", "single", count) for count in (devices[0], devices[-1]))
        found, loss = interval(self.accuracies(most)), self.gain(one, most)
        limit = QUICK_BINARY if self.quick else BINARY
        parts = above(found, limit, self.quick), above(loss, LOSS, self.quick)
        accepted = found.mean - found.half < limit or loss.mean - loss.half < LOSS
        return Claim(
            "e7",
            f"binary cells with {most.devices} devices a synapse learn above {100 * limit:g} %; with {one.devices} "
            f"they are clearly worse, by {100 * LOSS:g} points at least",
            f"above {100 * BINARY:g} %",
            f"{found} %; N = {one.devices} loses {loss} points",
            "",
            "assumed",
            _all(parts),
            self.note(
                accepted and _all(parts) is True,
                _CARD,
                f"The full run asks {100 * BINARY:g} %." if self.quick else "",
            ),
        )


def _all(parts: Sequence[bool | None]) -> bool | None:
    """True where all are, False where one is, else None."""
    if False in parts:
        return False
    return None if None in parts else True
