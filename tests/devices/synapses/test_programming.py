"""Requests to single synapses, serial slots, writing weights by pulses and reads, refresh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pillarsim.arch.compute.programming import group_maxima
from pillarsim.devices.pulses import LinearStep, Pcm, SoftBounds, Window
from pillarsim.devices.synapses.arbitration import requested
from pillarsim.devices.synapses.bank import Bank, Synapse, make_bank
from pillarsim.devices.synapses.counts import (
    COLUMN_HALF_S,
    COLUMN_PULSES,
    PULSED_S,
    REQUESTS,
    RESETS,
    ROW_HALF_S,
    ROW_PULSES,
    SETS,
    VERIFIES,
    no_counts,
)  # fmt: skip
from pillarsim.devices.synapses.programming import ERASED, bring_to, refresh
from pillarsim.devices.synapses.serial import Block, serial_slots
from pillarsim.devices.synapses.updates import requested_update
from tests.near import near

WINDOW = Window(2e-6, 12e-6)  # S
STEP = LinearStep(WINDOW, 0.01, 0.01)
SOFT = SoftBounds(WINDOW, 0.5e-6, 0.5e-6, 2.0, 2.0, sigma=0.3)


def bank_of(model: Any, synapse: Synapse, shape: tuple[int, int], on: tuple[str, ...] = ()) -> Bank:
    """Fresh synapses with weights in [-1, 1]."""
    return make_bank(model, synapse, *shape, 1.0, on, 0, "layer")


def overshoot(model: SoftBounds | Pcm, synapse: Synapse) -> tuple[float, float]:
    """Bounds of the mean and of the largest |weight - target| of verified writes, from mean m and sigma s of one pulse.

    A synapse stops at its first read past the target. Equal pulses pass it by (m^2 + s^2) / (2 m) on average (renewal
    theory: the pulse that passes is picked by its size), hardly ever by more than m + 3 s. m and s are those of a fresh
    device's first pulse, the largest of both models: of PCM, mu and sigma of Nandakumar et al. 2018.
    """
    if isinstance(model, Pcm):
        memory, g, span = np.exp(-1 / 2.6), 0.1, 19.9  # uS
        m, s = (-0.084 * g + 0.880 + 1.40 * memory) / span, (0.091 * g + 0.260 + 2.15 * memory) / span
    else:
        m, s = 0.05, 0.3 * 0.05  # 0.5 uS of 10 uS, 30 % of it
    device = 2 / synapse.devices  # weight that one device's whole window makes, of [-1, 1]
    return device * (m * m + s * s) / (2 * m), device * (m + 3 * s)


@pytest.mark.parametrize("differential", [False, True])
def test_requests_reach_the_devices_that_the_arbitration_names(differential: bool) -> None:
    """Against the plain arbitration, request by request: pulses of each device, their direction and the counters."""
    synapse = Synapse(6, differential, increment=2, potentiation_period=2, depression_period=3)
    bank = bank_of(STEP, synapse, (5, 4))
    n = np.random.default_rng(0).integers(-5, 6, (5, 4)).astype(np.int32)
    arbiter = synapse.arbiter
    expected, counters = np.zeros((5, 4, 6), int), arbiter.counters()
    for i, o in np.ndindex(5, 4):
        for _ in range(abs(n[i, o])):
            device = requested(arbiter, counters, bool(n[i, o] > 0))
            if device >= 0:
                down = n[i, o] < 0
                expected[i, o, device + (arbiter.devices if differential and down else 0)] += (
                    -1 if down and not differential else 1
                )
    counts, sums = no_counts()
    given = np.zeros(bank.pulses.shape, np.int32)
    g = bank.conductance_s()
    requested_update(bank, n, counts, sums, given)
    assert (given == expected).all()
    assert (bank.pulses == np.abs(expected)).all()
    assert bank.core.counters.tolist() == counters.tolist()
    assert counts[REQUESTS] == np.abs(n).sum()
    assert counts[SETS] == expected.clip(0).sum()
    assert counts[RESETS] == -expected.clip(max=0).sum()
    # RESET pulses find devices at their lower bound; every SET pulse moves one by the step.
    sets = expected.clip(0)
    np.testing.assert_allclose(bank.conductance_s() - g, sets * 0.1e-6, rtol=1e-5, atol=1e-12)


def test_serial_pulses_half_select_the_rest_of_their_lines() -> None:
    """One device at a time in one array: each pulse half-selects its word line's and its bit line's other devices."""
    bank = bank_of(STEP, Synapse(2), (4, 3))
    counts, sums = no_counts()
    n = np.zeros((4, 3), np.int32)
    n[1, 2], n[3, 0] = 3, 1  # devices (1, 2, 0), (1, 2, 1), (1, 2, 0), (3, 0, 1)
    requested_update(bank, n, counts, sums)
    g = bank.conductance_s()
    assert (counts[ROW_PULSES], counts[COLUMN_PULSES]) == (4, 4)
    rows = 3 * g[1].sum() + g[3].sum()
    columns = 2 * g[:, 2, 0].sum() + g[:, 2, 1].sum() + g[:, 0, 1].sum()
    assert sums[PULSED_S] == near(2e-6 * 4 + 0.1e-6)  # the third pulse finds its device a step up
    assert sums[ROW_HALF_S] == near(rows - sums[PULSED_S])
    assert sums[COLUMN_HALF_S] == near(columns - sums[PULSED_S])
    assert bank.core.row_pulses[0].tolist() == [0, 3, 0, 1]
    assert bank.core.column_pulses[0, 2].tolist() == [2, 1]


def test_slots_are_the_largest_count_of_each_group() -> None:
    """SET pulses alone agree with the write model's groups; RESET pulses take slots of their own."""
    random = np.random.default_rng(1)
    pulses = random.integers(0, 5, (7, 13)).astype(np.int32)
    for width in (1, 4, 13, 50):
        asked = group_maxima(torch.from_numpy(pulses), width)[0]
        assert serial_slots(pulses, width) == (asked, 0)
        assert serial_slots(-pulses, width) == (0, asked)
    assert serial_slots(np.array([[2, -3, 0, 1], [0, 0, -1, -1]], np.int32), 2) == (2 + 1, 3 + 1)


def test_arrays_cut_lines_and_groups() -> None:
    """Two arrays of two columns: groups end at their border, and a word line reaches half of the devices."""
    bank = bank_of(STEP, Synapse(), (1, 4))
    counts, sums = no_counts()
    requested_update(bank, np.array([[1, 2, 3, 0]], np.int32), counts, sums, block=Block(1, 2, 2))
    assert counts[ROW_PULSES] == 2 + 3
    assert sums[ROW_HALF_S] == near(5 * bank.conductance_s().sum() / 2 - sums[PULSED_S])


@pytest.mark.parametrize(
    ("model", "synapse"), [(SOFT, Synapse()), (SOFT, Synapse(5)), (SOFT, Synapse(4, True)), (Pcm(), Synapse(6, True))]
)
def test_weights_are_brought_past_their_targets_by_less_than_a_pulse(model: Any, synapse: Synapse) -> None:
    """Every synapse stops at its first read beyond the target; one read more than pulses; pulses are shared equally."""
    bank = bank_of(model, synapse, (8, 9), ("c2c",))
    start = bank.weights.copy()
    targets = np.random.default_rng(2).uniform(-0.5, 0.5, (8, 9)).astype(np.float32)
    counts, sums = no_counts()
    given = np.zeros(bank.pulses.shape, np.int32)
    bring_to(bank, targets, 500, counts, sums, given)
    assert (np.sign(bank.weights - targets) == np.sign(targets - start)).all()
    mean, most = overshoot(model, synapse)
    assert np.abs(bank.weights - targets).mean() < mean
    assert np.abs(bank.weights - targets).max() < most
    assert (np.abs(given) == bank.pulses).all()
    assert counts[SETS] + counts[RESETS] == bank.pulses.sum()
    assert counts[VERIFIES] == bank.pulses.sum() + 72
    half = bank.pulses.reshape(72, -1, synapse.arbiter.devices)
    assert (half.max(2) - half.min(2) <= 1).all()


def test_pulses_end_at_their_limit_and_targets_that_are_nan_are_left() -> None:
    """Ten pulses a device for a target far away; none without a target."""
    bank = bank_of(STEP, Synapse(2), (1, 2))
    bring_to(bank, np.array([[1.0, np.nan]], np.float32), 10, *no_counts())
    assert bank.pulses[0].tolist() == [[10, 10], [0, 0]]


@pytest.mark.parametrize("model", [Pcm(), SOFT])
def test_refresh_keeps_the_weight_and_frees_the_window(model: Any) -> None:
    """Synapses with a device above the threshold get both signs erased and the same weight again; others stay."""
    bank = bank_of(model, Synapse(4, True), (20, 10), ("c2c",))
    random = np.random.default_rng(3)
    requested_update(bank, random.integers(4, 30, (20, 10)).astype(np.int32), *no_counts())
    requested_update(bank, -random.integers(4, 30, (20, 10)).astype(np.int32), *no_counts())
    before, x = bank.weights.copy(), bank.core.x.copy()
    worn = (x >= 0.4).any(2)
    counts, sums = no_counts()
    given = np.zeros(bank.pulses.shape, np.int32)
    assert 0 < worn.sum() == refresh(bank, 0.4, 200, counts, sums, given) < 200
    assert (bank.core.x[~worn] == x[~worn]).all()
    assert (bank.weights[~worn] == before[~worn]).all()
    mean, most = overshoot(model, bank.synapse)
    assert np.abs(bank.weights - before)[worn].mean() < mean
    assert np.abs(bank.weights - before)[worn].max() < most
    # At least one sign of a refreshed synapse is as good as empty.
    signs = bank.core.x[worn].reshape(-1, 2, 2).max(2)
    assert (signs.min(1) <= ERASED).all()
    assert counts[RESETS] >= 4 * worn.sum()
    if model.restarts:
        assert counts[RESETS] == 4 * worn.sum()


def test_impossible_writes_are_refused() -> None:
    """Wrong shapes, single synapses to refresh, thresholds and limits out of range."""
    single, pair = bank_of(STEP, Synapse(), (2, 3)), bank_of(STEP, Synapse(2, True), (2, 3))
    with pytest.raises(ValueError, match=r"targets: expected \(2, 3\)"):
        bring_to(single, np.zeros((3, 2), np.float32), 5, *no_counts())
    with pytest.raises(ValueError, match=r"requests: expected \(2, 3\)"):
        requested_update(single, np.zeros((3, 2), np.int32), *no_counts())
    with pytest.raises(ValueError, match="expected differential"):
        refresh(single, 0.5, 5, *no_counts())
    with pytest.raises(ValueError, match="threshold"):
        refresh(pair, 0.0, 5, *no_counts())
    with pytest.raises(ValueError, match="max_pulses"):
        refresh(pair, 0.5, -1, *no_counts())
    with pytest.raises(ValueError, match="cells_at_once"):
        Block(1, 1, 0)
