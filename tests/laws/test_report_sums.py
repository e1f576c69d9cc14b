"""The parts of every total sum to it, and the report refuses to print when they do not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import ModelError
from pillarsim.job import RunOptions, run
from pillarsim.report.build import check_sums
from pillarsim.workloads.topology import load_network
from tests.near import near


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """A short run of the MLP on the default chip."""
    return run(load_chip("hfox_planar_128"), load_network("mnist-mlp"), RunOptions(samples=50, seeds=2, images=4))


def test_definitions(report: dict[str, Any]) -> None:
    """TOPS, TOPS/W, throughput, power and leakage follow from their definitions."""
    energy, macs = report["energy_j"]["per_image"], report["workload"]["macs"]
    steady = report["latency_s"]["per_image_steady"]
    assert report["throughput_per_s"] == near(1 / steady)
    assert report["tops"] == near(2 * macs / steady / 1e12)
    assert report["tops_per_w"] == near(2 * macs / energy / 1e12)
    assert report["power_w"]["average"] == near(energy * 4 / report["span_s"])
    assert report["leakage_w"]["total"] == near(report["energy_j"]["leakage"] * 4 / report["span_s"])


@pytest.mark.parametrize("section", ["energy_j", "leakage_w", "area_m2", "programming"])
def test_a_broken_sum_is_refused(report: dict[str, Any], section: str) -> None:
    """Taking one part away is noticed."""
    broken = copy.deepcopy(report)
    parts = broken[section]["by_component"]
    parts.pop(max(parts, key=parts.get))
    with pytest.raises(ModelError, match=section):
        check_sums(broken)


def test_counts_of_the_mlp_by_hand(report: dict[str, Any]) -> None:
    """Conversions of 784-256-128-10: every row block, output, slice and input bit once."""
    blocks = {"fc1": 7, "fc2": 2, "fc3": 1}  # of 128 rows
    outputs = {"fc1": 256, "fc2": 128, "fc3": 10}
    expected = sum(blocks[name] * outputs[name] * 4 * 8 for name in blocks)
    assert report["adc"]["conversions"] == 4 * expected
    assert report["mapping"]["arrays"] == 7 * 16 + 2 * 8 + 1
