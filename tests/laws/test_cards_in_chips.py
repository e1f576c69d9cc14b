"""Every shipped device card in a chip: accuracy, programming, read energy and IR drop are those of its cell."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from pillarsim.arch.chip.load import load_card, load_chip
from pillarsim.arch.presets import config_names
from pillarsim.job import RunOptions, run
from pillarsim.workloads.topology import load_network

NAMES = config_names("device")
OWN_PULSES = {
    "stanford_pku": ("write={voltage: 1.5 V, pulse: 10 ns}", "write.reset={voltage: 1.2 V, pulse: 10 ns}"),
}


@functools.cache
def report(name: str) -> dict[str, Any]:
    """A short run with the card's cell, bare: 4-bit weights of one bit a cell, verified to 5 % of its window."""
    card = load_card(name).card
    tolerance_s = 0.05 * (1 / card.lrs - 1 / card.hrs)
    verify = f"{{tolerance: {tolerance_s * 1e9:.6g} nS, max_pulses: 40, read_time: 10 ns}}"
    sets = (
        f"array.cell={name}",
        "array.access.on_resistance=0 Ohm",
        "weights.bits_per_cell=1",
        "weights.bits=4",
        f"write.verify={'null' if card.verified else verify}",
        *OWN_PULSES.get(name, ()),
    )
    return run(
        load_chip("hfox_planar_128", sets), load_network("mnist-lenet5"), RunOptions(samples=100, seeds=1, images=2)
    )


@pytest.mark.parametrize("name", NAMES)
def test_card_runs(name: str) -> None:
    """Each card gives a whole report, of weights that were written."""
    found = report(name)
    programming = found["programming"]
    assert programming["energy_j"] > 0
    assert 0 <= programming["failed_cells"] <= programming["cells"]
    assert 0 <= found["accuracy"]["chip_mean"] <= 1


def test_better_cells_are_better() -> None:
    """The exact cell keeps the accuracy; weak RESET devices, whose spread exceeds their window, lose most of it."""
    assert report("isaac_hu_dac_2016")["accuracy"]["chip_mean"] > 0.9
    assert report("majumdar2021")["accuracy"]["chip_mean"] < report("hfox_planar")["accuracy"]["chip_mean"]
    assert (
        report("majumdar2021")["programming"]["failed_cells"] > report("pt_hfo2_ti_tin")["programming"]["failed_cells"]
    )


def test_low_resistance_costs_read_energy_and_ir_drop() -> None:
    """A measured HfO2 cell of 5 kOhm with 128 active rows: its IR drop is shown, and warned about."""
    low, high = report("hfo2_measured_binary"), report("hfox_planar")
    assert low["energy_j"]["by_component"]["array"] > 5 * high["energy_j"]["by_component"]["array"]
    assert low["ir_drop"]["mean"] > 0.1 > high["ir_drop"]["mean"]
    assert any("IR drop" in text for text in low["warnings"])
