"""The same study with the statistics of measured HfO2 arrays: the card `hfo2_measured_binary` in place of log-normals.

The card holds quantiles of conductance over set/reset cycles, devices pooled. A spread of s means that every quantile's
ln(G / median) is multiplied by s (1: as measured, 0: none); a ratio of m, that the HRS is moved to m times the measured
HRS/LRS with its spread kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip.cell import CellCard
from pillarsim.arch.chip.load import load_card
from pillarsim.arch.errors import InputError
from pillarsim.devices.programming_error import QuantileError
from pillarsim.reproduce.claims import Claim, Parameter
from pillarsim.reproduce.prabhu2020 import rates, study
from pillarsim.reproduce.prabhu2020.cells import Binary, closed_error_rates
from pillarsim.reproduce.prabhu2020.claims import group_claim, trend_claim, zero_claim
from pillarsim.reproduce.prabhu2020.study import Axes, Coded
from pillarsim.reproduce.rows import Progress

Array = NDArray[np.float64]

CARD = "hfo2_measured_binary"
AXES = Axes((0.0, 0.25, 0.5, 0.75, 1.0), (1 / 3, 1.0, 3.0, 10.0))  # times the measured spread and HRS/LRS; our choice
# Standard errors of the shares of HRS and LRS cycles beyond the threshold, from their scatter over the 200 rows of
# 300 cycles; derived from the raw arrays, DOI 10.1109/TED.2021.3097975
DEVICE_ERRORS = (0.0157, 0.00096)
RAW_SHARES = (0.156, 0.0030)  # the shares themselves; derived from the same arrays


@dataclass(frozen=True, eq=False)
class Measured:
    """Quantiles of conductance of both states, siemens, at rising probabilities from 0 to 1."""

    probabilities: Array
    zero_s: Array
    one_s: Array
    reference: str

    def medians_s(self) -> tuple[float, float]:
        """Of logic 0 and 1."""
        zero, one = (float(np.interp(0.5, self.probabilities, row)) for row in (self.zero_s, self.one_s))
        return zero, one

    def sigmas(self) -> tuple[float, float]:
        """Standard deviation of ln G, LRS and HRS, integrated over the quantiles by the midpoint rule."""
        places = (np.arange(100_000) + 0.5) / 100_000
        one, zero = (
            float(np.log(np.interp(places, self.probabilities, row)).std()) for row in (self.one_s, self.zero_s)
        )
        return one, zero

    def cell(self, spread: float = 1.0, ratio: float = 1.0) -> Binary:
        """The cell with its spread and its HRS/LRS changed, each as a multiple of the measured one."""
        medians = self.medians_s()
        targets = (medians[0] / ratio, medians[1])
        rows = [
            target * np.exp(spread * np.log(row / median))
            for target, median, row in zip(targets, medians, (self.zero_s, self.one_s), strict=True)
        ]
        table = QuantileError(
            tuple(self.probabilities.tolist()), targets, tuple(tuple(row) for row in (one.tolist() for one in rows))
        )
        return Binary(table, *targets)


def from_card(card: CellCard, name: str = CARD) -> Measured:
    """The states of a card's table of quantiles; raises InputError where it has none of two states."""
    table = card.quantiles
    if table is None or len(table.levels) != 2:
        raise InputError(f"device card {name}: expected quantiles of two levels, found another card")
    p = np.asarray(table.probabilities, dtype=np.float64)
    zero, one = (np.asarray(level.conductance, dtype=np.float64) for level in table.levels)
    if p[0] > 0:  # the outermost quantiles end the distribution
        p, zero, one = (np.concatenate([[first], row]) for first, row in ((0.0, p), (zero[0], zero), (one[0], one)))
    if p[-1] < 1:
        p, zero, one = (np.concatenate([row, [last]]) for row, last in ((p, 1.0), (zero, zero[-1]), (one, one[-1])))
    return Measured(p, zero, one, card.reference)


def shipped() -> Measured:
    """The shipped card's states."""
    return from_card(load_card(CARD).card)


def claims(found: Measured, code: Coded, draws: int, bits: int, progress: Progress) -> tuple[Claim, ...]:
    """Claims m1 to m6."""

    def family(spread: float, ratio: float, draw: int) -> Binary:
        return found.cell(spread, ratio)

    grid = study.solve(code, family, AXES, draws, "measured arrays", progress)
    cells: dict[str, Callable[[int], Binary]] = {"as measured": lambda draw: found.cell()}
    return (
        error_claim(found, grid, code),
        zero_claim("m2", code, family, AXES.ratios, "measured"),
        trend_claim("m3", grid, ("Spread, times the measured", "HRS/LRS, times the measured"), "measured"),
        group_claim("m4", code, cells, draws, "measured"),
        rates.closed_claim("m5", found.cell(), bits, "measured"),
        log_normal_claim(found, bits),
    )


def error_claim(found: Measured, grid: study.Grid, code: Coded) -> Claim:
    """Claim m1."""
    place = (slice(None), AXES.ratios.index(1.0), AXES.spreads.index(1.0))
    soft, hard, wrong = (float(values[place].mean()) for values in (grid.soft, grid.hard, grid.flipped))
    return Claim(
        "m1",
        "the measured spread of a binary cell reaches the layer's output",
        "a relative error above 0",
        f"{soft:.3g} with a soft mantissa; {hard:.3g} thresholded, {100 * wrong:.2g} % of the bits wrong",
        "",
        "measured",
        soft > 0 and hard > 0,
        f"One pulse without verify, devices pooled: weights of {code.form.width} thresholded bits are of no use in "
        "such cells.",
    )


def log_normal_claim(found: Measured, bits: int) -> Claim:
    """Claim m6: the closed form for log-normal states against the measured quantiles, 0 and 1 each."""
    zero, one = found.medians_s()
    sigmas = found.sigmas()
    closed = closed_error_rates(one / zero, sigmas)
    counts = rates.counted(found.cell(), closed, bits, "m6")
    shares = [count.wrong / count.bits for count in counts]
    errors = [
        math.hypot(device, math.sqrt(share * (1 - share) / count.bits))
        for device, share, count in zip(DEVICE_ERRORS, shares, counts, strict=True)
    ]
    off = [(share - claimed) / error for share, claimed, error in zip(shares, closed, errors, strict=True)]
    holds = max(abs(one) for one in off) <= rates.ERRORS
    return Claim(
        "m6",
        "the closed form for log-normal states gives the measured arrays' bit error rate",
        f"{sum(closed) / 2:.3g}, within three standard errors",
        f"{rates.rate(counts):.3g}; "
        + "; ".join(
            f"{bit}: {share:.3g}, closed form {claimed:.3g}, {one:+.1f} standard errors"
            for bit, share, claimed, one in zip((0, 1), shares, closed, off, strict=True)
        ),
        "",
        "measured",
        holds,
        "The paper makes its statement of its own devices. Standard errors include the scatter between devices. "
        f"In the raw arrays the shares are {RAW_SHARES[0]:g} and {RAW_SHARES[1]:g}: between the card's few quantiles "
        "of the LRS tail a straight line lies above them. "
        + (
            ""
            if holds
            else "Likely reason: pooled measured states are not log-normal. Few devices and cycles make a tail of the "
            "LRS that the spread of its bulk does not foresee, and the HRS is skewed toward the LRS."
        )
        + f" Spreads of ln R {sigmas[0]:.3g} (LRS) and {sigmas[1]:.3g} (HRS).",
    )


def parameters(found: Measured) -> tuple[Parameter, ...]:
    """What the measured arrays are."""
    zero, one = found.medians_s()
    sigmas = found.sigmas()
    return (
        Parameter(
            "measured arrays",
            f"LRS {1e-3 / one:.3g} kOhm, HRS {1e-3 / zero:.3g} kOhm (medians), spread of ln R {sigmas[0]:.3g} and "
            f"{sigmas[1]:.3g}, quantiles at {len(found.probabilities)} probabilities",
            f"card {CARD}: {found.reference}",
        ),
    )
