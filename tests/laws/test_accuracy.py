"""Accuracy goes from ideal to loss, and to chance when the weights mean nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.job import RunOptions, run
from pillarsim.workloads.network import Conv2d, Linear, Network
from pillarsim.workloads.topology import load_network

EXACT = ("array.cell.programming_error={lrs: 0, hrs: 0}", "array.cell.read_noise=0")
OPTIONS = RunOptions(samples=300, seeds=2, images=1)


def accuracy(network: Network, *sets: str) -> tuple[float, float]:
    """(quantised, mean on the chip) of a run of the default chip."""
    found = run(load_chip("hfox_planar_128", sets), network, OPTIONS)["accuracy"]
    return found["quantized"], found["chip_mean"]


def test_exact_cells_and_enough_bits_give_the_integer_network() -> None:
    """Without errors and with a full-scale converter of 10 bits the chip is as right as the integer network."""
    quantized, chip = accuracy(load_network("mnist-mlp"), *EXACT, "readout.range=full_scale", "readout.bits=10")
    assert chip == quantized


def test_programming_error_costs_accuracy() -> None:
    """A large spread, not verified, loses clearly against the default."""
    network = load_network("mnist-mlp")
    spread = "array.cell.programming_error={lrs: 100 %, hrs: 100 %}"
    assert accuracy(network, spread, "write.verify=null")[1] < accuracy(network)[1] - 0.1


def test_permuted_weights_give_chance() -> None:
    """Shuffled weights leave about one image in ten right."""
    random = np.random.default_rng(0)
    network = load_network("mnist-mlp")
    layers = tuple(
        replace(layer, weight=random.permutation(layer.weight.reshape(-1)).reshape(layer.weight.shape))
        if isinstance(layer, Conv2d | Linear)
        else layer
        for layer in network.layers
    )
    assert accuracy(replace(network, layers=layers))[1] == pytest.approx(0.1, abs=0.08)
