"""The one YAML reader: a file becomes plain data that remembers the line and the source of each key.

Scalars follow YAML 1.2: ``1e-9`` is a number; ``on``, ``no``, ``0:30`` and ``2016-06-18`` are text.
A number may be written ``{value: 2 mW, source: "..."}`` anywhere: `data` keeps the value, `sources` the rest.
Left out: merge keys (``<<``), tags, several documents in a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from pillarsim.arch.errors import InputError

Key = str | int
KeyPath = tuple[Key, ...]

MAX_NODES = 200_000  # aliases may repeat a node; a file that unfolds to more is refused
MAX_DIGITS = 300  # of an integer; more fits no float

_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_STR = "tag:yaml.org,2002:str"


@dataclass(frozen=True)
class Document:
    """What a file says: plain `data`; `places` maps key paths to ``file:line``, `sources` to source texts."""

    name: str
    data: dict[Key, Any]
    places: Mapping[KeyPath, str] = field(repr=False)
    sources: Mapping[KeyPath, str] = field(repr=False)

    def where(self, key_path: KeyPath) -> str:
        """Return ``file.yaml:12`` of `key_path`, or of its nearest ancestor that is written somewhere."""
        for length in range(len(key_path), -1, -1):
            place = self.places.get(key_path[:length])
            if place is not None:
                return place
        return self.name

    def source_of(self, key_path: KeyPath) -> str | None:
        """Return the source stated for `key_path` or for the group of numbers it stands in, if any."""
        for length in range(len(key_path), 0, -1):
            source = self.sources.get(key_path[:length])
            if source is not None:
                return source
        return None


def dotted(key_path: KeyPath) -> str:
    """Return `key_path` as people write it: ``tile.extra.sigmoid``, ``points[2]``."""
    text = ""
    for key in key_path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def leaves(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Yield the key paths of the single values in `value`, which stands at `path`."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, (*path, index))
    else:
        yield path


def read_yaml(path: Path, name: str | None = None) -> Document:
    """Read the mapping in `path`; messages call the file `name` (default: the path as given).

    Raises InputError with file:line for a path that cannot be read, a binary, empty or malformed file, one
    that is no mapping, duplicate keys, numbers that are not finite, and tags.
    """
    shown = str(path) if name is None else name
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{shown}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{shown}: expected a YAML file, found a folder") from None
    except OSError as error:
        raise InputError(f"{shown}: cannot be read ({error.strerror or error})") from None
    if b"\0" in raw:
        raise InputError(f"{shown}: expected a YAML text file, found binary data")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{shown}:{line}: expected UTF-8 text, found byte 0x{raw[error.start]:02x}") from None
    return parse_text(text, shown)


def parse_text(text: str, name: str) -> Document:
    """Read the mapping in `text`, which messages call `name`; raises InputError as `read_yaml` does."""
    node = _compose(text, name)
    if node is None:
        raise InputError(f"{name}: expected a mapping of keys, found an empty file")
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{name}:{_line(node)}: expected a mapping of keys (key: value), found {_kind(node)}")
    walk = _Walk(name)
    data = walk.convert(node, (), ())
    if not isinstance(data, dict):  # a file that is a single sourced number
        raise InputError(f"{name}:1: expected a mapping of keys, found a single value")
    return Document(name=name, data=data, places=walk.places, sources=walk.sources)


def parse_value(text: str, name: str, key_path: KeyPath) -> Any:
    """Read one value written inline (``10 ns``, ``null``, ``{x: 4, y: 4}``), as given to an option `name`."""
    node = _compose(text, name, lines=False)
    return None if node is None else _Walk(name, lines=False).convert(node, key_path, ())


class _Walk:
    """Turns nodes into plain data and notes places and sources on the way."""

    def __init__(self, name: str, lines: bool = True) -> None:
        self.name = name
        self.lines = lines
        self.places: dict[KeyPath, str] = {}
        self.sources: dict[KeyPath, str] = {}
        self.nodes = 0

    def convert(self, node: yaml.Node, path: KeyPath, parents: tuple[int, ...]) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._fail(node, path, "the file unfolds to too many values (aliases within aliases?)")
        if id(node) in parents:
            self._fail(node, path, "an alias refers to a value that holds the alias itself")
        self.places.setdefault(path, self._place(node))
        inner = (*parents, id(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, yaml.SequenceNode):
            self._plain_tag(node, path, "tag:yaml.org,2002:seq")
            return [self.convert(item, (*path, index), inner) for index, item in enumerate(node.value)]
        self._plain_tag(node, path, "tag:yaml.org,2002:map")
        return self._mapping(node, path, inner)

    def _mapping(self, node: yaml.Node, path: KeyPath, parents: tuple[int, ...]) -> Any:
        members: dict[Key, yaml.Node] = {}
        first: dict[Key, int] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key in members:
                where = f" (first on line {first[key]})" if self.lines else ""
                self._fail(key_node, (*path, key), f"the key is written twice{where}")
            members[key] = value_node
            first[key] = _line(key_node)
        if "value" in members and set(members) <= {"value", "source"}:
            return self._sourced(members, path, parents)
        for key, line in first.items():
            self.places[(*path, key)] = f"{self.name}:{line}" if self.lines else self.name
        return {key: self.convert(value, (*path, key), parents) for key, value in members.items()}

    def _sourced(self, members: Mapping[Key, yaml.Node], path: KeyPath, parents: tuple[int, ...]) -> Any:
        """Collapse ``{value: ..., source: ...}``; the source holds for every number below."""
        value = self.convert(members["value"], path, parents)
        if "source" in members:
            source = self.convert(members["source"], (*path, "source"), parents)
            if not isinstance(source, str) or not source.strip():
                self._fail(members["source"], (*path, "source"), "expected a text that names the source")
            for below in leaves(value, path):
                self.sources.setdefault(below, source)
            self.sources.setdefault(path, source)
        return value

    def _key(self, node: yaml.Node, path: KeyPath) -> Key:
        key = self._scalar(node, path) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            self._fail(node, path, f"expected a name as key, found {_kind(node)}")
        return key

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text = node.value
        if node.tag == _STR:
            return text
        if node.tag == _NULL:
            return None
        if node.tag == _BOOL:
            return text.lower() == "true"
        if node.tag == _INT:
            if len(text) > MAX_DIGITS:
                self._fail(node, path, f"expected a number of at most {MAX_DIGITS} digits, found {len(text)}")
            return int(text, 16) if "x" in text else int(text)
        if node.tag == _FLOAT:
            number = float(text) if not text.lower().endswith(("nan", "inf")) else float("nan")
            if number - number != 0:  # nan, inf, and literals too large for a float
                self._fail(node, path, f"expected a finite number, found {text} (not a number)")
            return number
        return self._fail(node, path, f"tags are not supported, found {node.tag!r}")

    def _plain_tag(self, node: yaml.Node, path: KeyPath, expected: str) -> None:
        if node.tag != expected:
            self._fail(node, path, f"tags are not supported, found {node.tag!r}")

    def _place(self, node: yaml.Node) -> str:
        return f"{self.name}:{_line(node)}" if self.lines else self.name

    def _fail(self, node: yaml.Node, path: KeyPath, message: str) -> NoReturn:
        key = f"{dotted(path)}: " if path else ""
        raise InputError(f"{self._place(node)}: {key}{message}")


def _compose(text: str, name: str, lines: bool = True) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None and lines else ""
        raise InputError(f"{name}{line}: not valid YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = f":{text.count(chr(10), 0, error.position) + 1}" if lines else ""
        raise InputError(f"{name}{line}: not valid YAML: {error.reason}") from None
    except RecursionError:
        raise InputError(f"{name}: not valid YAML: nested too deeply") from None
    return node


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "a mapping" if isinstance(node, yaml.MappingNode) else f"the value {str(node.value)[:40]!r}"


class _Loader(yaml.SafeLoader):
    """Splits text into nodes; the table below replaces YAML 1.1's rules for plain scalars."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    (_NULL, r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    (_BOOL, r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    (_INT, r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    (
        _FLOAT,
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)
