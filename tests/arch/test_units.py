"""Quantities: SI values of what people write, and refusals that say what was expected."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.arch.units import parse_fraction, parse_quantity, show_quantity
from tests.near import near


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("10 ns", "time", 10e-9),
        ("50ns", "time", 50e-9),
        ("1.28 GS/s", "frequency", 1.28e9),
        ("2.5 Ohm", "resistance", 2.5),
        ("1.7 MOhm", "resistance", 1.7e6),
        ("3 mΩ", "resistance", 3e-3),
        ("-1e-3 V", "voltage", -1e-3),
        (".5 µA", "current", 0.5e-6),
        ("32 nm", "length", 32e-9),
        ("0.01 mm2", "area", 1e-8),
        ("25 um^2", "area", 25e-12),
        ("27 degC", "temperature", 300.15),
        ("300 K", "temperature", 300.0),
        ("6.4 GB/s", "bandwidth", 6.4e9),
        ("204.8 Gb/s", "bandwidth", 25.6e9),
        ("64 KiB", "size", 64 * 1024 * 8.0),
        ("1 kB", "size", 8000.0),
        ("12 bit", "size", 12.0),
        ("1 C", "charge", 1.0),
    ],
)
def test_quantities_are_exact_si_floats(text: str, dimension: str, value: float) -> None:
    """The value is the float nearest to the decimal that was written, not a product of rounded factors."""
    assert parse_quantity(text, dimension) == value


@pytest.mark.parametrize(
    ("value", "dimension", "message"),
    [
        (10, "time", "expected a time with its unit, such as '10 ns'; found the bare number 10"),
        ("10", "time", "expected a time with its unit, such as '10 ns'; found the bare number '10'"),
        ("10 mV", "time", "expected a time such as '10 ns'; 'mV' is a unit of voltage"),
        ("10 nsec", "time", "unknown unit 'nsec' (did you mean 'ns'?)"),
        ("ten ns", "time", "expected a time such as '10 ns', found 'ten ns' (not a number)"),
        ("nan V", "voltage", "expected a voltage such as '0.9 V', found 'nan V' (not a number)"),
        ("inf V", "voltage", "(not a number)"),
        ("1e999 V", "voltage", "expected a finite voltage"),
        ("1e999999999 V", "voltage", "expected a finite voltage"),
        (True, "time", "found True"),
        (None, "time", "found None"),
        (["1 ns"], "time", "found ['1 ns']"),
        ("27 degC", "time", "'degC' is a unit of celsius"),
        ("1 mm", "area", "'mm' is a unit of length"),
    ],
)
def test_bad_quantities_say_what_was_expected(value: object, dimension: str, message: str) -> None:
    """A missing, unknown or wrong unit and what is no number are refused in words."""
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_quantity(value, dimension)


def test_ratios_are_numbers_or_percentages() -> None:
    """5 % and 0.05 are the same ratio, exactly."""
    assert parse_fraction("5 %") == parse_fraction(0.05) == 0.05
    assert parse_fraction("0.7%") == 0.007


@pytest.mark.parametrize("value", ["nan %", "inf %", "5", True, math.nan, math.inf, "1_0 %", None, "5 V %"])
def test_bad_ratios_are_refused(value: object) -> None:
    """Text without a percent sign, truth values and what is not finite are no ratios."""
    with pytest.raises(ValueError, match=r"expected a ratio such as 0\.05"):
        parse_fraction(value)


def test_messages_show_engineering_notation() -> None:
    """Values in messages carry prefixes and three digits."""
    shown = [show_quantity(value, "Ohm") for value in (1.7e6, 1000.0, 999.0, 0.0, 2.5e-3, -5e4)]
    assert shown == ["1.7 MOhm", "1 kOhm", "999 Ohm", "0 Ohm", "2.5 mOhm", "-50 kOhm"]


@given(st.floats(min_value=1e-14, max_value=9e13))
def test_shown_values_read_back(value: float) -> None:
    """What a message shows is the value to three digits."""
    assert parse_quantity(show_quantity(value, "V"), "voltage") == near(value, rel=6e-3)
