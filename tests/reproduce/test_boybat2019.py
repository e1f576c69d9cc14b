"""The row `boybat2019`: its small claims, its verdicts, a tiny run of it, and that it goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pillarsim.reproduce.boybat2019 import draw, runs, simulate
from pillarsim.reproduce.boybat2019.array import ArrayRead, array_claim
from pillarsim.reproduce.boybat2019.learning import learning_claims
from pillarsim.reproduce.boybat2019.plan import FULL, Plan, Point, chip_of
from pillarsim.reproduce.boybat2019.runs import Run, Trained
from pillarsim.reproduce.claims import Result
from pillarsim.reproduce.intervals import interval

TINY = Plan(200, 100, 1, 2, (1, 2), (1, 2), (2, 4), spread=(1, 2))
SMALL = {"e1", "e2", "e3", "e4", "e8", "e9", "d1", "a1", "a2", "a3", "a4"}  # decided without a training


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def tiny() -> Result:
    """The whole row on a few hundred images."""
    return simulate(False, silent, plan=TINY)


def test_every_point_is_a_claim_and_the_synapses_hold(tiny: Result) -> None:
    """Nine claims of the paper, four ours, three derived; those of single synapses do not depend on the training."""
    verdicts = {claim.id: claim.holds for claim in tiny.claims}
    assert set(verdicts) == SMALL | {"e5", "e6", "e7", "d2", "d3"}
    assert all(verdicts[name] is True for name in SMALL)
    words = " ".join(f"{parameter.value} {parameter.source}" for parameter in tiny.parameters)
    assert "200 images, 1 epochs, batches of 100, rate 0.5, times 0.3" in words
    assert "shipped" in words


def test_picture(tiny: Result) -> None:
    """Accuracy and spread against the number of devices."""
    pytest.importorskip("matplotlib")
    assert len(draw(tiny).axes) == 2


def trained(gains: tuple[float, ...], gap: float) -> Trained:
    """Accuracies that rise by `gains` from N to N, five seeds within a thousandth; `gap` below float at the most."""
    shift = np.array([0.0, 1.0, -1.0, 0.5, -0.5]) * 1e-3
    levels = 0.9 + np.cumsum((0.0, *gains))
    found = {point: [Run((float(0.9 + one),), 1.0) for one in shift] for point in FULL.points}
    for level, count in zip(levels, FULL.multi_level, strict=True):
        found[Point("multi-level", "single", count)] = [Run((float(level + one),), 1.0) for one in shift]
    return Trained(found, tuple(float(levels[-1] + gap + one) for one in shift))


def test_verdicts() -> None:
    """Rising, falling and level accuracies; a gap below and above two points."""
    good = {claim.id: claim.holds for claim in learning_claims(trained((0.02, 0.02), 0.01), FULL, quick=False)}
    assert (good["e5"], good["e6"]) == (True, True)
    assert good["e7"] is False  # binary cells are alike for every N here
    wide = {claim.id: claim.holds for claim in learning_claims(trained((0.02, -0.02), 0.03), FULL, quick=False)}
    assert (wide["e5"], wide["e6"]) == (False, False)


def test_interval_of_known_numbers() -> None:
    """Student's t of four degrees of freedom is 2.776: mean 3, error 0.7071."""
    found = interval([1, 2, 3, 4, 5])
    assert (found.mean, round(found.error, 4), round(found.half, 3)) == (3.0, 0.7071, 1.963)


def test_a_cell_at_its_neighbours_level_fails_the_array() -> None:
    """One cell of 64 that lies nearer to another level is told."""
    targets = np.tile([[1e-6, 2e-6]], (32, 1))
    right = ArrayRead(targets, targets * 1.1, targets * 1.1, 0.0, 1e-7, 64)
    assert array_claim(right).holds
    wrong = targets.copy()
    wrong[3, 0] = 1.6e-6
    assert array_claim(replace(right, bank_s=wrong, alone_s=wrong)).holds is False


def test_chips_of_points() -> None:
    """Each point's cells, devices and arrangement are the chip's; differential ones are refreshed."""
    one, two = chip_of(Point("binary", "single", 3)), chip_of(Point("multi-level", "differential", 6))
    assert one.learning is not None
    assert two.learning is not None
    assert (one.array.cell.pulse_update is not None, one.learning.devices_per_synapse) == (True, 3)
    assert one.array.cell != two.array.cell
    assert two.learning.refresh is not None
    assert two.learning.selected == 3


def test_it_goes_on_where_it_stopped(tiny: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run cut after four trainings trains only what is missing, and ends with the numbers of an unbroken run."""
    learn, done = runs._learned, 0

    def counted(*given: Any) -> dict[str, Any]:
        nonlocal done
        done += 1
        if done == 5:
            raise KeyboardInterrupt
        return learn(*given)

    monkeypatch.setattr(runs, "_learned", counted)
    with pytest.raises(KeyboardInterrupt):
        simulate(False, silent, checkpoint=tmp_path, plan=TINY)
    assert simulate(False, silent, checkpoint=tmp_path, plan=TINY) == tiny
    assert done == 5 + len(TINY.points) * TINY.seeds - 4
