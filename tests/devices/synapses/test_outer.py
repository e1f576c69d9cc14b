"""Outer-product updates: expectation, where pulses go, what is counted, independence of order."""

from __future__ import annotations

import numpy as np
import pytest

from pillarsim.devices.pulses import LinearStep, Pcm, SoftBounds, StochasticBinary, Window
from pillarsim.devices.synapses.bank import Bank, Synapse, make_bank, state
from pillarsim.devices.synapses.counts import (
    COLUMN_HALF_S,
    COLUMN_PULSES,
    COUNTS,
    DOWN_SLOTS,
    PULSED_S,
    REQUESTS,
    RESETS,
    ROW_HALF_S,
    ROW_PULSES,
    SAMPLES,
    SETS,
    UP_SLOTS,
    half_selected,
    no_counts,
)  # fmt: skip
from pillarsim.devices.synapses.lines import bernoulli, bit_count, first_bit
from pillarsim.devices.synapses.listed import _pulse_any, _pulse_plain
from pillarsim.devices.synapses.sums import recompute
from pillarsim.devices.synapses.updates import disturb, sign_update, stochastic_update
from tests.near import near

WINDOW = Window(2e-6, 12e-6)  # S
CONSTANT = LinearStep(WINDOW, 0.001, 0.001)
NOISY = LinearStep(WINDOW, 0.002, 0.002, 1.0, 1.0, sigma=0.3, spread_step=0.3)


def middle(model: LinearStep | SoftBounds, synapse: Synapse, shape: tuple[int, int], on: tuple[str, ...] = ()) -> Bank:
    """Synapses whose devices stand in the middle of their windows."""
    bank = make_bank(model, synapse, *shape, 1.0, on, 0, "layer")
    own = bank.core.own
    bank.core.x[...] = 0.5
    places = (own[:, 0] + own[:, 1] * np.float32(0.5)).reshape(bank.core.x.shape if len(own) > 1 else (1, 1, 1))
    bank.core.seen[...] = places
    recompute(bank.core)
    return bank


def test_bits_are_counted_and_found() -> None:
    """Against Python's own counts, for words of all lengths."""
    random = np.random.default_rng(0)
    for bits in range(1, 65):
        word = int(random.integers(0, 2**63)) >> (64 - bits) | 1 << (bits - 1)
        assert bit_count(np.uint64(word)) == word.bit_count()
        assert first_bit(np.uint64(word)) == (word & -word).bit_length() - 1


@pytest.mark.parametrize("probability", [0.0, 1e-4, 0.03, 0.5, 0.77, 1.0, 3.0])
def test_bits_of_a_train_are_set_with_their_probability(probability: float) -> None:
    """Share of set bits within four standard errors, in every slot below the train's length and in none above."""
    words = [int(bernoulli(np.uint64(7), line, probability, 31)) for line in range(4000)]
    p, bits = min(probability, 1.0), np.array([[word >> slot & 1 for slot in range(31)] for word in words])
    assert max(words) < 2**31
    assert np.abs(bits.mean(0) - p).max() <= 4.5 * np.sqrt(p * (1 - p) / 4000) + 1e-12
    assert abs(bits.mean() - p) <= 4 * np.sqrt(p * (1 - p) / bits.size) + 1e-12


def test_the_mean_update_is_the_outer_product() -> None:
    """Over 2000 samples of both signs the change is -rate x d within four standard errors, everywhere."""
    bank = middle(CONSTANT, Synapse(), (6, 5))
    x = np.array([0.9, 0, 0.3, -0.5, 0.05, 0.6], np.float32)
    d = np.array([0.2, -0.7, 0.01, 0, 1.0], np.float32)
    rate, times, before = 1e-5, 2000, bank.weights.astype(np.float64)
    counts, sums = no_counts()
    stochastic_update(bank, np.tile(x, (times, 1)), np.tile(d, (times, 1)), rate * 10, 31, counts, sums)
    wanted = -10 * rate * times * np.outer(x, d)
    step = bank.step
    error = step * np.sqrt(np.abs(wanted) / step + 1)
    assert (np.abs(bank.weights - before - wanted) < 4 * error).all()
    assert (bank.weights == before)[1].all()
    assert (bank.weights == before)[:, 3].all()
    assert counts[SETS] + counts[RESETS] == bank.pulses.sum()
    assert counts[SAMPLES] == times


def test_a_probability_stops_at_one_and_the_move_at_the_trains_length() -> None:
    """With a huge rate every slot coincides: exactly `train` steps, whatever the values."""
    bank = middle(CONSTANT, Synapse(), (3, 4))
    counts, sums = no_counts()
    stochastic_update(bank, np.ones((1, 3), np.float32), np.full((1, 4), -2, np.float32), 1e6, 17, counts, sums)
    np.testing.assert_allclose(bank.weights, 17 * 0.002, rtol=1e-4)
    assert counts.tolist()[:7] == [17, 17 * 12, 0, 0, 17 * 3, 17 * 4, 17]


@pytest.mark.parametrize("differential", [False, True])
def test_slots_select_devices_in_turn(differential: bool) -> None:
    """Train of 12, three devices to choose from, increment 2: four pulses each; a sample of other sign goes on."""
    synapse = Synapse(6 if differential else 3, differential, increment=2)
    bank = make_bank(CONSTANT, synapse, 2, 2, 1.0, (), 0, "a")
    x, d = np.ones((1, 2), np.float32), np.full((1, 2), -1, np.float32)
    stochastic_update(bank, x, d, 1e6, 12, *no_counts())
    assert (bank.pulses[:, :, :3] == 4).all()
    assert (bank.pulses[:, :, 3:] == 0).all()
    stochastic_update(bank, x, -d, 1e6, 2, *no_counts())
    expected = [4, 4, 4, 1, 0, 1] if differential else [5, 4, 5]
    assert (bank.pulses == expected).all()
    assert bank.core.counters.tolist() == [1, 12, 2]


def test_periods_silence_slots_of_their_direction() -> None:
    """Potentiation period 4 in a train of 12: three slots pulse; requests and slots count all the same."""
    bank = middle(CONSTANT, Synapse(potentiation_period=4), (2, 3))
    counts, sums = no_counts()
    stochastic_update(bank, np.ones((1, 2), np.float32), np.full((1, 3), -1, np.float32), 1e6, 12, counts, sums)
    assert (bank.pulses == 3).all()
    assert counts[REQUESTS] == counts[UP_SLOTS] == 12
    assert (counts[ROW_PULSES], counts[COLUMN_PULSES]) == (3 * 2, 3 * 3)


def test_slots_silent_in_one_phase_still_pulse_in_the_next() -> None:
    """Errors of both signs, up thinned by 5 and down by 2: 3 of 15 and 8 of 15 slots pulse, each in its own columns."""
    bank = middle(CONSTANT, Synapse(potentiation_period=5, depression_period=2), (2, 2))
    counts, sums = no_counts()
    stochastic_update(bank, np.ones((1, 2), np.float32), np.array([[-1, 1]], np.float32), 1e6, 15, counts, sums)
    assert (bank.pulses[:, :, 0] == [[3, 8], [3, 8]]).all()
    assert (counts[SETS], counts[RESETS], counts[ROW_PULSES]) == (6, 16, 2 * 3 + 2 * 8)


def test_sign_updates_pulse_where_both_lines_are_large() -> None:
    """Against a plain loop: pulses, their direction, lines, slots, and conductance of half-selected devices."""
    bank = middle(CONSTANT, Synapse(2), (6, 5))
    random = np.random.default_rng(1)
    bank.core.x[...] = bank.core.seen[...] = random.random(bank.core.x.shape).astype(np.float32) * 0.5 + 0.25
    recompute(bank.core)
    x = np.array([0.8, -0.5, 0.1, -1.0, 0.31, 0.0], np.float32)
    d = np.array([-0.02, 0.05, 0.0151, 0.0149, -0.04], np.float32)
    g, before = bank.conductance_s(), bank.weights.copy()
    counts, sums = no_counts()
    sign_update(bank, x[None], d[None], 0.3, counts, sums)
    rows, columns = np.abs(x) >= 0.3 * np.abs(x).max(), np.abs(d) >= 0.3 * np.abs(d).max()
    expected = np.zeros(COUNTS, int)
    half_row_s = half_column_s = pulsed_s = 0.0
    moved, selected = np.zeros((6, 5)), 0
    for above in (True, False):
        for up in (True, False):
            driven_rows = rows & ((x > 0) == above)
            driven_columns = columns & ((d > 0) == (above != up))
            cells = np.zeros(g.shape, bool)
            cells[:, :, selected % 2] = np.outer(driven_rows, driven_columns)
            on_column = np.zeros(g.shape, bool)
            on_column[:, driven_columns, selected % 2] = True
            selected += 1
            expected[SETS if up else RESETS] += cells.sum()
            expected[[REQUESTS, UP_SLOTS if up else DOWN_SLOTS]] += 1
            expected[[ROW_PULSES, COLUMN_PULSES]] += driven_rows.sum(), driven_columns.sum()
            pulsed_s += g[cells].sum()
            half_row_s += g[driven_rows].sum() - g[cells].sum()
            half_column_s += g[on_column].sum() - g[cells].sum()
            moved += (1 if up else -1) * np.outer(driven_rows, driven_columns)
    expected[SAMPLES] = 1
    assert counts.tolist() == expected.tolist()
    # Devices move between phases, by a thousandth of their window.
    assert sums[PULSED_S] == near(pulsed_s, 1e-6)
    assert (sums[ROW_HALF_S], sums[COLUMN_HALF_S]) == (near(half_row_s, 1e-2), near(half_column_s, 1e-2))
    np.testing.assert_allclose(bank.weights - before, moved * bank.step, atol=2e-6)
    columns_all, total = 10, float(g.sum())
    pulses = int(counts[SETS] + counts[RESETS])
    assert half_selected("isolated", counts, sums, 6, columns_all, total) == (0, 0.0)
    assert half_selected("ground", counts, sums, 6, columns_all, total)[0] == counts[ROW_PULSES] * 10 - pulses
    both = half_selected("half", counts, sums, 6, columns_all, total)
    assert both == (
        counts[ROW_PULSES] * 10 + counts[COLUMN_PULSES] * 6 - 2 * pulses,
        near(half_row_s + half_column_s, 1e-2),
    )
    assert half_selected("third", counts, sums, 6, columns_all, total)[0] == 4 * 60 - pulses
    with pytest.raises(ValueError, match="unknown bias scheme"):
        half_selected("fifth", counts, sums, 6, columns_all, total)


def test_samples_in_one_call_or_several_end_the_same() -> None:
    """Ten samples at once, or five and five, or in a bank with other imperfections' draws: equal to the bit."""
    random = np.random.default_rng(3)
    x, d = random.random((10, 30)).astype(np.float32), random.normal(size=(10, 20)).astype(np.float32)
    once, twice = (middle(NOISY, Synapse(3), (30, 20), ("c2c", "d2d")) for _ in range(2))
    stochastic_update(once, x, d, 0.02, 31, *no_counts())
    stochastic_update(twice, x[:5], d[:5], 0.02, 31, *no_counts())
    stochastic_update(twice, x[5:], d[5:], 0.02, 31, *no_counts())
    assert all((state(once)[name] == state(twice)[name]).all() for name in state(once))


def test_the_short_loop_equals_the_general_one() -> None:
    """A list of pulses, some devices several times, up and down, through both loops: equal to the bit."""
    random = np.random.default_rng(4)
    listed = np.sort(random.integers(0, 600, 4000)).astype(np.uint64)
    words = random.integers(0, 2**63, 4000).astype(np.uint64)
    starts = np.searchsorted(listed, np.arange(31) * 20)
    ends = []
    for loop in (_pulse_plain, _pulse_any):
        bank = middle(NOISY, Synapse(), (30, 20), ("c2c", "d2d"))
        total = [loop(bank.core, np.arange(30), starts, listed, words, up) for up in (True, False)]
        ends.append((total, state(bank)))
    assert ends[0][0] == ends[1][0]
    assert all((ends[0][1][name] == ends[1][1][name]).all() for name in ends[0][1])
    assert np.abs(ends[0][1]["weights"]).max() > 0


def test_half_selected_devices_move_by_a_share_of_a_step() -> None:
    """One pulsed line each way: its devices move by ratio times the step from where they are, others not at all."""
    bank = middle(LinearStep(WINDOW, 0.1, 0.2, 1.0, 1.0), Synapse(), (3, 4))
    x, d = np.array([[0, 1, 0]], np.float32), np.array([[0, 0, 0, -1]], np.float32)
    sign_update(bank, x, d, 0.5, *no_counts())
    after = bank.core.x.copy()
    disturb(bank, 0.01)
    moved = (bank.core.x - after)[:, :, 0]
    expected = np.zeros((3, 4))
    expected[1, :] = expected[:, 3] = 0.01 * 0.1 * 0.5  # ratio, step up, 1 - x
    expected[1, 3] = 2 * 0.01 * 0.1 * (1 - 0.55)
    np.testing.assert_allclose(moved, expected, rtol=1e-4, atol=1e-8)
    disturb(bank, 0.01)
    assert ((bank.core.x - after)[:, :, 0] == moved).all()
    np.testing.assert_allclose(bank.row_s, bank.conductance_s().sum((1, 2)), rtol=1e-12)


def test_binary_devices_are_disturbed_by_chance() -> None:
    """A fresh device on a line with k half-selected pulses is high with 1 - (1 - ratio p)^k."""
    model = StochasticBinary(1e-6, 9e-6, 0.4, 0.4, 0.1, 0.1)
    bank = make_bank(model, Synapse(), 2, 20_000, 1.0, ("switching", "c2c"), 0, "a")
    bank.core.row_pulses[0, 1] = 30
    disturb(bank, 0.02)
    expected = 1 - (1 - 0.02 * 0.4) ** 30
    assert bank.core.x[1].mean() == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 20_000))
    assert (bank.core.x[0] == 0).all()
    assert set(np.unique(bank.core.x)) == {0.0, 1.0}


def test_pcm_learns_by_both_signs() -> None:
    """Differential PCM follows the outer product's sign, and only ever gets SET pulses."""
    bank = make_bank(Pcm(), Synapse(4, True), 3, 2, 1.0, ("c2c",), 0, "a")
    counts, sums = no_counts()
    x, d = np.ones((5, 3), np.float32), np.tile(np.array([1, -1], np.float32), (5, 1))
    stochastic_update(bank, x, d, 0.05, 31, counts, sums)
    assert counts[RESETS] == 0
    assert (bank.weights[:, 0] < 0).all()
    assert (bank.weights[:, 1] > 0).all()


@pytest.mark.parametrize(("train", "rate", "message"), [(0, 0.1, "1 to 63"), (64, 0.1, "1 to 63"), (3, np.nan, "rate")])
def test_impossible_updates_are_refused(train: int, rate: float, message: str) -> None:
    """ValueError for a train or rate out of range, and vectors of the wrong length."""
    bank = middle(CONSTANT, Synapse(), (3, 2))
    x, d = np.ones((1, 3), np.float32), np.ones((1, 2), np.float32)
    with pytest.raises(ValueError, match=message):
        stochastic_update(bank, x, d, rate, train, *no_counts())
    with pytest.raises(ValueError, match=r"expected x \(M, 3\) and d \(M, 2\)"):
        sign_update(bank, d, x, 0.5, *no_counts())
