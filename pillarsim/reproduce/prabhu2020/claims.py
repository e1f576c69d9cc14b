"""Claims e1 to e5 of the row `prabhu2020`: states, look-up table, and how errors of the cells reach the layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.programming_error import QuantileError
from pillarsim.reproduce.claims import Basis, Claim
from pillarsim.reproduce.prabhu2020 import study
from pillarsim.reproduce.prabhu2020.cells import CYCLES, Binary, StopVoltages, binary, cycled_ohm, look_up_table
from pillarsim.reproduce.prabhu2020.study import SEED, Coded, Family, Grid

Array = NDArray[np.float64]

DEVICE = StopVoltages()
LRS_OHM = DEVICE.shallowest_ohm  # of every grid; only the ratio counts
FAR_MORE = 10.0  # "far more": at least so many times, our choice
TYPICAL = (0.2, 10.0)  # spread of ln R and HRS/LRS of a single reading, the middle of the derived table
RATES = ((0.2, 3.0), (0.5, 10.0), (0.5, 3.0))  # spread and ratio: bit error rates of about 0.003, 0.01 and 0.14


def assumed(spread: float, ratio: float, draw: int) -> Binary:
    """The family of e3 to e5: both states have the same spread of ln R, and a table of 1000 cycles of one draw."""
    return binary(LRS_OHM, ratio * LRS_OHM, (spread, spread), SEED, "cycles", draw)


def cycled_device() -> Array:
    """Resistance of the assumed device in each state and cycle (states, cycles)."""
    return cycled_ohm(DEVICE.medians_ohm(), DEVICE.sigmas(), CYCLES, SEED, "states")


def states_claim(resistance_ohm: Array) -> Claim:
    """Claim e1."""
    medians = np.median(resistance_ohm, axis=1)
    order = all(later > earlier for earlier, later in pairwise(medians))
    # Standard error of a median of ln R: sqrt(pi / 2) sigma / sqrt(cycles), for log-normal cycles.
    errors = math.sqrt(math.pi / 2 / resistance_ohm.shape[1]) * DEVICE.sigmas()
    gaps = np.diff(np.log(medians)) / np.hypot(errors[1:], errors[:-1])
    wrong = [
        (float((low > middle).mean()) + float((high <= middle).mean())) / 2
        for low, high, middle in zip(
            resistance_ohm[:-1], resistance_ohm[1:], np.sqrt(medians[1:] * medians[:-1]), strict=True
        )
    ]
    return Claim(
        "e1",
        f"eight states over {CYCLES} cycles, medians strictly monotone in the RESET stop voltage",
        f"{len(DEVICE.volts)} states, every step of |V_stop| raises the median",
        f"{len(medians)} states, medians {', '.join(f'{ohm / 1e3:.3g}' for ohm in medians)} kOhm; least gap "
        f"{gaps.min():.0f} standard errors",
        "",
        "assumed",
        order and len(medians) == 8 and bool(gaps.min() > 3),
        "The law is monotone by assumption; what is decided is whether 1000 cycles of the assumed spread show it. "
        "Single cycles overlap: half-way between neighbouring medians (in ln R) "
        f"{100 * min(wrong):.1f} to {100 * max(wrong):.0f} % of the cycles of two neighbours lie on the wrong side.",
    )


def table_claim(code: Coded, resistance_ohm: Array) -> Claim:
    """Claim e2: read the layer with the shallowest state as 1 and the deepest as 0, from the table of all states."""
    nominal = DEVICE.medians_ohm()
    table = look_up_table(resistance_ohm, nominal)
    cell = Binary(table, table.targets_s[0], table.targets_s[-1])
    deviates = study.uniform(code.bits.shape, 0, "cells")
    conductance = cell.read_s(code.bits, deviates)
    printed = table_ohm(table)
    same = all(
        np.allclose(column, np.quantile(ohm, np.linspace(0, 1, CYCLES)), rtol=1e-9, atol=0)
        for column, ohm in zip(printed.values(), resistance_ohm, strict=True)
    )
    outside, off, expected = 0, 0.0, 0.0
    for bit, ohm in ((1, resistance_ohm[0]), (0, resistance_ohm[-1])):
        cells_ohm = 1 / conductance[code.bits == bit]
        outside += int(((cells_ohm < ohm.min() * (1 - 1e-9)) | (cells_ohm > ohm.max() * (1 + 1e-9))).sum())
        logs = np.log(ohm)
        off = max(
            off, abs(float(np.log(cells_ohm).mean() - logs.mean()) / float(logs.std()) * math.sqrt(len(cells_ohm)))
        )
        expected += 2 * len(cells_ohm) / (CYCLES + 1)
    reading = study.read(code, cell, deviates)
    return Claim(
        "e2",
        "the look-up table is emitted and used",
        "yes",
        f"{len(printed)} states x {CYCLES} quantiles; {code.bits.size} cells read: {outside} outside the table "
        f"(about {expected:.0f} if drawn from the distributions themselves), mean of ln R {off:.1f} standard errors "
        "from the table's",
        "",
        "assumed",
        same and outside == 0 and off <= 3,
        "The table is the series `look_up_table` of the JSON. With the shallowest state as 1 and the deepest as 0, "
        f"HRS/LRS {DEVICE.deepest_ohm / DEVICE.shallowest_ohm:g}, the layer's relative error is {reading.soft:.3g} "
        f"with a soft mantissa (by filter {reading.soft_filters.min():.3g} to {reading.soft_filters.max():.3g}) and "
        f"{reading.hard:.3g} thresholded.",
    )


def emitted(resistance_ohm: Array) -> dict[str, list[float]]:
    """The look-up table of the assumed device, as it is printed: quantiles of resistance by state."""
    return table_ohm(look_up_table(resistance_ohm, DEVICE.medians_ohm()))


def table_ohm(table: QuantileError) -> dict[str, list[float]]:
    """Quantiles of resistance by state, shallowest first, as they are emitted: `state_1_ohm`, ..."""
    rows = reversed(table.conductances_s)
    return {f"state_{place}_ohm": [1 / one for one in reversed(row)] for place, row in enumerate(rows, 1)}


def zero_claim(name: str, code: Coded, family: Family, ratios: tuple[float, ...], basis: Basis) -> Claim:
    """Claim e3: every cell at its state's nominal resistance."""
    deviates = study.uniform(code.bits.shape, 0, "cells")
    found = [study.read(code, family(0.0, ratio, 0), deviates) for ratio in ratios]
    worst = max(max(one.soft, one.hard) for one in found)
    wrong = max(one.flipped for one in found)
    return Claim(
        name,
        "no spread, no error of the layer's output",
        "relative error 0, to rounding",
        f"largest relative error {worst:.2g}, bits read wrong {wrong:.2g}, {len(found)} HRS/LRS, both readings",
        "",
        basis,
        worst <= 1e-15 and wrong == 0,
    )


def trend_claim(name: str, grid: Grid, words: tuple[str, str], basis: Basis) -> Claim:
    """Claim e4; words: what the axes of spread and of ratio count."""
    found = study.trends(grid)
    single = "; ".join(f"{what}: {one.single.text()}" for what, one in found.items())
    low, high = (float(grid.soft[:, place, -1].mean()) for place in (0, -1))
    thresholded = "; ".join(
        f"HRS/LRS {one:.3g}: {float(grid.hard[:, place, -1].mean()):.2g}" for place, one in enumerate(grid.axes.ratios)
    )
    return Claim(
        name,
        "relative error rises with the spread and falls with HRS/LRS",
        "every step, strictly, but between errors of zero",
        "; ".join(f"{what}: {one.mean.text()}" for what, one in found.items()),
        "",
        basis,
        all(one.mean.hold for one in found.values()),
        f"{words[0]} {_list(grid.axes.spreads)}; {words[1]} {_list(grid.axes.ratios)}. Judged by the mean of "
        f"{len(grid.soft)} draws; single draws: {single}. At the largest spread the soft error falls from "
        f"{low:.3g} to {high:.3g}; thresholded: {thresholded}. "
        "Thresholded errors are zero where no bit is read wrong; two such neighbours cannot be told apart.",
    )


def group_claim(name: str, code: Coded, cells: dict[str, Callable[[int], Binary]], draws: int, basis: Basis) -> Claim:
    """Claim e5; cells: what makes the bit error rate, in words, -> the cell of a draw."""
    found = {
        words: np.array([study.group_errors(code, of(draw), draw) for draw in range(draws)])
        for words, of in cells.items()
    }
    ratios = {words: pairs[:, 0] / pairs[:, 1] for words, pairs in found.items()}
    return Claim(
        name,
        "wrong bits in sign and exponent hurt far more than those of the mantissa, at the same bit error rate",
        f"at least {FAR_MORE:g} times the relative error, our measure of far",
        "; ".join(
            f"{words}: {pairs[:, 0].mean():.3g} against {pairs[:, 1].mean():.3g}, at least "
            f"{ratios[words].min():.0f} times"
            for words, pairs in found.items()
        ),
        "",
        basis,
        all(bool((one >= FAR_MORE).all()) for one in ratios.values()),
        f"Thresholded, decoded weights limited to -1..1, {draws} draws, each judged. {1 + code.form.exponent_bits} "
        f"bits of sign and exponent, {code.form.mantissa_bits} of the mantissa. Without the limit a wrong exponent "
        "would cost more still.",
    )


def rate_cells() -> dict[str, Callable[[int], Binary]]:
    """The cells of e5."""

    def fixed(spread: float, ratio: float) -> Callable[[int], Binary]:
        return lambda draw: assumed(spread, ratio, draw)

    return {f"spread {spread:g}, HRS/LRS {ratio:g}": fixed(spread, ratio) for spread, ratio in RATES}


def _list(values: tuple[float, ...]) -> str:
    return ", ".join(f"{one:.3g}" for one in values)
