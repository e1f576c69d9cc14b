"""What the shipped device cards are, a row each."""

from __future__ import annotations

from typing import Any

from pillarsim.arch.chip.cell import CellCard
from pillarsim.arch.chip.load import load_card
from pillarsim.arch.chip.written import StatePair
from pillarsim.arch.presets import config_names


def listing() -> list[dict[str, Any]]:
    """Return a row for each shipped card, by name. Raises InputError for a card that does not load."""
    return [card_row(name, load_card(name).card) for name in config_names("device")]


def card_row(name: str, card: CellCard) -> dict[str, Any]:
    """Return the row of one card; None is what it does not state."""
    return {
        "name": name,
        "technology": card.technology,
        "lrs_ohm": card.lrs,
        "hrs_ohm": card.hrs,
        "levels": card.levels,
        "programming": programming(card),
        "pulse_model": None if card.pulse_update is None else card.pulse_update.model,
        "retention": None if card.retention is None else card.retention.model,
        "reference": card.reference,
    }


def programming(card: CellCard) -> str:
    """How the card's cells are programmed: by pulses of its model, or the error of a write pulse."""
    if card.programming == "pulses":
        return "pulses"
    if card.level_error is not None:
        return "normal by level"
    if card.quantiles is not None:
        return "quantiles"
    return "exact" if card.programming_error == StatePair() else "log-normal"
