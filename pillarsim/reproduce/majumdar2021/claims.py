"""What the runs decide: claims e4 to e7 on MNIST, d1 on CIFAR-10. Differences are judged by their 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pillarsim.reproduce.claims import Claim
from pillarsim.reproduce.intervals import Interval, above, interval
from pillarsim.reproduce.majumdar2021.runs import LAST, Run, Runs

__all__ = [
    "LIMIT",
    "QUICK_LIMIT",
    "difference",
    "learning_claim",
    "order_claims",
    "verdict",
    "vgg_claim",
]

LIMIT = 0.9  # of MNIST with every imperfection: a proposal, the paper's figures cannot be read
QUICK_LIMIT = 0.8  # of the quick run's small network on few images; our choice
_CHANCE = 0.1  # ten classes
_QUICK = (
    "Undecided by its 95 % interval; accepted, as a quick run accepts a difference that is not below 0 by more than "
    "its standard error."
)


def difference(first: Sequence[Run], second: Sequence[Run]) -> Interval:
    """Accuracy of the first less that of the second, seed by seed: a seed's runs see the same images in one order."""
    return interval([one.final - two.final for one, two in zip(first, second, strict=True)])


def verdict(of: Interval, quick: bool) -> bool | None:
    """Whether a difference is above 0: its whole interval is (True), none of it (False), else None.

    quick: True also where the mean is not below 0 by more than its standard error.
    """
    return above(of, 0.0, quick)


def order_claims(runs: Runs, quick: bool) -> tuple[Claim, ...]:
    """Claims e4 to e6: the order of accuracies."""
    accuracies = {name: interval([run.final for run in of]) for name, of in runs.items()}
    shown = ", ".join(f"{name} {100 * one.mean:.2f}" for name, one in accuracies.items())
    seeds = len(runs["none"])

    def claim(number: int, said: str, above: str, below: str, note: str = "") -> Claim:
        gap = difference(runs[above], runs[below])
        accepted = quick and gap.mean - gap.half < 0
        return Claim(
            f"e{number}",
            f"{said}, mean over {seeds} seeds of the last {LAST} epochs",
            f"{above} above {below}",
            f"{gap} points ({shown} %)",
            "",
            "published",
            verdict(gap, quick),
            " ".join(part for part in (note, _QUICK if accepted else "") if part),
        )

    return (
        claim(4, "accuracy without imperfections >= accuracy with noise only (telegraph and pink)", "none", "noise"),
        claim(
            5,
            "accuracy with noise only > accuracy with device-to-device variability, the largest single loss",
            "noise",
            "d2d",
            "Device-to-device variability alone is held against both noises together; each noise alone is not run.",
        ),
        claim(6, "accuracy with device-to-device variability >= accuracy with everything on", "d2d", "all"),
    )


def learning_claim(runs: Sequence[Run], hidden: int, quick: bool) -> Claim:
    """Claim e7: the network learns with everything on."""
    limit = QUICK_LIMIT if quick else LIMIT
    found = interval([run.final for run in runs])
    low, high = found.mean - found.half, found.mean + found.half
    return Claim(
        "e7",
        f"784-{hidden}-10 learns MNIST with everything on",
        f"above {100 * limit:g} % (threshold ours)",
        f"{100 * found.mean:.2f} +- {100 * found.half:.2f} %",
        "",
        "published",
        True if low > limit else (False if high < limit else None),
        f"The full run asks {100 * LIMIT:g} % of the paper's network." if quick else "",
    )


def vgg_claim(runs: Mapping[str, Run], test: int) -> Claim:
    """Claim d1: the convolutional network learns, by the errors of the test images."""
    shares = {name: run.final for name, run in runs.items()}
    errors = {name: math.sqrt(share * (1 - share) / test) for name, share in shares.items()}
    return Claim(
        "d1",
        "a small binary VGG learns CIFAR-10 with and without imperfections, one seed",
        f"far above {100 * _CHANCE:g} %",
        ", ".join(
            f"{name} {100 * share:.1f} % (standard error {100 * errors[name]:.1f})" for name, share in shares.items()
        ),
        "",
        "published",
        all(share - 3 * errors[name] > 2 * _CHANCE for name, share in shares.items()),
        "Far narrower and shorter than the paper's network, on a part of the images: only whether it learns is asked, "
        f"above twice chance by three standard errors of {test} test images.",
    )
