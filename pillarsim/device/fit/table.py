"""The one reader of measured tables: a CSV file with a header becomes columns of SI numbers.

Values are separated by comma, semicolon or tab; lines that start with # are comments. Resistances are returned as
conductances. Refused, with file:line and column: missing units, gaps, text, numbers that are not finite, states that
are not above 0, negative times, lines of another length, a single column.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError, nearest
from pillarsim.device.fit.columns import ARBITRARY, NAMES, ROLES, STATE, Header, parse_header

Array = NDArray[np.float64]
_SEPARATORS = (",", ";", "\t")
_LARGEST = 1 << 26  # bytes of a file


@dataclass(frozen=True, eq=False)
class Table:
    """A measured table: `columns` by role, SI, float64 (rows,); `lines` of the file."""

    name: str
    sha256: str
    columns: dict[str, Array] = field(repr=False)
    headers: dict[str, Header]
    lines: NDArray[np.int64] = field(repr=False)
    header_line: int
    unused: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of rows below the header."""
        return len(self.lines)

    def column(self, role: str) -> Array:
        """Return a column; raises InputError where the table lacks it."""
        if role not in self.columns:
            given = [header.text for header in self.headers.values()] + list(self.unused)
            names = {text.partition("(")[0].partition("[")[0].strip().lower(): text for text in self.unused}
            hint = nearest(role, names).replace("did you mean", "is it")
            for short, text in names.items():
                hint = hint.replace(repr(short), repr(text))
            raise InputError(
                f"{self.name}:{self.header_line}: expected a column {ROLES[role].examples}, found {', '.join(given)}"
                f"{hint}"
            )
        return self.columns[role]

    def whole(self, role: str) -> NDArray[np.int64]:
        """Return a column of whole numbers; raises InputError for others."""
        values = self.column(role)
        bad = values != np.round(values)
        if bad.any():
            self.refuse(int(np.argmax(bad)), role, f"expected a whole number, found {values[bad][0]:g}")
        return values.astype(np.int64)

    def refuse(self, row: int, role: str, message: str) -> None:
        """Raise InputError at a row and a column."""
        raise InputError(f"{self.name}:{self.lines[row]}: column {self.headers[role].text!r}: {message}")

    def arbitrary(self, *roles: str) -> bool:
        """Whether the first of the columns that exists is in arbitrary units."""
        return any(self.headers[role].dimension == ARBITRARY for role in roles if role in self.headers)


def read_table(path: Path) -> Table:
    """Read a CSV file; messages name it as given. Raises InputError that names line and column."""
    name = str(path)
    raw = _bytes(path, name)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}:{line}: expected UTF-8 text, found byte 0x{raw[error.start]:02x}") from None
    rows = list(_rows(text, name))
    if not rows:
        raise InputError(f"{name}: expected a header with names and units, found an empty file")
    header_line, titles = rows[0]
    if len(titles) < 2:
        raise InputError(f"{name}:{header_line}: expected at least two columns, found one ({titles[0].strip()!r})")
    headers = [_header(name, header_line, place, title) for place, title in enumerate(titles)]
    _refuse_twice(name, header_line, headers)
    if len(rows) == 1:
        raise InputError(f"{name}:{header_line}: expected rows of numbers below the header, found none")
    columns = {
        header.role: _column(name, rows[1:], place, len(titles), header)
        for place, header in enumerate(headers)
        if header.role is not None
    }
    return Table(
        name=name,
        sha256=hashlib.sha256(raw).hexdigest(),
        columns=columns,
        headers={header.role: header for header in headers if header.role is not None},
        lines=np.array([line for line, _ in rows[1:]], dtype=np.int64),
        header_line=header_line,
        unused=tuple(header.text for header in headers if header.role is None),
    )


def _bytes(path: Path, name: str) -> bytes:
    try:
        if path.is_file() and path.stat().st_size > _LARGEST:
            raise InputError(f"{name}: expected a table of at most {_LARGEST >> 20} MiB")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: expected a CSV file, found a folder") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from None
    if b"\0" in raw:
        raise InputError(f"{name}: expected a CSV text file, found binary data")
    return raw


def _rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of the header and of every row; a blank line between rows is a gap."""
    lines = text.rstrip().splitlines()
    header = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    separator = next((one for one in _SEPARATORS if one in header), ",")
    started = False
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            continue
        if not line.strip():
            if started:
                raise InputError(f"{name}:{number}: expected a row of numbers, found a blank line")
            continue
        started = True
        try:
            yield number, next(csv.reader([line], delimiter=separator, strict=True))
        except csv.Error as error:
            raise InputError(f"{name}:{number}: expected values separated by {separator!r}: {error}") from None


def _header(name: str, line: int, place: int, title: str) -> Header:
    if _number(title) is not None:
        raise InputError(
            f"{name}:{line}: column {place + 1}: expected a header with a name and a unit, such as 'voltage (V)', "
            f"found the number {title.strip()}"
        )
    try:
        return parse_header(title)
    except ValueError as error:
        raise InputError(f"{name}:{line}: column {place + 1} {title.strip()!r}: {error}") from None


def _refuse_twice(name: str, line: int, headers: list[Header]) -> None:
    seen: dict[str, str] = {}
    for header in headers:
        if header.role is None:
            continue
        if header.role in seen:
            raise InputError(
                f"{name}:{line}: columns {seen[header.role]!r} and {header.text!r}: expected one {header.role}"
            )
        seen[header.role] = header.text
    if not seen:
        known = ", ".join(sorted(set(NAMES.values())))
        raise InputError(f"{name}:{line}: expected columns named {known}; found {', '.join(h.text for h in headers)}")


def _column(name: str, rows: list[tuple[int, list[str]]], place: int, width: int, header: Header) -> Array:
    """The SI values of one column."""
    values = np.empty(len(rows))
    for row, (line, cells) in enumerate(rows):
        where = f"{name}:{line}: column {header.text!r}"
        if len(cells) != width:
            raise InputError(f"{name}:{line}: expected {width} values, found {len(cells)}")
        if not cells[place].strip():
            raise InputError(f"{where}: expected a number, found a gap")
        number = _number(cells[place])
        if number is None:
            raise InputError(f"{where}: expected a number, found {cells[place].strip()[:40]!r}")
        values[row] = _si(where, number, header)
    return values


def _si(where: str, number: float, header: Header) -> float:
    if not math.isfinite(number):
        raise InputError(f"{where}: expected a finite number, found {number}")
    value = number * header.factor + header.kelvin_offset
    if header.dimension in STATE:
        if not value > 0:
            raise InputError(f"{where}: expected a {header.dimension} above 0, found {number:g} {header.unit}")
        value = 1 / value if header.dimension == "resistance" else value
    if header.dimension == "temperature" and not value > 0:
        raise InputError(f"{where}: expected a temperature above 0 K, found {number:g} {header.unit}")
    if header.dimension == "time" and value < 0:
        raise InputError(f"{where}: expected a time of at least 0, found {number:g} {header.unit}")
    if not math.isfinite(value):
        raise InputError(f"{where}: expected a number within the range of a float, found {number:g} {header.unit}")
    return value


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
