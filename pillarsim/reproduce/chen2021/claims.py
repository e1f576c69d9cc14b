"""Claims e1 to e4 and e6 of the row `chen2021`: trends of leakage and read margin, decided on solved arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from pillarsim.report.format import engineering
from pillarsim.reproduce.chen2021.array import Array, Cell, measure
from pillarsim.reproduce.chen2021.trends import COLUMNS, LAYERS, SCHEMES, VOLTS, Grid, Solved, along, trend
from pillarsim.reproduce.claims import Claim
from pillarsim.reproduce.rows import Progress

BASE = Array()  # 8 layers, a row of 64 pillars, 1 V: the middle of the table in docs/reproduce.md
BITS = (1, 2, 4, 8, 16, 32, 64)
CELLS = (Cell(a=0.0), Cell(a=6.0), Cell(a=14.0))  # 1/V: linear, and the two of the table
LRS = (0.1e6, 1e6, 10e6)  # ohm, a decade to either side of the base cell's
RATIOS = (10.0, 1000.0)  # HRS / LRS between which the gain of read margin is measured; our choice
# A gain of read margin below a tenth of the usual criterion (RM of at least 10 %) is none; our choice.
GAIN = 0.01
# Few and many layers: the half-selected cells of the pillar carry a tenth, and ten times, of the selected current.
FEW, MANY = 0.1, 10.0

ALL = range(1, 1 << 30)
ONE = range(1, 2)
VERTICAL = range(2, 1 << 30)  # one layer is no vertical array
Read = Callable[[Solved], float]
MARGINS: dict[str, Read] = {"dI/I": lambda s: s.amplifier.margin_array, "dV/V": lambda s: s.load.margin_volts}
SENSED = "dI/I_LRS"  # of the current into a sense amplifier: the read margin of `array` and `leakage`
ALL_MARGINS: dict[str, Read] = {**MARGINS, SENSED: lambda s: s.amplifier.margin_sense}
LARGEST = 64  # layers of the largest array in the tables of docs/reproduce.md


def leakage_claim(grids: tuple[Grid, Grid]) -> Claim:
    """Claim e1, for the sum over the unselected cells and for what the supplies deliver."""
    found = {}
    for name, axis in (("L", LAYERS), ("P", COLUMNS), ("V", VOLTS)):
        found[f"{name}, cells"] = trend(grids, axis, lambda s: s.amplifier.leak_cells_a, ALL)
        found[f"{name}, supply"] = trend(grids, axis, lambda s: s.amplifier.leak_supply_a, VERTICAL)
    return _claim(
        "e1",
        "leakage rises monotonically with L, P and V",
        "every step rises",
        "; ".join(f"{name}: {one.text(rising=True)}" for name, one in found.items()),
        all(one.rises for one in found.values()),
        "Cells: sum over the unselected cells. Supply: what the line sources deliver beyond the selected current, from "
        "two layers on; under V/3 currents that meet in a line cancel, and one layer's value equals that of two.",
    )


def margin_claim(grids: tuple[Grid, Grid]) -> Claim:
    """Claim e2, for both definitions of the read margin in docs/reproduce.md."""
    rising = {name: trend(grids, VOLTS, read, VERTICAL) for name, read in MARGINS.items()}
    falling = {name: trend(grids, LAYERS, read, ALL) for name, read in MARGINS.items()}
    single = trend(grids, VOLTS, MARGINS["dI/I"], ONE)
    sensed, sensed_one = (trend(grids, VOLTS, ALL_MARGINS[SENSED], layers) for layers in (ALL, ONE))
    sensed_layers = trend(grids, LAYERS, ALL_MARGINS[SENSED], ALL)
    return _claim(
        "e2",
        "read margin rises with V and falls with L",
        "every step does",
        "; ".join(
            [f"V, {name}: {one.text(rising=True)}" for name, one in rising.items()]
            + [f"L, {name}: {one.text(rising=False)}" for name, one in falling.items()]
        ),
        all(one.rises for one in rising.values()) and all(one.falls for one in falling.values()),
        "dI/I = (I_LRS - I_HRS) / (I_sel + I_leak); dV/V: voltage across a load of R_LRS over the read voltage. V "
        "from two layers on. Not so where leakage does not limit the margin, since the select transistor takes part "
        f"of the LRS cell's voltage: with one layer {single.text(rising=True)} in dI/I. The claim is not judged by "
        "rm_i = (I_LRS - I_HRS) / I_LRS of the current into a sense amplifier, which `pillarsim array` and `leakage` "
        f"report: with V, over all layers {sensed.text(rising=True)}, with one layer {sensed_one.text(rising=True)}; "
        f"with L {sensed_layers.text(rising=False)}.",
    )


def bits_claim(progress: Progress) -> tuple[Claim, dict[str, list[float]]]:
    """Claim e3, and leakage a bit (A) against bits."""
    each: dict[str, list[float]] = {}
    for scheme in SCHEMES:
        each[f"{scheme}_a"] = []
        for bits in BITS:
            progress("bits at once", sum(map(len, each.values())), len(SCHEMES) * len(BITS))
            each[f"{scheme}_a"].append(measure(replace(BASE, scheme=scheme, bits=bits)).leak_cells_a / bits)
    found = along(each.values())
    ends = ", ".join(
        f"{name}: {engineering(each[f'{scheme}_a'][0], 'A')} to {engineering(each[f'{scheme}_a'][-1], 'A')}"
        for scheme, name in (("half", "V/2"), ("third", "V/3"))
    )
    claim = _claim(
        "e3",
        "leakage per bit falls with the bits read at once",
        "every step falls",
        f"{found.text(rising=False)}; from 1 to {BITS[-1]} bits, {ends}",
        found.falls,
        f"{_size(BASE)}; under V/2 the floor is (L-1) I(V/2) a bit = "
        f"{engineering((BASE.layers - 1) * BASE.cell.current(BASE.volts / 2), 'A')}.",
    )
    return claim, {"bits": [float(bits) for bits in BITS], **each}


def remedies_claim(grids: tuple[Grid, Grid]) -> Claim:
    """Claim e4."""
    by_cell = {scheme: [_leak(replace(BASE, scheme=scheme, cell=cell)) for cell in CELLS] for scheme in SCHEMES}
    by_lrs = {scheme: [_leak(replace(BASE, scheme=scheme, cell=Cell(r_lrs=ohm))) for ohm in LRS] for scheme in SCHEMES}
    nonlinearity, resistance = along(by_cell.values()), along(by_lrs.values())
    voltage = trend(grids, VOLTS, lambda s: s.amplifier.leak_cells_a, ALL)
    # V/3 pays for self-selective cells, V/2 for others: the choice counts only where each of them wins somewhere.
    weak, strong = (by_cell["third"][place] / by_cell["half"][place] for place in (1, 2))
    names = " -> ".join(f"{cell.nonlinearity(BASE.volts):.0f}" for cell in CELLS)
    return _claim(
        "e4",
        "higher nonlinearity, higher R_LRS, the choice of V/3 or V/2 and lower V reduce leakage",
        "each of the four does",
        f"NL {names}: {nonlinearity.text(rising=False)}; R_LRS 0.1 -> 1 -> 10 MOhm: {resistance.text(rising=False)}; "
        f"V/3 leaks {strong:.3g} of V/2 at NL {CELLS[2].nonlinearity(BASE.volts):.0f} and {weak:.3g} of it at NL "
        f"{CELLS[1].nonlinearity(BASE.volts):.0f}; V: {voltage.text(rising=True)}",
        nonlinearity.falls and resistance.falls and voltage.rises and strong < 1 < weak,
        f"{_size(BASE)}; current at {BASE.volts:g} V kept while NL changes. Which scheme leaks less depends on NL and "
        "size: V/3 spares self-selective cells, V/2 leaves the other pillars' cells without voltage.",
    )


def ratio_claim() -> Claim:
    """Claim e6: few and many layers are where half-selected cells carry a tenth and ten times the selected current."""
    selectivity = BASE.cell.nonlinearity(BASE.volts)
    few, many = 1 + math.floor(FEW * selectivity), 1 + math.ceil(MANY * selectivity)
    margins = {layers: _margins(layers) for layers in (1, few, LARGEST, many)}
    gains = {layers: {name: high - low for name, (low, high) in each.items()} for layers, each in margins.items()}
    too_large = [name for name, gain in gains[LARGEST].items() if gain >= GAIN]
    ratios = ", ".join(f"{high / low:.4g} (L = {layers})" for layers, (low, high) in _sensed(margins, 1, LARGEST, many))
    vanishing = ", ".join(
        f"{100 * high:.3g} % (L = {layers})" for layers, (_, high) in _sensed(margins, 1, LARGEST, many)
    )
    return _claim(
        "e6",
        "read margin is insensitive to HRS/LRS at large L, sensitive at small L",
        f"from HRS/LRS {RATIOS[0]:g} to {RATIOS[1]:g} it gains more than 1 point at few layers, less at many",
        "; ".join(
            f"L = {layers}: " + ", ".join(f"{100 * gain:.2g} ({name})" for name, gain in each.items())
            for layers, each in gains.items()
        )
        + " points",
        insensitive([*gains[1].values(), *gains[few].values()], list(gains[many].values())),
        f"V/2, {BASE.cols} pillars, NL = {selectivity:.1f}. Few and many layers: the pillar's half-selected cells "
        f"carry at most a tenth ({few} layers) and at least ten times ({many} layers) the selected current, the "
        "mechanism named by an independent study (Ewha, dcollection 155680). dI/I_LRS: of the current into a sense "
        f"amplifier. At {LARGEST} layers, the largest of the tables, the same rule would fail by {len(too_large)} of "
        f"{len(ALL_MARGINS)} measures{_named(too_large)}. The relative sensitivity of dI/I_LRS to HRS/LRS does not "
        f"change with L: RM({RATIOS[1]:g})/RM({RATIOS[0]:g}) = {ratios}. The gain in points falls because the margin "
        f"itself vanishes: at HRS/LRS {RATIOS[1]:g} it is {vanishing}.",
    )


def insensitive(few: list[float], many: list[float]) -> bool:
    """Whether every gain of margin at few layers counts and none at many layers does."""
    return min(few) > GAIN > max(many)


Margins = dict[str, tuple[float, float]]


def _margins(layers: int) -> Margins:
    """The read margins at the smaller and at the larger HRS/LRS."""
    low, high = (
        Solved(measure(array), measure(array.loaded()))
        for array in (replace(BASE, layers=layers, cell=Cell(ratio=ratio)) for ratio in RATIOS)
    )
    return {name: (read(low), read(high)) for name, read in ALL_MARGINS.items()}


def _sensed(margins: dict[int, Margins], *layers: int) -> list[tuple[int, tuple[float, float]]]:
    return [(count, margins[count][SENSED]) for count in layers]


def _named(names: list[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def _leak(array: Array) -> float:
    return measure(array).leak_cells_a


def _size(array: Array) -> str:
    return f"{array.layers} layers, {array.pillars} pillars, {array.volts:g} V"


def _claim(name: str, claim: str, paper: str, simulated: str, holds: bool, note: str) -> Claim:
    return Claim(name, claim, paper, simulated, "", "assumed", holds, note)
