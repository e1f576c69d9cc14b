"""Interpolation along power laws."""

import pytest

from pillarsim.devices.tables import log_log
from tests.near import near


def test_a_power_law_is_reproduced_inside_and_beyond() -> None:
    """Points of y = 3 x^0.78 give the law between and outside them, and the points exactly."""
    points = [(x, 3 * x**0.78) for x in (2.0, 8.0, 64.0)]
    for x in (0.5, 2.0, 3.0, 8.0, 20.0, 64.0, 500.0):
        assert log_log(points, x) == near(3 * x**0.78)
    assert log_log(points, 8.0) == points[1][1]


@pytest.mark.parametrize("points", [[(1.0, 1.0)], [(1.0, 0.0), (2.0, 1.0)], [(0.0, 1.0), (2.0, 1.0)]])
def test_tables_without_a_logarithm_are_refused(points: list[tuple[float, float]]) -> None:
    """One point, or numbers that are not positive, cannot be joined by a power law."""
    with pytest.raises(ValueError, match="positive"):
        log_log(points, 1.5)
