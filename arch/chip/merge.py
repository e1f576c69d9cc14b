"""Merging of chip files: what a child writes over what it extends.

Mappings merge key by key and the child wins; ``null`` takes a key of the base away. A child that switches a
choice (geometry, converter, `macro` for `arrays`) also takes away what of the base belongs to the other choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pillarsim.arch.chip.hierarchy import ROLES
from pillarsim.arch.reader import Document, Key, KeyPath

# choice -> (value when not written, keys beside it that only some of its values take)
_CHOICES: dict[KeyPath, tuple[str, tuple[KeyPath, ...]]] = {
    ("array", "geometry"): (
        "planar",
        (
            ("layers",), ("word_lines",), ("rows_per_finger",), ("reading",), ("staircase_step",),
            ("select_transistor_area",), ("access",), ("resistance", "pillar_segment"), ("resistance", "select_on"),
            ("resistance", "select_off"), ("capacitance", "pillar_segment"),
        ),
    ),
    ("array", "word_lines"): ("", (("rows_per_finger",), ("reading",), ("max_active_rows",))),
    ("array", "access", "device"): ("none", (("on_resistance",), ("off_current",))),
    ("readout", "converter"): (
        "sar_adc", (("model",), ("rate",), ("range",), ("calibration_percentile",), ("neuron",)),
    ),
    ("weights", "scheme"): ("differential", (("subtract",),)),
    ("input", "coding"): ("bit_serial", (("dac_bits",),)),
}  # fmt: skip
# Sections of a device card, alone or in a chip, whose keys all depend on their `model`.
_MODELLED: tuple[KeyPath, ...] = tuple(
    (*place, section) for place in ((), ("array", "cell")) for section in ("iv", "retention", "pulse_update")
)
_MODEL: KeyPath = ("readout", "model")  # a cost model goes with its own conversion rate


def overlay(base: Document, child: Document, replaced: frozenset[KeyPath] = frozenset()) -> Document:
    """Return `base` with what `child` writes; mappings at `replaced` are exchanged whole, not merged."""
    return combine(without(base, moot(base.data, child.data)), child, replaced)


def combine(base: Document, child: Document, replaced: frozenset[KeyPath] = frozenset()) -> Document:
    """Merge as `overlay` does, but leave choices to whoever reads the result."""
    places, sources = dict(base.places), dict(base.sources)
    places[()] = child.where(())
    data = _merge(base.data, child, child.data, (), places, sources, replaced)
    return Document(name=child.name, data=data, places=places, sources=sources)


def without(document: Document, paths: Iterable[KeyPath]) -> Document:
    """Return `document` without the keys at `paths` (absent ones are fine)."""
    data: dict[Key, Any] = document.data
    gone = tuple(paths)
    for path in gone:
        data = _removed(data, path)
    return Document(
        name=document.name,
        data=data,
        places={path: place for path, place in document.places.items() if not _below(path, gone)},
        sources={path: source for path, source in document.sources.items() if not _below(path, gone)},
    )


def at(document: Document, prefix: KeyPath) -> Document:
    """Return `document` as it stands when its mapping is written at `prefix` of another one."""
    data: Any = document.data
    for key in reversed(prefix):
        data = {key: data}
    return Document(
        name=document.name,
        data=data,
        places={prefix + path: place for path, place in document.places.items()},
        sources={prefix + path: source for path, source in document.sources.items()},
    )


def moot(base: Mapping[Key, Any], child: Mapping[Key, Any]) -> Iterator[KeyPath]:
    """Yield the key paths of `base` that `child` takes away by switching a choice."""
    for choice, (default, members) in _CHOICES.items():
        chosen = lookup(child, choice)
        if chosen is not None and chosen != (lookup(base, choice) or default):
            yield from (choice[:-1] + member for member in members)
    yield from other_models(base, child)
    if lookup(child, _MODEL) not in (None, lookup(base, _MODEL)):
        yield ("readout", "rate")
    tile, tile_child = base.get("tile"), child.get("tile")
    if isinstance(tile, dict) and isinstance(tile_child, dict):
        yield from _moot_level(tile, tile_child, ("tile",))
        for role in (*ROLES, "bus"):
            if any(isinstance(level.get(role), dict) for level, _ in _levels(tile_child, ("tile",))):
                for level, path in _levels(tile, ("tile",)):
                    written = lookup(child, (*path, role))
                    if role in level and not isinstance(written, dict):
                        yield (*path, role)


def other_models(base: Mapping[Key, Any], child: Mapping[Key, Any]) -> Iterator[KeyPath]:
    """Yield the key paths of a card's sections in `base` that belong to another model than `child` names."""
    for section in _MODELLED:
        model, before = (lookup(data, (*section, "model")) for data in (child, base))
        if None not in (model, before) and model != before:
            yield from ((*section, key) for key in lookup(base, section))


def lookup(data: Any, path: KeyPath) -> Any:
    """Return what stands at `path`, None where nothing does."""
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _merge(
    base: Any,
    child: Document,
    value: Any,
    path: KeyPath,
    places: dict[KeyPath, str],
    sources: dict[KeyPath, str],
    replaced: frozenset[KeyPath],
) -> Any:
    if isinstance(value, dict) and isinstance(base, dict) and path not in replaced:
        merged = dict(base)
        if path in child.places:
            places[path] = child.places[path]
        for key, member in value.items():
            inner = (*path, key)
            if member is None and base.get(key) is not None:
                merged.pop(key)
                _forget(places, inner)
                _forget(sources, inner)
                places[inner] = child.where(inner)
            else:
                merged[key] = _merge(base.get(key), child, member, inner, places, sources, replaced)
        return merged
    for length in range(1, len(path)):
        sources.pop(path[:length], None)  # the group's source no longer covers all of it
    for table, written in ((places, child.places), (sources, child.sources)):
        _forget(table, path)
        table.update((known, text) for known, text in written.items() if known[: len(path)] == path)
    places.setdefault(path, child.where(path))
    return value


def _forget(table: dict[KeyPath, str], path: KeyPath) -> None:
    for known in [known for known in table if known[: len(path)] == path]:
        del table[known]


def _below(path: KeyPath, tops: tuple[KeyPath, ...]) -> bool:
    return any(path[: len(top)] == top for top in tops)


def _removed(data: Any, path: KeyPath) -> Any:
    if not isinstance(data, dict) or path[0] not in data:
        return data
    kept = {key: value for key, value in data.items() if key != path[0]}
    if len(path) == 1:
        return kept
    return {**data, path[0]: _removed(data[path[0]], path[1:])}


def _levels(level: Mapping[Key, Any], path: KeyPath) -> Iterator[tuple[Mapping[Key, Any], KeyPath]]:
    yield level, path
    if isinstance(level.get("macro"), dict):
        yield from _levels(level["macro"], (*path, "macro"))


def _moot_level(base: Mapping[Key, Any], child: Mapping[Key, Any], path: KeyPath) -> Iterator[KeyPath]:
    for written, other in (("arrays", "macro"), ("macro", "arrays")):
        if child.get(written) is not None and base.get(other) is not None and child.get(other) is None:
            yield (*path, other)
    for name, part in child.items():
        below = base.get(name)
        if isinstance(part, dict) and isinstance(below, dict):
            if name == "macro":
                yield from _moot_level(below, part, (*path, name))
            elif name == "extra":
                for extra in part.keys() & below.keys():
                    yield from _moot_part(below[extra], part[extra], (*path, name, extra))
            else:
                yield from _moot_part(below, part, (*path, name))


def _moot_part(base: Any, child: Any, path: KeyPath) -> Iterator[KeyPath]:
    for written, other in (("count", "shared_by"), ("shared_by", "count")):
        if lookup(child, (written,)) not in (None, 1) and lookup(child, (other,)) is None:
            yield (*path, other)
