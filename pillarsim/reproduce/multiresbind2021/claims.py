"""What the runs decide: claims e3 to e5, a1 and d1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from pillarsim.reproduce.claims import Claim
from pillarsim.reproduce.kim2017.claims import ERRORS, LIMIT, verdict
from pillarsim.reproduce.kim2017.runs import Difference
from pillarsim.reproduce.multiresbind2021.motifs import View, region_auc
from pillarsim.reproduce.multiresbind2021.runs import Noisy
from pillarsim.reproduce.multiresbind2021.statistics import Scored, difference

__all__ = ["exact_claim", "ideal_claim", "noise_claim", "optimum_claim", "view_claim"]

EXACT = 1e-5  # largest difference of an output between 0 and 1


def exact_claim(largest: float, windows: int) -> Claim:
    """Claim e3: the crossbar computes the quantised network."""
    return Claim(
        "e3",
        f"ideal crossbar (cells on target, converters of 12 bits over all sums) and the quantised network, "
        f"{windows} windows",
        f"agree to {EXACT:g}",
        f"largest difference of an output {largest:.2g}",
        "",
        "assumed",
        largest <= EXACT,
    )


def view_claim(scores: Mapping[View, Mapping[str, Scored]]) -> Claim:
    """Claim e4: what the bases tell against what the region tells."""
    sequence, region = scores["sequence"], scores["region"]
    margins = {name: difference(sequence[name], region[name]) for name in sequence}
    return Claim(
        "e4",
        "synthetic motifs: input of the sequence alone beats input of the region alone, ROC-AUC and average precision",
        "sequence 0.8809 and 0.3372, region 0.6710 and 0.0912 on its own data",
        "; ".join(
            f"{name} {sequence[name].mean:.3f} against {region[name].mean:.3f} ({_signed(margin)})"
            for name, margin in margins.items()
        ),
        "",
        "assumed",
        verdict(list(margins.values())),
        "Motifs and shares of regions are assumed: the order is compared, not the numbers.",
    )


def optimum_claim(region: Scored) -> Claim:
    """Claim d1: no network that sees the region alone can rank better than the region's own shares."""
    best = region_auc()
    alone = Scored(region.devices * 0 + best, region.without * 0 + best)
    margin = difference(alone, region)
    return Claim(
        "d1",
        "ROC-AUC of input of the region alone: not above that of the regions' true shares, but for its error",
        f"at most {best:.3f} (closed form)",
        f"{region.mean:.3f} +- {margin.error:.3f}",
        "",
        "assumed",
        margin.mean >= -ERRORS * margin.error,
    )


def noise_claim(noisy: Noisy) -> Claim:
    """Claim e5: errors of the cells lower both metrics."""
    steps: list[Difference] = []
    falls: list[Difference] = []
    words = []
    for name, software in noisy.floats.items():
        curve = [one[name] for one in noisy.chips.values()]
        steps += [difference(before, after) for before, after in pairwise(curve)]
        falls.append(difference(curve[0], curve[-1]))
        words.append(f"{name} float {software.mean:.3f}, chip {_curve(curve)} (falls by {_plain(falls[-1])})")
    rises = any(step.mean < -ERRORS * step.error for step in steps)
    places = ", ".join("ideal" if error is None else f"{100 * error:g} %" for error in noisy.chips)
    return Claim(
        "e5",
        f"ROC-AUC and average precision on the chip fall as the error of a write rises ({places}), no step up beyond "
        "its error",
        "degrades monotonically",
        "; ".join(words),
        "",
        "assumed",
        False if rises else verdict(falls),
        f"{sum(step.mean < 0 for step in steps)} of {len(steps)} steps of the means go up (beyond its error, the claim "
        "fails). +- standard deviation over devices; differences +- standard error over windows and devices, "
        f"{ERRORS:g} of them decide. The labels of the data come from sub-sampled peaks, where a 0 may be an "
        "unobserved binding: float and chip compare with one another, not with the paper.",
    )


def ideal_claim(noisy: Noisy) -> Claim:
    """Claim a1: codes and converters alone."""
    losses = {name: difference(noisy.floats[name], noisy.chips[None][name]) for name in noisy.floats}
    return Claim(
        "a1",
        "ideal cells with the preset's codes and converters: within 1 point of the float network, both metrics",
        "at most 1 point (threshold ours)",
        "; ".join(
            f"{name} float {noisy.floats[name].mean:.4f}, integers {noisy.integers[name].mean:.4f}, ideal chip "
            f"{noisy.chips[None][name].mean:.4f} (loses {_plain(loss)})"
            for name, loss in losses.items()
        ),
        "",
        "assumed",
        verdict([Difference(LIMIT - loss.mean, loss.error) for loss in losses.values()]),
    )


def _curve(points: Sequence[Scored]) -> str:
    return ", ".join(
        f"{point.mean:.3f}" + (f" +- {point.devices.std(ddof=1):.3f}" if len(point.devices) > 1 else "")
        for point in points
    )


def _plain(found: Difference) -> str:
    return f"{found.mean:.3f} +- {found.error:.3f}"


def _signed(found: Difference) -> str:
    return f"{found.mean:+.3f} +- {found.error:.3f}"
