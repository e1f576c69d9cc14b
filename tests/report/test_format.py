"""Engineering notation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.report.format import engineering, size
from tests.near import near

EXAMPLES = [
    (41.2e-6, "s", "41.2 us"), (0.84e-6, "m2", "0.840 mm2"), (2085e-12, "m2", "2090 um2"),
    (2.6e5, "images/s", "260 k images/s"),
    (999.96e-9, "J", "1.00 uJ"), (0.0, "W", "0 W"), (-2e-3, "W", "-2.00 mW"), (85.42e-6, "m2", "85.4 mm2"),
    (3.9e-14, "m2", "0.0390 um2"), (12.0, "images/s", "12.0 images/s"), (41.288e12, "OPS", "41.3 TOPS"),
    (1e-15, "F", "1.00 fF"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "unit", "text"), EXAMPLES)
def test_examples(value: float, unit: str, text: str) -> None:
    """Three significant digits, a prefix that fits, none for units that take none."""
    assert engineering(value, unit) == text


@given(st.floats(min_value=1e-17, max_value=1e14), st.integers(min_value=2, max_value=6))
def test_the_text_is_the_number(value: float, digits: int) -> None:
    """Reading the text back gives the value to half a unit of its last digit."""
    number, unit = engineering(value, "J", digits).split()
    scale = {"a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12}
    assert float(number) * 10.0 ** scale[unit[:-1]] == near(value, rel=0.51 * 10 ** (1 - digits))


def test_sizes_take_binary_units() -> None:
    """Bits print as B, KiB, MiB."""
    assert [size(8 * 100), size(64 * 8192), size(3 * 2**23), size(4)] == ["100 B", "64 KiB", "3 MiB", "4 bit"]
