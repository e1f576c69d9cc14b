"""Row `chen2021`: cell and circuit against calculations by hand, and decisions that can fail."""

import math
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


def test_bits_share_the_plane() -> None:
    """With k bits the closed form is [(P-k) + k(L-1)] I(V/2)."""
    found = closed.compare(Array(4, 1, 8, bits=3, wires=NO_WIRES))
    assert found[0].closed == near(14 * math.sinh(3) / math.sinh(6) * 1e-6)
    assert max(one.error for one in found) < 1e-12


@pytest.mark.parametrize(
    ("value", "printed", "alike"),
    [
        (1.0926, "1.09", True),
        (1.0951, "1.09", False),
        (0.07685, "0.077", True),
        (74.2, "74", True),
        (75.0, "74", False),
    ],
)
def test_printed_digits(value: float, printed: str, alike: bool) -> None:
    """A value agrees with a printed one within half a unit of its last digit."""
    assert closed.printed_alike(value, printed) is alike


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
