"""Warnings of a run: an IR drop above the limit in either figure, parts that cannot keep up, and silence otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.job import RunOptions, run
from pillarsim.workloads.topology import load_network


def report(workload: str, *sets: str) -> dict[str, Any]:
    """A run without values."""
    options = RunOptions(samples=0, images=1)
    return run(load_chip("hfox_planar_128", sets), load_network(workload), options)


@pytest.mark.parametrize("workload", ["mnist-lenet5", "mnist-mlp"])
def test_the_default_chip_warns_of_nothing(workload: str) -> None:
    """Both shipped networks lose under 5 % in the worst cell of the default chip."""
    found = report(workload)
    assert found["warnings"] == []
    assert 0 < found["ir_drop"]["mean"] < found["ir_drop"]["worst"] < found["ir_drop"]["limit"] == 0.05


def test_thin_wires_are_warned_of() -> None:
    """A drop above 5 % is named with its layer, whether in the mean or in the worst cell alone."""
    thin = report("mnist-mlp", "array.resistance.word_line_segment=20 Ohm")
    assert thin["ir_drop"]["mean"] > 0.05
    assert "in the mean" in thin["warnings"][0]
    weak = report("mnist-mlp", "array.resistance.sense=60 Ohm")
    assert weak["ir_drop"]["mean"] < 0.05 < weak["ir_drop"]["worst"]
    assert "in the mean" not in weak["warnings"][0]
    assert "in the worst cell" in weak["warnings"][0]


def test_too_few_shift_adders_are_warned_of() -> None:
    """One shift-add unit for 16 arrays of fast converters cannot keep up."""
    found = report("mnist-mlp", "tile.shift_add.count=1", "readout.rate=1.28 GHz")
    assert any(text.startswith("shift_add") for text in found["warnings"])


def test_programming_is_warned_of() -> None:
    """A tolerance of half a level step or more, many cells that missed, and a card that knows no pulses."""
    wide = report("mnist-mlp", "write.verify.tolerance=2 uS")
    assert any("0.809 times the distance of two levels" in text for text in wide["warnings"])
    missed = report("mnist-mlp", "write.verify.max_pulses=1")
    share = missed["programming"]["failed_cells"] / missed["programming"]["cells"]
    assert share > 0.02
    assert any(f"{100 * share:.1f} % of the cells are outside" in text for text in missed["warnings"])
    bare = ("array.cell=neurram_wan_2022", "array.access.on_resistance=0 Ohm", "write.verify=null")
    assert any("too cheap" in text for text in report("mnist-mlp", *bare)["warnings"])


def test_a_stream_that_is_all_in_flight_is_warned_of() -> None:
    """Little's law: latency over the time an image is the images on the chip; more than half of all are warned of."""
    few, many = (
        run(load_chip("hfox_planar_128"), load_network("mnist-mlp"), RunOptions(samples=0, images=images))
        for images in (4, 60)
    )
    for found, images in ((few, 4), (many, 60)):
        flying = found["latency_s"]["first_result"] / found["latency_s"]["per_image_steady"]
        assert any("on the chip at once" in text for text in found["warnings"]) == (flying > images / 2)
    assert many["warnings"] == []
    assert "on the chip at once" in few["warnings"][0]
