"""The report of a training run: means over device seeds, sums of parts, and what a reader sees."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pillarsim.arch.chip import CellCard
from pillarsim.arch.chip.ageing import CellEndurance
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import ModelError
from pillarsim.arch.training.trace import PHASES
from pillarsim.report.json import json_text
from pillarsim.report.training import STANDBY, build_training_report
from pillarsim.report.training_cautions import training_cautions
from pillarsim.report.training_plot import draw_training
from pillarsim.report.training_terminal import render_training
from pillarsim.workloads.on_chip.interface import LayerWear
from tests.near import near
from tests.training.results import CHIP, PULSES, results, worn


def test_accuracy_is_the_mean_of_the_device_seeds() -> None:
    """Epoch by epoch; the spread is the sample standard deviation, and of one seed there is none."""
    accuracy = build_training_report(results())["accuracy"]
    assert accuracy["per_seed"] == [[0.5, 0.8], [0.4, 0.6]]
    assert accuracy["per_epoch"] == near([0.45, 0.7])
    assert accuracy["final_mean"] == near(0.7)
    assert accuracy["final_std"] == near(0.2 / 2**0.5)
    one = build_training_report(results(1))["accuracy"]
    assert one["final_std"] is None
    assert one["final_mean"] == 0.8
    assert one["float_baseline"] == 0.95


def test_times_and_energies_are_means_and_sum_up() -> None:
    """By phase and by layer; programming and standby are there."""
    report, both = build_training_report(results()), results().seeds
    time, energy = report["time_s"], report["energy_j"]
    assert time["total"] == near(sum(seed.trace.span_ps for seed in both) / 2 * 1e-12)
    assert tuple(time["by_phase"]) == PHASES
    assert sum(time["by_phase"].values()) == near(time["total"])
    assert energy["total"] == near((both[0].costs.total() + both[1].costs.total()) / 2)
    assert set(energy["by_phase"]) <= {*PHASES, STANDBY}
    assert energy["by_phase"][STANDBY] > 0
    assert sum(energy["by_phase"].values()) == near(energy["total"])
    assert sum(energy["by_layer"].values()) + energy["outside_layers"] == near(energy["total"])
    assert time["per_image"] == near(time["total"] / 6)
    assert report["leakage_w"]["total"] * time["total"] == near(energy["leakage"])


def test_pulses_and_wear() -> None:
    """Updates of 3 steps and programming, two layers, a mean over the seeds; the most worn device is of all of them."""
    pulses = build_training_report(results())["pulses"]
    updates = 3 * sum(PULSES) / 2 * 2
    assert pulses["set"] == near(updates)
    assert pulses["programming"] == 40
    assert pulses["total"] == near(updates + 40)
    devices = sum(layer["devices"] for layer in pulses["by_layer"])
    assert pulses["per_device_mean"] == near((updates + 40) / devices)
    assert pulses["per_device_max"] == 20 + max(PULSES)
    assert [layer["saturated"] for layer in pulses["by_layer"]] == [0.25, 0.5]


def test_pulses_that_nobody_counted_are_a_defect() -> None:
    """Wear and events must tell the same number of pulses."""
    with pytest.raises(ModelError, match="pulses: parts sum to"):
        build_training_report(worn(results(), 999))


def test_counters_and_disturb() -> None:
    """Requests are those of the arbitration, pulses those that were fired; behind transistors no cell is disturbed."""
    report = build_training_report(results(1))
    counters = report["counters"]
    assert (counters["requests"], counters["pulses"]) == (2 * 3 * 31, 2 * 3 * 30)
    assert counters["energy_j"] > 0
    assert counters["area_m2"] > 0
    assert report["disturb"]["half_selected"] == 0


def test_report_is_json_and_fits_one_screen() -> None:
    """No NaN; the text has at most 80 lines of at most 120 letters, and names every phase that took time."""
    report = build_training_report(results())
    assert json.loads(json_text(report)) == report
    text = render_training(report)
    lines = text.splitlines()
    assert len(lines) <= 80
    assert max(len(line) for line in lines) <= 120
    assert "70.00 +- 14.14 % on the chip    95.00 % trained in float" in text
    assert any(line.startswith("programming") for line in lines)
    report["accuracy"]["float_baseline"] = None
    assert "% on the chip    no float baseline    " in render_training(report)


def test_endurance() -> None:
    """Two pulses are a cycle; a card that states none gives none, and one that is used up is warned of."""
    found, stated = results(), CHIP.array.cell.endurance
    assert stated is not None
    assert build_training_report(found)["endurance"]["used_max"] == near((20 + max(PULSES)) / 2 / stated.cycles)
    silent = CHIP.array.cell.model_copy(update={"endurance": None})
    chip = CHIP.model_copy(update={"array": CHIP.array.model_copy(update={"cell": silent})})
    none = build_training_report(replace(found, chip=chip))["endurance"]
    assert none == {"cycles": None, "used_mean": None, "used_max": None}
    cell = CHIP.array.cell.model_copy(update={"endurance": CellEndurance(cycles=10)})
    warned = training_cautions(cell, [[LayerWear("fc", 4, 50, 30, 0.6)]], 7)
    assert [text.partition(":")[0][:30] for text in warned] == [
        "the most worn device had 1.5 t",
        "most devices end at a bound of",
        "7 update pulses over half-sele",
    ]
    assert training_cautions(CellCard.model_validate(cell), [[LayerWear("fc", 4, 50, 20, 0.5)]], 0) == ()


def test_picture_shows_accuracy_and_energy() -> None:
    """One line for the mean, one a seed, the baseline; a bar for each phase with energy."""
    report = build_training_report(results())
    left, right = draw_training(report).axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == [  # type: ignore[union-attr]
        "device seeds",
        "on the chip",
        "trained in float",
    ]
    assert len(right.patches) == sum(joules > 0 for joules in report["energy_j"]["by_phase"].values())


def test_weak_reset_devices_are_past_a_knee() -> None:
    """The table and the warning of rule 'binary' speak of the knee, those of the others of a bound."""
    found = build_training_report(results())
    assert "at a bound" in render_training(found)
    found["options"]["rule"] = "binary"
    assert "past the knee" in render_training(found)
    assert "at a bound" not in render_training(found)
    wear = ((LayerWear("fc1", 4, 9, 3, 0.7),),)
    for preset, words in (("hfox_weak_reset_128", "past their knee"), ("hfox_learning_128", "at a bound")):
        assert words in training_cautions(load_chip(preset).chip.array.cell, wear, 0.0)[0]


def test_long_lists_are_folded() -> None:
    """Twenty components without leakage take several lines, each within 120 letters, and none is lost."""
    found = build_training_report(results())
    names = [f"component_{number}" for number in range(20)]
    found["leakage_w"]["not_stated"] = names
    text = render_training(found)
    assert max(map(len, text.splitlines())) <= 120
    assert all(f"{name}" in text for name in names)
