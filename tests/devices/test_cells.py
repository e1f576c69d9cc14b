"""Written cells follow their error's distribution and the write-verify rule, for any error."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from pillarsim.devices.cells import CellStates, WriteRule, WrittenCells, acceptance, write_cells
from pillarsim.devices.programming_error import MILO2021, LogNormalError, QuantileError
from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.streams import stream_seed
from pillarsim.devices.write_kernel import drawn_word, knots, looked_up

Array = NDArray[np.float64]
N = 200_000
# A skewed law: exponential above 0.7 of the target, cut at its 99th percentile, at two targets.
_P = tuple(np.linspace(0, 1, 41))
_RATIO = 0.7 - 0.3 * np.log1p(-0.99 * np.array(_P))
SKEWED = QuantileError(_P, (1e-6, 10e-6), (tuple(1e-6 * _RATIO), tuple(10e-6 * _RATIO**0.5)))
STATES = CellStates(1e-6, 10e-6, 4, LogNormalError(0.3, 0.1, 1e-6, 10e-6), 0.0, 0.0)
ALL = {
    "log-normal": (STATES, 0.5e-6),
    "milo": (CellStates(50e-6, 225e-6, 4, MILO2021, 0, 0), 2e-6),
    "skewed": (CellStates(1e-6, 10e-6, 4, SKEWED, 0, 0), 0.5e-6),
}


def write(
    states: CellStates, rule: WriteRule, level: int, seed: int = 1, count: int = N
) -> tuple[Array, NDArray[np.int32], NDArray[np.bool_]]:
    cells = write_cells(torch.full((count,), level, dtype=torch.uint8), states, rule, seed)
    return cells.conductance_s.numpy().astype(float), cells.pulses.numpy(), cells.failed.numpy()


def distance(probability: Array) -> float:
    """Kolmogorov's distance from the uniform law, in units of its 1 % critical value for many draws."""
    found = np.sort(probability)
    steps = np.arange(len(found) + 1) / len(found)
    largest = max(np.abs(found - steps[1:]).max(), np.abs(found - steps[:-1]).max())
    return float(largest * math.sqrt(len(found)) / 1.63)


def same(one: WrittenCells, other: WrittenCells, places: slice = slice(None)) -> bool:
    return all(
        torch.equal(getattr(one, name).flatten()[places], getattr(other, name).flatten()[places])
        for name in ("conductance_s", "pulses", "failed")
    )


def test_levels_are_equally_spaced() -> None:
    """Targets run from the lowest to the highest conductance in equal steps."""
    np.testing.assert_allclose(STATES.targets_s(), [1e-6, 4e-6, 7e-6, 10e-6])


def test_unverified_write_is_log_normal() -> None:
    """One pulse leaves ln(G/target) with mean 0 and the level's sigma, within three standard errors of 1e6 cells."""
    count = 1_000_000
    for level, target in enumerate(STATES.targets_s()):
        sigma = 0.3 - 0.2 * math.log10(target / 1e-6)
        conductance, pulses, failed = write(STATES, WriteRule(None, 1), level, count=count)
        logs = np.log(conductance / target)
        assert abs(logs.mean()) < 3 * sigma / math.sqrt(count)
        assert abs(logs.std() - sigma) < 3 * sigma / math.sqrt(2 * count)
        assert abs(stats.kurtosis(logs)) < 3 * math.sqrt(24 / count)
        assert (pulses == 1).all()
        assert not failed.any()


def test_unverified_write_is_milos_normal() -> None:
    """One pulse leaves G - target with mean 0 and the published sigma, within three standard errors."""
    states, _ = ALL["milo"]
    for level, target in enumerate(states.targets_s()):
        sigma = 4.782321e-6 - 0.009107 * target
        conductance, _, _ = write(states, WriteRule(None, 1), level)
        assert abs(conductance.mean() - target) < 3 * sigma / math.sqrt(N)
        assert abs(conductance.std() - sigma) < 3 * sigma / math.sqrt(2 * N)


@pytest.mark.parametrize("name", sorted(ALL))
def test_unverified_write_follows_the_error(name: str) -> None:
    """The distribution over cells is the error's own (Kolmogorov distance)."""
    states, _ = ALL[name]
    for level, target in enumerate(states.targets_s()):
        conductance, _, _ = write(states, WriteRule(None, 1), level, seed=2)
        assert distance(states.error.cdf(target, conductance)) < 1


@pytest.mark.parametrize("name", sorted(ALL))
def test_verified_write_stays_within_tolerance(name: str) -> None:
    """Accepted cells are within tolerance, failed ones beyond it, to the last digit of a float."""
    states, tolerance = ALL[name]
    for level, target in enumerate(states.targets_s()):
        conductance, pulses, failed = write(states, WriteRule(tolerance, 5), level)
        distances = np.abs(conductance - target)
        assert (distances[~failed] <= tolerance * (1 + 1e-12)).all()
        assert (distances[failed] > tolerance * (1 - 1e-12)).all()
        assert (conductance > 0).all()
        assert (pulses[failed] == 5).all()
        assert pulses.max() <= 5
        assert pulses.min() >= 1


@pytest.mark.parametrize("name", sorted(ALL))
def test_pulses_follow_the_geometric_law(name: str) -> None:
    """Pulses of accepted cells and the share of failures are those of repeated independent trials."""
    states, tolerance = ALL[name]
    limit = 5
    for level, target in enumerate(states.targets_s()):
        edges = states.error.cdf(target, np.array([target - tolerance, target + tolerance]))
        p = float(edges[1] - edges[0])
        _, pulses, failed = write(states, WriteRule(tolerance, limit), level, seed=3)
        share = (1 - p) ** limit
        assert abs(failed.mean() - share) <= 3 * math.sqrt(share * (1 - share) / N)
        counts = np.append(np.bincount(pulses[~failed], minlength=limit + 1)[1:], failed.sum())
        expected = N * np.append(p * (1 - p) ** np.arange(limit), share)
        assert stats.chisquare(counts, expected).pvalue > 1e-3
        mean = (1 - share) / p  # of a geometric variate cut at the limit
        assert abs(pulses.mean() - mean) < 3 * pulses.std() / math.sqrt(N)


@pytest.mark.parametrize("name", sorted(ALL))
def test_conductances_follow_the_truncated_laws(name: str) -> None:
    """Accepted cells follow the error given the tolerance, failed ones the error outside it."""
    states, tolerance = ALL[name]
    rule = WriteRule(tolerance, 1)
    for level, target in enumerate(states.targets_s()):
        below, inside = (one[level] for one in acceptance(states, rule))
        conductance, _, failed = write(states, rule, level, seed=4)
        p = states.error.cdf(target, conductance)
        assert distance((p[~failed] - below) / inside) < 1
        outside = np.where(p < below + inside / 2, p, p - inside)[failed]
        assert len(outside) > 1000
        assert distance(outside / (1 - inside)) < 1


def test_pulses_and_conductance_are_independent() -> None:
    """The pulse that succeeds says nothing about the conductance that it leaves."""
    conductance, pulses, failed = write(STATES, WriteRule(0.5e-6, 50), 3, seed=5)
    assert abs(np.corrcoef(conductance[~failed], pulses[~failed])[0, 1]) < 3 / math.sqrt((~failed).sum())
    assert abs(np.corrcoef(conductance[1:], conductance[:-1])[0, 1]) < 3 / math.sqrt(N)


def test_a_simulated_pulse_loop_agrees() -> None:
    """Pulse by pulse with another generator: the same mean pulses, failures and mean conductance."""
    random, target, tolerance, limit = np.random.default_rng(0), 7e-6, 0.4e-6, 6
    sigma = 0.3 - 0.2 * math.log10(7)
    tries = target * np.exp(sigma * random.standard_normal((N, limit)))
    hits = np.abs(tries - target) <= tolerance
    last = np.where(hits.any(1), hits.argmax(1), limit - 1)
    loop = tries[np.arange(N), last]
    conductance, pulses, failed = write(STATES, WriteRule(tolerance, limit), 2, seed=6)
    for one, other in ((loop, conductance), (last + 1.0, pulses), (1.0 - hits.any(1), failed)):
        error = math.sqrt((one.var() + other.var()) / N)
        assert abs(one.mean() - other.mean()) < 3 * error
    assert stats.ks_2samp(loop, conductance).pvalue > 1e-3


def test_tables_hold_the_quantiles_to_the_ends() -> None:
    """Looked-up values are the quantile function's within 1e-5 standard deviations, for the extreme draws too."""
    p = knots()
    table = np.stack([stats.norm.ppf(p), stats.norm.isf(p)]).astype(np.float32)
    draws = np.random.default_rng(0).integers(0, 2**32, 20_000)
    edges = [0, 1, 2, 3, 1000, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]
    for k in [*edges, *draws.tolist()]:
        place = (k + 0.5) / 2**32
        exact = stats.norm.ppf(place) if place < 0.5 else stats.norm.isf(1 - place)
        assert abs(float(looked_up(table, np.int64(k))) - exact) < 1e-5


def test_words_are_those_of_splitmix() -> None:
    """The first words from state 1234567 are those that SplitMix64's reference program prints."""
    expected = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431)
    start = np.uint64(1234567)
    assert tuple(int(drawn_word(start, number)) for number in range(1, 5)) == expected


def test_exact_cells_take_one_pulse() -> None:
    """With no programming error every cell sits on its target after one pulse, also with no tolerance at all."""
    exact = replace(STATES, error=LogNormalError(0, 0, 1e-6, 10e-6))
    for rule in (WriteRule(1e-9, 20), WriteRule(0.0, 20), WriteRule(None, 1)):
        for level, target in enumerate(exact.targets_s()):
            conductance, pulses, failed = write(exact, rule, level, count=1000)
            assert (conductance == float(np.float32(target))).all()
            assert (pulses == 1).all()
            assert not failed.any()


def test_a_tolerance_that_is_never_met() -> None:
    """Where no pulse can be accepted every cell takes all pulses and keeps the error's own distribution."""
    conductance, pulses, failed = write(STATES, WriteRule(0.0, 7), 1)
    assert failed.all()
    assert (pulses == 7).all()
    assert distance(STATES.error.cdf(4e-6, conductance)) < 1


def test_stuck_cells_keep_their_state() -> None:
    """Stuck fractions appear at the extreme conductances and exhaust the pulse limit unless that was the target."""
    error = LogNormalError(0, 0, 1e-6, 10e-6)
    stuck = CellStates(1e-6, 10e-6, 4, error, stuck_min=0.1, stuck_max=0.05)
    conductance, pulses, failed = write(stuck, WriteRule(0.1e-6, 7), 1)
    for value, share in ((1e-6, 0.1), (10e-6, 0.05)):
        hit = np.isclose(conductance, value, rtol=1e-5)
        assert abs(hit.mean() - share) < 3 * math.sqrt(share * (1 - share) / N)
        assert failed[hit].all()
        assert (pulses[hit] == 7).all()
    _, pulses, failed = write(stuck, WriteRule(0.1e-6, 7), 0)
    assert abs(failed.mean() - 0.05) < 3 * math.sqrt(0.05 * 0.95 / N)
    assert (pulses[failed] == 7).all()
    assert (pulses[~failed] == 1).all()
    _, pulses, failed = write(stuck, WriteRule(None, 1), 1)
    assert not failed.any()
    assert (pulses == 1).all()


def test_stuck_cells_leave_the_others_alone() -> None:
    """Cells that are not stuck are written as on a chip without stuck cells."""
    rule = WriteRule(0.5e-6, 5)
    conductance, pulses, failed = write(STATES, rule, 1)
    other = write(replace(STATES, stuck_min=0.1, stuck_max=0.05), rule, 1)
    free = (other[0] != float(np.float32(1e-6))) & (other[0] != float(np.float32(10e-6)))
    assert abs(free.mean() - 0.85) < 3 * math.sqrt(0.85 * 0.15 / N)
    assert (conductance[free] == other[0][free]).all()
    assert (pulses[free] == other[1][free]).all()
    assert (failed[free] == other[2][free]).all()


def levels_of(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 4, count).astype(np.uint8))


def test_threads_change_nothing() -> None:
    """One, two and five threads write the same cells; the count is not a multiple of anything."""
    levels, rule = levels_of(3_500_001), WriteRule(0.5e-6, 5)
    one = write_cells(levels, replace(STATES, stuck_min=0.01), rule, 1)
    for threads in (2, 5):
        assert same(one, write_cells(levels, replace(STATES, stuck_min=0.01), rule, 1, threads))


def test_cells_added_behind_change_nothing_before() -> None:
    """A cell's outcome depends on its place and its own level alone."""
    levels, rule = levels_of(1_200_000), WriteRule(0.5e-6, 5)
    all_cells = write_cells(levels, STATES, rule, 1)
    for count in (1, 1000, (1 << 20) + 1):
        assert same(all_cells, write_cells(levels[:count], STATES, rule, 1), slice(0, count))
    changed = levels.clone()
    changed[0] = 3 - changed[0]
    assert same(all_cells, write_cells(changed, STATES, rule, 1), slice(1, None))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_part_is_written_as_among_all(threads: int) -> None:
    """Rows 7 to 19 of two planes of 40 rows, written alone from the numbers of their first cells: the same cells."""
    levels, rule = levels_of(2 * 40 * 90_000).reshape(2, 40, 90_000), WriteRule(0.5e-6, 5)
    states = replace(STATES, stuck_min=0.01, stuck_max=0.02)
    whole = write_cells(levels, states, rule, 1)
    part = write_cells(levels[:, 7:19], states, rule, 1, threads, [(40 * plane + 7) * 90_000 for plane in (0, 1)])
    for name in ("conductance_s", "pulses", "failed"):
        assert torch.equal(getattr(part, name), getattr(whole, name)[:, 7:19])
    with pytest.raises(ValueError, match="starts"):
        write_cells(levels_of(5), STATES, rule, 1, starts=(0, 10))


def test_shapes_are_kept() -> None:
    """Any shape goes in and comes out, contiguous or not, empty too."""
    levels, rule = levels_of(60).reshape(3, 4, 5), WriteRule(0.5e-6, 5)
    flat = write_cells(levels.flatten(), STATES, rule, 1)
    shaped = write_cells(levels, STATES, rule, 1)
    assert shaped.conductance_s.shape == shaped.pulses.shape == shaped.failed.shape == levels.shape
    assert same(flat, shaped)
    turned = levels.permute(2, 0, 1)
    assert same(write_cells(turned.contiguous(), STATES, rule, 1), write_cells(turned, STATES, rule, 1))
    assert write_cells(levels[:0], STATES, rule, 1).conductance_s.shape == (0, 4, 5)


def test_seeds_differ() -> None:
    """Another seed writes other cells, the same seed the same."""
    levels, rule = levels_of(1000), WriteRule(None, 1)
    one = write_cells(levels, STATES, rule, 1)
    assert same(one, write_cells(levels, STATES, rule, 1))
    assert not torch.equal(one.conductance_s, write_cells(levels, STATES, rule, 2).conductance_s)


def test_bad_levels_are_refused() -> None:
    """A level that the cell lacks, another type, and targets outside the error's range."""
    with pytest.raises(OutOfRange, match="expected 0 to 3, found 4"):
        write_cells(torch.tensor([0, 4], dtype=torch.uint8), STATES, WriteRule(None, 1), 1)
    with pytest.raises(ValueError, match="uint8"):
        write_cells(torch.tensor([0, 1]), STATES, WriteRule(None, 1), 1)
    with pytest.raises(OutOfRange, match="target of a normal write"):
        write_cells(levels_of(4), replace(STATES, error=MILO2021), WriteRule(None, 1), 1)


@pytest.mark.parametrize("other", [("test", 2), ("other", 1)])
def test_streams_differ_by_name_and_seed(other: tuple[str, int]) -> None:
    """Another name or seed gives another stream; the same gives the same."""
    assert stream_seed(1, "test") == stream_seed(1, "test")
    assert stream_seed(1, "test") != stream_seed(other[1], other[0])
