"""A card as it is written: every key that is set, with its value and source; its labels; what can be switched off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pillarsim.arch.chip.load import CARD_LABELS, LoadedCard
from pillarsim.arch.device import device_of
from pillarsim.arch.presets import shown_name
from pillarsim.arch.reader import KeyPath, dotted
from pillarsim.arch.units import UNITS, parse_quantity, unit_of
from pillarsim.device.fit.text import quantity
from pillarsim.device.listing import card_row

SCHEMA_VERSION = 1
# Dimensions that people read with a prefix; times, temperatures and energies stay as written.
_PREFIXED = ("resistance", "conductance", "voltage", "current", "length", "capacitance")


def card_sheet(loaded: LoadedCard) -> dict[str, Any]:
    """Return what a card says: its row of the list, values, labels and imperfections."""
    device = device_of(loaded.card)
    return {
        "schema_version": SCHEMA_VERSION,
        "card": loaded.name,
        "file": shown_name(loaded.path),
        "extends": list(loaded.files[:-1]),
        "summary": card_row(loaded.name, loaded.card),
        "labels": {
            key: str(getattr(loaded.card, key)) for key in CARD_LABELS if getattr(loaded.card, key) not in ("", None)
        },
        "values": [
            {"key": dotted(path), "value": shown(value), "source": loaded.source_of(path)}
            for path, value in _written(loaded.document.data, ())
            if path[0] not in CARD_LABELS
        ],
        "imperfections": {
            "programmed": list(device.imperfections),
            "pulsed": None if device.update is None else list(device.update.imperfections),
        },
    }


def shown(value: Any) -> str:
    """A value as cards write it, quantities in engineering notation with up to six digits."""
    if isinstance(value, list):
        return ", ".join(shown(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{key} {shown(one)}" for key, one in value.items())
    if isinstance(value, float):
        return f"{value:.6g}"
    unit = unit_of(value)
    if unit is None:
        return str(value)
    dimension = UNITS[str(value).split()[-1]][0] if str(value).split()[-1] in UNITS else ""
    return quantity(parse_quantity(value, dimension), unit) if dimension in _PREFIXED else str(value)


def _written(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Single values, and lists as one."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _written(member, (*path, key))
    else:
        yield path, value
