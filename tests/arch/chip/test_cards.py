"""Shipped device cards: each says what it is, and where every number comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pillarsim.arch.chip.load import CARD_LABELS, load_card, load_chip
from pillarsim.arch.errors import InputError
from pillarsim.arch.presets import config_names
from pillarsim.arch.reader import KeyPath

NAMES = config_names("device")


def numbers(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the key paths of the numbers below `value`, quantities with units included."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from numbers(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from numbers(member, (*path, index))
    elif isinstance(value, int | float) or (isinstance(value, str) and value[:1] in "-0123456789"):
        yield path


@pytest.mark.parametrize("name", NAMES)
def test_card_says_what_it_is(name: str) -> None:
    """Technology, author, year, reference, figure, range, assumptions and what is not claimed are all there."""
    card = load_card(name).card
    assert [label for label in CARD_LABELS if not getattr(card, label)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_a_source(name: str) -> None:
    """No number of a card, labels apart, stands without a source."""
    loaded = load_card(name)
    found = [path for path in numbers(loaded.document.data) if path[0] not in CARD_LABELS]
    assert [path for path in found if loaded.source_of(path) is None] == []


@pytest.mark.parametrize(
    ("retention", "message"),
    [
        ("{model: relax}", "expected power_law, relaxation, spread_growth, arrhenius, found 'relax' (did you mean"),
        ("{lrs: 1 day}", "model is missing; expected power_law, relaxation, spread_growth, arrhenius"),
        (
            "{model: power_law, lrs: 0.1, hrs: 0.1, since: 1 s, longest: 1 h, coldest: 1 K, hottest: 2 K, times: 1 s}",
            "unknown key 'times'",
        ),
        ("{model: power_law, lrs: 0.1, hrs: 0.1, since: 1 s}", "missing"),
        ("{model: power_law, lrs: 2, hrs: 0.1, since: 1 s, longest: 1 h, coldest: 1 K, hottest: 2 K}", "at most 1"),
    ],
)
def test_a_wrong_section_is_named(retention: str, message: str) -> None:
    """What is wrong in a section with several models is said once, with the keys of the model that is meant."""
    with pytest.raises(InputError) as caught:
        load_chip("hfox_planar_128", (f"array.cell.retention={retention}",))
    assert message in str(caught.value)


def test_cards_may_extend_cards_of_another_model(tmp_path: Path) -> None:
    """A card that switches a model takes nothing of the other one's keys along."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: neurram_wan_2022\nretention: {model: power_law, lrs: 0.1, hrs: 0.1, since: 1 s, longest: 1 h, "
        "coldest: 290 K, hottest: 310 K}\niv: {model: sinh, voltage: 0.3 V}\n"
    )
    card = load_card(path).card
    assert card.retention is not None
    assert card.retention.model == "power_law"
    assert card.iv.voltage == 0.3
    assert card.lrs == 25e3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("level_error: {coefficients: [1 uS], scale: 1 uS, lowest: 1 uS, highest: 9 uS}", "expected not beside"),
        ("programming: pulses", "expected 'trials' where the card has no pulse_update"),
        ("quantiles: {probabilities: [0, 1], levels: []}", "quantiles"),
        ("array_typo: 1", "unknown key 'array_typo'"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Contradictions within a card are errors with the file and the key."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: hfox_planar\n{text}\n")
    with pytest.raises(InputError) as caught:
        load_card(path)
    assert message in str(caught.value)
    assert "mine.yaml" in str(caught.value)
