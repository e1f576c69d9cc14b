"""What is wrong with a chip file, in words: pydantic's findings as one InputError with file:line and key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pillarsim.arch.errors import InputError, nearest
from pillarsim.arch.reader import Document, KeyPath, dotted
from pillarsim.arch.units import show_quantity, unit_of, with_article

_SHOWN = 5  # problems printed; the rest is counted
_KEYS = 8  # valid keys listed where none is near
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
_TYPES = {
    "int": "an integer", "float": "a number", "string": "a text", "bool": "true or false",
    "model": "a mapping of keys", "dict": "a mapping of keys", "list": "a list", "tuple": "a list",
}  # fmt: skip
_LOCATED = re.compile(r"^([a-z][\w.]*): (.*)$", re.DOTALL)


def explain(error: ValidationError, document: Document, root: type[BaseModel]) -> InputError:
    """Return the one error that names every finding (the first few) of `error` in `document`.

    Each line reads ``file.yaml:12: array.rows: expected ..., found ...``; unknown keys, often a misspelt
    required one, come first.
    """
    findings: dict[KeyPath, list[Mapping[str, Any]]] = {}
    for found in error.errors(include_url=False):
        findings.setdefault(_key_path(found, document.data), []).append(found)
    findings = {path: group for path, group in findings.items() if not _implied(path, group, findings)}
    ordered = sorted(findings.items(), key=lambda item: item[1][0]["type"] != "extra_forbidden")
    lines = []
    for path, group in ordered[:_SHOWN]:
        located, text = _text(path, group, document, root)
        lines.append(f"{document.where(located)}: {dotted(located) + ': ' if located else ''}{text}")
    if len(ordered) > _SHOWN:
        lines.append(f"and {len(ordered) - _SHOWN} more")
    return InputError("\n".join(lines))


def sections_at(root: type[BaseModel], path: KeyPath) -> list[type[BaseModel]]:
    """Return the sections that `path` may be, none where it is a value."""
    return [kind for kind in _annotations_at(root, path) if isinstance(kind, type) and issubclass(kind, BaseModel)]


def key_paths(root: type[BaseModel], path: KeyPath = (), depth: int = 5) -> Iterator[KeyPath]:
    """Yield the key paths that the schema knows (nested levels once each), shallow ones first."""
    for section in sections_at(root, path):
        for name in section.model_fields:
            yield (*path, name)
        if len(path) < depth:
            for name in section.model_fields:
                if not (name == "macro" and "macro" in path):
                    yield from key_paths(root, (*path, name), depth)


def _key_path(found: Mapping[str, Any], data: Any) -> KeyPath:
    """Return where `found` stands in `data`; pydantic's own tags of unions are left out."""
    path: KeyPath = ()
    location = found["loc"]
    for index, key in enumerate(location):
        last = index == len(location) - 1
        listed = isinstance(data, list) and isinstance(key, int) and key < len(data)
        if listed or (isinstance(data, dict) and key in data):
            data = data[key]
            path = (*path, key)
        elif last and found["type"] in ("missing", "extra_forbidden"):
            path = (*path, key)
    return path


def _implied(path: KeyPath, group: list[Mapping[str, Any]], findings: Mapping[KeyPath, Any]) -> bool:
    """Whether another finding says it better: a misspelt key what is missing, a deeper one what a union wanted."""
    kind = group[0]["type"]
    if kind == "missing":
        unknown = [other for other, found in findings.items() if found[0]["type"] == "extra_forbidden"]
        return any(other[:-1] == path[:-1] and nearest(str(other[-1]), [str(path[-1])]) != "" for other in unknown)
    return str(kind).endswith("_type") and any(other != path and other[: len(path)] == path for other in findings)


def _text(
    path: KeyPath, group: list[Mapping[str, Any]], document: Document, root: type[BaseModel]
) -> tuple[KeyPath, str]:
    """Return the exact key path and the words for findings at one place (several where a union was tried)."""
    words = [finding for finding in group if finding["type"] == "literal_error"]
    others = [finding for finding in group if finding["type"] != "literal_error"]
    first = (others or words)[0]
    kind = first["type"]
    value = _value(document.data, path)
    if kind in ("extra_forbidden", "invalid_key"):
        return path, _unknown(path, root, _value(document.data, path[:-1]))
    if kind == "missing":
        return path, f"missing{_example(path, root)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag(path, first, root)
    if kind == "value_error":
        text = str(first["ctx"]["error"])
        match = _LOCATED.match(text)
        if match is not None:
            inner = path + tuple(match[1].split("."))
            if _annotations_at(root, inner):
                return inner, match[2] + _other_file(inner, match[2], document, root)
        return path, text + _or(words)
    return (
        path,
        f"{_expected(first, value)}{_or(words) if others else ''}, found {_short(value)}{_close(first, value)}",
    )


def _tag(path: KeyPath, finding: Mapping[str, Any], root: type[BaseModel]) -> tuple[KeyPath, str]:
    """Words for a section whose kind is told by one of its keys, where that key is missing or of no known value."""
    key = str(finding["ctx"]["discriminator"]).strip("'")
    names = [
        str(value) for section in sections_at(root, path) for value in get_args(section.model_fields[key].annotation)
    ]
    expected = f"expected {', '.join(names)}"
    if finding["type"] == "union_tag_not_found":
        return path, f"{key} is missing; {expected}"
    tag = str(finding["ctx"]["tag"])
    return (*path, key), f"{expected}, found {tag!r}{nearest(tag, names)}"


def _other_file(path: KeyPath, text: str, document: Document, root: type[BaseModel]) -> str:
    """Say where a key that `text` compares with stands, when that is another file."""
    own = document.where(path).rpartition(":")[0]
    for section in sections_at(root, path[:-1]):
        for name in section.model_fields:
            place = document.where((*path[:-1], name))
            if name != path[-1] and re.search(rf"\b{name}\b", text) and place.rpartition(":")[0] != own:
                return f" ({name} stands at {place})"
    return ""


def _expected(finding: Mapping[str, Any], value: object) -> str:
    kind, context = finding["type"], finding.get("ctx", {})
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        unit = unit_of(value)
        unit = "K" if unit == "C" else unit  # no key is a charge; limits of temperatures are absolute
        bound = f"{context[name]:g}" if unit is None else show_quantity(context[name], unit)
        return f"expected {words} {bound}"
    if kind == "literal_error":
        return f"expected {context['expected']}"
    noun = _TYPES.get(kind.split("_")[0])
    return f"expected {noun}" if noun is not None else f"expected a valid value ({finding['msg']})"


def _close(finding: Mapping[str, Any], value: Any) -> str:
    if finding["type"] != "literal_error" or not isinstance(value, str):
        return ""
    return nearest(value, re.findall(r"'([^']*)'", finding["ctx"]["expected"]))


def _or(words: list[Mapping[str, Any]]) -> str:
    return f" (or {words[0]['ctx']['expected']})" if words else ""


def _unknown(path: KeyPath, root: type[BaseModel], mapping: Any) -> str:
    name = str(path[-1])
    sections = _of_model(sections_at(root, path[:-1]), mapping)
    valid = [field for section in sections for field in section.model_fields]
    text = f"unknown key {name!r}"
    if close := nearest(name, valid):
        return text + close
    elsewhere = next((known for known in key_paths(root) if known[-1] == name), None)
    if elsewhere is not None:
        return f"{text} (did you mean {dotted(elsewhere)!r}?)"
    more = f" and {len(valid) - _KEYS} more" if len(valid) > _KEYS else ""
    return f"{text}; expected {', '.join(valid[:_KEYS])}{more}"


def _of_model(sections: list[type[BaseModel]], mapping: Any) -> list[type[BaseModel]]:
    """Leave those sections whose `model` is the one that `mapping` names; all where none is."""
    model = mapping.get("model") if isinstance(mapping, dict) else None
    own = [
        section
        for section in sections
        if "model" in section.model_fields and model in get_args(section.model_fields["model"].annotation)
    ]
    return own or sections


def _example(path: KeyPath, root: type[BaseModel]) -> str:
    """Say what a missing key takes: its description, or the keys of the section."""
    for section in sections_at(root, path[:-1]):
        field = section.model_fields.get(str(path[-1]))
        if field is None:
            continue
        extra = field.json_schema_extra
        dimension = extra.get("dimension") if isinstance(extra, dict) else None
        if dimension is not None:
            return f"; expected {with_article(str(dimension))}"
        inner = [name for nested in sections_at(root, path) for name in nested.model_fields]
        if inner:
            return f"; expected a section with {', '.join(inner[:_KEYS])}"
        if field.description:
            return f"; expected: {field.description}"
    return ""


def _annotations_at(root: type[BaseModel], path: KeyPath) -> list[Any]:
    level: list[Any] = [root]
    for key in path:
        level = [option for kind in level for option in _inside(kind, key)]
    return level


def _inside(kind: Any, key: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(key))
        return [] if field is None else _options(field.annotation)
    if get_origin(kind) is dict:
        return _options(get_args(kind)[1])
    return []


def _options(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [option for member in get_args(annotation) for option in _options(member)]
    return [annotation]


def _value(data: Any, path: KeyPath) -> Any:
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _short(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    text = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
