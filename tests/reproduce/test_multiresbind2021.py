"""The row `multiresbind2021`: its totals, synthetic motifs, statistics and verdicts, and a tiny run of all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pillarsim.reproduce.claims import Claim, Result, as_json
from pillarsim.reproduce.multiresbind2021 import draw, simulate, totals
from pillarsim.reproduce.multiresbind2021.claims import (
    exact_claim,
    ideal_claim,
    noise_claim,
    optimum_claim,
    view_claim,
)
from pillarsim.reproduce.multiresbind2021.motifs import MOTIF, SHARES, draw_motifs, region_auc
from pillarsim.reproduce.multiresbind2021.plan import Plan
from pillarsim.reproduce.multiresbind2021.runs import Noisy
from pillarsim.reproduce.multiresbind2021.statistics import GROUPS, METRICS, Scored, difference, scored
from pillarsim.reproduce.multiresbind2021.totals import graph_claim, on_tiles, tiles_claims
from pillarsim.workloads.architectures import multi_resbind
from pillarsim.workloads.metrics import roc_auc
from tests.near import near

TINY = Plan(32, 1, 32, 1, 40, 16, 3e-3, 20, 2, (0.3, 1.2), 2)
SUPPORTED = ["e1", "e2", "e3", "e4", "e5", "a1", "d1", "d2"]


@pytest.fixture(scope="module")
def tiny() -> tuple[Result, list[tuple[str, int, int]]]:
    """The whole row without a data directory, and its progress."""
    seen: list[tuple[str, int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PILLARSIM_DATA", raising=False)
        return simulate(True, lambda *step: seen.append(step), plan=TINY), seen


def test_tiny_run_decides_every_claim(tiny: tuple[Result, list[tuple[str, int, int]]]) -> None:
    """All claims and series are there; what no training changes holds; synthetic windows are called so."""
    result, _ = tiny
    verdicts = {claim.id: claim.verdict for claim in result.claims}
    assert list(verdicts) == SUPPORTED
    assert verdicts["e1"] == "validated"
    assert verdicts["e2"] == verdicts["e3"] == verdicts["d2"] == "consistent"
    parameters = {parameter.name: parameter for parameter in result.parameters}
    assert "synthetic" in parameters["training"].source
    assert "no rbp/" in parameters["training"].source
    assert "synthetic" in parameters["test"].source
    chips = result.series["chips"]
    assert chips["write_error"] == [0.0, *TINY.errors]
    assert all(0 <= value <= 1 for key in ("roc_auc", "average_precision") for value in chips[key])
    tiles = result.series["tiles"]
    assert sum(tiles["cells"]) == 8 * 494_592
    assert as_json(result)["quick"] is True


def test_every_stage_ends_complete(tiny: tuple[Result, list[tuple[str, int, int]]]) -> None:
    """Stages in their order, each up to its total."""
    stages: dict[str, tuple[int, int]] = {}
    for stage, done, total in tiny[1]:
        stages[stage] = (done, total)
    assert list(stages) == ["tiles", "training, motifs-sequence", "training, motifs-region", "chips"]
    assert all(done == total for done, total in stages.values())


def test_picture(tiny: tuple[Result, list[tuple[str, int, int]]]) -> None:
    """One panel a metric."""
    pytest.importorskip("matplotlib")
    axes = draw(tiny[0]).axes
    assert [one.get_ylabel().split(",")[0] for one in axes] == ["ROC-AUC", "average precision"]


def test_data_and_checkpoints(tmp_path: Path) -> None:
    """With rbp/ in the data directory it is used, and a second run goes on from the first one's trainings."""
    draws = np.random.default_rng(3)
    (tmp_path / "rbp").mkdir()
    np.savez(
        tmp_path / "rbp" / "rbp19_multilabel.npz",
        X=draws.integers(0, 5, (150, 101)).astype(np.uint8),
        Y=draws.integers(0, 2, (150, 19)).astype(np.uint8),
        split=np.repeat([0, 1, 2], 50).astype(np.uint8),
    )
    plan = replace(TINY, motif_training=16, seeds=1, errors=(0.5,))

    def run() -> tuple[Result, list[str]]:
        seen: list[str] = []
        found = simulate(True, lambda stage, done, total: seen.append(stage), tmp_path, plan, tmp_path / "states")
        return found, seen

    (result, first), (other, again) = run(), run()
    assert as_json(result) == as_json(other)
    assert "training, rbp" in first
    assert [stage for stage in again if "training" in stage] == []
    sources = {parameter.name: parameter.source for parameter in result.parameters}
    assert "50 training samples" in sources["training"]
    assert "50 test samples" in sources["test"]


def test_totals_hold_and_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped graph has the printed totals; one residual convolution less, or another width, has not."""
    assert graph_claim().holds
    monkeypatch.setattr(totals, "multi_resbind", lambda labels=27, channels=8: multi_resbind(labels, channels + 1))
    assert graph_claim().holds is False
    monkeypatch.setattr(totals, "multi_resbind", lambda labels=27, channels=8: multi_resbind(labels, channels, 160))
    assert graph_claim().holds is False


def test_totals_follow_from_the_layer_table() -> None:
    """Rows x columns of the paper's layers, by hand."""
    convolutions = [(11 * 8, 96)] + 4 * [(3 * 96, 96)]
    weights = sum(rows * columns for rows, columns in convolutions)
    dense = 15 * 96 * 256 + 256 * 27
    network = multi_resbind()
    assert network.weights == weights + dense + 27 == totals.WEIGHTS
    assert network.macs == 150 * weights + dense
    assert totals.normalisation(network) == 4 * (5 * 96 + 256)


def test_tiles_claims_can_fail() -> None:
    """Other cells, or another period, than the closed forms."""
    tiles = on_tiles()
    assert [claim.holds for claim in tiles_claims(tiles)] == [True, True]
    assert tiles.cells == 8 * 494_592
    assert tiles.period_s == near(150 * 8 * 8 * 10e-9)
    assert [claim.holds for claim in tiles_claims(replace(tiles, cells=tiles.cells + 1))] == [False, True]
    assert [claim.holds for claim in tiles_claims(replace(tiles, period_s=2 * tiles.period_s))] == [True, False]


def test_motifs_are_where_labels_say() -> None:
    """One protein: every bound window holds the motif, few others do, and shares follow the region."""
    windows = draw_motifs("train", 4000, 1, 101, 5)
    bound = windows.labels[:, 0] == 1
    views = np.lib.stride_tricks.sliding_window_view(windows.bases, MOTIF, axis=1)
    codes = views @ 4 ** np.arange(MOTIF)
    counts = np.bincount(codes[bound].ravel())
    motif = counts.argmax()
    assert (codes[bound] == motif).any(axis=1).all()
    assert (codes[~bound] == motif).any(axis=1).mean() < 5 * 95 / 4**MOTIF
    shares = sorted(bound[windows.regions == region].mean() for region in range(4))
    for share, expected in zip(shares, SHARES, strict=True):
        assert abs(share - expected) < 4 * (expected * (1 - expected) / 1000) ** 0.5


def test_views_of_the_same_windows() -> None:
    """One-hot inputs: bases differ along the window, the region does not; splits share rules, not windows."""
    train, test = (draw_motifs(split, 50, 19, 101, 5) for split in ("train", "test"))
    sequence, region = train.seen("sequence"), train.seen("region")
    assert sequence.images.shape == region.images.shape == (50, 4, 1, 101)
    assert (sequence.images.sum(axis=1) == 1).all()
    assert (region.images == region.images[..., :1]).all()
    np.testing.assert_array_equal(region.images[:, :, 0, 0].argmax(axis=1), train.regions)
    assert not np.array_equal(train.bases, test.bases)


def test_region_optimum_is_what_true_shares_reach() -> None:
    """The closed form against ranking many windows by the share of their region."""
    windows = draw_motifs("train", 60_000, 1, 20, 5)
    share = np.array([windows.labels[windows.regions == region].mean() for region in range(4)])
    assert roc_auc(share[windows.regions][:, None], windows.labels) == near(region_auc(), rel=0.015)


def test_jackknife_error_is_the_scatter_of_samples() -> None:
    """The error of a single network's ROC-AUC against its scatter over many samples of windows."""
    draws = np.random.default_rng(11)
    found, errors = [], []
    for _ in range(150):
        labels = (draws.random((120, 2)) < 0.3).astype(np.int64)
        outputs = (labels + draws.normal(size=labels.shape))[None]
        one = scored(outputs, labels)["ROC-AUC"]
        nothing = Scored(one.devices * 0, one.without * 0)
        found.append(one.mean)
        errors.append(difference(one, nothing).error)
    assert float(np.mean(errors)) == near(float(np.std(found)), rel=0.2)


def test_differences_are_paired_and_count_devices() -> None:
    """Equal outputs differ by exactly 0; two devices add the variance of their mean."""
    labels = (np.random.default_rng(1).random((60, 2)) < 0.4).astype(np.int64)
    outputs = np.random.default_rng(2).normal(size=(1, 60, 2))
    for score in scored(outputs, labels).values():
        assert (difference(score, score).mean, difference(score, score).error) == (0, 0)
    flat = np.full(GROUPS, 0.5)
    apart = difference(Scored(np.array([0.4, 0.6]), flat), Scored(np.array([0.2]), flat))
    assert apart.mean == near(0.3)
    assert apart.error == near(0.1)


def _scored(value: float, jitter: float = 1e-3) -> Mapping[str, Scored]:
    """Invented scores of two devices, all metrics alike."""
    noise: NDArray[np.float64] = np.zeros(GROUPS)
    score = Scored(np.array([value - jitter, value + jitter]), noise + value)
    return dict.fromkeys(METRICS, score)


def _noisy(values: tuple[float, ...], jitter: float = 1e-3, software: float = 0.8) -> Noisy:
    chips = {(None, 0.2, 0.8)[place]: _scored(value, jitter) for place, value in enumerate(values)}
    return Noisy(_scored(software, jitter), _scored(software, jitter), chips)


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        (noise_claim(_noisy((0.8, 0.78, 0.7))), True),
        (noise_claim(_noisy((0.8, 0.7, 0.78))), False),
        (noise_claim(_noisy((0.7, 0.75, 0.8))), False),
        (noise_claim(_noisy((0.8, 0.79, 0.795), 0.02)), None),
        (ideal_claim(_noisy((0.798, 0.7, 0.6))), True),
        (ideal_claim(_noisy((0.78, 0.7, 0.6))), False),
        (ideal_claim(_noisy((0.79, 0.7, 0.6))), None),
        (view_claim({"sequence": _scored(0.8), "region": _scored(0.6)}), True),
        (view_claim({"sequence": _scored(0.6), "region": _scored(0.8)}), False),
        (view_claim({"sequence": _scored(0.6), "region": _scored(0.6)}), None),
        (exact_claim(0.9e-5, 1), True),
        (exact_claim(1.1e-5, 1), False),
        (optimum_claim(_scored(0.63)["ROC-AUC"]), True),
        (optimum_claim(_scored(0.66)["ROC-AUC"]), False),
    ],
)
def test_claims_decide(claim: Claim, holds: bool | None) -> None:
    """Each claim holds, fails or stays undecided where it should."""
    assert claim.holds is holds
