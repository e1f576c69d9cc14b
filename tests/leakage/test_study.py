"""The points of a leakage study: closed forms, limits of size, trends, and the reference cases."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pillarsim.arch.errors import InputError
from pillarsim.devices.circuits import ConvergenceError
from pillarsim.devices.circuits.cells import read_cell
from pillarsim.leakage import study
from pillarsim.leakage.circuit import nonlinear_cell, own_nonlinearity, point_spec
from pillarsim.leakage.grid import MAX_POINTS, Axes, Point, default_axes, grid
from pillarsim.leakage.read import solve_read
from pillarsim.leakage.source import Source, case_source
from pillarsim.leakage.study import Figures, Outcome, refuse_if_no_point, solve_point, solve_points
from tests.near import near

AMPERE = 1e-6  # of a LRS cell at 1 V
PILLARS = 16


def ideal_spec(a: float, **changes: object) -> dict[str, object]:
    """One row of pillars on planes, no wire resistance, sinh cells of 1 uA at 1 V (papers' closed forms)."""
    slope = AMPERE * a / math.sinh(a)
    return {
        "geometry": "3d", "mode": "memory", "layers": 8, "rows": 1, "cols": PILLARS, "wl": {"type": "plane"},
        "r_wl": 0.0, "r_pillar": 0.0, "r_bl": 0.0, "r_driver": 0.0, "r_sense": 0.0, "r_on": 0.0, "r_off": 1e9,
        "cell": {"model": "sinh", "k": a, "g_lrs": slope, "g_hrs": slope / 100}, "selector": None,
        "scheme": "half", "v": 1.0, "sel_cols": [0], **changes,
    }  # fmt: skip


def wired_spec(**changes: object) -> dict[str, object]:
    """A small array with wires, drivers, sense resistance and select transistors."""
    wires = {"r_wl": 2.5, "r_pillar": 10.0, "r_bl": 2.0, "r_driver": 30.0, "r_sense": 30.0, "r_on": 5e3, "r_off": 1e10}
    return ideal_spec(3.0, **{"layers": 4, "rows": 6, "cols": 6, **wires, **changes})


def figures(spec: dict[str, object], **axes: object) -> Figures:
    """The figures of a point that has the spec's own values but for `axes`."""
    source = case_source("test", spec)
    (point,) = grid(source, Axes())
    outcome = solve_point(source, "all_lrs", 0, replace(point, **axes))  # type: ignore[arg-type]
    assert outcome.figures is not None, outcome.error
    return outcome.figures


@pytest.mark.parametrize("a", [6.0, 14.0])
@pytest.mark.parametrize("layers", [2, 4, 8, 32])
@pytest.mark.parametrize("bits", [1, 4, PILLARS])
def test_half_scheme_closed_form(a: float, layers: int, bits: int) -> None:
    """Without wires, V/2 leaks (P - k) cells of the plane and k (L - 1) of the pillars at V/2, the bits share it."""
    found = figures(ideal_spec(a), layers=layers, bits=bits)
    cell = AMPERE * math.sinh(a / 2) / math.sinh(a)
    leak = ((PILLARS - bits) + bits * (layers - 1)) * cell
    assert found.i_leak_a == near(leak, rel=1e-9)
    assert found.leakage_per_bit_a == near(leak / bits, rel=1e-9)
    # the bit lines that are read collect only the cells of their own pillars
    assert found.i_sense_leak_a == near(bits * (layers - 1) * cell, rel=1e-9)
    assert found.i_sel_lrs_a == near(bits * AMPERE, rel=1e-9)
    # a cell of the plane takes V - V/2, one of a pillar V/2 - 0
    assert found.leakage_power_w == near(leak * 0.5, rel=1e-9)
    assert found.power_w == near(leak * 0.5 + bits * AMPERE, rel=1e-9)
    margin = (1 - 1 / 100) * AMPERE / (AMPERE + (layers - 1) * cell)
    assert found.read_margin == near(margin, rel=1e-9)
    assert found.disturb_v == near(0.5, rel=1e-9)
    assert found.disturb_fraction == near(0.5, rel=1e-9)
    assert found.read_margin_v is None


@pytest.mark.parametrize("layers", [2, 4, 8, 32])
def test_third_scheme_closed_form(layers: int) -> None:
    """Without wires, V/3 leaks (L - 1)(P - 1) I(V/3): currents through a line that is not selected cancel in it."""
    found = figures(ideal_spec(6.0), layers=layers, scheme="third")
    cell = AMPERE * math.sinh(2.0) / math.sinh(6.0)
    assert found.i_leak_a == near((layers - 1) * (PILLARS - 1) * cell, rel=1e-9)
    assert found.i_sense_leak_a == near((layers - 1) * cell, rel=1e-9)
    assert found.disturb_v == near(1 / 3, rel=1e-9)
    # every unselected cell sees V/3: L - 1 of the pillar, P - 1 of the plane, (L - 1)(P - 1) others
    cells = (layers - 1) + (PILLARS - 1) + (layers - 1) * (PILLARS - 1)
    assert found.leakage_power_w == near(cells * cell / 3, rel=1e-9)


def test_grounded_scheme_closed_form() -> None:
    """Grounded lines leave the plane's cells at the full V, and nothing else leaks."""
    found = figures(ideal_spec(6.0), scheme="ground")
    assert found.i_leak_a == near((PILLARS - 1) * AMPERE, rel=1e-9)
    assert abs(found.i_sense_leak_a) < 1e-18
    assert found.disturb_fraction == near(1.0, rel=1e-9)


@pytest.mark.parametrize("scheme", ["half", "third", "ground"])
def test_one_cell_leaks_nothing(scheme: str) -> None:
    """One layer and one pillar have no unselected cell: no leakage, no disturb, the cell's own margin."""
    found = figures(wired_spec(), layers=1, rows=1, columns=1, scheme=scheme)
    assert found.i_leak_a == pytest.approx(0, abs=1e-20)
    assert found.i_sense_leak_a == pytest.approx(0, abs=1e-20)
    assert found.leakage_power_w == pytest.approx(0, abs=1e-20)
    assert found.disturb_v is None
    assert found.disturb_fraction is None
    assert found.read_margin == pytest.approx(0.99, abs=2e-3)  # series resistances of 5 kOhm against 1 MOhm


def test_trends() -> None:
    """Leakage rises with layers, pillars and voltage; margin falls with layers and rises with voltage."""
    spec = wired_spec()
    by_layers = [figures(spec, layers=layers) for layers in (1, 2, 4, 8)]
    by_size = [figures(spec, rows=side, columns=side) for side in (2, 4, 8)]
    by_voltage = [figures(spec, voltage_v=volts) for volts in (0.25, 0.5, 1.0, 1.5)]
    by_bits = [figures(spec, bits=bits) for bits in (1, 2, 3, 6)]
    by_bend = [figures(spec, nonlinearity=bend) for bend in (2.0, 10.0, 100.0)]
    for series in (by_layers, by_size, by_voltage):
        assert all(one.i_leak_a < other.i_leak_a for one, other in pairwise(series))
        assert all(one.power_w < other.power_w for one, other in pairwise(series))
    assert all(_margin(one) > _margin(other) for one, other in pairwise(by_layers))
    assert all(_margin(one) < _margin(other) for one, other in pairwise(by_voltage))
    assert all(one.leakage_per_bit_a > other.leakage_per_bit_a for one, other in pairwise(by_bits))
    assert all(one.i_leak_a > other.i_leak_a for one, other in pairwise(by_bend))


def test_margin_as_a_voltage() -> None:
    """Where there is a sense resistance, its voltage difference a bit, over V, is reported too."""
    found = figures(wired_spec(), bits=2, voltage_v=0.5)
    assert found.read_margin_v == near(30 * (found.i_sense_lrs_a - found.i_sense_hrs_a) / 2 / 0.5)


@pytest.mark.parametrize("bend", [2.0, 5.0, 1000.0])
def test_nonlinearity_keeps_the_currents(bend: float) -> None:
    """The cell of a nonlinearity has I(V)/I(V/2) = NL and both states' currents of the array's own cell at V."""
    spec, volts = wired_spec(), 0.7
    cell = read_cell({"cell": nonlinear_cell(spec, volts, bend)})
    for conductance, own in ((cell.g_lrs, "g_lrs"), (cell.g_hrs, "g_hrs")):
        whole, half = cell.law.current(np.array([volts, volts / 2]), np.full(2, conductance))[0]
        assert whole / half == near(bend, rel=1e-12)
        slope = spec["cell"][own]  # type: ignore[index]
        assert whole == near(slope * math.sinh(3 * volts) / 3, rel=1e-12)
    assert own_nonlinearity(spec, volts) == near(2 * math.cosh(3 * volts / 2), rel=1e-12)


def test_nonlinearity_is_the_same_cell_at_every_voltage() -> None:
    """The nonlinearity holds at the array's own voltage: other voltages read the same cell."""
    source = case_source("test", wired_spec())
    points = grid(source, Axes(voltages=(0.5, 1.0), nonlinearities=(10.0,)))
    one, other = (point_spec(source, point, "all_lrs", 0)["cell"] for point in points)
    assert one == other
    assert one["k"] == near(2 * math.acosh(5.0))


def test_reference_cases(shared: Path) -> None:
    """Reference cases that select the farthest cells with all others LRS give ngspice's currents."""
    compared = 0
    for path in sorted((shared / "spice" / "cases").glob("*m*.json")):
        case = json.loads(path.read_text("utf-8"))
        spec, results = case["spec"], case["results"]
        if spec["mode"] != "memory" or spec["pattern"]["kind"] != "all_lrs" or spec["v"] < 0 or _cells(spec) > 5000:
            continue
        source = case_source(spec["id"], spec)
        (point,) = grid(source, Axes())
        ours = point_spec(source, point, "all_lrs", 0)
        if any(ours.get(key) != spec[key] for key in ("sel_rows", "sel_row", "sel_cols", "sel_layers") if key in spec):
            continue
        found = solve_point(source, "all_lrs", 0, point).figures
        assert found is not None
        assert found.i_leak_a == near(results["sel_lrs"]["i_leak"], rel=1e-6), path.name
        assert found.read_margin == near(results["margin"]["rm_i"], rel=1e-6), path.name
        runs = (results["sel_lrs"], results["sel_hrs"])
        assert found.disturb_v == near(max(run["v_disturb_max"] for run in runs), rel=1e-6), path.name
        compared += 1
    assert compared >= 3


def test_patterns() -> None:
    """All cells LRS is the worst of the patterns; random states follow the seed."""
    source = case_source("test", wired_spec())
    (point,) = grid(source, Axes())
    found = {
        (pattern, seed): solve_point(source, pattern, seed, point).figures
        for pattern, seed in (("all_lrs", 0), ("checker", 0), ("random", 0), ("random", 1))
    }
    leaks = {key: one.i_leak_a for key, one in found.items() if one is not None}
    assert leaks["all_lrs", 0] > max(leaks["checker", 0], leaks["random", 0], leaks["random", 1])
    assert leaks["random", 0] != leaks["random", 1]


def test_planar_selection() -> None:
    """A planar array reads the first row, whose columns are the longest, and the last columns."""
    spec = {
        "geometry": "2d", "mode": "memory", "rows": 5, "cols": 4, "r_row": 5.0, "r_col": 5.0, "r_driver": 10.0,
        "r_sense": 10.0, "cell": {"model": "linear", "g_lrs": 1e-4, "g_hrs": 1e-6}, "scheme": "half", "v": 0.2,
    }  # fmt: skip
    source = case_source("test", spec)
    (point,) = grid(source, Axes(bits=(2,)))
    made = point_spec(source, point, "checker", 0)
    assert (made["sel_rows"], made["sel_cols"]) == ([0], [2, 3])
    assert point.layers is None
    assert default_axes(source).sizes == [(5, 4)]
    with pytest.raises(InputError, match=r"--layers: test is planar"):
        grid(source, Axes(layers=(1,)))


def test_threads_do_not_change_results() -> None:
    """The outcomes stand in the order of the points and are the same on one and on three threads."""
    source = case_source("test", wired_spec())
    points = grid(source, Axes(layers=(1, 2, 3), voltages=(0.5, 1.0), schemes=("half", "float")))
    calls: list[tuple[int, int]] = []
    one = solve_points(source, points, "all_lrs", 0, 1, lambda done, total: calls.append((done, total)))
    assert one == solve_points(source, points, "all_lrs", 0, 3, lambda done, total: None)
    assert [outcome.point for outcome in one] == points
    assert calls == [(number, 12) for number in range(1, 13)]


def test_grid_refuses() -> None:
    """Too many points, too many bits, too large arrays and a nonlinearity beside a selector are refused."""
    source = case_source("test", wired_spec())
    with pytest.raises(InputError, match=r"2001 combinations: expected at most 2000"):
        grid(source, Axes(layers=range(1, MAX_POINTS + 2)))
    with pytest.raises(InputError, match=r"--bits: 7 bits at once need as many columns, found 6"):
        grid(source, Axes(bits=(1, 7)))
    own = case_source("test", wired_spec(sel_cols=[0, 1, 2]))
    with pytest.raises(InputError, match=r"--pillars: the 3 columns that test selects are 3 bits .* found 2; --bits"):
        grid(own, Axes(sizes=((2, 2),)))
    assert [point.bits for point in grid(own, Axes(sizes=((2, 2),), bits=(2,)))] == [2]
    with pytest.raises(InputError, match=r"sel_cols: the 3 columns that test selects are 3 bits .* found 2"):
        grid(case_source("test", wired_spec(cols=2, sel_cols=[0, 1, 2])), Axes(layers=(1,)))
    with pytest.raises(InputError, match=r"expected at most 1000000 cells"):
        grid(source, Axes(layers=(1000,), sizes=((64, 64),)))
    selector = {"model": "exp", "g0": 1e-6, "ks": 5.0}
    with pytest.raises(InputError, match=r"--nonlinearity: .* selector"):
        grid(case_source("test", wired_spec(selector=selector)), Axes(nonlinearities=(10.0,)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "compute"}, r"test: mode: expected 'memory'"),
        ({"v": -1.0}, r"test: v: expected a voltage above 0, found -1.0"),
        ({"scheme": "quarter"}, r"test: scheme: expected one of half, third, ground, float"),
        ({"rows": 0}, r"test: rows: expected a whole number of at least 1"),
        ({"cell": {"model": "linear"}}, r"test: cell: expected g_lrs and g_hrs"),
    ],
)
def test_cases_that_are_refused(changes: dict[str, object], message: str) -> None:
    """A case that is no read or write at a positive voltage is refused with its key."""
    with pytest.raises(InputError, match=message):
        case_source("test", wired_spec(**changes))


def test_faulty_array_is_bad_input() -> None:
    """An array that the circuit refuses at every point is bad input; one point that fails is a result."""
    source = case_source("test", ideal_spec(3.0, r_pillar=-1.0))
    points = grid(source, Axes(layers=(1, 2)))
    outcomes = solve_points(source, points, "all_lrs", 0, 1, lambda done, total: None)
    with pytest.raises(InputError, match=r"test: r_pillar: expected a resistance of 0 ohm or more"):
        refuse_if_no_point(source, outcomes)
    refuse_if_no_point(source, [Outcome(points[0], None, "no operating point", converges=False)])


def test_point_that_does_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A point that does not converge has its reason and no figures; the others are solved."""
    source = case_source("test", wired_spec())

    def failing(spec: dict[str, object]) -> object:
        if spec["layers"] == 2:
            raise ConvergenceError("no operating point: node p(0, 0, 0)")
        return solve_read(spec)

    monkeypatch.setattr(study, "solve_read", failing)
    outcomes = solve_points(source, grid(source, Axes(layers=(1, 2, 3))), "all_lrs", 0, 2, lambda done, total: None)
    assert [outcome.error for outcome in outcomes] == [None, "no operating point: node p(0, 0, 0)", None]
    assert [outcome.figures is None for outcome in outcomes] == [False, True, False]
    assert not outcomes[1].converges


def test_an_interrupt_stops_the_study() -> None:
    """Ctrl-C in the progress callback ends the study and cancels what has not started."""
    source = case_source("test", wired_spec())
    points = grid(source, Axes(voltages=[0.1 + 0.01 * number for number in range(50)]))
    solved: list[Point] = []

    def stop(done: int, total: int) -> None:
        solved.append(points[done - 1])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve_points(source, points, "all_lrs", 0, 1, stop)
    assert solved == points[:1]


def _margin(found: Figures) -> float:
    assert found.read_margin is not None
    return found.read_margin


def _cells(spec: dict[str, int]) -> int:
    return spec.get("layers", 1) * spec["rows"] * spec["cols"]


def test_default_axes_of_a_vertical_array() -> None:
    """With no list given, layers and voltages around the array's own are studied."""
    source: Source = case_source("test", wired_spec(v=0.4))
    axes = default_axes(source)
    assert axes.layers[:3] == (1, 2, 4)
    assert axes.voltages == near([0.2, 0.4, 0.6])
    assert not axes.sizes
