"""The row `majumdar2021`: its statistics, its verdicts, a tiny run of it, and that it goes on where it stopped."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pillarsim.arch.errors import InputError
from pillarsim.reproduce import majumdar2021
from pillarsim.reproduce.claims import Result, as_json
from pillarsim.reproduce.intervals import Interval, interval
from pillarsim.reproduce.majumdar2021 import draw, runs, simulate
from pillarsim.reproduce.majumdar2021.claims import learning_claim, order_claims, verdict, vgg_claim
from pillarsim.reproduce.majumdar2021.plan import FULL, VARIANTS, Plan, VggPlan, perceptron, vgg
from pillarsim.reproduce.majumdar2021.runs import Run
from pillarsim.workloads.datasets import Dataset
from tests.near import near

TINY = Plan(20, 400, 200, 4, 50, 8.0, 2, 50_000, VggPlan((2, 3, 4), 6, 30, 20, 1, 10), 2)
IDS = ["e1", "e2", "e3", "e4", "e5", "e6", "e7"]


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def tiny() -> Result:
    """The whole row without a data directory, a few hundred images large."""
    return simulate(False, silent, plan=TINY)


def test_tiny_run_decides_every_claim(tiny: Result) -> None:
    """Every point of the row is a claim; without CIFAR-10 the convolutional network is not evaluated and says so."""
    assert [claim.id for claim in tiny.claims] == IDS
    assert {claim.id: claim.verdict for claim in tiny.claims}["e2"] == "validated"
    assert {claim.basis for claim in tiny.claims} == {"published"}
    words = " ".join(f"{parameter.value} {parameter.source}" for parameter in tiny.parameters)
    assert "shipped" in words
    assert "not evaluated: no data directory with CIFAR-10" in words
    curves = tiny.series["mnist"]
    assert curves["epoch"] == [1, 2, 3, 4]
    for name in VARIANTS:
        assert all(0 < low <= high < 1 for low, high in zip(curves[f"{name}_low"], curves[f"{name}_high"], strict=True))
        assert curves[f"{name}_mean"][-1] > 0.3
    assert as_json(tiny)["quick"] is False


def test_picture(tiny: Result) -> None:
    """A line for each set of imperfections."""
    pytest.importorskip("matplotlib")
    (axes,) = draw(tiny).axes
    assert len(axes.lines) == len(VARIANTS)


def test_it_goes_on_where_it_stopped(tiny: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run cut after five trainings trains only what is missing, and ends with the numbers of an unbroken run."""
    train, done = runs._trained, 0

    def counted(*given: Any) -> dict[str, Any]:
        nonlocal done
        done += 1
        if done > 5:
            raise KeyboardInterrupt
        return train(*given)

    plan = replace(TINY, threads=1)
    monkeypatch.setattr(runs, "_trained", counted)
    with pytest.raises(KeyboardInterrupt):
        simulate(False, silent, checkpoint=tmp_path, plan=plan)
    assert len(list(tmp_path.rglob("*.json"))) == 5
    done = -5
    found = simulate(False, silent, checkpoint=tmp_path, plan=plan)
    assert done == -5 + 3
    assert found.series == tiny.series
    assert [claim.simulated for claim in found.claims] == [claim.simulated for claim in tiny.claims]
    with pytest.raises(InputError, match="it is of another run: sizes"):
        simulate(False, silent, checkpoint=tmp_path, plan=replace(plan, hidden=21))


def test_photographs_add_a_claim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With images of CIFAR-10 the small VGG runs once with nothing and once with everything on."""
    random = np.random.default_rng(0)

    def drawn(count: int) -> Dataset:
        images = random.random((count, 3, 32, 32), dtype=np.float32)
        return Dataset("cifar10", "train", images, random.integers(0, 10, count), "drawn")

    monkeypatch.setattr(majumdar2021, "photographs", lambda plan, data_dir: (drawn(plan.training), drawn(plan.test)))
    found = simulate(False, silent, plan=replace(TINY, training=100, epochs=1, seeds=2, devices=10_000))
    assert [claim.id for claim in found.claims] == [*IDS, "d1"]
    assert set(found.series["cifar10"]) == {"epoch", "none", "all"}
    assert found.claims[-1].holds is False  # labels that were drawn cannot be learnt


def test_without_the_archive_there_are_no_photographs(tmp_path: Path) -> None:
    """A data directory without CIFAR-10 is no error: the claim is left out."""
    assert runs.photographs(VggPlan((1, 1, 1), 1, 1, 1, 1, 1), tmp_path) is None


def test_intervals_are_students() -> None:
    """Five values: half width t s / sqrt(5) with t = 2.7764 of four degrees of freedom; one value has no interval."""
    found = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == near(3.0)
    assert found.error == near(math.sqrt(2.5 / 5))
    assert found.half == near(2.776445 * math.sqrt(2.5 / 5), rel=1e-6)
    assert math.isinf(interval([1.0]).half)


@pytest.mark.parametrize(
    ("of", "full", "quick"),
    [
        (Interval(0.02, 0.005, 0.015), True, True),
        (Interval(0.01, 0.005, 0.015), None, True),
        (Interval(-0.004, 0.005, 0.015), None, True),
        (Interval(-0.006, 0.005, 0.015), None, None),
        (Interval(-0.02, 0.005, 0.015), False, False),
    ],
)
def test_verdicts(of: Interval, full: bool | None, quick: bool | None) -> None:
    """Decided by the 95 % interval; a quick run accepts what is wrong by no more than the standard error."""
    assert verdict(of, quick=False) is full
    assert verdict(of, quick=True) is quick


def test_order_is_judged_by_paired_differences() -> None:
    """Seeds that scatter more than the imperfections differ still decide; a reversed order fails and is not hidden."""
    seeds = [0.90, 0.93, 0.95, 0.91, 0.94]
    losses = {"none": 0.0, "noise": 0.005, "d2d": 0.001, "all": 0.02}
    jitter = [0.0002, -0.0001, 0.0, 0.0001, -0.0002]

    def at(seed: float, loss: float, shake: float) -> Run:
        return Run((0.1, *(seed - loss + shake * loss * 100,) * 3), 0.0, 0.0)

    made = {
        name: [at(seed, loss, shake) for seed, shake in zip(seeds, jitter, strict=True)]
        for name, loss in losses.items()
    }
    verdicts = [claim.holds for claim in order_claims(made, quick=False)]
    assert verdicts == [True, False, True]
    assert "-0.40" in str(order_claims(made, quick=False)[1].simulated)
    assert order_claims({name: [of[0]] for name, of in made.items()}, quick=False)[0].holds is None


def test_learning_and_chance() -> None:
    """e7 asks the whole interval above the threshold; d1 three standard errors above twice chance."""

    def ran(*shares: float) -> list[Run]:
        return [Run((share,), 0.0, 0.0) for share in shares]

    assert learning_claim(ran(0.94, 0.95, 0.945), 3000, quick=False).holds is True
    assert learning_claim(ran(0.88, 0.95, 0.90), 3000, quick=False).holds is None
    assert learning_claim(ran(0.81, 0.82, 0.815), 3000, quick=False).holds is False
    assert learning_claim(ran(0.83, 0.84, 0.835), 100, quick=True).holds is True
    assert vgg_claim({"none": ran(0.4)[0], "all": ran(0.3)[0]}, 2000).holds is True
    assert vgg_claim({"none": ran(0.4)[0], "all": ran(0.22)[0]}, 2000).holds is False


def test_full_run_is_the_papers_network() -> None:
    """784-3000-10 on all of MNIST in batches of 1000, 20 epochs, at least five seeds; the VGG ends in ten classes."""
    assert (FULL.hidden, FULL.training, FULL.batch, FULL.epochs) == (3000, 60_000, 1000, 20)
    assert FULL.seeds >= 5
    assert perceptron(FULL.hidden).weights == 784 * 3000 + 3000 * 10
    assert FULL.vgg is not None
    assert vgg(FULL.vgg).shapes[-1] == (10,)
