"""Telegraph and read noise against stationary laws, matrix exponentials and counts by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.linalg import expm

from pillarsim.devices.noise import SlowTelegraph, Telegraph, after, noisy_read_s, telegraph_cells
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

N = 200_000
CHAIN = Telegraph(dwell_high_s=3e-3, dwell_low_s=1e-3, amplitude=0.2)


def three_errors(share: float, count: int = N) -> float:
    return 3 * math.sqrt(share * (1 - share) / count)


def test_slow_telegraph_lowers_a_share_of_cells() -> None:
    """The stated share of cells loses the stated share of its conductance, the others nothing."""
    model, cells = SlowTelegraph(0.3, 0.25), torch.full((N,), 4e-6)
    low = model.low((N,), 1)
    assert abs(float(low.double().mean()) - 0.3) < three_errors(0.3)
    seen = model.shifted_s(cells, low)
    assert set(seen[low].tolist()) == {float(np.float32(4e-6) * np.float32(0.75))}
    assert torch.equal(seen[~low], cells[~low])


def test_slow_telegraph_draws_by_cell() -> None:
    """The same cells for any number of neighbours and any shape; other seeds differ; 0 and 1 are none and all."""
    model = SlowTelegraph(0.5, 0.1)
    many = model.low(((1 << 20) + 50,), 1)
    assert torch.equal(model.low((1000,), 1), many[:1000])
    assert torch.equal(model.low((10, 100), 1).flatten(), many[:1000])
    assert not torch.equal(model.low((1000,), 2), many[:1000])
    assert not SlowTelegraph(0, 0.1).low((1000,), 1).any()
    assert SlowTelegraph(1, 0.1).low((1000,), 1).all()


@pytest.mark.parametrize("time_s", [0.0, 1e-5, 1e-3, 2e-3, 1.0])
def test_switching_is_the_matrix_exponential(time_s: float) -> None:
    """Probabilities of the other state are those of the exponential of the chain's rate matrix."""
    fall, rise = 1 / CHAIN.dwell_high_s, 1 / CHAIN.dwell_low_s
    moved = expm(time_s * np.array([[-fall, fall], [rise, -rise]]))
    assert list(CHAIN.switch_probability(time_s)) == near([moved[0, 1], moved[1, 0]], rel=1e-9)


def test_telegraph_stays_stationary() -> None:
    """The share in the low state is dwell_low / (dwell_low + dwell_high) at the start and after any steps."""
    cells = telegraph_cells(CHAIN, (N,), 1)
    assert CHAIN.occupancy == near(0.25, rel=1e-12)
    for time_s in (0.0, 1e-4, 1e-3, 10.0):
        cells = after(cells, time_s)
        assert abs(float(cells.low.double().mean()) - 0.25) < three_errors(0.25)


def test_telegraph_joint_states() -> None:
    """Both states keep their transition probabilities, in one step and in two of half the time."""
    start = telegraph_cells(CHAIN, (N,), 2)
    fall, rise = CHAIN.switch_probability(2e-3)
    for end in (after(start, 2e-3), after(after(start, 1e-3), 1e-3)):
        for low, share in ((False, fall), (True, rise)):
            of = start.low == low
            found = float((end.low != start.low)[of].double().mean())
            assert abs(found - share) < three_errors(share, int(of.sum()))


def test_telegraph_mean_dwell() -> None:
    """In steps far shorter than a stay, time spent in a state over departures from it is its mean stay."""
    step_s, count, steps = 2e-5, 20_000, 500
    cells = telegraph_cells(CHAIN, (count,), 3)
    spent, left = {False: 0.0, True: 0.0}, {False: 0, True: 0}
    for _ in range(steps):
        then = after(cells, step_s)
        for low in (False, True):
            spent[low] += step_s * int((cells.low == low).sum())
            left[low] += int(((cells.low == low) & (then.low != low)).sum())
        cells = then
    # Seen once a step, the chain is geometric: a stay's mean is the step over the chance to leave in it.
    for low, share, dwell_s in zip((False, True), CHAIN.switch_probability(step_s), (3e-3, 1e-3), strict=True):
        assert abs(spent[low] / left[low] / (step_s / share) - 1) < 3 / math.sqrt(left[low])
        assert spent[low] / left[low] == near(dwell_s, rel=2 * step_s / 1e-3)


def test_no_time_changes_nothing_and_neighbours_neither() -> None:
    """After 0 s every cell is as it was; a cell's path is the same beside others and in any shape."""
    cells = telegraph_cells(CHAIN, (1000,), 4)
    assert torch.equal(after(cells, 0.0).low, cells.low)
    more = telegraph_cells(CHAIN, (20, 100), 4)
    for _ in range(3):
        cells, more = after(cells, 1e-3), after(more, 1e-3)
        assert torch.equal(cells.low, more.low.flatten()[:1000])
    seen = CHAIN.shifted_s(torch.full((1000,), 1e-5), cells.low)
    assert seen[cells.low].tolist() == near([8e-6] * int(cells.low.sum()), rel=1e-6)


def test_read_noise_is_gaussian() -> None:
    """Reads have mean G and the stated relative standard deviation, anew in each read, the same for the same read."""
    cells = torch.full((N,), 5e-6, dtype=torch.float64)
    first, second = (noisy_read_s(cells, 0.02, 1, read) / 5e-6 - 1 for read in (0, 1))
    for seen in (first.numpy(), second.numpy()):
        assert abs(seen.mean()) < 3 * 0.02 / math.sqrt(N)
        assert abs(seen.std() - 0.02) < 3 * 0.02 / math.sqrt(2 * N)
        assert stats.kstest(seen / 0.02, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(first, second)[0, 1]) < 3 / math.sqrt(N)
    assert torch.equal(noisy_read_s(cells[:100], 0.02, 1, 1) / 5e-6 - 1, second[:100])
    assert torch.equal(noisy_read_s(cells, 0.0, 1, 0), cells)
    turned = torch.rand(6, 5).T
    assert torch.equal(noisy_read_s(turned, 0.1, 1, 0), noisy_read_s(turned.contiguous(), 0.1, 1, 0))
    assert noisy_read_s(turned, 0.1, 1, 0).dtype == torch.float32


def test_impossible_noise_is_refused() -> None:
    """Shares outside [0, 1], stays of no time, time that runs backwards, negative noise."""
    for occupancy, amplitude in ((-0.1, 0.1), (1.1, 0.1), (0.1, 1.5)):
        with pytest.raises(ValueError, match="expected 0 to 1"):
            SlowTelegraph(occupancy, amplitude)
    with pytest.raises(ValueError, match="dwell_low_s: expected above 0"):
        Telegraph(1e-3, 0, 0.1)
    with pytest.raises(OutOfRange, match="time between reads"):
        after(telegraph_cells(CHAIN, (3,), 1), -1e-3)
    with pytest.raises(ValueError, match="read noise"):
        noisy_read_s(torch.ones(3), -0.1, 1, 0)
