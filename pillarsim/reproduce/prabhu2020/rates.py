"""Claim e6: bit error rates against their closed form, sampled from the distributions and through look-up tables."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from pillarsim.devices.programming_error import LogNormalError
from pillarsim.reproduce.claims import Basis, Claim
from pillarsim.reproduce.prabhu2020.cells import CYCLES, Binary, binary, closed_error_rates, cycled_ohm
from pillarsim.reproduce.prabhu2020.claims import LRS_OHM
from pillarsim.reproduce.prabhu2020.study import SEED, uniform
from pillarsim.reproduce.rows import Progress

SPREADS, RATIOS = (0.05, 0.2, 0.5), (3.0, 10.0, 100.0)  # the points of the derived table
ERRORS = 3.0  # standard errors that a sampled number may be off
_TAIL = 0.00135  # probability beyond them to one side, of a normal deviate
_BLOCK = 1_000_000  # bits drawn at once


@dataclass(frozen=True)
class Count:
    """Bits read wrong of those of one state, and the probability that is claimed for each."""

    wrong: int
    bits: int
    probability: float

    @property
    def fits(self) -> bool:
        """Whether the count lies within three standard errors, by the exact binomial probabilities of both tails."""
        low = float(binom.cdf(self.wrong, self.bits, self.probability))
        high = float(binom.sf(self.wrong - 1, self.bits, self.probability))
        return min(low, high) >= _TAIL


def logs_normal(ratio: float, sigmas: tuple[float, float]) -> Binary:
    """A binary cell of log-normal states itself, without a table; sigmas: LRS, HRS."""
    zero, one = 1 / (ratio * LRS_OHM), 1 / LRS_OHM
    return Binary(LogNormalError(sigmas[1], sigmas[0], zero, one), zero, one)


def counted(cell: Binary, claimed: tuple[float, float], bits: int, *names: str | int) -> tuple[Count, Count]:
    """Read `bits` cells, half of them 0 and half 1; claimed: probability that a 0 and that a 1 is read wrong."""
    wrong = [0, 0]
    for block in range(0, bits // 2, _BLOCK):
        size = min(_BLOCK, bits // 2 - block)
        for bit in (0, 1):
            stored = np.full(size, bit, dtype=np.uint8)
            read = cell.hard(cell.read_s(stored, uniform((size,), block, "rates", bit, *names)))
            wrong[bit] += int((read != stored).sum())
    zero, one = (Count(wrong[bit], bits // 2, claimed[bit]) for bit in (0, 1))
    return zero, one


def cycled(ratio: float, sigma: float, cycles_ohm: NDArray[np.float64]) -> tuple[Count, Count]:
    """Cycles beyond the threshold of those that a table was made of (LRS, HRS rows)."""
    threshold = LRS_OHM * math.sqrt(ratio)
    zero, one = closed_error_rates(ratio, (sigma, sigma))
    wrong_one, wrong_zero = int((cycles_ohm[0] >= threshold).sum()), int((cycles_ohm[1] < threshold).sum())
    return Count(wrong_zero, cycles_ohm.shape[1], zero), Count(wrong_one, cycles_ohm.shape[1], one)


def rate(counts: tuple[Count, Count]) -> float:
    """Bit error rate where 0 and 1 are equally frequent."""
    return sum(one.wrong / one.bits for one in counts) / 2


def rates_claim(bits: int, progress: Progress) -> tuple[Claim, dict[str, list[float]]]:
    """Claim e6, and the rates at each point."""
    points = [(ratio, spread) for ratio in RATIOS for spread in SPREADS]
    series: dict[str, list[float]] = {
        name: [] for name in ("hrs_lrs", "spread", "closed_form", "sampled", "through_table", "table_itself")
    }
    off = {"distribution": 0, "cycles": 0, "table": 0}
    for done, (ratio, spread) in enumerate(points):
        stream = ("rates", str(ratio), str(spread))
        closed = closed_error_rates(ratio, (spread, spread))
        direct = counted(logs_normal(ratio, (spread, spread)), closed, bits, *stream, "direct")
        cycles = cycled(
            ratio,
            spread,
            cycled_ohm(np.array([LRS_OHM, ratio * LRS_OHM]), np.full(2, spread), CYCLES, SEED, *stream),
        )
        table = binary(LRS_OHM, ratio * LRS_OHM, (spread, spread), SEED, *stream)
        through = counted(table, table.error_rates(), bits, *stream, "table")
        for name, pair in (("distribution", direct), ("cycles", cycles), ("table", through)):
            off[name] += sum(not one.fits for one in pair)
        row = (ratio, spread, sum(closed) / 2, rate(direct), rate(through), sum(table.error_rates()) / 2)
        for column, value in zip(series.values(), row, strict=True):
            column.append(value)
        progress("bit error rates", done + 1, len(points))
    shown = [place for place, value in enumerate(series["closed_form"]) if value * bits >= 1]
    tests = 2 * len(points)
    claim = Claim(
        "e6",
        "the bit error rate equals the closed form",
        "within three standard errors",
        "; ".join(
            f"HRS/LRS {series['hrs_lrs'][k]:g}, spread {series['spread'][k]:g}: {series['closed_form'][k]:.3g} closed, "
            f"{series['sampled'][k]:.3g} sampled, {series['through_table'][k]:.3g} through a table"
            for k in shown
        )
        + f"; off by more: {off['distribution']} of {tests} sampled, {off['cycles']} of {tests} tables' cycles, "
        f"{off['table']} of {tests} read through tables",
        "",
        "assumed",
        not any(off.values()),
        f"{bits} bits a point, half of them 1; 0 and 1 judged apart by exact binomial probabilities, at all "
        f"{len(points)} points of the derived table. A table of {CYCLES} cycles has a sampling error of its own: its "
        "cycles beyond the threshold are judged against the closed form, and the bits read through it against the "
        "table.",
    )
    return claim, series


def sampled_text(counts: tuple[Count, Count]) -> str:
    """Share of wrong 0 and 1 beside what is claimed."""
    return "; ".join(
        f"{bit}: {one.wrong / one.bits:.3g} sampled, {one.probability:.3g} expected"
        for bit, one in zip((0, 1), counts, strict=True)
    )


def fits(counts: tuple[Count, Count]) -> bool:
    """Whether both states' counts fit."""
    return all(one.fits for one in counts)


def closed_claim(name: str, cell: Binary, bits: int, basis: Basis) -> Claim:
    """The bit error rate through a table against the table's own distribution function."""
    counts = counted(cell, cell.error_rates(), bits, name)
    return Claim(
        name,
        "the bit error rate equals that of the distribution functions at the threshold",
        "within three standard errors",
        f"{rate(counts):.4g}; {sampled_text(counts)}",
        "",
        basis,
        fits(counts),
        f"{bits} bits, half of them 1.",
    )
