"""From a chip file's path or a preset's name to a validated Chip that knows where each number comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from pillarsim.arch.chip import CellCard, Chip, chip_from_data
from pillarsim.arch.chip.explain import explain
from pillarsim.arch.chip.merge import at, combine, lookup, other_models, overlay, without
from pillarsim.arch.errors import InputError
from pillarsim.arch.presets import Kind, find_preset, shown_name
from pillarsim.arch.reader import Document, Key, KeyPath, dotted, leaves, parse_value, read_yaml

CELL: KeyPath = ("array", "cell")
CARD_KEYS: frozenset[KeyPath] = frozenset(
    {("readout", "sample_hold"), ("mesh", "link")}
    | {("learning", part) for part in ("counter", "pulse_generator", "column_driver")}
)
CARD_LABELS = {
    name: True
    for name, info in CellCard.model_fields.items()
    if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("label")
}
LABELS: dict[str, Any] = {"name": True, "description": True, "array": {"cell": CARD_LABELS}}


@dataclass(frozen=True)
class LoadedChip:
    """A chip with its provenance. `files` were read, the base first; `document` is what they say together."""

    chip: Chip
    path: Path
    files: tuple[str, ...]
    document: Document = field(repr=False)
    digest: str

    @property
    def name(self) -> str:
        """The chip's name in reports: `name` of the file, or else the file's own."""
        return self.chip.name

    def source_of(self, key_path: KeyPath) -> str | None:
        """The source that the chip file or device card states for a number; None where it states none."""
        return self.document.source_of(key_path)

    def where(self, key_path: KeyPath) -> str:
        """``file.yaml:12`` of a key, or of its nearest ancestor that is written."""
        return self.document.where(key_path)


def load_chip(chip: str | Path, sets: Sequence[str] = ()) -> LoadedChip:
    """Read, merge and validate a chip: a path or a preset's name, then ``a.b.c=value`` texts over it.

    Files named by `extends` merge under the file that names them; ``array.cell: <name>`` reads a device card.
    A component card named by a path is relative to the working folder. Raises InputError that names file:line (or
    the option) and key of what is wrong.
    """
    path = find_preset(chip, "chip")
    document, files = _read(path, "chip", ())
    if sets:
        document, files = _with_sets(document, files, sets)
    validated = _validated(document)
    _check_cards(document)
    return LoadedChip(chip=validated, path=path, files=files, document=document, digest=digest(validated))


@dataclass(frozen=True)
class LoadedCard:
    """A device card with its provenance; `files` were read, the base first."""

    card: CellCard
    path: Path
    files: tuple[str, ...]
    document: Document = field(repr=False)

    @property
    def name(self) -> str:
        """The card's name: its file's."""
        return self.path.stem

    def source_of(self, key_path: KeyPath) -> str | None:
        """The source that the card states for a number; None where it states none."""
        return self.document.source_of(key_path)


def load_card(card: str | Path) -> LoadedCard:
    """Read and validate a device card: a path or a shipped name. Raises InputError with file:line and key."""
    path = find_preset(card, "device")
    document, files = _read(path, "device", ())
    try:
        found = CellCard.model_validate(document.data)
    except ValidationError as error:
        raise explain(error, document, CellCard) from None
    return LoadedCard(found, path, files, document)


def digest(chip: Chip) -> str:
    """sha256 of every value of the chip in SI units, defaults included, labels not: the same for the same chip."""
    values = chip.model_dump(mode="json", exclude=LABELS)
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _validated(document: Document) -> Chip:
    try:
        return chip_from_data(cast(dict[str, Any], document.data))
    except ValidationError as error:
        raise explain(error, document, Chip) from None


def _check_cards(document: Document) -> None:
    """Refuse the name of a component card that does not exist, where it stands."""
    for path in leaves(document.data, ()):
        name = lookup(document.data, path)
        if isinstance(name, str) and (path[-1] == "component" or path in CARD_KEYS):
            try:
                find_preset(name, "component")
            except InputError as error:
                raise InputError(f"{document.where(path)}: {dotted(path)}: {error}") from None


def _read(path: Path, kind: Kind, trail: tuple[Path, ...]) -> tuple[Document, tuple[str, ...]]:
    """Read a file and all that it extends; `trail` are the files that led here."""
    document = read_yaml(path, shown_name(path))
    if kind == "chip":
        # A base's name and description are not passed on.
        document = replace(document, data={"name": path.stem, "description": "", **document.data})
    return _extended(document, path.parent, kind, (*trail, path))


def _extended(
    document: Document, folder: Path, kind: Kind, trail: tuple[Path, ...]
) -> tuple[Document, tuple[str, ...]]:
    """Return `document` over what it extends, its cell card read; and the names of the files, base first."""
    parent = document.data.get("extends")
    place = f"{document.where(('extends',))}: extends"
    document = without(document, [("extends",)])
    document, cards, replaced = _with_cell(document, folder) if kind == "chip" else (document, (), frozenset())
    own = (*cards, document.name)
    if parent is None:
        return document, own
    if not isinstance(parent, str):
        raise InputError(f"{place}: expected a preset's name or a path, found {parent!r}")
    try:
        path = find_preset(parent, kind, folder)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    seen = [known.resolve() for known in trail]
    if path.resolve() in seen:
        circle = [*trail[seen.index(path.resolve()) :], path]
        names = " -> ".join(known.name for known in circle)
        raise InputError(f"{place}: the file extends itself ({names})")
    base, files = _read(path, kind, trail)
    return overlay(base, document, replaced), (*files, *own)


def _with_cell(document: Document, folder: Path) -> tuple[Document, tuple[str, ...], frozenset[KeyPath]]:
    """Put the device card that ``array.cell`` names in its place.

    Returns the document, the files read, and the paths that exchange a base's mapping instead of merging.
    """
    cell = lookup(document.data, CELL)
    if isinstance(cell, str):
        try:
            path = find_preset(cell, "device", folder)
        except InputError as error:
            raise InputError(f"{document.where(CELL)}: {dotted(CELL)}: {error}") from None
        card, files = _read(path, "device", ())
    elif isinstance(cell, dict) and "extends" in cell:
        card, files = _extended(_part(document, CELL), folder, "device", ())
        files = files[:-1]
    else:
        return document, (), frozenset()
    place = document.where(CELL)
    merged = overlay(without(document, [CELL]), at(card, CELL))
    placed = Document(
        document.name, merged.data, {**merged.places, (): document.where(()), CELL: place}, merged.sources
    )
    return placed, files, frozenset({CELL})


def _part(document: Document, prefix: KeyPath) -> Document:
    """Return the mapping at `prefix` as a document of its own."""
    size = len(prefix)
    places = {path[size:]: place for path, place in document.places.items() if path[:size] == prefix}
    sources = {path[size:]: source for path, source in document.sources.items() if path[:size] == prefix}
    return Document(document.name, lookup(document.data, prefix), places, sources)


def _with_sets(document: Document, files: tuple[str, ...], sets: Sequence[str]) -> tuple[Document, tuple[str, ...]]:
    """Return `document` with every ``a.b.c=value`` of `sets` over it, later ones over earlier ones."""
    combined = Document(name=document.name, data={}, places={(): document.where(())}, sources={})
    cards: tuple[str, ...] = ()
    replaced: frozenset[KeyPath] = frozenset()
    for text in sets:
        # A card is read where it is named, so that a later option changes that card.
        option, read, swapped = _with_cell(_set_document(text, document), Path())
        gone = [*other_models(combined.data, option.data), *swapped]
        combined = combine(without(combined, gone), option)
        cards, replaced = (*cards, *read), replaced | swapped
    combined = Document(document.name, combined.data, {**combined.places, (): document.where(())}, combined.sources)
    return overlay(document, combined, replaced), (*files, *cards)


def _set_document(text: str, base: Document) -> Document:
    """Return the one value of ``a.b.c=value`` as a document; its place and source are the option itself."""
    name = f"--set {text}"
    key, equals, value = text.partition("=")
    path: KeyPath = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise InputError(f"{name}: expected KEY=VALUE, such as array.rows=256")
    parsed = parse_value(value, name, path)
    data: dict[Key, object] = {}
    inner = data
    for part in path[:-1]:
        below: dict[Key, object] = {}
        inner[part] = below
        inner = below
    inner[path[-1]] = parsed
    groups = [path[:length] for length in range(1, len(path))]
    places = {group: name for group in groups if not isinstance(lookup(base.data, group), dict)}
    written = dict.fromkeys((path, *leaves(parsed, path)), name)
    return Document(name, data, places | written, written)
