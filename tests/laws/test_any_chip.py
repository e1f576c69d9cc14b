"""Any valid chip either runs a network, with a report whose sums hold, or says by name why it cannot."""

from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import HealthCheck, event, given, settings

from pillarsim.arch.chip import Chip
from pillarsim.arch.errors import InputError
from pillarsim.job import RunOptions, run_stages
from pillarsim.report.build import build_report
from pillarsim.workloads.network import Conv2d, Flatten, Linear, MaxPool2d, Network, Relu
from tests.strategies import chips


def tiny_network() -> Network:
    random = np.random.default_rng(5)
    layers = (
        Conv2d("conv", random.normal(size=(3, 1, 5, 5)).astype(np.float32), np.zeros(3, np.float32), (4, 4), (1, 1)),
        MaxPool2d("pool", (2, 2), (2, 2)),
        Relu("relu"),
        Flatten("flat"),
        Linear("fc", random.normal(size=(10, 27)).astype(np.float32), np.ones(10, np.float32)),
    )
    return Network("tiny", (1, 28, 28), layers, "mnist")


NETWORK = tiny_network()


@given(chip=chips())
@settings(max_examples=45, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_chip_runs_or_says_why_not(chip: Chip) -> None:
    """A drawn chip gives a finite, positive report, or one InputError that names a key or a layer."""
    options = RunOptions(samples=5, seeds=2, images=2)
    try:
        report = build_report(run_stages(chip, "", NETWORK, options))
    except InputError as error:
        event("refused")
        message = str(error)
        assert any(word in message for word in (":", "layer", "arrays")), message
        return
    event(f"ran {chip.array.circuit} {chip.array.read_mode} {chip.array.cell.iv.model}")
    json.dumps(report, allow_nan=False)
    assert report["energy_j"]["per_image"] > 0
    assert report["area_m2"]["total"] > 0
    assert all(value >= 0 for value in report["energy_j"]["by_component"].values())
    assert all(value >= 0 for value in report["leakage_w"]["by_component"].values())
    assert all(value >= 0 for value in report["programming"]["by_component"].values())
    assert 0 <= report["accuracy"]["chip_mean"] <= 1
    solved = chip.array.circuit == "exact"
    assert (report["circuit"]["linear_rms"] is not None) == solved
    assert all(layer["reads"] >= 100 for layer in report["circuit"]["layers"])
    assert len(report["circuit"]["layers"]) == (2 if solved else 0)
    assert report["latency_s"]["first_result"] >= report["latency_s"]["per_image_steady"] / 2 > 0
    assert math.isclose(
        report["power_w"]["average"] * report["span_s"], report["energy_j"]["per_image"] * 2, rel_tol=1e-9
    )
