"""Row `chen2021`: cell and circuit against calculations by hand, and decisions that can fail."""

import math
import re
from dataclasses import replace
from functools import partial

import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.devices import solve
from pillarsim.reproduce.chen2021 import claims, closed, trends
from pillarsim.reproduce.chen2021.array import NO_WIRES, Array, Cell, Point, Wires, measure
from pillarsim.reproduce.chen2021.trends import LAYERS, VOLTS, Axes, Solved, along, solve_grid, trend
from tests.near import near

SMALL = Array(layers=3, rows=2, cols=4)


def quiet(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def test_cell_has_its_stated_resistance_and_nonlinearity() -> None:
    """1 MOhm at 1 V, I(V)/I(V/2) of 20.1 and 1097; the spec's cell carries the same current; a = 0 is linear."""
    for a, nonlinearity in ((6.0, 20.1), (14.0, 1097.0), (0.0, 2.0)):
        cell = Cell(a=a)
        assert cell.current(1.0) == near(1e-6)
        assert cell.current(1.0) / cell.current(0.5) == near(nonlinearity, rel=2e-3)
        assert cell.nonlinearity(1.0) == near(cell.current(1.0) / cell.current(0.5))
        spec = cell.spec()
        slope = math.sinh(0.7 * a) / a if a else 0.7
        assert spec["g_lrs"] * slope == near(cell.current(0.7))
        assert spec["g_lrs"] / spec["g_hrs"] == near(17)


def test_wires_are_those_of_the_preset() -> None:
    """The stated resistances are the preset's."""
    found, wires = load_chip("vrram_finger_8layer").chip.array.resistance, Wires()
    assert (found.pillar_segment, found.word_line_segment, found.bit_line_segment, found.select_on) == (
        wires.r_pillar,
        wires.r_wl,
        wires.r_bl,
        wires.r_on,
    )
    assert (found.driver, found.sense) == (wires.r_driver, wires.r_sense)


def test_point_agrees_with_the_solver() -> None:
    """Supply leakage, selected current and margins are the solver's results; dV/V is across the load."""
    point, loaded = measure(SMALL), measure(SMALL.loaded())
    found = solve(SMALL.spec())
    low, high = found["sel_lrs"], found["sel_hrs"]
    assert point.leak_supply_a == near(low["i_leak"])
    assert point.selected_a == near(low["i_sel_sum"])
    assert point.margin_sense == near(found["margin"]["rm_i"])
    expected = (low["i_sel_sum"] - high["i_sel_sum"]) / (low["i_sel_sum"] + point.leak_cells_a)
    assert point.margin_array == near(expected)
    across = [1e6 * solve(SMALL.loaded().spec())[run]["i_sense"] for run in ("sel_lrs", "sel_hrs")]
    assert loaded.margin_volts == near(across[0] - across[1])


def test_leakage_of_a_tiny_array_by_hand() -> None:
    """2 layers x 3 pillars, ideal: V/2 leaks 3 I(V/2); V/3 leaks 5 I(V/3) in cells, 2 I(V/3) from the supplies."""
    half = measure(Array(2, 1, 3, wires=NO_WIRES))
    third = measure(Array(2, 1, 3, scheme="third", wires=NO_WIRES))
    i_half, i_third = math.sinh(3) / math.sinh(6) * 1e-6, math.sinh(2) / math.sinh(6) * 1e-6
    assert half.leak_cells_a == near(3 * i_half)
    assert half.leak_supply_a == near(3 * i_half)
    assert third.leak_cells_a == near(5 * i_third)
    assert third.leak_supply_a == near(2 * i_third)


@pytest.mark.parametrize("scheme", ["half", "third"])
def test_closed_forms_need_ideal_wires(scheme: str) -> None:
    """The closed forms are exact at zero resistance, and the comparison sees the preset's wires."""
    ideal = Array(8, 1, 16, scheme=scheme, wires=NO_WIRES)
    assert max(one.error for one in closed.compare(ideal)) < 1e-12
    wired = replace(ideal, wires=Wires(), cell=Cell(r_lrs=1e4))
    assert max(one.error for one in closed.compare(wired)) > 0.01


@pytest.mark.parametrize(("layers", "pillars", "cells"), [(1, 4, 3), (4, 1, 3), (2, 2, 1), (3, 5, 8)])
def test_supply_leakage_of_the_third_scheme(layers: int, pillars: int, cells: int) -> None:
    """V/3 leaks (L-1)(P-1) I(V/3) from two layers and two pillars on; one layer leaks P-1, one pillar L-1 of them."""
    found = closed.compare(Array(layers, 1, pillars, scheme="third", wires=NO_WIRES))
    assert found[1].closed == near(cells * math.sinh(2) / math.sinh(6) * 1e-6)
    assert max(one.error for one in found) < 1e-12


def test_bits_share_the_plane() -> None:
    """With k bits the closed form is [(P-k) + k(L-1)] I(V/2)."""
    found = closed.compare(Array(4, 1, 8, bits=3, wires=NO_WIRES))
    assert found[0].closed == near(14 * math.sinh(3) / math.sinh(6) * 1e-6)
    assert max(one.error for one in found) < 1e-12


@pytest.mark.parametrize(
    ("value", "printed", "note"),
    [
        (1.0926, "1.09", ""),
        (1.0951, "1.09", "1.1 is printed as 1.09"),
        (1.1001, "1.09", "1.1, not 1.09"),
        (0.0769, "0.076", "0.0769 is printed as 0.076"),
        (0.0771, "0.076", "0.0771, not 0.076"),
        (74.4, "74", ""),
        (75.2, "74", "75.2, not 74"),
    ],
)
def test_printed_digits(value: float, printed: str, note: str) -> None:
    """A value agrees with a printed one within one unit of its last digit; one that rounds differently is named."""
    claim = closed._table("d0", "values", [closed.Entry(value, printed)])
    assert claim.holds is ("not" not in note)
    assert claim.note == note


def test_the_value_that_the_source_cuts_off() -> None:
    """Signal over leakage at 1 V is 10.07 / 131 = 0.0769, within one unit of the printed 0.076, and is named."""
    half, full = (math.sinh(6 * volts) / math.sinh(3) for volts in (0.5, 1.0))
    assert closed._VOLTS[1][2] == "0.076"
    note = closed.table_claims()[2].note
    assert note == "10.07 / 131 = 0.0769 is printed as 0.076"
    assert f"{full / 262 / half:.4f}" == "0.0769"  # 255 cells of the plane and 7 of the pillar at V/2


def test_a_wrong_cell_fails_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables hold for the stated cell and fail, with the values named, for another one."""
    monkeypatch.setattr(closed, "_TABLE", closed._TABLE[:3])
    assert [claim.holds for claim in closed.table_claims()] == [True, True, True]
    monkeypatch.setattr(closed, "_HALF_VOLT", Cell(a=5.9, stated_v=0.5))
    wrong = closed.table_claims()[2]
    assert wrong.holds is False
    assert "not 27.8" in wrong.note


def test_trends_compare_neighbours_only() -> None:
    """Steps run along one quantity with the others fixed, in its order, and within the layers asked for."""

    def made(leak: float) -> Solved:
        point = Point(leak, leak, 1.0, 1.0, 1.0, 1.0)
        return Solved(point, point)

    grid = {("half", layers, 8, volts): made(layers * volts) for layers in (4, 1, 2) for volts in (1.5, 1.0)}
    leak = partial(trend, [grid], value=lambda s: s.amplifier.leak_cells_a)
    assert leak(LAYERS, layers=range(1, 9)).ratios == (2.0,) * 4
    assert leak(VOLTS, layers=range(2, 9)).ratios == (1.5,) * 2
    assert len(trend([grid, grid], LAYERS, lambda s: s.load.leak_cells_a, range(1, 9)).ratios) == 8


def test_trends_are_strict() -> None:
    """An equal step neither rises nor falls, one wrong step decides, and no step proves nothing."""
    assert along([[1.0, 2.0, 3.0]]).rises
    assert not along([[1.0, 2.0, 2.0]]).rises
    assert not along([[3.0, 2.0, 2.0]]).falls
    assert not along([[1.0, 2.0], [2.0, 1.9]]).rises
    assert not along([[1.0]]).rises
    assert not along([]).falls
    assert along([[1.0, 1.01, 2.0, 1.98]]).text(rising=True) == "2 of 3 steps rise (least -1 %)"


def test_grid_claims_can_fail() -> None:
    """Claims e1 and e2 hold on a small solved grid; with one point spoiled each of them fails."""
    axes = Axes((1, 2, 4), (4, 8), (0.5, 1.0))
    line, square = solve_grid(axes, False, quiet), solve_grid(Axes((1, 2), (2, 3), (0.5, 1.0)), True, quiet)
    assert claims.leakage_claim((line, square)).holds
    assert claims.margin_claim((line, square)).holds
    key = ("third", 2, 3, 1.0)
    spoiled = replace(square[key].amplifier, leak_cells_a=0.0, margin_array=0.99)
    broken = {**square, key: Solved(spoiled, square[key].load)}
    assert not claims.leakage_claim((line, broken)).holds
    assert not claims.margin_claim((line, broken)).holds


def test_note_of_e2_counts_the_sensed_current() -> None:
    """The note gives the steps of (I_LRS - I_HRS) / I_LRS over all layers and with one, which do not decide."""

    def made(sensed: float) -> Solved:
        point = Point(1.0, 1.0, 1.0, 1.0, 1.0, sensed)
        return Solved(point, point)

    sensed = {(1, 0.5): 0.9, (1, 1.0): 0.8, (2, 0.5): 0.5, (2, 1.0): 0.6}
    grid = {("half", layers, 4, volts): made(value) for (layers, volts), value in sensed.items()}
    note = claims.margin_claim((grid, {})).note
    assert "over all layers 1 of 2 steps rise (least -11 %), with one layer 0 of 1 steps rise" in note
    assert "with L 2 of 2 steps fall (least -25 %)" in note


def test_note_of_e6_says_what_64_layers_show() -> None:
    """64 layers would fail by two of three measures; RM(1000)/RM(10) stays within 0.1 % of its value at one layer."""
    claim = claims.ratio_claim()
    assert claim.holds
    assert "would fail by 2 of 3 measures (dI/I, dI/I_LRS)" in claim.note
    assert "Ewha, dcollection 155680" in claim.note
    ratios = [float(text) for text in re.findall(r"([\d.]+) \(L = \d+\)[,.]", claim.note.partition(" = ")[2])][:3]
    assert ratios == pytest.approx([0.999 / 0.9] * 3, rel=3e-3)  # (1 - 1/1000) / (1 - 1/10), but for the transistor
    assert ratios == pytest.approx(ratios[:1] * 3, rel=1e-3)


def test_sensitivity_to_the_ratio_is_decided_both_ways() -> None:
    """e6 fails when a gain at few layers is too small as well as when one at many layers is too large."""
    assert claims.insensitive([0.02, 0.1], [0.005, 0.001])
    assert not claims.insensitive([0.02, 0.005], [0.005])
    assert not claims.insensitive([0.02], [0.005, 0.02])


def test_off_rows_are_part_of_a_square() -> None:
    """A square of pillars leaks more than its selected row alone: the other rows' pillars float."""
    row, square = measure(Array(4, 1, 4)), measure(Array(4, 4, 4))
    assert square.leak_supply_a > row.leak_supply_a * 1.05


def test_quick_axes_are_a_part_of_the_full_ones() -> None:
    """The quick run takes points of the full run away and adds none, and keeps those that are drawn."""
    for quick, full in ((trends.QUICK_LINE, trends.LINE), (trends.QUICK_SQUARE, trends.SQUARE)):
        assert set(quick.layers) <= set(full.layers)
        assert set(quick.columns) <= set(full.columns)
        assert set(quick.volts) <= set(full.volts)
    assert 64 in trends.QUICK_LINE.columns
    assert 1.0 in trends.QUICK_LINE.volts
