"""Vertical arrays that learn: rank-one phases against closed forms and against the circuit of a memory case."""

from dataclasses import replace

import numpy as np
import pytest

from pillarsim.devices.circuits import solve, solve_write
from pillarsim.devices.synapses.vertical import (
    Flags,
    Floats,
    VerticalArray,
    WiredPhases,
    phase_ideal,
    rate,
    read_ideal,
    read_wired,
)
from tests.near import near

IDEAL = VerticalArray(layers=3, pillars=4, low_s=1e-6, high_s=2e-5, k_per_v=2.0)
WIRED = replace(IDEAL, r_wl=20.0, r_pillar=50.0, r_bl=15.0, r_on=2e3, r_driver=100.0, r_sense=100.0)
V = 1.5


def state(seed: int = 0) -> Floats:
    """Places of the cells at random."""
    return np.random.default_rng(seed).uniform(size=(IDEAL.word_lines, IDEAL.pillars))


def lines(*chosen: int) -> Flags:
    """Word lines by number."""
    return np.isin(np.arange(IDEAL.word_lines), chosen)


def pillars(*chosen: int) -> Flags:
    """Pillars by number."""
    return np.isin(np.arange(IDEAL.pillars), chosen)


def test_ideal_phase_is_rank_one() -> None:
    """Crossings of chosen lines and pillars see V, cells of one of them V/2, all others nothing; by sign of V."""
    for volts in (V, -V):
        phase = phase_ideal(IDEAL, state(), lines(0, 3), pillars(1, 2), volts)
        expected = np.zeros((6, 4))
        expected[[0, 3], :] += volts / 2
        expected[:, [1, 2]] += volts / 2
        np.testing.assert_array_equal(phase.volts, expected)
        assert phase.selected.sum() == 4
        assert phase.disturb_v == V / 2
        cells = IDEAL.conductance_s(state()) * np.sinh(2 * np.abs(expected)) / 2 * np.abs(expected)
        assert phase.selected_w == near(cells[phase.selected].sum(), rel=1e-12)
        assert phase.other_w == near(cells[~phase.selected].sum(), rel=1e-12)
        assert phase.wires_w == 0


def test_no_resistance_is_the_ideal_phase() -> None:
    """The solved phase of an array without resistances is the ideal one."""
    solved = WiredPhases(IDEAL).solve(state(), lines(1, 4, 5), pillars(0), V)
    ideal = phase_ideal(IDEAL, state(), lines(1, 4, 5), pillars(0), V)
    np.testing.assert_allclose(solved.volts, ideal.volts, rtol=0, atol=1e-12)
    assert solved.selected_w == near(ideal.selected_w, rel=1e-12)
    assert solved.other_w == near(ideal.other_w, rel=1e-12)


def test_solved_phase_equals_a_memory_case() -> None:
    """V/2 on lines and -V/2 on a pillar differ from a write in the V/2 scheme by a common voltage alone."""
    x = state(3)
    phase = WiredPhases(WIRED).solve(x, lines(1, 5), pillars(2), V)
    spec = {name: value for name, value in WIRED.spec().items() if name not in ("v_in", "on_rows")}
    written = {"mode": "memory", "scheme": "half", "v": V, "sel_row": 0, "sel_side": 1, "sel_layers": [0, 2]}
    pulse = solve_write({**spec, **written, "sel_cols": [2]}, WIRED.as_cells(WIRED.conductance_s(x)))
    assert phase.selected_w == near(pulse.selected_w, rel=1e-9)
    assert phase.other_w == near(pulse.other_w, rel=1e-9)
    assert phase.wires_w == near(pulse.wires_w, rel=1e-9)
    assert phase.disturb_v == near(pulse.disturb_v, rel=1e-9)


def test_select_transistor_takes_its_part() -> None:
    """One layer, one pillar, nearly linear cells, both lines chosen: a divider of two cells and the transistor."""
    array = VerticalArray(1, 1, 1e-6, 1e-4, k_per_v=1e-4, r_on=5e3)
    x = np.array([[0.25], [1.0]])
    phase = WiredPhases(array).solve(x, np.ones(2, dtype=bool), np.ones(1, dtype=bool), V)
    both = float(array.conductance_s(x).sum())
    np.testing.assert_allclose(phase.volts, V / (1 + 5e3 * both), rtol=1e-7)
    assert phase.disturb_v == 0


@pytest.mark.parametrize("seed", range(4))
def test_disturb_stays_below_half(seed: int) -> None:
    """With wires no cell that is not written sees more than V/2, and no written one more than V."""
    random = np.random.default_rng(seed)
    chosen = random.random(6) < 0.5
    phase = WiredPhases(WIRED).solve(state(seed), chosen, pillars(seed % 4), (-1) ** seed * V)
    assert phase.disturb_v <= V / 2 * (1 + 1e-12)
    assert np.abs(phase.volts[phase.selected]).max(initial=0.0) < V


def test_reads() -> None:
    """Ideal reads are plain sums; with wires they are those of the solver, smaller."""
    x, inputs = state(5), np.array([lines(0, 1, 2), lines(4)])
    ideal = read_ideal(IDEAL, x, inputs, 0.2)
    current = (1e-6 + x * 19e-6) * np.sinh(0.4) / 2
    np.testing.assert_allclose(ideal[0], current[:3].sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(ideal[1], current[4], rtol=1e-12)
    found = read_wired(WIRED, x, inputs, 0.2)
    assert (found < ideal).all()
    spec = {**WIRED.spec(), "v_in": 0.2 * inputs[0].reshape(3, 2)}
    np.testing.assert_allclose(found[0], solve(spec, g=WIRED.as_cells(WIRED.conductance_s(x)))["i_col"], rtol=1e-9)


def test_rate_is_a_ratio_of_sinh() -> None:
    """1 at the write voltage, odd, the ratio of two sinh, and finite where sinh would overflow."""
    volts = np.array([-1.5, -0.75, 0.0, 0.3, 1.5])
    np.testing.assert_allclose(rate(volts, 1.5, 0.15), np.sinh(volts / 0.15) / np.sinh(10.0), rtol=1e-12)
    assert float(rate(0.75, 1.5, 1e-3)) == 0.0
    assert float(rate(1.5, 1.5, 1e-3)) == 1.0
