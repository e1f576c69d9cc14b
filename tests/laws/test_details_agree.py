"""Both details of the event model give one report, to the picosecond and the joule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pillarsim.arch.chip.load import LoadedChip, load_chip
from pillarsim.job import RunOptions, run
from pillarsim.workloads.network import Network
from pillarsim.workloads.topology import load_network
from tests.arch.compute.graphs import attention, branching
from tests.laws.test_any_chip import NETWORK


def results(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what names or times the run."""
    return {key: value for key, value in report.items() if key not in ("events", "options")}


@pytest.mark.parametrize(
    ("chip", "workload", "images"),
    [("hfox_planar_128", "mnist-mlp", 3), ("hfox_planar_128", "mnist-lenet5", 2), ("isaac_isca_2016", "mnist-mlp", 2)],
)
def test_window_equals_operation(chip: str, workload: str, images: int) -> None:
    """Every number of the report is the same, not merely close."""
    agree(load_chip(chip), load_network(workload), images)


@pytest.mark.parametrize(
    "sets",
    [
        ("array.reading=layer_serial", "array.max_active_rows=2"),
        ("array.word_lines=plane", "array.reading=select_line", "array.max_active_rows=2"),
        ("array.word_lines=comb2",),
    ],
)
def test_details_agree_for_vertical_readings(sets: tuple[str, ...]) -> None:
    """Reads layer by layer and row by row are the same events in both details."""
    agree(load_chip("vrram_finger_8layer", ("array.layers=3", "array.rows=4", *sets)), NETWORK, 2)


def agree(loaded: LoadedChip, network: Network, images: int) -> None:
    """Hold the two details of one run against each other."""
    options = RunOptions(samples=0, images=images, detail="operation")
    every, closed = run(loaded, network, options), run(loaded, network, replace(options, detail="window"))
    assert results(every) == results(closed)
    assert every["events"]["count"] > 3 * closed["events"]["count"]


GATED = (
    "idle={arrays: gated, converters: gated, buffers: gated, digital: gated, after: 100 ns, "
    "wake_up: {time: 30 ns, energy: 1 pJ}}"
)


@pytest.mark.parametrize("make", [branching, attention])
@pytest.mark.parametrize("sets", [(), ("mapping.share_arrays=true", GATED)])
def test_details_agree_for_graphs(make: Callable[[], Network], sets: tuple[str, ...]) -> None:
    """Residual sums, depthwise convolutions, attention; with shared arrays and parts that have to wake."""
    agree(load_chip("hfox_planar_128", sets), make(), 2)
