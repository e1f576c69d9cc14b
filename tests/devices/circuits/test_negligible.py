"""Resistances too small to matter give what 0 ohm gives; those that matter are kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pillarsim.devices import effective_matrix, solve
from pillarsim.devices.circuits import solve_reads, solve_write
from pillarsim.devices.circuits.bias import read_compute_bias, read_memory_bias
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.cells import Linear, Sinh
from pillarsim.devices.circuits.effective import transfer
from pillarsim.devices.circuits.layout import cell_shape, row_shape
from pillarsim.devices.circuits.negligible import negligible_ohm
from pillarsim.devices.circuits.netlist import netlist
from tests.devices.circuits.builders import (
    EXP,
    LINEAR,
    SINH,
    THRESHOLD,
    Spec,
    conductances,
    memory,
    planar,
    vertical,
)
from tests.devices.circuits.exact import exact_transfer

SEGMENTS = ("r_row", "r_col", "r_wl", "r_pillar", "r_bl")
TINY = [10.0**-power for power in (*range(5, 22, 2), 300, 320)]
MIXED_3D = ("r_wl", "r_pillar", "r_bl", "r_driver", "r_sense", "r_on")


def segments(ohm: float) -> Spec:
    return dict.fromkeys(SEGMENTS, ohm)


def figures(spec: Spec) -> NDArray[np.float64]:
    """What a memory case reports of both runs."""
    found = solve(spec)
    return np.array(
        [found[run][key] for run in ("sel_lrs", "sel_hrs") for key in ("i_sense", "i_leak", "power", "v_disturb_max")]
    )


READS: dict[str, tuple[Spec, float]] = {
    "plane": (memory(vertical(2, 2, 2, "plane", cell=SINH, r_driver=10.0, r_sense=10.0, r_on=1e3)), 1e-4),
    "comb2 float": (memory(vertical(2, 3, 3, "comb2", cell=SINH, selector=EXP), "float"), 1e-4),
    "small": (memory(planar(3, 3)), 1e-6),
    "linear": (memory(planar(32, 32)), 1e-8),
    "threshold": (memory(planar(6, 6, cell=SINH, selector=THRESHOLD, r_driver=1e5, r_sense=1e5)), 1e-5),
    # Behind drivers of 1e5 ohm no cell carries the current that its law has at 2 V, if that is finite at all.
    "steep": (memory(planar(6, 6, cell=SINH | {"k": 20.0}, r_driver=1e5, r_sense=1e5), v=2.0), 1e-5),
    "overflowing": (memory(planar(3, 3, cell=SINH | {"k": 1e3}, r_driver=1e5, r_sense=1e5), v=2.0), 1e-5),
}


@pytest.mark.parametrize("name", READS)
def test_tiny_segments_of_a_read_are_shorts(name: str) -> None:
    """Down to the smallest number of double precision, a read is that of ideal segments within 1e-7."""
    spec, largest = READS[name]
    expected = figures(spec | segments(0.0))
    for ohm in (one for one in TINY if one <= largest):
        np.testing.assert_allclose(figures(spec | segments(ohm)), expected, rtol=1e-7, err_msg=f"{ohm} ohm")


def test_deviation_is_proportional_to_the_resistance() -> None:
    """A segment that is not negligible keeps its effect: it shrinks in step with the resistance, to 1e-9."""
    spec = memory(planar(12, 12, cell=SINH))
    ideal = figures(spec | segments(0.0))
    slope = (figures(spec | segments(1e-2)) / ideal - 1) / 1e-2
    for ohm in (1e-3, 1e-4):
        found = figures(spec | segments(ohm)) / ideal - 1
        np.testing.assert_allclose(found, slope * ohm, rtol=0, atol=1e-9)
        assert np.abs(found).max() > 1e-8


@pytest.mark.parametrize("wl", ["plane", "comb"])
def test_tiny_segments_of_a_matrix_are_shorts(wl: str) -> None:
    """The matrix of a factorised array goes over to that of ideal segments without a gap."""
    spec, g = vertical(4, 4, 4, wl), conductances(4, 4, 4)
    expected = effective_matrix(spec | segments(0.0), g)
    slope = (effective_matrix(spec | segments(1e-1), g) - expected) / 1e-1
    for power in range(3, 21):
        ohm = 10.0**-power
        found = effective_matrix(spec | segments(ohm), g) - expected
        np.testing.assert_allclose(found, slope * ohm, rtol=0, atol=1e-8 * expected.max(), err_msg=f"{ohm} ohm")


def test_stack_with_different_limits() -> None:
    """What is negligible follows from each array alone, so a stack changes nothing."""
    spec = vertical(2, 2, 2, "plane") | segments(1e-6)
    stack = np.array([conductances(2, 2, 2) * scale for scale in (1e-3, 1.0, 1e3)])
    alone = np.array([effective_matrix(spec, g) for g in stack])
    np.testing.assert_array_equal(effective_matrix(spec, stack), alone)


@pytest.mark.parametrize("wl", ["plane", "comb", "comb2"])
def test_mixed_resistances_equal_rational_arithmetic(wl: str) -> None:
    """Resistances drawn over 16 decades give the matrix of the circuit as written, solved without rounding."""
    rng = np.random.default_rng(0)
    for _ in range(6):
        spec = vertical(2, 2, 2, wl, on_rows=[1]) | dict(zip(MIXED_3D, 10 ** rng.uniform(-12, 4, 6), strict=True))
        g = 10 ** rng.uniform(-8, -3, cell_shape(spec))
        exact = exact_transfer(circuit_of(spec, read_compute_bias(spec, np.zeros(row_shape(spec)))), g.ravel())
        np.testing.assert_allclose(effective_matrix(spec, g), exact, rtol=0, atol=1e-8 * exact.max())


def test_mixed_resistances_equal_the_elimination() -> None:
    """Reads and the factorised matrix agree with the elimination, which takes any resistance."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        keys = ("r_row", "r_col", "r_driver", "r_sense")
        spec = planar(12, 12) | dict(zip(keys, 10 ** rng.uniform(-12, 4, 4), strict=True))
        g, v_in = 10 ** rng.uniform(-8, -3, (12, 12)), rng.uniform(0.1, 0.3, (2, 12))
        matrix = effective_matrix(spec, g)
        bias = read_compute_bias(spec, np.zeros(12))
        circuit = circuit_of(spec, bias, negligible_ohm(spec, Linear(), g, bias, 1.0))
        np.testing.assert_allclose(transfer(circuit, g.ravel()), matrix, rtol=0, atol=1e-7 * matrix.max())
        expected = v_in @ matrix
        found = solve_reads(spec, g, v_in).i_col
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * expected.max())
        alone = solve(spec | {"v_in": v_in[0]}, g=g)["i_col"]
        np.testing.assert_allclose(alone, expected[0], rtol=0, atol=1e-7 * expected.max())


def parts_of_reads(spec: Spec, g: NDArray[np.float64]) -> NDArray[np.float64]:
    reads = solve_reads(spec, g, [[0.1, 0.2, 0.0], [0.3, 0.0, 0.0]])
    return np.concatenate([reads.i_col.ravel(), reads.i_in.ravel(), reads.signal_w, reads.sneak_w, reads.wires_w])


def parts_of_a_write(spec: Spec, g: NDArray[np.float64]) -> NDArray[np.float64]:
    pulse = solve_write(memory(spec, "third", v=2.0), g)
    return np.array([pulse.selected_w, pulse.other_w, pulse.wires_w, pulse.disturb_v])


@pytest.mark.parametrize("parts", [parts_of_reads, parts_of_a_write])
def test_tiny_segments_of_reads_and_writes(parts: Callable[[Spec, NDArray[np.float64]], NDArray[np.float64]]) -> None:
    """Batches of reads and write pulses take tiny segments as shorts too."""
    spec, g = planar(3, 3, cell=SINH, selector=EXP), conductances(3, 3)
    expected = parts(spec | segments(0.0), g)
    for ohm in (1e-6, 1e-9, 1e-12, 1e-15, 1e-300):
        found = parts(spec | segments(ohm), g)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * expected.max(), err_msg=f"{ohm} ohm")
    assert np.abs(parts(spec | segments(1.0), g) / expected - 1).max() > 1e-7


def test_limit_by_hand() -> None:
    """1e-9 V per volt at the current of the heaviest line, or at that of all sources where that is less."""
    g = np.array([[1e-3, 2e-3], [3e-3, 4e-3]])
    spec = planar(2, 2, r_driver=0.0, r_row=1e-9 / 7e-3, r_col=1.001e-9 / 7e-3)
    bias = read_compute_bias(spec, np.array([0.5, -0.5]))
    assert negligible_ohm(spec, Linear(), g, bias) == spec["r_row"]
    law = Sinh(2.0)
    steeper = spec | {"r_row": 0.999e-9 / 7e-3 / np.cosh(2.0), "r_col": 1.001e-9 / 7e-3 / np.cosh(2.0)}
    assert negligible_ohm(steeper, law, g, bias) == steeper["r_row"]
    # Four lines behind 1 Mohm deliver at most 4 uA for 1 V.
    behind = {"r_driver": 1e6, "r_sense": 1e6, "r_row": 0.999e-9 / 4e-6, "r_col": 1.001e-9 / 4e-6}
    assert negligible_ohm(spec | behind, Linear(), g, bias) == behind["r_row"]
    assert negligible_ohm(spec | {"r_row": 1.0, "r_col": 1.0}, Linear(), g, bias) == 0


def test_floating_lines_deliver_nothing() -> None:
    """Only driven lines count among the sources."""
    spec = memory(planar(4, 4, r_driver=1e6, r_sense=1e6, r_row=0.999e-9 / 2e-6, r_col=7.0, cell=LINEAR), "float")
    bias = read_memory_bias(spec)
    assert negligible_ohm(spec, Linear(), np.ones((4, 4)), bias) == spec["r_row"]


def test_netlist_keeps_what_is_written() -> None:
    """A netlist holds the resistances of the case, negligible or not."""
    text = netlist(memory(planar(2, 2, r_row=1e-15)))
    assert sum(line.startswith("rrow_") and line.endswith(" 1e-15") for line in text.splitlines()) == 4
