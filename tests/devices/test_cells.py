"""Written cells follow their distributions and the write-verify rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pillarsim.devices.cells import CellStates, WriteRule, acceptance, write_cells
from pillarsim.devices.streams import generator, stream_seed

STATES = CellStates(1e-6, 10e-6, 4, sigma_min=0.3, sigma_max=0.1, stuck_min=0.0, stuck_max=0.0)
N = 200_000


def write(states: CellStates, rule: WriteRule, level: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells = write_cells(torch.full((N,), level, dtype=torch.uint8), states, rule, generator(seed, "test"))
    return cells.conductance_s.numpy().astype(float), cells.pulses.numpy(), cells.failed.numpy()


def test_levels_are_equally_spaced() -> None:
    """Targets run from the lowest to the highest conductance in equal steps."""
    np.testing.assert_allclose(STATES.targets_s(), [1e-6, 4e-6, 7e-6, 10e-6])


def test_unverified_write_is_log_normal() -> None:
    """One pulse leaves ln(G/target) with mean 0 and the level's sigma, within three standard errors."""
    for level, (target, sigma) in enumerate(zip(STATES.targets_s(), STATES.sigmas(), strict=True)):
        conductance, pulses, failed = write(STATES, WriteRule(None, 1), level)
        logs = np.log(conductance / target)
        assert abs(logs.mean()) < 3 * sigma / math.sqrt(N)
        assert abs(logs.std() - sigma) < 3 * sigma / math.sqrt(2 * N)
        assert (pulses == 1).all()
        assert not failed.any()


def test_verified_write_stays_within_tolerance_and_counts_pulses() -> None:
    """Accepted cells are within tolerance; mean pulses and the failed share equal the cut geometric law."""
    rule = WriteRule(0.5e-6, 5)
    _, accept = acceptance(STATES, rule)
    for level in range(4):
        conductance, pulses, failed = write(STATES, rule, level)
        distance = np.abs(conductance - STATES.targets_s()[level])
        assert (distance[~failed] <= 0.5e-6 * (1 + 1e-6)).all()
        assert (distance[failed] > 0.5e-6 * (1 - 1e-6)).all()
        share = (1 - accept[level]) ** 5
        assert abs(failed.mean() - share) <= 3 * math.sqrt(share * (1 - share) / N) + 1e-12
        mean = (1 - (1 - accept[level]) ** 5) / accept[level]  # of a geometric variate cut at 5
        assert abs(pulses.mean() - mean) < 3 * pulses.std() / math.sqrt(N) + 1e-9
        assert pulses.max() <= 5
        assert pulses.min() >= 1


def test_accepted_conductance_is_the_truncated_law() -> None:
    """Within tolerance, the conductance has the truncated log-normal's distribution (Kolmogorov distance)."""
    rule = WriteRule(1e-6, 50)
    conductance, _, failed = write(STATES, rule, 2)
    target, sigma = STATES.targets_s()[2], STATES.sigmas()[2]
    low, accept = acceptance(STATES, rule)
    normal = torch.special.ndtr(torch.from_numpy(np.log(np.sort(conductance[~failed]) / target) / sigma)).numpy()
    law = (normal - low[2]) / accept[2]
    steps = np.arange(1, len(law) + 1) / len(law)
    assert np.abs(law - steps).max() < 1.63 / math.sqrt(len(law))  # 1 % critical value


def test_exact_cells_take_one_pulse() -> None:
    """With no programming error every cell sits on its target after one pulse."""
    exact = CellStates(1e-6, 10e-6, 4, 0, 0, 0, 0)
    conductance, pulses, failed = write(exact, WriteRule(1e-9, 20), 3)
    np.testing.assert_allclose(conductance, 10e-6, rtol=1e-6)
    assert (pulses == 1).all()
    assert not failed.any()


def test_stuck_cells_keep_their_state() -> None:
    """Stuck fractions appear at the extreme conductances and exhaust the pulse limit unless that was the target."""
    stuck = CellStates(1e-6, 10e-6, 4, 0, 0, stuck_min=0.1, stuck_max=0.05)
    conductance, pulses, failed = write(stuck, WriteRule(0.1e-6, 7), 1)
    for value, share in ((1e-6, 0.1), (10e-6, 0.05)):
        hit = np.isclose(conductance, value, rtol=1e-5)
        assert abs(hit.mean() - share) < 3 * math.sqrt(share * (1 - share) / N)
        assert failed[hit].all()
        assert (pulses[hit] == 7).all()
    _, pulses, failed = write(stuck, WriteRule(0.1e-6, 7), 0)
    assert abs(failed.mean() - 0.05) < 0.002


@pytest.mark.parametrize("other", [("test", 2), ("other", 1)])
def test_streams_differ_by_name_and_seed(other: tuple[str, int]) -> None:
    """Another name or seed gives another stream; the same gives the same."""
    assert stream_seed(1, "test") == stream_seed(1, "test")
    assert stream_seed(1, "test") != stream_seed(other[1], other[0])
