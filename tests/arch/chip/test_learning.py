"""The section `learning`: what it refuses, where, and in which words."""

from __future__ import annotations

import pytest

from pillarsim.arch.chip.learning import Learning
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import InputError
from pillarsim.report.cautions import learning_cautions

PAIR = "learning={rule: binary, arrangement: differential, devices_per_synapse: 2}"
WEAK = ("array.cell=majumdar2021", "weights.bits_per_cell=1")
FILAMENT = (
    "array.access.on_resistance=0 Ohm", "array.cell=stanford_pku", "weights.bits_per_cell=1",
    "write={voltage: 1.5 V, pulse: 10 ns}", "write.reset={voltage: 1.2 V, pulse: 10 ns}",
)  # fmt: skip
TWO_WAY = ("array.cell=pt_hfo2_ti_tin",)


def refusal(*sets: str, preset: str = "hfox_planar_128") -> str:
    """The message that refuses the preset with these settings."""
    with pytest.raises(InputError) as caught:
        load_chip(preset, sets)
    return str(caught.value)


@pytest.mark.parametrize(
    ("setting", "key", "expected", "found"),
    [
        ("devices_per_synapse=0", "devices_per_synapse", "expected at least 1", "found 0"),
        ("selection_increment=0", "selection_increment", "expected at least 1", "found 0"),
        (
            "selection_increment=7",
            "selection_increment",
            "expected 1 to 6, since the counter selects among 7",
            "found 7",
        ),
        ("devices_per_synapse=129", "devices_per_synapse", "expected at most 128", "found 129"),
        ("potentiation_period=0", "potentiation_period", "expected at least 1", "found 0"),
        ("pulse_train=64", "pulse_train", "expected at most 63", "found 64"),
        ("arrangement=differential", "devices_per_synapse", "expected an even number", "found 7"),
        ("refresh={every: 10}", "refresh", "expected only with arrangement 'differential'", "found 'single'"),
        ("rule=binary", "rule", "expected arrangement 'differential' with devices_per_synapse 2", "'single' with 7"),
        ("rule=sing", "rule", "did you mean 'sign'", "found 'sing'"),
        ("devices_per_synaps=3", "devices_per_synaps", "did you mean 'devices_per_synapse'", ""),
        ("counter=conter", "counter", "did you mean 'counter'", ""),
    ],
)
def test_a_wrong_key_is_refused_where_it_stands(setting: str, key: str, expected: str, found: str) -> None:
    """Each message starts with the option and the key, says what was expected and what was found."""
    message = refusal(f"learning.{setting}", preset="hfox_learning_128")
    assert f"learning.{key}: " in message
    assert expected in message
    assert found in message


def test_the_place_is_the_line_of_the_file() -> None:
    """In a file the message names file and line."""
    message = refusal("learning.selection_increment=1", "array.columns=4", preset="hfox_learning_128")
    assert message.startswith("configs/hfox_learning_128.yaml:")
    assert "learning.devices_per_synapse: expected at most 4, the columns of an array" in message


def test_a_card_without_pulses_is_told_which_have_them() -> None:
    """The message names the key that the card lacks, and shipped cards that suit rule and arrangement."""
    single = refusal("learning.rule=stochastic")
    assert "array.cell.pulse_update: missing: `learning` needs a device card" in single
    cards = single.rpartition("suit: ")[2].split(", ")
    assert {"pt_hfo2_ti_tin", "pt_hfo2_ti_tin_binary", "neurosim_analog"} <= set(cards)
    assert not {"pcm_nandakumar_2018", "stanford_pku", "majumdar2021", "hfox_planar"} & set(cards)
    assert "pcm_nandakumar_2018" in refusal("learning={arrangement: differential, devices_per_synapse: 2}")
    assert refusal(PAIR).endswith("suit: majumdar2021")
    for card in cards:
        load_chip("hfox_planar_128", (f"array.cell={card}", "weights.bits_per_cell=1", "learning={}"))


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (("array.cell=pcm_nandakumar_2018", "learning={}"), "learning.arrangement: expected 'differential'"),
        ((*WEAK, "learning={}"), "its pulses only lower the conductance, as rule 'binary' takes them"),
        ((*TWO_WAY, PAIR), "learning.rule: 'binary' counts weak RESET pulses and takes"),
        ((*FILAMENT, "learning={}"), "too slow for the devices of a network"),
        ((*TWO_WAY, "write.reset=null", "learning={}"), "write.reset: expected {voltage: ..., pulse: ...}"),
        (("array.cell={extends: pt_hfo2_ti_tin, programming: trials}", "write.verify=null", "learning.verify=true"),
         "write.verify: expected with learning.verify"),
    ],
)  # fmt: skip
def test_cells_and_writes_that_cannot_learn(sets: tuple[str, ...], expected: str) -> None:
    """Pulses that go one way, another rule's pulses, no RESET, and verify reads that nothing times."""
    assert expected in refusal(*sets)


def test_weak_reset_has_no_half_selected_pulses() -> None:
    """A disturb law that rule 'binary' would not follow is refused where devices are half-selected, else not."""
    law, passive = "array.cell.disturb_voltage=0.2 V", "array.access={device: none}"
    for scheme in ("half", "third"):
        message = refusal(law, passive, f"write.scheme={scheme}", preset="hfox_weak_reset_128")
        assert "array.cell.disturb_voltage: expected none with learning.rule 'binary'" in message
    load_chip("hfox_weak_reset_128", (law,))
    load_chip("hfox_weak_reset_128", (passive, "write.scheme=half"))


@pytest.mark.parametrize(
    ("devices", "increment", "arrangement", "used"),
    [
        (7, 3, "single", None),
        (1, 1, "single", None),
        (6, 4, "single", 3),
        (12, 3, "differential", 2),
        (8, 3, "differential", None),
    ],
)
def test_increments_that_leave_devices_out(devices: int, increment: int, arrangement: str, used: int | None) -> None:
    """The warning counts the devices that multiples of the increment reach, and is silent where all are."""
    learning = Learning.model_validate(
        {"devices_per_synapse": devices, "selection_increment": increment, "arrangement": arrangement}
    )
    reached = len({turn * increment % learning.selected for turn in range(learning.selected)})
    warned = learning_cautions(learning)
    assert bool(warned) == (used is not None) == (reached < learning.selected)
    if used is not None:
        assert reached == used
        assert f"uses {used} of them" in warned[0]
