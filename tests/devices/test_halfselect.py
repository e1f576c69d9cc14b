"""Half-selected cells of the bias schemes against hand counts."""

from __future__ import annotations

import pytest

from pillarsim.devices.halfselect import HalfSelected, half_selected


def taken(scheme: str) -> HalfSelected:
    return half_selected(scheme, 3.0, row_cells=4, column_cells=3, cell_pulses=5, group_pulses=5)


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
    assert taken(scheme).volts == pytest.approx(volts)
    assert taken(scheme).cell_pulses == cells


def test_unknown_scheme() -> None:
    """A scheme outside the convention is an error."""
    with pytest.raises(ValueError, match="diagonal"):
        taken("diagonal")


def test_cells_that_are_done_wait_half_selected() -> None:
    """All 4 cells of a row at once, three done after 1 pulse and one after 10: the three wait through 9 pulses."""
    found = half_selected("half", 3.0, row_cells=4, column_cells=1, cell_pulses=13, group_pulses=10)
    assert found.cell_pulses == 3 * 9
