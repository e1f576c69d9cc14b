"""`pillarsim show`: the tree on the terminal and its JSON."""

import json
from pathlib import Path

import pytest

from pillarsim.cli import status
from tests.near import near


@pytest.mark.parametrize(
    "chip",
    [
        "hfox_planar_128", "hfox_spiking_128", "vrram_finger_8layer", "isaac_isca_2016", "hfox_learning_128",
        "vrram_comb_learning",
    ],
)  # fmt: skip
def test_totals_are_the_sums_of_the_parts(chip: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Area, leakage and peak power of the chip are the sums over the parts that state them, and count those."""
    assert status(["show", chip, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    for total, key in (("area_m2", "area_m2"), ("leakage_w", "leakage_w"), ("power_w", "peak_power_w")):
        stated = [part["total"][key] for part in data["components"] if part["total"][key] is not None]
        assert data["chip"]["parts_stated"][total] == len(stated)
        assert data["chip"][total] == (near(sum(stated)) if stated else None)
    assert data["peak_ops_per_s"] > 0


def test_peak_power_is_actions_and_static_power(capsys: pytest.CaptureFixture[str]) -> None:
    """Of each part: the sum of energy x peak rate of its actions, plus leakage."""
    assert status(["show", "hfox_planar_128", "--json", "-"]) == 0
    for part in json.loads(capsys.readouterr().out)["components"]:
        power = sum(
            action["energy_j"] * (action["peak_rate_hz"] or 0)
            for action in part["actions"]
            if action["energy_j"] is not None
        )
        if part["peak_power_w"] is not None:
            assert part["peak_power_w"] == near(power + (part["leakage_w"] or 0))


def test_the_tree_names_parts_totals_and_sources(capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal shows each part, what is not stated in those words, and a numbered list of sources."""
    assert status(["show", "isaac_isca_2016"]) == 0
    text = capsys.readouterr().out
    for words in (
        "41.3 TOPS",
        "330 mW",
        "0 of 18 parts stated",
        "not stated",
        "tile (x 168)",
        "macro (x 12)",
        "converter",
    ):
        assert words in text
    marks = {int(part.split("]")[0]) for part in text.split("[")[1:] if part.split("]")[0].isdigit()}
    assert marks == set(range(1, max(marks) + 1))
    assert "ISAAC, ISCA 2016, Table I" in text


def test_every_value_of_the_chip_file_has_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    """Each number of the resolved chip says where it comes from; quantities carry their unit."""
    assert status(["show", "hfox_planar_128", "--json", "-"]) == 0
    values = {entry["key"]: entry for entry in json.loads(capsys.readouterr().out)["values"]}
    assert all(entry["source"] for entry in values.values())
    assert values["array.read_voltage"]["unit"] == values["technology.supply.pump"]["unit"] == "V"
    assert values["array.read_voltage"]["value"] == near(0.2)


def test_overrides_reach_the_totals(capsys: pytest.CaptureFixture[str]) -> None:
    """Twice the tiles, twice the peak throughput and the tiles' area."""
    shown = []
    for sets in ([], ["--set", "tile.count={x: 16, y: 8}"]):
        assert status(["show", "hfox_planar_128", "--json", "-", *sets]) == 0
        shown.append(json.loads(capsys.readouterr().out))
    assert shown[1]["peak_ops_per_s"] == near(2 * shown[0]["peak_ops_per_s"])


def test_bad_input_is_one_message_and_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown card ends with status 2, one message with file, line, key and the nearest card, and writes nothing."""
    target = tmp_path / "show.json"
    chip = tmp_path / "mine.yaml"
    chip.write_text("extends: hfox_planar_128\nmesh:\n  link: link_wir\n")
    assert status(["show", str(chip), "--json", str(target)]) == 2
    error = capsys.readouterr().err
    assert "mine.yaml:3: mesh.link" in error
    assert "did you mean 'link_wire'" in error
    assert "Traceback" not in error
    assert not target.exists()
