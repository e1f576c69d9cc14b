"""Numbers of the reports of device cards: prefixes, exponents, times."""

import pytest

from pillarsim.arch.units import parse_quantity
from pillarsim.report.format import duration, engineering
from tests.near import near


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.01, "eV", "10.0 meV"),
        (1.1, "eV", "1.10 eV"),
        (9.99e17, "Ohm", "999 POhm"),
        (9.999e17, "Ohm", "1.00e+18 Ohm"),
        (-1e45, "Ohm", "-1.00e+45 Ohm"),
        (1e-18, "S", "1.00 aS"),
        (9.9e-19, "S", "9.90e-19 S"),
        (2e20, "", "2.00e+20"),
    ],
)
def test_numbers_beyond_the_prefixes_have_exponents(value: float, unit: str, text: str) -> None:
    """Up to the last prefix a prefix, from there on an exponent; never a row of zeros."""
    assert engineering(value, unit) == text


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (0, "0 s"),
        (1e-6, "1.00 us"),
        (1, "1 s"),
        (59, "59 s"),
        (100, "100 s"),
        (3600, "1 h"),
        (5400, "1.5 h"),
        (86400, "1 day"),
        (2.592e6, "30 days"),
        (365 * 86400, "365 days"),
    ],
)
def test_times_as_people_say_them(time_s: float, text: str) -> None:
    """Whole numbers of the largest unit where there are such."""
    assert duration(time_s) == text


@pytest.mark.parametrize("time_s", [1.0, 61.0, 7777.0, 123456.0, 1e6, 9.87654e9])
def test_times_read_back(time_s: float) -> None:
    """Any time, to four digits."""
    assert parse_quantity(duration(time_s), "time") == near(time_s, rel=5e-4)
