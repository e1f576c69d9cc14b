"""The reader of measured tables: names, units, and every refusal with its place."""

from pathlib import Path

import pytest

from pillarsim.arch.errors import InputError
from pillarsim.device.fit.columns import parse_header
from pillarsim.device.fit.table import Table, read_table
from tests.near import near


def read(folder: Path, text: str) -> Table:
    path = folder / "data.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def test_units_become_si(tmp_path: Path) -> None:
    """Round and square brackets, prefixes, resistances as conductances, degrees as kelvin."""
    table = read(tmp_path, "# a note\ntime (ms), R [kOhm],temperature (C)\n1,10,25\n2,20,125\n")
    assert table.column("time") == near([1e-3, 2e-3])
    assert table.column("conductance") == near([1e-4, 5e-5])
    assert table.column("temperature") == near([298.15, 398.15])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_and_line_ends(tmp_path: Path, separator: str) -> None:
    """Comma, semicolon or tab; a byte-order mark and Windows line ends do not disturb."""
    path = tmp_path / "data.csv"
    path.write_bytes(f"\ufeffvoltage (V){separator}I (uA)\r\n0.1{separator}2\r\n\r\n".encode())
    table = read_table(path)
    assert table.column("voltage") == near([0.1])
    assert table.column("current") == near([2e-6])
    assert table.lines.tolist() == [2]


def test_unknown_columns_are_kept_apart(tmp_path: Path) -> None:
    """A column that no fit knows is named, not read."""
    table = read(tmp_path, "voltage (V),current (A),note\n1,1,ok\n")
    assert table.unused == ("note",)
    assert set(table.columns) == {"voltage", "current"}


def test_names_and_dimensions() -> None:
    """G is a conductance and R a resistance whatever their unit says."""
    assert parse_header("G (uS)").role == parse_header("resistance [Ohm]").role == "conductance"
    for header in ("G (Ohm)", "resistance (uS)", "voltage (A)", "voltage (furlong)", "voltage", "a (b) (c)"):
        with pytest.raises(ValueError, match="expected"):
            parse_header(header)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "", "found an empty file"),
        ("voltage (V)\n1\n", ":1", "expected at least two columns, found one"),
        ("voltage,current (A)\n1,1\n", ":1: column 1 'voltage'", "expected a unit, such as 'voltage (V)'"),
        ("voltage (V),current (uV)\n1,1\n", ":1: column 2 'current (uV)'", "found 'uV', a unit of voltage"),
        ("0.1,0.2\n1,1\n", ":1: column 1", "expected a header with a name and a unit"),
        ("voltage (V),V [mV]\n1,1\n", ":1", "expected one voltage"),
        ("a (V),b (V)\n1,1\n", ":1", "expected columns named"),
        ("voltage (V),current (A)\n", ":1", "expected rows of numbers below the header"),
        ("voltage (V),current (A)\n1,2\n3,\n", ":3: column 'current (A)'", "expected a number, found a gap"),
        ("voltage (V),current (A)\n1,2\n\n3,4\n", ":3", "found a blank line"),
        ("voltage (V),current (A)\n1,2\n3\n", ":3", "expected 2 values, found 1"),
        ("voltage (V),current (A)\n1,x\n", ":2: column 'current (A)'", "expected a number, found 'x'"),
        ("voltage (V),current (A)\n1,nan\n", ":2: column 'current (A)'", "expected a finite number"),
        ("voltage (V),R (Ohm)\n1,5\n1,-5\n", ":3: column 'R (Ohm)'", "expected a resistance above 0, found -5 Ohm"),
        ("voltage (V),G (S)\n1,0\n", ":2: column 'G (S)'", "expected a conductance above 0"),
        ("time (s),G (S)\n-1,1\n", ":2: column 'time (s)'", "expected a time of at least 0"),
        ("temperature (C),G (S)\n-300,1\n", ":2: column 'temperature (C)'", "expected a temperature above 0 K"),
        ("pulse (V),G (S)\n-300,1\n", ":1: column 1 'pulse (V)'", "expected no unit"),
    ],
)
def test_refusals(tmp_path: Path, text: str, place: str, message: str) -> None:
    """Every defect is one message with file, line and column."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'data.csv'}{place}: ")
    assert message in str(caught.value)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    """Absent files, folders, binary data and other encodings are refused."""
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="found a folder"):
        read_table(tmp_path)
    path = tmp_path / "data.csv"
    path.write_bytes(b"a\0b")
    with pytest.raises(InputError, match="binary"):
        read_table(path)
    path.write_bytes(b"time (s),G (\xb5S)\n")
    with pytest.raises(InputError, match="csv:1: expected UTF-8"):
        read_table(path)


def test_missing_column_and_fractions_are_refused(tmp_path: Path) -> None:
    """A column that a fit needs is named with its unit; counts must be whole."""
    table = read(tmp_path, "voltage (V),device,currant (A)\n1,1.5,2\n")
    with pytest.raises(InputError, match=r"csv:1: expected a column 'current \(uA\)'.*is it 'currant \(A\)'"):
        table.column("current")
    with pytest.raises(InputError, match=r"csv:2: column 'device': expected a whole number, found 1.5"):
        table.whole("device")
