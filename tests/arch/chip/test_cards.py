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
    elif (isinstance(value, int | float) and not isinstance(value, bool)) or (
        isinstance(value, str) and value[:1] in "-0123456789"
    ):
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


@pytest.mark.parametrize(
    ("probabilities", "places", "after", "message"),
    [
        ("0.1, 0.5, 1", ("1 uS", "2 uS"), "1 uS, 2 uS, 3 uS", "from 0 to 1"),
        ("0, 0.5, 0.9", ("1 uS", "2 uS"), "1 uS, 2 uS, 3 uS", "from 0 to 1"),
        ("0, 0, 1", ("1 uS", "2 uS"), "1 uS, 2 uS, 3 uS", "from 0 to 1"),
        ("0, 0.5, 1", ("2 uS", "2 uS"), "1 uS, 2 uS, 3 uS", "conductances that rise"),
        ("0, 0.5, 1", ("1 uS", "2 uS"), "1 uS, 2 uS", "expected 3 conductances after, found 2 in knot 2"),
        ("0, 0.5, 1", ("1 uS", "2 uS"), "1 uS, 3 uS, 2 uS", "do not fall, see knot 2"),
        ("0, 0.5, 1", ("1 uS", "2 uS"), "-1 uS, 2 uS, 3 uS", "after"),
    ],
)
def test_a_wrong_relaxation_is_named(probabilities: str, places: tuple[str, str], after: str, message: str) -> None:
    """Probabilities run from 0 to 1, knots rise, and every knot has a conductance for each, in order."""
    knots = f"{{conductance: {places[0]}, after: [0 uS, 1 uS, 2 uS]}}, {{conductance: {places[1]}, after: [{after}]}}"
    section = (
        f"{{model: relaxation, probabilities: [{probabilities}], knots: [{knots}], "
        "time: 30 min, temperature: 80 C, onset: 1 s, activation: 1 eV, longest: 1 h, coldest: 0 C, hottest: 90 C}"
    )
    with pytest.raises(InputError) as caught:
        load_chip("hfox_planar_128", (f"array.cell.retention={section}",))
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


def test_a_later_option_changes_the_card_that_an_earlier_one_named(tmp_path: Path) -> None:
    """Each --set is over those before it, also where one names a card."""
    path = tmp_path / "own.yaml"
    path.write_text("extends: hfox_planar\nlrs: 10 kOhm\nhrs: 200 kOhm\niv: {model: sinh, voltage: 0.3 V}\n")
    bare = "array.access.on_resistance=0 Ohm"
    for later in ("array.cell.levels=8", "array.cell={levels: 8}"):
        cell = load_chip("hfox_planar_128", (bare, f"array.cell={path}", later)).chip.array.cell
        assert (cell.lrs, cell.hrs, cell.levels) == (10e3, 200e3, 8)
    again = load_chip("hfox_planar_128", (bare, "array.cell.levels=8", f"array.cell={path}")).chip.array.cell
    assert again.levels == 4
    switched = ("array.cell.iv={model: polynomial}", "array.cell.lrs=5 kOhm", "array.cell.hrs=18 kOhm")
    assert load_chip("hfox_planar_128", (bare, f"array.cell={path}", *switched)).chip.array.cell.iv.voltage is None
    with pytest.raises(InputError, match="no such file"):
        load_chip("hfox_planar_128", (f"array.cell={tmp_path / 'absent.yaml'}", "array.cell.levels=8"))


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (("array.cell=stanford_pku", "weights.bits_per_cell=1"), "write.voltage: expected 1.5 V, as array.cell"),
        (("array.cell=pcm_nandakumar_2018", "write.verify=null"), "write.verify: expected with array.cell.programming"),
        (("array.cell=neurram_wan_2022",), "write.verify: expected null with this cell"),
        (
            ("array.cell=hfo2_milo_2021", "array.cell.hrs=19 kOhm", "write.verify=null"),
            "array.cell.level_error: it covers 50",
        ),
        (
            ("array.cell=pcm_nandakumar_2018", "retention={time: 2 years, temperature: 300 K}"),
            "retention.time: expected at most 1 year",
        ),
        (
            ("array.cell=pcm_nandakumar_2018", "retention={time: 2 days, temperature: 85 C}"),
            "retention.temperature: expected 290 K to 310 K, what the cell's card covers, found 358.15 K",
        ),
        (("technology.temperature=-400 C",), "expected above 0 K"),
    ],
)
def test_a_chip_that_the_card_does_not_fit_is_refused(sets: tuple[str, ...], message: str) -> None:
    """Loading a chip says what its cell's card asks for."""
    with pytest.raises(InputError) as caught:
        load_chip("hfox_planar_128", ("array.access.on_resistance=0 Ohm", *sets))
    assert message in str(caught.value)
