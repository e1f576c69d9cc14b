"""Pairs of weak-RESET devices against the torch model of one device, and binary weights read from them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain, combinations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pillarsim.devices.pulses import MAJUMDAR2021
from pillarsim.devices.synapses.weak_reset import WeakResetPairs, fresh_pairs
from tests.near import near

NAMES = MAJUMDAR2021.imperfections
SUBSETS = list(chain.from_iterable(combinations(NAMES, count) for count in range(len(NAMES) + 1)))
INPUTS, OUTPUTS, SEED = 18, 20, 7


def draws(steps: int) -> list[NDArray[np.int8]]:
    """Pulse counts of -100 to 100, a third of them none."""
    random = np.random.default_rng(3)
    shape = (steps, INPUTS, OUTPUTS)
    return list((random.integers(-100, 101, shape) * (random.random(shape) < 2 / 3)).astype(np.int8))


def both_sides(n: NDArray[np.int8]) -> torch.Tensor:
    """Pulses of each device of the batch: BL and BLb of each pair, side by side."""
    return torch.from_numpy(np.stack([n.clip(min=0), -n.clip(max=0)], axis=-1).astype(np.int64).reshape(-1))


@pytest.mark.parametrize("names", SUBSETS, ids=lambda names: ",".join(names) or "none")
def test_devices_are_those_of_the_torch_model(names: tuple[str, ...]) -> None:
    """After 30 calls past many knees: equal pulses and telegraph states, equal conductances but for rounding."""
    pairs = fresh_pairs(MAJUMDAR2021, INPUTS, OUTPUTS, names, SEED)
    devices = MAJUMDAR2021.fresh(2 * INPUTS * OUTPUTS, names, SEED)
    for n in draws(30):
        before_s = pairs.conductance_s.copy()
        given = pairs.give(n)
        sides = both_sides(n)
        devices = devices.pulse(sides)
        assert given.pulses.sum() == int(sides.sum())
        assert given.pairs.sum() == np.count_nonzero(n)
        assert given.pulse_s.sum() == near((sides.numpy() * before_s.reshape(-1)).sum(), rel=1e-12)
    assert float((devices.pulses >= devices.t_star).double().mean()) > 0.2
    assert np.array_equal(pairs.pulses.reshape(-1), devices.pulses.numpy())
    assert np.array_equal(pairs.high.reshape(-1), devices.high.numpy())
    # single precision in the pink noise alone, whose sum is below 0.1
    tolerance = 1e-7 if "pink" in names else 1e-14
    assert pairs.conductance_s.reshape(-1) == near(devices.conductance_s().numpy(), rel=tolerance)
    resistance = 1 / pairs.conductance_s
    apart = resistance[..., 0] != resistance[..., 1]
    assert np.array_equal(pairs.signs[apart], np.sign(resistance[..., 0] - resistance[..., 1])[apart])
    assert pairs.row_s == near(pairs.conductance_s.sum(axis=(1, 2)), rel=1e-13)


def test_without_imperfections_the_weight_counts_pulses() -> None:
    """All devices are one device, so the sign is that of the pulse difference, and a tie is one fixed random bit."""
    pairs = fresh_pairs(MAJUMDAR2021, INPUTS, OUTPUTS, (), SEED)
    start = pairs.signs.copy()
    assert 0.4 < (start > 0).mean() < 0.6
    n = draws(1)[0]
    pairs.give(n)
    assert np.array_equal(pairs.signs, np.where(n == 0, start, np.sign(n)))
    pairs.give((-n).astype(np.int8))
    assert np.array_equal(pairs.signs, start)


def test_spread_devices_start_as_their_mismatch() -> None:
    """With d2d a fresh weight is the sign of two draws' difference: both signs, no tie, another seed other signs."""
    one, two = (fresh_pairs(MAJUMDAR2021, 50, 50, ("d2d",), seed) for seed in (1, 2))
    assert not (one.conductance_s[..., 0] == one.conductance_s[..., 1]).any()
    assert abs(one.signs.mean()) < 4 / 50
    assert 0.4 < (one.signs == two.signs).mean() < 0.6


def same(one: WeakResetPairs, two: WeakResetPairs) -> bool:
    """Whether all that changes is equal bit for bit."""
    names = ("pulses", "high", "conductance_s", "row_s", "signs")
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in names)


def test_threads_and_a_new_start_change_nothing() -> None:
    """Three threads give the bits of none, and pulses with telegraph states are all that a layer has to remember."""
    alone, threaded, again = (fresh_pairs(MAJUMDAR2021, INPUTS, OUTPUTS, NAMES, SEED) for _ in range(3))
    with ThreadPoolExecutor(3) as pool:
        for n in draws(10):
            one, two = alone.give(n), threaded.give(n, pool)
            assert np.array_equal(one.pulse_s, two.pulse_s)
    assert same(alone, threaded)
    again.pulses[:], again.high[:] = alone.pulses, alone.high
    again.read_all()
    assert same(alone, again)


def test_what_is_not_pulsed_stays() -> None:
    """No pulse changes nothing, and a pulse on one pair nothing of another."""
    pairs = fresh_pairs(MAJUMDAR2021, INPUTS, OUTPUTS, NAMES, SEED)
    before = pairs.conductance_s.copy()
    n = np.zeros((INPUTS, OUTPUTS), np.int8)
    pairs.give(n)
    assert np.array_equal(pairs.conductance_s, before)
    n[3, 4], n[5, 6] = 9, -9
    pairs.give(n)
    moved = np.argwhere(pairs.conductance_s != before).tolist()
    assert moved == [[3, 4, 0], [5, 6, 1]]
    assert (pairs.conductance_s[[3, 5], [4, 6], [0, 1]] < before[[3, 5], [4, 6], [0, 1]]).all()


def test_other_shapes_and_names_are_refused() -> None:
    """Pulses must be int8 of the layer's shape; imperfections those of the model."""
    pairs = fresh_pairs(MAJUMDAR2021, 2, 3, (), SEED)
    with pytest.raises(ValueError, match=r"expected int8 \(2, 3\), found int64"):
        pairs.give(np.zeros((2, 3), np.int64))
    with pytest.raises(ValueError, match=r"found int8 \(3, 2\)"):
        pairs.give(np.zeros((3, 2), np.int8))
    with pytest.raises(ValueError, match="did you mean 'pink'"):
        fresh_pairs(MAJUMDAR2021, 2, 3, ("pin",), SEED)
