"""Typed access to one mapping of a YAML document; errors name file:line, the key and what was expected."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from pillarsim.arch.errors import InputError, nearest
from pillarsim.arch.reader import Document, Key, KeyPath, dotted
from pillarsim.arch.units import parse_quantity, with_article

__all__ = ["Fields"]


@dataclass(frozen=True)
class Fields:
    """One mapping of a document, at `path`. Reading a missing or wrong value raises InputError."""

    document: Document
    path: KeyPath
    values: dict[Key, object]

    @classmethod
    def at(cls, document: Document, path: KeyPath, value: object) -> "Fields":
        """The mapping `value` that stands at `path`."""
        if not isinstance(value, dict):
            where = document.where(path)
            raise InputError(f"{where}: {dotted(path)}: expected a mapping, got {shown(value)}")
        return cls(document, path, value)

    def fail(self, key: Key | None, message: str) -> NoReturn:
        """Raise InputError for `key` of this mapping, or for the mapping itself."""
        path = self.path if key is None else (*self.path, key)
        label = f"{dotted(path)}: " if path else ""
        raise InputError(f"{self.document.where(path)}: {label}{message}")

    def only(self, valid: Iterable[str]) -> None:
        """Refuse a key that is not in `valid`."""
        allowed = tuple(valid)
        for key in self.values:
            if key not in allowed:
                self.fail(key, f"unknown key{nearest(str(key), allowed)}; expected one of {', '.join(allowed)}")

    def require(self, key: str, expected: str) -> object:
        """The value of a key that must be there."""
        if key not in self.values:
            self.fail(None, f"key '{key}' is missing: expected {expected}")
        return self.values[key]

    def text(self, key: str, default: str | None = None) -> str:
        """A non-empty string; `default` where the key is absent."""
        if default is not None and key not in self.values:
            return default
        value = self.require(key, "a string")
        if not isinstance(value, str) or not value:
            self.fail(key, f"expected a string, got {shown(value)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, got {shown(value)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, which may be empty."""
        value = self.require(key, "a list of names")
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, f"expected a list of names, got {shown(value)}")
        return tuple(value)

    def integer(self, key: str, least: int | None = 1, default: int | None = None) -> int:
        """An integer of at least `least` (None: any); `default` where the key is absent."""
        if default is not None and key not in self.values:
            return default
        expected = "an integer" if least is None else f"an integer of at least {least}"
        value = self.require(key, expected)
        if not _is_integer(value, least):
            self.fail(key, f"expected {expected}, got {shown(value)}")
        return _as_integer(value)

    def real(self, key: str, default: float | None = None) -> float:
        """A finite number of either sign; `default` where the key is absent."""
        if default is not None and key not in self.values:
            return default
        value = self.require(key, "a number")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.fail(key, f"expected a finite number, got {shown(value)}")
        return float(value)

    def number(self, key: str, default: float) -> float:
        """A finite number of at least 0."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            self.fail(key, f"expected a number of at least 0, got {shown(value)}")
        return float(value)

    def positive(self, key: str) -> float:
        """A finite number above 0."""
        self.require(key, "a number above 0")
        value = self.number(key, 0.0)
        if value == 0:
            self.fail(key, "expected a number above 0, got 0")
        return value

    def quantity(self, key: str, dimension: str) -> float:
        """A quantity with its unit, such as `333 mV`, in SI units."""
        value = self.require(key, with_article(dimension))
        try:
            return parse_quantity(value, dimension)
        except ValueError as error:
            self.fail(key, str(error))

    def integers(
        self, key: str, lengths: tuple[int, ...], least: int = 1, default: tuple[int, ...] | None = None
    ) -> tuple[int, ...]:
        """A list of integers whose length is one of `lengths`; `default` where the key is absent."""
        if default is not None and key not in self.values:
            return default
        count = " or ".join(str(length) for length in lengths)
        expected = f"a list of {count} integers of at least {least}"
        value = self.require(key, expected)
        if not isinstance(value, list) or len(value) not in lengths or not all(_is_integer(v, least) for v in value):
            self.fail(key, f"expected {expected}, got {shown(value)}")
        return tuple(value)

    def pair(self, key: str, default: tuple[int, int] | None = None, least: int = 1) -> tuple[int, int]:
        """One integer for both directions, or [vertical, horizontal]; `default` where the key is absent."""
        if default is not None and key not in self.values:
            return default
        expected = f"an integer of at least {least}, or [vertical, horizontal]"
        value = self.require(key, expected)
        both: list[object] = value if isinstance(value, list) else [value, value]
        if len(both) != 2 or not all(_is_integer(item, least) for item in both):
            self.fail(key, f"expected {expected}, got {shown(value)}")
        return _as_integer(both[0]), _as_integer(both[1])

    def padding(self, key: str) -> tuple[int, ...]:
        """One integer, [vertical, horizontal] or [top, left, bottom, right], at least 0; zeros where it is absent."""
        value = self.values.get(key, 0)
        several: list[object] = value if isinstance(value, list) else [value, value]
        if len(several) not in (2, 4) or not all(_is_integer(item, 0) for item in several):
            expected = "an integer of at least 0, [vertical, horizontal] or [top, left, bottom, right]"
            self.fail(key, f"expected {expected}, got {shown(value)}")
        return tuple(_as_integer(item) for item in several)


def _is_integer(value: object, least: int | None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (least is None or value >= least)


def _as_integer(value: object) -> int:
    assert isinstance(value, int), "checked by _is_integer"
    return value


def shown(value: object) -> str:
    """A value as an error message shows it, cut where it is long."""
    if isinstance(value, dict):
        return "a mapping"
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
