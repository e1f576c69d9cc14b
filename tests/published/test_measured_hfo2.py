"""The cards of the measured HfO2 arrays against the arrays themselves, 10.1109/TED.2021.3097975.

The arrays stand beside the checkout, not in it; without them these tests are skipped.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chi2, kstest, norm

from pillarsim.arch.chip.ageing import Relaxation as RelaxationCard
from pillarsim.arch.chip.cell import CellCard
from pillarsim.arch.chip.load import load_card
from pillarsim.arch.chip.written import Quantiles
from pillarsim.arch.device import retention_model
from pillarsim.devices.streams import generator
from tests.near import near

Array = NDArray[np.float64]
# Verify windows of the four levels in ohm, lowest conductance first: columns R_lo and R_hi of the write-verify arrays
WINDOWS_OHM = ((8e4, 1e10), (8510, 9310), (5770, 6010), (0, 5000))
ERRORS = 3  # standard errors allowed
COPIES = 500  # of each cell of the bake, so that the model's own sampling error is small
ROUNDING = 2e-4  # probability that five digits of a conductance are worth at the steepest place


@pytest.fixture(scope="module")
def arrays(data_dir: Path) -> Mapping[str, Array]:
    """The measured arrays as float64; the test is skipped where they are absent."""
    path = data_dir / "rram" / "radar_rram_measured.npz"
    if not path.is_file():
        pytest.skip("no file ../shared/data/rram/radar_rram_measured.npz with the measured arrays")
    with np.load(path) as stored:
        return {name: stored[name].astype(np.float64) for name in stored.files}


@pytest.fixture(scope="module")
def levels_card() -> CellCard:
    return load_card("hfo2_measured").card


@pytest.fixture(scope="module")
def binary_card() -> CellCard:
    return load_card("hfo2_measured_binary").card


def stated_quantiles(card: CellCard) -> Quantiles:
    assert card.quantiles is not None
    return card.quantiles


def stated_relaxation(card: CellCard) -> RelaxationCard:
    assert isinstance(card.retention, RelaxationCard)
    return card.retention


def check_quantiles(stated: Quantiles, number: int, measured: Array) -> None:
    """The share of measured cells below each stated quantile is its probability, within sampling error."""
    p = np.array(stated.probabilities)
    below = np.searchsorted(np.sort(measured), np.array(stated.levels[number].conductance)) / len(measured)
    error = ERRORS * np.sqrt(p * (1 - p) / len(measured)) + ROUNDING
    assert (np.abs(below - p) <= error).all(), np.c_[p, below, error]
    assert stated.levels[number].target == near(float(np.median(measured)), rel=1e-4)


@pytest.mark.parametrize("number", range(4))
def test_written_levels(levels_card: CellCard, arrays: Mapping[str, Array], number: int) -> None:
    """Quantiles of each level are those of the successful writes of both chips, all within the verify window."""
    rows = np.concatenate([arrays["sdr2bpc_chip1"], arrays["sdr2bpc_chip2"]])
    low, high = WINDOWS_OHM[number]
    good = rows[(rows[:, 5] == low) & (rows[:, 6] == high) & (rows[:, 7] == 1), 4]
    assert len(good) > 13_000
    check_quantiles(stated_quantiles(levels_card), number, 1 / good)
    table = stated_quantiles(levels_card).levels[number].conductance
    assert 1 / high * (1 - 1e-4) <= min(table)
    assert low == 0 or max(table) <= 1 / low * (1 + 1e-4)


@pytest.mark.parametrize(("number", "state"), [(0, "HRS"), (1, "LRS")])
def test_cycled_states(binary_card: CellCard, arrays: Mapping[str, Array], number: int, state: str) -> None:
    """Quantiles of the binary cell are those of both cycling runs, cells and cycles pooled."""
    ohm = np.concatenate([arrays[f"cycling_{run}_{state}_ohm"].ravel() for run in ("5_1_20", "5_25_20")])
    assert len(ohm) == 60_000
    check_quantiles(stated_quantiles(binary_card), number, 1 / ohm)


def test_states_lie_within_the_tables(levels_card: CellCard, binary_card: CellCard) -> None:
    """lrs and hrs are the outer targets to three digits, inside the tables, so that no level needs extrapolation."""
    for card in (levels_card, binary_card):
        targets = [level.target for level in stated_quantiles(card).levels]
        assert targets[0] <= 1 / card.hrs <= targets[0] * 1.01
        assert targets[-1] * 0.99 <= 1 / card.lrs <= targets[-1]


def test_stuck_cells(levels_card: CellCard, arrays: Mapping[str, Array]) -> None:
    """Share of cells still above 200 uS after every RESET pulse, within sampling error; none failed to reach LRS."""
    rows = np.concatenate([arrays["sdr2bpc_chip1"], arrays["sdr2bpc_chip2"]])
    lowest = rows[rows[:, 6] == 1e10]
    share = float((lowest[:, 4] < 5000).mean())
    assert abs(levels_card.stuck.lrs - share) < ERRORS * np.sqrt(share / len(lowest))
    assert levels_card.stuck.hrs == 0
    assert bool((rows[rows[:, 6] == 5000, 7] == 1).all())


@pytest.fixture(scope="module")
def baked(levels_card: CellCard, arrays: Mapping[str, Array]) -> Array:
    """Each cell of the bake aged COPIES times by the model of the card, 30 min at 80 C: (cells, copies)."""
    card = stated_relaxation(levels_card)
    assert (card.time, card.temperature) == (1800, 353.15)
    model = retention_model(card)
    many = torch.from_numpy(np.repeat(1 / arrays["relax_pre_ohm"], COPIES))
    return model.aged_s(many, 1e-6, 300e-6, 1800.0, 353.15, generator(1, "bake")).numpy().reshape(-1, COPIES)


def test_the_bake_fits_every_level(arrays: Mapping[str, Array], baked: Array) -> None:
    """The mean change of each of the 32 levels is that of the model (chi-square at 0.1 %)."""
    before, after = (1 / arrays[f"relax_{when}_ohm"] for when in ("pre", "post"))
    total = 0.0
    for level in range(32):
        cells = arrays["relax_level"] == level
        error = (baked[cells] - before[cells, None]).var(1).sum() / cells.sum() ** 2
        total += (after[cells].mean() - baked[cells].mean()) ** 2 / error
    assert chi2.ppf(0.001, 32) < total < chi2.ppf(0.999, 32)


@pytest.mark.parametrize(("low", "high"), [(0, 5), (5, 12), (12, 25), (25, 50), (50, 70), (70, 100), (100, 130),
                                           (130, 160), (160, 200), (200, 300)])  # fmt: skip
def test_the_bake_has_the_measured_tails(arrays: Mapping[str, Array], baked: Array, low: float, high: float) -> None:
    """In bins other than those of the derivation: mean, standard deviation and five quantiles of the change.

    Within three standard errors of the measured cells, those of mean and deviation by a bootstrap.
    """
    before, after = (1 / arrays[f"relax_{when}_ohm"] for when in ("pre", "post"))
    cells = (before >= low * 1e-6) & (before < high * 1e-6)
    change, modelled = after[cells] - before[cells], baked[cells] - before[cells, None]
    again = np.random.default_rng(1).choice(change, (400, len(change)))
    for figure in (np.mean, np.std):
        assert abs(figure(modelled) - figure(change)) < ERRORS * figure(again, axis=1).std()
    for p in (0.05, 0.25, 0.5, 0.75, 0.95):
        share = (change <= np.quantile(modelled, p)).mean()
        assert abs(share - p) < ERRORS * np.sqrt(p * (1 - p) / len(change))


def test_measured_cells_are_spread_evenly_over_the_law(arrays: Mapping[str, Array], baked: Array) -> None:
    """The place of each measured cell among its modelled copies is uniform (Kolmogorov-Smirnov), also by thirds."""
    before, after = (1 / arrays[f"relax_{when}_ohm"] for when in ("pre", "post"))
    place = (baked < after[:, None]).mean(1)
    thirds = np.array_split(np.argsort(before), 3)
    for cells in (np.arange(len(before)), *thirds):
        assert kstest(place[cells], "uniform").pvalue > 0.01
    # The table ends with the bin's extremes: cells beyond it stay rare.
    assert ((place == 0) | (place == 1)).mean() < 0.03


def test_no_cell_ends_far_beyond_the_measured_ones(arrays: Mapping[str, Array], baked: Array) -> None:
    """Highest of all copies in three ranges that have long tails; hardly any below the lowest measured one."""
    before, after = (1 / arrays[f"relax_{when}_ohm"] for when in ("pre", "post"))
    for cells in (before < 4e-6, (before >= 4e-6) & (before < 15e-6), (before >= 60e-6) & (before < 80e-6)):
        assert 0.9 * after[cells].max() < baked[cells].max() < 1.4 * after[cells].max()
    assert (baked < after.min()).mean() < 1 / len(after)


def test_three_bit_cells_change_more_in_the_middle(arrays: Mapping[str, Array]) -> None:
    """An independent experiment has the shape of the table: the spread is largest near 100 uS, smallest at the top."""
    cell = np.arange(1024)
    level = 7 - (cell + cell // 32) % 8
    change = 1 / arrays["ret3bpc1_post"] - 1 / arrays["ret3bpc1_pre"]
    spread = [change[level == k].std() for k in range(8)]
    assert int(np.argmax(spread)) == 1
    assert spread[1] > 3 * max(spread[6:])


def test_read_noise(levels_card: CellCard, arrays: Mapping[str, Array]) -> None:
    """Repeated reads of the upper levels in three experiments, one by one, bracket the stated noise."""
    cell = np.arange(1024)
    upper = 7 - (cell + cell // 32) % 8 > 0
    found = []
    for name in ("ret3bpc2_post", "ret3bpc3_pre", "ret3bpc4_post"):
        difference = np.diff(np.log(arrays[name].reshape(3, 1024)[:, upper]), axis=0)
        found.append(difference.std() / np.sqrt(2))
    assert min(found) < levels_card.read_noise < max(found)


def test_the_cycling_spreads_by_another_estimator(arrays: Mapping[str, Array]) -> None:
    """ln R of HRS: 0.74 from cycle to cycle and 0.99 between cells, from quantiles of centred and of cell medians."""
    log = np.log(np.concatenate([arrays[f"cycling_{run}_HRS_ohm"] for run in ("5_1_20", "5_25_20")]))
    width = 2 * norm.ppf(0.84)
    within = np.median(np.diff(np.quantile(log, (0.16, 0.84), axis=1), axis=0)) / width
    between = float(np.diff(np.quantile(np.median(log, axis=1), (0.16, 0.84)))[0]) / width
    assert within == near(0.74, rel=0.05)
    assert between == near(0.99, rel=ERRORS / np.sqrt(200))


def test_the_cards_come_from_the_script(
    root: Path,
    data_dir: Path,
    arrays: Mapping[str, Array],
    tmp_path: Path,
    levels_card: CellCard,
    binary_card: CellCard,
) -> None:
    """docs/derive_measured_hfo2.py writes the measured numbers of both shipped cards, the same in a second run."""
    script = [sys.executable, str(root / "docs" / "derive_measured_hfo2.py"), "--data-dir", str(data_dir)]
    said = [
        subprocess.run([*script, "--out", str(tmp_path / k)], capture_output=True, text=True, check=True).stdout
        for k in ("first", "second")
    ]
    assert said[0] == said[1]
    for name, shipped in (("hfo2_measured", levels_card), ("hfo2_measured_binary", binary_card)):
        first, second = (tmp_path / k / f"{name}.yaml" for k in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
        derived = load_card(first).card
        assert derived.quantiles == shipped.quantiles
        assert (derived.lrs, derived.hrs, derived.stuck) == (shipped.lrs, shipped.hrs, shipped.stuck)
        assert derived.retention == shipped.retention


def test_the_script_names_a_missing_file(root: Path, tmp_path: Path) -> None:
    """Without the arrays the script says which file it expected, and writes nothing."""
    script = [sys.executable, str(root / "docs" / "derive_measured_hfo2.py"), "--data-dir", str(tmp_path)]
    run = subprocess.run([*script, "--out", str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "radar_rram_measured.npz" in run.stderr
    assert not (tmp_path / "out").exists()
