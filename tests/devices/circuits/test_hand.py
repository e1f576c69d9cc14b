"""Arrays small enough to solve by hand."""

from __future__ import annotations

import pytest

from pillarsim.devices.circuits import solve
from tests.devices.circuits.builders import NO_WIRES, memory, planar, vertical
from tests.near import near

G0, G1, G2, G3 = 2e-4, 5e-4, 3e-5, 7e-5


def parallel(*ohms: float) -> float:
    return 1 / sum(1 / ohm for ohm in ohms)


def two_sources(v0: float, ohm0: float, v1: float, ohm1: float, load: float) -> float:
    """Current through a load to ground that two sources feed, each through its own resistance."""
    node = (v0 / ohm0 + v1 / ohm1) / (1 / ohm0 + 1 / ohm1 + 1 / load)
    return node / load


def test_one_cell() -> None:
    """1x1: one loop of driver, segment, cell, segment and sense resistance."""
    found = solve(planar(1, 1, v_in=[0.2]), g=[[G0]])
    assert found["i_col"] == near([0.2 / (110 + 3 + 1 / G0 + 7 + 45)], rel=1e-12)
    assert found["i_col_ideal"] == near([0.2 * G0], rel=1e-12)


def test_two_columns() -> None:
    """1x2: the second cell hangs behind one more row segment."""
    first, second = 1 / G0 + 7 + 45, 3 + 1 / G1 + 7 + 45
    node = 0.2 * parallel(first, second) / (110 + 3 + parallel(first, second))
    found = solve(planar(1, 2, v_in=[0.2]), g=[[G0, G1]])
    assert found["i_col"] == near([node / first, node / second], rel=1e-12)


def test_two_rows() -> None:
    """2x1: the first row crosses one column segment more than the last."""
    found = solve(planar(2, 1, v_in=[0.2, 0.1]), g=[[G0], [G1]])
    current = two_sources(0.2, 110 + 3 + 1 / G0 + 7, 0.1, 110 + 3 + 1 / G1, 7 + 45)
    assert found["i_col"] == near([current], rel=1e-12)


def test_sneak_path_of_two_by_two() -> None:
    """2x2 floating, without wires: the selected cell lies in parallel with the other three in series."""
    spec = memory(planar(2, 2, **NO_WIRES), "float", v=0.5, sel_rows=[0], sel_cols=[0])
    found = solve(spec, g=[[1e-5, G1], [G2, G3]])
    sneak = 1 / (1 / G1 + 1 / G2 + 1 / G3)
    for run, g in (("sel_lrs", 1e-4), ("sel_hrs", 1e-6)):
        assert found[run]["i_sense"] == near(0.5 * (g + sneak), rel=1e-12)
        assert found[run]["i_leak"] == near(0.5 * sneak, rel=1e-12)
        assert found[run]["i_group"].keys() == {"sel_row", "sel_col"}
    largest = 0.5 * sneak / min(G1, G2, G3)
    assert found["sel_lrs"]["v_disturb_max"] == near(largest, rel=1e-12)


@pytest.mark.parametrize(("scheme", "row", "col"), [("half", 0.5, 0.5), ("third", 1 / 3, 2 / 3), ("ground", 0.0, 0.0)])
@pytest.mark.parametrize("v", [0.6, -0.6])
def test_schemes_of_two_by_two(scheme: str, row: float, col: float, v: float) -> None:
    """2x2 without wires: each cell sees the difference of its lines' voltages."""
    spec = memory(planar(2, 2, **NO_WIRES), scheme, v=v, sel_rows=[0], sel_cols=[0])
    found = solve(spec, g=[[1e-5, G1], [G2, G3]])["sel_lrs"]
    drive = v * (1e-4 + G1 * (1 - col))
    others = v * (G2 * row + G3 * (row - col))
    into_col, into_other = v * (1e-4 + G2 * row), v * (G1 * (1 - col) + G3 * (row - col))
    assert found["i_drive"] == near(drive, rel=1e-12)
    assert found["i_sense"] == near(into_col, rel=1e-12)
    delivered = (drive, others, -into_col, -into_other)
    assert found["i_total"] == near(sum(max(current, 0.0) for current in delivered), rel=1e-12)
    power = v * drive + row * v * others - col * v * into_other
    assert found["power"] == near(power, rel=1e-12)


def test_two_layers() -> None:
    """Two layers of one pillar: the upper cell crosses one pillar segment more."""
    spec = vertical(2, 1, 1, "plane", v_in=[[0.2], [0.1]])
    found = solve(spec, g=[[[G0]], [[G1]]])
    load = 11 + 2000 + 2.5 + 45
    current = two_sources(0.2, 110 + 4 + 1 / G0, 0.1, 110 + 4 + 1 / G1 + 11, load)
    assert found["i_col"] == near([current], rel=1e-12)
    switched = two_sources(0.2, 1 / G0, 0.1, 1 / G1, 2000)
    assert found["i_col_switch"] == near([switched], rel=1e-12)
    assert found["i_col_ideal"] == near([0.2 * G0 + 0.1 * G1], rel=1e-12)


def test_comb2_feeds_a_pillar_from_both_sides() -> None:
    """comb2: side 0 hangs on the even comb and side 1 on the odd one, at the same pillar node."""
    found = solve(vertical(1, 1, 1, "comb2", v_in=[[0.2, 0.1]]), g=[[[[G0, G1]]]])
    current = two_sources(0.2, 110 + 4 + 1 / G0, 0.1, 110 + 4 + 1 / G1, 11 + 2000 + 2.5 + 45)
    assert found["i_col"] == near([current], rel=1e-12)


def test_finger_in_memory_mode() -> None:
    """finger, two pillar rows, half scheme: the off row's pillar leaks through its transistor alone."""
    spec = memory(vertical(1, 2, 1, "finger"), sel_row=0, v=1.0)
    found = solve(spec, g=[[[G0], [G1]]])["sel_lrs"]
    # Bit line at q0: the selected branch, the sense branch to 0 V, and the off row behind one more segment.
    selected, off = 110 + 4 + 1 / 1e-4 + 11 + 2000, 110 + 4 + 1 / G1 + 11 + 1e9 + 2.5
    node = (1.0 / selected + 0.5 / off) / (1 / selected + 1 / off + 1 / (2.5 + 45))
    assert found["i_sel"] == near([(1 - node) / selected], rel=1e-12)
    assert found["i_sense"] == near(node / (2.5 + 45), rel=1e-12)
    assert found["i_group"]["unsel_row"] == near((0.5 - node) / off, rel=1e-6)
