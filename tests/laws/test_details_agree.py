"""Both details of the event model give one report, to the picosecond and the joule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.job import RunOptions, run
from pillarsim.workloads.topology import load_network


def results(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what names or times the run."""
    return {key: value for key, value in report.items() if key not in ("events", "options")}


@pytest.mark.parametrize(
    ("chip", "workload", "images"),
    [("hfox_planar_128", "mnist-mlp", 3), ("hfox_planar_128", "mnist-lenet5", 2), ("isaac_isca_2016", "mnist-mlp", 2)],
)
def test_window_equals_operation(chip: str, workload: str, images: int) -> None:
    """Every number of the report is the same, not merely close."""
    loaded, network = load_chip(chip), load_network(workload)
    options = RunOptions(samples=0, images=images, detail="operation")
    every, closed = run(loaded, network, options), run(loaded, network, replace(options, detail="window"))
    assert results(every) == results(closed)
    assert every["events"]["count"] > 3 * closed["events"]["count"]
