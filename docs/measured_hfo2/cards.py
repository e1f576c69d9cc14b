"""The device cards of the measured HfO2 arrays as text."""

from __future__ import annotations

import textwrap

import numpy as np
from measured_hfo2.statistics import (
    ACTIVATION_EV,
    ENDURANCE_EXPONENT,
    NOTED_CYCLES,
    ONSET_S,
    RELAXED_AT,
    RELAXED_BINS_US,
    STUCK_ABOVE_S,
    WINDOWS_OHM,
    Data,
    bake_growth,
    cycled,
    endurance_cycles,
    modelled_growth,
    read_noise,
    relaxation_table,
    spreads,
    written,
)
from measured_hfo2.text import DOI, PROBABILITIES, kohm, listed, numbers, quantiles, quoted, siemens, sourced

ASSUMED = "growth, bounds, onset and activation of the relaxation; longest, coldest, hottest"
FAR = (
    "anything beyond some hours, an extrapolation from 30 minutes of data; changes above 227 uS and tails beyond one "
    "cell in 24 to 105"
)


def levels_card(data: Data) -> list[str]:
    """The card of four write-verified levels."""
    tables, targets = [], []
    for window in WINDOWS_OHM:
        rows, good = written(data, window)
        g = 1 / rows[good, 4]
        targets.append(float(np.median(g)))
        tables += [f"  - target: {siemens(targets[-1:], 5)[0]}", listed("    conductance: ", quantiles(g))]
    lowest = written(data, WINDOWS_OHM[0])[0]
    stuck = float((1 / lowest[:, 4] > STUCK_ABOVE_S).mean())
    rates = ", ".join(f"{written(data, window)[1].mean():.3f}" for window in WINDOWS_OHM)
    return [
        "# Write-verified four-level cells of two measured HfO2 arrays. Statistics only; docs/derive_measured_hfo2.py",
        "# derives every number from the raw arrays.",
        *labels(
            technology="HfO2, 1T1R",
            figure="array sdr2bpc (chips 1 and 2, 16384 cells a level); relax; ret3bpc",
            fit_range=f"{targets[0] * 1e6:.3g} to {targets[-1] * 1e6:.4g} uS, written with verify; "
            "change over time: 30 min at 80 C",
            assumed=f"{ASSUMED}; exponent of endurance",
            not_claimed="success of every write: of the cells written to the four levels a share of "
            f"{rates} succeeded (lowest conductance first); the failures of the lowest level, mostly at 13 to "
            "140 uS after 21 pulses, are left out; equally spaced levels between the lowest two targets, where nothing "
            "was measured; what relaxed before the first read, whose time is not stated; correlation of cells; the "
            "3-bit cells of the same paper, whose levels near 100 uS spread by 7 uS in the same bake against 18 uS in "
            f"the table used here; {FAR}",
        ),
        *states(targets[-1], targets[0], "median of the successful writes"),
        f"levels: {{value: 4, source: {quoted(f'{DOI}, sdr2bpc: 2 bits a cell')}}}",
        "verified: true",
        *table(tables, "quantiles of the successful writes, both chips"),
        "stuck:",
        f"  lrs: {sourced(f'{stuck:.2g}', 'share of cells above 200 uS after all RESET pulses, sdr2bpc')}",
        f"  hrs: {sourced('0', f'none of {written(data, WINDOWS_OHM[-1])[0].shape[0]} cells failed to reach LRS')}",
        *shared_parts(data),
    ]  # fmt: skip


def binary_card(data: Data) -> list[str]:
    """The card of the binary cell, written by one SET or RESET without verify."""
    tables, medians = [], []
    for state in ("HRS", "LRS"):
        g = 1 / cycled(data, state).ravel()
        medians.append(float(np.median(g)))
        tables += [f"  - target: {siemens(medians[-1:], 5)[0]}", listed("    conductance: ", quantiles(g))]
    said = {s: spreads(cycled(data, s)) for s in ("LRS", "HRS")}
    text = "; ".join(
        f"{s} {v['cycle_typical']:.2f} from cycle to cycle in a typical cell, {v['device_typical']:.2f} between cells"
        for s, v in said.items()
    )
    return [
        "# Binary cells of measured HfO2 arrays, one SET or RESET a write and no verify. Statistics only;",
        "# docs/derive_measured_hfo2.py derives every number from the raw arrays.",
        *textwrap.wrap(f"# Standard deviations of ln R: {text}.", 116, subsequent_indent="# "),
        *labels(
            technology="HfO2, 1T1R",
            figure="array cycling (two runs of 100 cells, 300 cycles each); relax; ret3bpc",
            fit_range="first 300 cycles; change over time: 30 min at 80 C",
            assumed=f"{ASSUMED}; exponent of endurance; no stuck cells beside those in the tables",
            not_claimed="which part of the spread a cell keeps from write to write: the tables pool cells and cycles; "
            "the fall of the HRS median over the 300 cycles, by a third to a half; what relaxed before the first read; "
            f"{FAR}",
        ),
        *states(medians[1], medians[0], "median over cells and cycles"),
        f"levels: {{value: 2, source: {quoted(f'{DOI}, cycling: set and reset')}}}",
        *table(tables, "quantiles over cells and cycles, both runs"),
        *shared_parts(data),
    ]  # fmt: skip


def labels(**texts: str) -> list[str]:
    """The labels of a card."""
    reference = f"RADAR: a programming technique for RRAM arrays, IEEE Trans. Electron Devices, {DOI}"
    known = {
        "technology": texts.pop("technology"),
        "author": "Le et al. (recalled)",
        "year": "2021",
        "reference": reference,
    }
    out = []
    for key, text in (known | texts).items():
        if key == "year":
            out.append(f"year: {text}")
            continue
        lines = textwrap.wrap(f"{key}: {quoted(text)}", 116, subsequent_indent="  ", break_long_words=False)
        out += lines
    return out


def states(lrs_s: float, hrs_s: float, what: str) -> list[str]:
    """Both states in three digits of ohms, rounded towards each other so that the tables reach them."""
    lrs_ohm, hrs_ohm = (1 / float(f"{g:.5g}") for g in (lrs_s, hrs_s))  # as the table prints its targets
    step_l, step_h = (10.0 ** (np.floor(np.log10(x)) - 2) for x in (lrs_ohm, hrs_ohm))
    low, high = np.ceil(lrs_ohm / step_l) * step_l, np.floor(hrs_ohm / step_h) * step_h
    return [f"lrs: {sourced(kohm(low), what)}", f"hrs: {sourced(kohm(high), what)}"]


def table(levels: list[str], what: str) -> list[str]:
    """The quantiles of a card."""
    return whole("quantiles", [f"  probabilities: {numbers(PROBABILITIES)}", "  levels:", *levels], f"{DOI}: {what}")


def whole(key: str, lines: list[str], source: str) -> list[str]:
    """A section whose numbers share one source, but for those that state their own."""
    return [f"{key}:", "  value:", *(f"  {line}" for part in lines for line in part.splitlines()),
            *textwrap.wrap(f"  source: {quoted(source)}", 116, subsequent_indent="    ")]  # fmt: skip


def shared_parts(data: Data) -> list[str]:
    """Read noise, retention and endurance, common to both cards."""
    seen = bake_growth(data)
    onset = (
        f"assumed; with {ACTIVATION_EV} eV the variance grows {modelled_growth(373.15):.2f} times from 80 to 100 C and "
        f"{modelled_growth(393.15):.2f} times to 120 C; measured, 3-bit cells: {seen[2]:.2f} and {seen[3]:.2f}, "
        f"and {seen[4]:.2f}"
    )
    relaxed = f"{DOI}, relax: 1024 cells in 30 min at 80 C, {len(RELAXED_BINS_US) - 1} bins; at 0 from the lowest bin"
    cycles = f"{DOI}, ret3bpc 6 and 7: lowest level before and after {NOTED_CYCLES} cycles, exponent assumed"
    return [
        *long_sourced("read_noise", f"{read_noise(data) * 100:.1f} %", f"{DOI}, ret3bpc: repeated reads, 85 to 240 uS"),
        *whole("retention", _relaxation(data, onset), relaxed),
        "endurance:",
        *long_sourced("  cycles", f"{float(f'{endurance_cycles(data):.2g}'):.0f}", cycles),
        f"  exponent: {{value: {ENDURANCE_EXPONENT}, source: assumed}}",
    ]


def _relaxation(data: Data, onset: str) -> list[str]:
    knots = []
    for knot, after_s, _ in relaxation_table(data):
        knots += [f"  - conductance: {siemens([knot])[0]}", listed("    after: ", siemens(after_s))]
    return [
        "  model: relaxation",
        f"  probabilities: {numbers(RELAXED_AT)}",
        "  knots:",
        *knots,
        "  time: 30 min",
        "  temperature: 80 C",
        *long_sourced("  onset", f"{ONSET_S:g} s", onset),
        *long_sourced("  activation", f"{ACTIVATION_EV} eV", "assumed: 1 to 1.5 eV is usual for oxide RRAM"),
        *long_sourced("  longest", "1 year", "assumed: anything beyond some hours is an extrapolation from 30 minutes"),
        "  coldest: {value: 0 C, source: assumed}",
        *long_sourced("  hottest", "120 C", "hottest bake of the same arrays, notes beside the raw data"),
    ]


def long_sourced(key: str, value: str, source: str) -> list[str]:
    """A sourced number on lines of its own."""
    deeper = " " * (len(key) - len(key.lstrip()) + 2)
    text = textwrap.wrap(f"{deeper}source: {quoted(source)}", 116, subsequent_indent=deeper + "  ")
    return [f"{key}:", f"{deeper}value: {value}", *text]
