"""Update rules: what pulses do to weights, on average and exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pillarsim.workloads.on_chip.interface import Setup
from pillarsim.workloads.on_chip.pulsed import PulsedLearner
from pillarsim.workloads.on_chip.pulsed_layer import PulsedLayer
from pillarsim.workloads.on_chip.rules import UPDATES, Given, accumulated, block_slots, random_pulses
from pillarsim.workloads.on_chip.setup import make_learner
from tests.near import near
from tests.workloads.on_chip.small import images_of, perceptron, setup_of


def _layer(**learning: Any) -> tuple[PulsedLayer, Setup]:
    """The second layer of the small perceptron, 12 inputs and a bias, 4 outputs, w_max = 4 / sqrt(12)."""
    network = perceptron()
    setup = setup_of(network, images_of(network, 8), **learning)
    learner = make_learner(setup)
    assert isinstance(learner, PulsedLearner)
    return learner.layers[1], setup


def _given(layer: PulsedLayer, setup: Setup, x: torch.Tensor, d: torch.Tensor, rate: float, seed: int = 0) -> Given:
    draws = torch.Generator().manual_seed(seed)
    kept = np.zeros(layer.bank.weights.shape) if setup.learning.rule == "mixed_precision" else None
    return Given(layer, x, d, rate, setup.learning, setup.write, draws, kept)


def _vectors(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(5)
    return torch.rand(count, 13, generator=made), torch.rand(count, 4, generator=made) - 0.5


@pytest.mark.parametrize("rule", ["stochastic", "per_device"])
def test_mean_update_is_the_gradient_step(rule: str) -> None:
    """Many updates with the same vectors move the weights by -rate x d on average; the device's steps are equal."""
    layer, setup = _layer(rule=rule, devices_per_synapse=4)
    x, d = _vectors(1)
    turns, rate = 400, 2 * layer.bank.step  # the largest product asks for one step
    before = layer.bank.weights.copy()
    for turn in range(turns):
        # there and back again, so that the devices stay inside their windows
        UPDATES[rule](_given(layer, setup, x, d if turn % 4 < 3 else -d, rate, turn))
    moved = (layer.bank.weights - before) / (turns / 2)
    wanted = -rate * (x.T @ d).numpy()
    # a Poisson number of steps a turn: its standard error over the turns that count, five of them
    error = np.sqrt(np.abs(wanted) * layer.bank.step * turns) / (turns / 2)
    assert np.abs(wanted).max() > 5 * error.max()
    assert (np.abs(moved - wanted) <= 5 * error + 1e-6).all()


def test_sign_rule_moves_marked_synapses_by_one_step() -> None:
    """Where both lines reach half of their largest, a weight moves one step against the sign of the product."""
    layer, setup = _layer(rule="sign", threshold=0.5)
    x, d = _vectors(1)
    before = layer.bank.weights.copy()
    rate = layer.bank.step / float(x.max() * d.abs().max())  # just certain
    UPDATES["sign"](_given(layer, setup, x, d, rate * 1.01))
    marked = (x[0] >= 0.5 * x.max()).numpy()[:, None] & (d[0].abs() >= 0.5 * d.abs().max()).numpy()
    wanted = np.where(marked, -np.sign(d.numpy()) * layer.bank.step, 0)
    np.testing.assert_allclose(layer.bank.weights - before, wanted, atol=1e-6)
    assert 0 < marked.sum() < marked.size


def test_sign_rule_takes_small_errors_seldom() -> None:
    """A vector takes part with a probability that makes its largest product move by -rate x d on average."""
    layer, setup = _layer(rule="sign", threshold=1.0)
    x, d = _vectors(1)
    many, rate = 2000, 0.1 * layer.bank.step / float(x.max() * d.abs().max())
    done = UPDATES["sign"](_given(layer, setup, x.repeat(many, 1), d.repeat(many, 1), rate))
    pulses = done.sets + done.resets
    assert abs(pulses - 200) < 5 * np.sqrt(many * 0.1 * 0.9)
    assert done.slots == (pulses,) * len(layer.placed.arrays)  # one direction, one slot a vector
    assert done.lines == pulses * (len(layer.columns) + len(layer.rows))


def test_random_pulses_have_the_mean() -> None:
    """Rounding at random keeps the mean, gives only the two whole numbers around it, and stops at the most."""
    wanted = np.full((20000, 3), [0.3, -1.75, 40.0])
    pulses = random_pulses(wanted, 31, torch.Generator().manual_seed(0))
    assert [set(column) for column in pulses.T] == [{0, 1}, {-2, -1}, {31}]
    assert np.abs(pulses[:, :2].mean(axis=0) - wanted[0, :2]).max() < 0.02


def test_accumulators_are_fixed_point() -> None:
    """Values are whole LSBs, a range of +-8 steps over 2^bits codes, and are cut at its ends."""
    kept = accumulated(np.array([0.03, 0.032, -0.1, 9.0, -9.0]), 8)
    assert kept.tolist() == [0.0, 0.0625, -0.125, 8 - 0.0625, -8.0]


def test_whole_steps_leave_the_accumulator() -> None:
    """Gradients add up until they make a step; what is left stays, and the weights get the whole steps."""
    layer, setup = _layer(rule="mixed_precision", accumulator_bits=32)
    x, d = torch.zeros(1, 13), torch.zeros(1, 4)
    x[0, 2], d[0, 1] = 1.0, 1.0
    given = _given(layer, setup, x, d, 0.45 * layer.bank.step)
    kept, before = given.accumulator, layer.bank.weights.copy()
    assert kept is not None
    pulses = []
    for _ in range(5):
        done = UPDATES["mixed_precision"](given)
        pulses.append(done.resets)
        assert done.sets == 0
    assert pulses == [0, 0, 1, 0, 1]  # 0.45, 0.9, 1.35, 0.8, 1.25
    assert kept[2, 1] == near(-0.25, rel=1e-6)
    moved = layer.bank.weights - before
    assert moved[2, 1] == near(-2 * layer.bank.step, rel=1e-4)
    moved[2, 1] = 0
    assert not moved.any()


def test_verified_accumulator_keeps_what_pulses_did_not_do() -> None:
    """With verify, accumulator and weight together always hold the whole gradient, whatever the device did."""
    layer, setup = _layer(
        rule="mixed_precision", accumulator_bits=48, verify=True, pulses=None, imperfections=("c2c", "d2d")
    )
    x, d = _vectors(6)
    given = _given(layer, setup, x, d, 2 * layer.bank.step)
    kept, before = given.accumulator, layer.bank.weights.astype(float)
    assert kept is not None
    done = UPDATES["mixed_precision"](given)
    moved = (layer.bank.weights - before) / layer.bank.step
    wanted = -2 * (x.T @ d).numpy()
    np.testing.assert_allclose(kept + moved, wanted, atol=1e-5)
    assert np.abs(moved - np.round(moved)).max() > 0.01  # the device is not ideal
    assert done.verifies == done.sets + done.resets > 0  # one device a synapse, here one pulse each


def test_slots_of_serial_writing() -> None:
    """Groups of neighbouring cells of a row are written together, SET before RESET, row after row, array by array."""
    layer, setup = _layer(rule="per_device", devices_per_synapse=3)
    assert (setup.array.rows, setup.array.columns) == (8, 12)  # so 4 synapses beside one another
    pulses = np.zeros((13, 4, 3), np.int32)
    pulses[0, 0] = 3, -1, 2  # cells 0 to 2 of row 0
    pulses[0, 3] = 0, 0, 5  # cell 11
    pulses[1, 0] = 0, 0, -2
    pulses[9, 1] = 1, 0, 0  # of the second row block
    assert layer.rows == ((0, 8), (8, 13))
    assert block_slots(layer, pulses, 12) == ((5, 1), (1 + 2, 0))
    assert block_slots(layer, pulses, 3) == ((3 + 5, 1), (1 + 2, 0))
    assert block_slots(layer, pulses, 1) == ((3 + 2 + 5, 1), (1 + 2, 0))


def test_serial_updates_count_lines_and_neighbours() -> None:
    """One pulse in a passive array half-selects the rest of its word line and of its bit line, of its array alone."""
    layer, setup = _layer(rule="per_device", devices_per_synapse=3)
    setup = replace(setup, write=setup.write.model_copy(update={"scheme": "half", "cells_at_once": 1}))
    x, d = torch.zeros(1, 13), torch.zeros(1, 4)
    x[0, 12], d[0, 1] = 1.0, -1.0  # one synapse of the second row block, 5 rows x 12 cells
    done = UPDATES["per_device"](_given(layer, setup, x, d, layer.bank.step * (1 - 1e-6)))
    if not done.sets:  # rounded down
        done = UPDATES["per_device"](_given(layer, setup, x, d, layer.bank.step * (1 + 1e-6)))
    assert (done.sets, done.resets, done.requests) == (1, 0, 1)
    assert done.slots == (0, 1)
    assert done.lines == 2
    assert done.half_selected == 11 + 4
