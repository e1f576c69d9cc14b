"""Component cards: every shipped one reads and names its sources; bad ones are refused by file, line and key."""

from pathlib import Path

import pytest

from pillarsim.arch.components.cards import BitsCard, MemoryCard, PartCard
from pillarsim.arch.components.library import load_card
from pillarsim.arch.errors import InputError
from pillarsim.arch.presets import config_names
from tests.near import near

GOOD = """\
description: a test part
source: "a test"
node: 32 nm
actions:
  add: {power: 2 mW, rate: 1 GHz}
  wait: {}
"""


def write(folder: Path, text: str) -> str:
    """Write a card and return its path."""
    path = folder / "card.yaml"
    path.write_text(text)
    return str(path)


def test_every_shipped_card_reads_and_names_its_source() -> None:
    """Each card validates, and each of its numbers has a source of more than a word."""
    assert len(config_names("component")) > 30
    for name in config_names("component"):
        loaded = load_card(name)
        assert len(loaded.card.source) > 5
        assert loaded.card.description
        if isinstance(loaded.card, PartCard):
            for action in loaded.card.actions:
                assert len(loaded.source("actions", action)) > 5


def test_power_at_a_rate_is_an_energy(tmp_path: Path) -> None:
    """2 mW at 1 GHz is 2 pJ an action; an action without numbers states no energy."""
    card = load_card(write(tmp_path, GOOD)).card
    assert isinstance(card, PartCard)
    assert card.actions["add"].energy_j == near(2e-12)
    assert card.actions["wait"].energy_j is None
    assert card.area is None


def test_a_number_may_name_its_own_source() -> None:
    """The driver's area comes from another tool than its energy; ISAAC's own 8 bits stand in the survey's table."""
    driver, table = load_card("driver_1b"), load_card("isaac_adc")
    assert "MNSIM" in driver.source("area")
    assert "PUMA" in driver.source("actions", "drive")
    assert isinstance(table.card, BitsCard)
    assert [point.bits for point in table.card.points] == list(range(4, 11))
    assert "ISAAC, ISCA 2016" in table.source("points", 4)
    assert "CiMLoop" in table.source("points", 0)


def test_the_memory_table_holds_cactis_rows() -> None:
    """Four nodes of six sizes; 64 KiB at 32 nm is 0.228 mm2 and 15 mW."""
    card = load_card("sram_cacti").card
    assert isinstance(card, MemoryCard)
    assert len(card.points) == 24
    row = next(p for p in card.points if p.node == near(32e-9) and p.size == 64 * 8192)
    assert row.area == near(0.228e-6)
    assert row.leakage == near(15e-3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("node: 32 nm", "node: 32", r"card.yaml:3: node: .*32"),
        ("node: 32 nm", "nod: 32 nm", r"card.yaml:3: nod: unknown key 'nod' \(did you mean 'node'"),
        ("rate: 1 GHz", "rate: 1 ns", r"card.yaml:5: actions.add.rate: .*frequency"),
        ("2 mW, rate: 1 GHz", "2 mW", r"card.yaml:5: actions.add.*rate"),
        ("node: 32 nm", "kind: memry", r"card.yaml:3: kind: expected part, memory or bits.*did you mean 'memory'"),
        ("node: 32 nm", "scaling: digital", r"node: expected with scaling 'digital'"),
        ("node: 32 nm", "scaling: io", r"voltage: expected with scaling 'io'"),
    ],
)
def test_a_bad_card_is_refused_by_line_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Every mistake gives one error with file, line, key and what was expected."""
    with pytest.raises(InputError, match=message):
        load_card(write(tmp_path, GOOD.replace(old, new)))


def test_an_unknown_card_names_the_nearest() -> None:
    """A misspelt name is answered with the card that was meant."""
    with pytest.raises(InputError, match="did you mean 'router_mesh'"):
        load_card("router_mash")
