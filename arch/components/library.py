"""The component library: cards read from ``configs/components`` (or from a file that a chip names).

Reading needs no knowledge of the chip; `card_costs` brings a card to the chip's node, supply and temperature.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from pydantic import ValidationError

from pillarsim.arch.chip.explain import explain
from pillarsim.arch.components.cards import CARD_TYPES, BitsCard, MemoryCard, PartCard
from pillarsim.arch.errors import InputError, nearest
from pillarsim.arch.presets import find_preset, shown_name
from pillarsim.arch.reader import Document, read_yaml


@dataclass(frozen=True)
class LoadedCard:
    """A validated card, its name, and the document that knows the source of each number."""

    name: str
    card: PartCard | MemoryCard | BitsCard
    document: Document = field(repr=False)

    def source(self, *key_path: str | int) -> str:
        """Source of one number: its own, or the card's."""
        return self.document.source_of(key_path) or self.card.source


@functools.lru_cache(maxsize=256)
def load_card(name: str) -> LoadedCard:
    """Read the card `name`: shipped in configs/components, or a path to a file (relative to the working folder).

    Raises InputError for an unknown card (with the nearest name) and, with file:line and key, for a bad one.
    """
    path = find_preset(name, "component")
    document = read_yaml(path, shown_name(path))
    kind = document.data.get("kind", "part")
    if not isinstance(kind, str) or kind not in CARD_TYPES:
        hint = nearest(str(kind), CARD_TYPES)
        raise InputError(f"{document.where(('kind',))}: kind: expected part, memory or bits, found {kind!r}{hint}")
    model = CARD_TYPES[kind]
    try:
        card = model.model_validate(document.data)
    except ValidationError as error:
        raise explain(error, document, model) from None
    return LoadedCard(path.stem, card, document)
