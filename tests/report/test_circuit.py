"""The report's section on array circuits, and what the terminal says of it."""

from __future__ import annotations

from typing import Any

import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.circuit.sampled import SampledReads
from pillarsim.arch.costing import Costs, EnergyRow
from pillarsim.job import RunOptions, run
from pillarsim.report.cautions import cautions
from pillarsim.report.circuit import LINEAR_LIMIT, circuit_section
from pillarsim.report.terminal import render
from tests.laws.test_any_chip import NETWORK

ROWS = (
    EnergyRow("array", "read", "one", 8, 4.0, "dynamic"),
    EnergyRow("array", "read", "two", 8, 2.0, "dynamic"),
    EnergyRow("array", "wires", "one", 8, 1.0, "dynamic"),
    EnergyRow("array", "sneak", "one", 8, 0.5, "leakage"),
    EnergyRow("array", "off transistors", "one", 8, 0.25, "leakage"),
    EnergyRow("regulator", "read", "one", 8, 100.0, "dynamic"),
)


def reads(name: str, linear_rms: float) -> SampledReads:
    """Sampled reads of a layer that differ in their linear error."""
    return SampledReads(name, 128, 0.9, 0.05, 0.02, 0.97, 0.1, 0.2, linear_rms, 2 * linear_rms)


def test_the_section_by_hand() -> None:
    """Joules an image by part, other components left out; the largest error of any layer."""
    chip = load_chip("hfox_planar_128", ("array.circuit=exact", "readout.column_gain=calibrated")).chip
    section = circuit_section(chip, Costs(ROWS, 1.0, ()), (reads("one", 0.01), reads("two", 0.03)), 2)
    assert section["energy_j"] == {
        "signal_and_lines": 3.0, "wires_and_switches": 0.5, "sneak": 0.25, "off_transistors": 0.125, "idle": 0.0,
    }  # fmt: skip
    assert (section["model"], section["column_gain"], section["limit"]) == ("exact", "calibrated", 0.05)
    assert (section["reads_solved"], section["linear_rms"]) == (256, 0.03)
    assert [layer["name"] for layer in section["layers"]] == ["one", "two"]
    assert section["layers"][1]["linear_worst"] == 0.06


@pytest.mark.parametrize(
    ("errors", "named"), [((0.0, LINEAR_LIMIT), []), ((0.06, 0.2), ["6.0 % (one)", "20.0 % (two)"])]
)
def test_layers_above_the_limit_are_named(errors: tuple[float, float], named: list[str]) -> None:
    """Each layer whose linearised cells miss by more than 5 %, and none at the limit."""
    drop: dict[str, Any] = {"model": "solved", "mean": 0.1, "layer": "one", "worst": 0.5, "worst_layer": "one"}
    found = cautions(
        load_chip("hfox_planar_128").chip.array, drop, (), (reads("one", errors[0]), reads("two", errors[1]))
    )
    assert len(found) == (1 if named else 0)
    assert all(text in found[0] for text in named)


def test_the_terminal_says_what_was_solved() -> None:
    """Solved circuits show where the arrays' energy goes and the error; ideal ones say that wires are ideal."""
    options, texts = RunOptions(samples=0, images=1), {}
    for circuit in ("ideal", "exact"):
        sets = (f"array.circuit={circuit}", "readout.column_gain=calibrated", "array.rows=32")
        texts[circuit] = render(run(load_chip("hfox_planar_128", sets), NETWORK, options))
    assert "sampled reads solved in full" in texts["exact"]
    assert "wires and switches" in texts["exact"]
    assert "IR drop estimate" not in texts["exact"]
    assert "sampled reads" not in texts["ideal"]
    assert "IR drop estimate" in texts["ideal"]
    assert all("column gain" in text for text in texts.values())


@pytest.mark.parametrize(("mean", "word"), [(0.99, "lose 99 %"), (-0.65, "gain, by sneak paths, 65 %"), (0.19, None)])
def test_a_solved_array_that_loses_or_gains_much_is_named(mean: float, word: str | None) -> None:
    """Above 20 % in size the run says so, though nothing is left out."""
    drop: dict[str, Any] = {"model": "solved", "mean": mean, "layer": "one", "worst": 0.5, "worst_layer": "one"}
    found = cautions(load_chip("hfox_planar_128").chip.array, drop, (), ())
    assert [word in text for text in found if word] == ([True] if word else [])
    assert len(found) == (1 if word else 0)
