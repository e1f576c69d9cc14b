"""The row `kim2017`: its statistics, its verdicts, and a tiny run of all of it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pillarsim.reproduce.claims import Result, as_json
from pillarsim.reproduce.kim2017 import draw, simulate
from pillarsim.reproduce.kim2017.claims import Findings, all_claims, convolutional_claim, mismatch, table_claim, verdict
from pillarsim.reproduce.kim2017.plan import Plan, polynomial_chip, poole_frenkel_chip, sinh_chip
from pillarsim.reproduce.kim2017.runs import Difference, Point, Right, Run, difference
from tests.near import near

TINY = Plan(("mnist", "fashion-mnist"), 300, 200, 12, 2, 2, 2, (0.1, 4.0), (0.333, 1.0), (0.5,), (0.5,))


@pytest.fixture(scope="module")
def tiny() -> Result:
    """The whole row, a few hundred images large, on the shipped images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pillarsim.workloads.datasets._DEBIAN", Path("absent"))
        return simulate(True, lambda stage, done, total: None, plan=TINY)


def test_tiny_run_decides_every_claim(tiny: Result) -> None:
    """All claims and series are there; what no size changes holds: binary inputs and the closed form."""
    verdicts = {claim.id: claim.verdict for claim in tiny.claims}
    assert list(verdicts) == ["e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "d1"]
    assert verdicts["e2"] == verdicts["d1"] == "consistent"
    assert {claim.basis for claim in tiny.claims} == {"assumed"}
    assert "shipped" in " ".join(parameter.source for parameter in tiny.parameters)
    curve = tiny.series["mnist_sinh"]
    assert curve["b_times_read_voltage"] == [0.1, 4.0]
    assert all(0 <= value <= 1 for name, column in curve.items() if "accuracy" in name for value in column)
    assert curve["conventional_software"][0] == curve["conventional_software"][1]
    assert as_json(tiny)["quick"] is True


def test_steep_cells_hurt_even_a_tiny_network(tiny: Result) -> None:
    """At b V_r = 4 the conventional network falls behind the reconstructed one on clothes."""
    curve = tiny.series["fashion-mnist_sinh"]
    assert curve["conventional_chip"][1] < curve["conventional_chip"][0] - 0.05
    assert curve["reconstructed_chip"][1] > curve["conventional_chip"][1]


def test_picture(tiny: Result) -> None:
    """One panel a task, three lines each."""
    pytest.importorskip("matplotlib")
    axes = draw(tiny).axes
    assert [one.get_title() for one in axes] == ["mnist", "fashion-mnist"]
    assert [len(one.lines) for one in axes] == [3, 3]


def test_progress_ends_complete() -> None:
    """Each task's stage counts up to its total; LeNet-5 comes last, and with it claim d2."""
    seen: list[tuple[str, int, int]] = []
    plan = replace(TINY, tasks=("mnist",), training=80, test=50, seeds=1, epochs=1, retraining=1, convolutional=1)
    found = simulate(False, lambda stage, done, total: seen.append((stage, done, total)), plan=plan)
    assert seen == [
        *(("mnist: networks on chips", done, 6) for done in range(1, 7)),
        ("LeNet-5", 0, 1),
        ("LeNet-5", 1, 1),
    ]
    assert [claim.id for claim in found.claims][-1] == "d2"


@pytest.mark.parametrize("bv", [0.5, 1.0, 2.0, 4.0, 6.0])
def test_mismatch_is_the_closed_form(bv: float) -> None:
    """sinh(b V_r / 2) / (sinh(b V_r) / 2) - 1 = 1 / cosh(b V_r / 2) - 1."""
    assert mismatch(bv) == near(1 / math.cosh(bv / 2) - 1, rel=1e-9)
    assert table_claim().holds


def test_chips_stand_where_the_row_says() -> None:
    """Levels of the cards at the read voltage, two slices or one, and the same cells for every b."""
    steep, mild, linear = sinh_chip(0.25), sinh_chip(10.0), sinh_chip(None)
    assert steep.array.conductance_range == mild.array.conductance_range == linear.array.conductance_range
    assert linear.array.conductance_range == near((1 / 17e6, 1e-6))
    assert (steep.slices, polynomial_chip(0.5).slices) == (2, 1)
    assert poole_frenkel_chip(0.1).array.conductance_range == near((1 / 17e6, 1e-6))
    low, high = sinh_chip(0.333, 0.333).array.conductance_range
    assert high == near(1e-6 * math.sinh(1.0) / math.sinh(1 / 0.333) / 0.333, rel=1e-6)
    assert high / low == near(17.0)


def test_difference_of_paired_images() -> None:
    """One device each: the textbook error of a paired difference; more devices add their own variance."""
    first, second = np.array([[1, 1, 0, 1]], bool), np.array([[1, 0, 0, 0]], bool)
    each = np.array([0, 1, 0, 1])
    assert difference(first, second) == Difference(0.5, near(float(each.std(ddof=1)) / 2))
    two = np.array([[1, 1, 1, 1], [0, 0, 0, 0]], bool)
    found = difference(two, second)
    assert found.mean == 0.25
    images = np.array([-0.5, 0.5, 0.5, 0.5]).var(ddof=1) / 4
    assert found.error == near(math.sqrt(images + 0.5 / 2))


def test_verdicts_need_two_errors() -> None:
    """Clear of the limit by two errors, clearly beyond it, or neither."""
    assert verdict([Difference(0.5, 0.2), Difference(0.1, 0.05)]) is True
    assert verdict([Difference(0.5, 0.3)]) is None
    assert verdict([Difference(-0.1, 0.3), Difference(9.0, 0.1)]) is None
    assert verdict([Difference(-0.7, 0.3), Difference(9.0, 0.1)]) is False


def _run(software: float, chip: float, count: int = 10_000) -> Run:
    """Right on the first so many images."""

    def right(share: float) -> Right:
        return np.arange(count) < share * count

    return Run(right(software), np.stack([right(chip)] * 2), np.zeros((2, count, 10)))


def _findings(
    conventional: tuple[float, ...] = (0.95, 0.92, 0.80),
    reconstructed: tuple[float, ...] = (0.95, 0.94, 0.93),
    software: tuple[float, ...] = (0.952, 0.943, 0.934),
    read: tuple[float, ...] = (0.94, 0.80),
    binary: float = 0.0,
) -> Findings:
    points = tuple(
        Point(bv, _run(0.95, bad), _run(soft, good))
        for bv, bad, good, soft in zip((0.1, 2.0, 4.0), conventional, reconstructed, software, strict=True)
    )
    volts = tuple((0.5 + at, _run(0.95, share)) for at, share in enumerate(read))
    return Findings("task", points, volts, points[-1:], points[-1:], binary)


def test_claims_hold_where_they_should() -> None:
    """Invented runs as the paper has them."""
    assert all(claim.holds for claim in all_claims([_findings()]))
    assert convolutional_claim(Point(3.0, _run(0.99, 0.73), _run(0.98, 0.978))).holds
    assert convolutional_claim(Point(3.0, _run(0.99, 0.99), _run(0.98, 0.978))).holds is False
    assert convolutional_claim(Point(3.0, _run(0.99, 0.73), _run(0.98, 0.95))).holds is False


@pytest.mark.parametrize(
    ("findings", "fails"),
    [
        (_findings(conventional=(0.91, 0.90, 0.80)), {"e1"}),
        (_findings(binary=1e-9), {"e2"}),
        (_findings(conventional=(0.95, 0.80, 0.92)), {"e3", "e5"}),
        (_findings(software=(0.952, 0.943, 0.96)), {"e4", "e7"}),
        (_findings(reconstructed=(0.95, 0.94, 0.78), software=(0.95, 0.94, 0.781)), {"e5", "e8"}),
        (_findings(read=(0.80, 0.94)), {"e6"}),
    ],
)
def test_claims_fail_where_they_should(findings: Findings, fails: set[str]) -> None:
    """Each claim fails on runs that contradict it."""
    found = {claim.id for claim in all_claims([findings]) if claim.holds is False}
    assert found == fails
