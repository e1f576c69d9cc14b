"""Half-selected cells of the bias schemes against hand counts."""

from __future__ import annotations

import pytest

from pillarsim.devices.halfselect import half_selected_pulses, partial_voltage
from tests.near import near


@pytest.mark.parametrize(
    ("scheme", "volts", "cells"),
    [
        ("half", 1.5, 5 * 3 + 5 * 2),
        ("third", 1.0, 5 * 3 + 5 * 2 + 5 * 3 * 2),
        ("ground", 3.0, 5 * 3),
        ("isolated", 0.0, 0),
    ],
)
def test_schemes_by_hand(scheme: str, volts: float, cells: int) -> None:
    """A 3 x 4 array written cell by cell: the biased neighbours at their fraction of V."""
    assert partial_voltage(scheme, 3.0) == near(volts)
    assert half_selected_pulses(scheme, 4, 3, cell_pulses=5, group_pulses=5) == cells


def test_unknown_scheme() -> None:
    """A scheme outside the convention is an error."""
    with pytest.raises(ValueError, match="diagonal"):
        partial_voltage("diagonal", 3.0)
    with pytest.raises(ValueError, match="diagonal"):
        half_selected_pulses("diagonal", 4, 3, cell_pulses=5, group_pulses=5)


def test_cells_that_are_done_wait_half_selected() -> None:
    """All 4 cells of a row at once, three done after 1 pulse and one after 10: the three wait through 9 pulses."""
    assert half_selected_pulses("half", 4, 1, cell_pulses=13, group_pulses=10) == 3 * 9
