"""Row sun2019: claims, counts, costs and footprint of small trainings against what can be said by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pillarsim.reproduce import sun2019
from pillarsim.reproduce.claims import Result, as_json
from pillarsim.reproduce.sun2019 import claims, plan
from pillarsim.reproduce.sun2019.counts import energy_j, latency_s, neuron_operations
from pillarsim.reproduce.sun2019.footprint import footprint
from pillarsim.reproduce.sun2019.training import Training, accuracy, train, with_bias
from pillarsim.workloads.letters import letters
from tests.near import near

SMALL = plan.Plan(2, 1, 120, 1, 2, (0, 5), (1, 2, 3))


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """A small row, and the folder where it keeps its trainings."""
    folder = tmp_path_factory.mktemp("sun2019")
    return sun2019.simulate(True, silent, checkpoint=folder, plan=SMALL), folder


@pytest.fixture(scope="module")
def trained() -> dict[str, Any]:
    """One rank-one training."""
    return train(Training("rank-one", "chosen", 0, 120))


def test_claims_of_a_small_row(small: tuple[Result, Path]) -> None:
    """Two seeds decide every claim but learning through wires, which one epoch does not finish."""
    result, _ = small
    held = {claim.id: claim.holds for claim in result.claims}
    assert list(held) == ["e1", "e2", "e3", "e4", "e5", "d1", "c1", "c2", "a1"]
    assert {name for name, holds in held.items() if not holds} == {"c1"}
    assert {claim.basis for claim in result.claims} == {"assumed"}
    assert "interpretation" in next(claim.note for claim in result.claims if claim.id == "e2")
    assert sun2019.draw(result).axes


def test_an_interrupted_row_goes_on(small: tuple[Result, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainings of the folder are not run again; the result is the same; one that is missing is run."""
    result, folder = small
    kept = sorted((folder / "sun2019").glob("*.json"))
    assert len(kept) == 4 * 2 + 1
    run: list[Training] = []

    def recorded(training: Training) -> dict[str, Any]:
        run.append(training)
        return train(training)

    monkeypatch.setattr(sun2019, "train", recorded)
    next(path for path in kept if path.stem == "rank-one-hrs-ideal-1").unlink()
    again = sun2019.simulate(True, silent, checkpoint=folder, plan=SMALL)
    assert [training.key for training in run] == ["rank-one-hrs-ideal-1"]
    assert as_json(again) == as_json(result)


def test_counts_of_a_training(trained: dict[str, Any]) -> None:
    """26 reads an epoch, two phases a letter in error, one pulse each, every driven line of two pillars written."""
    counts, epochs = trained["counts"], len(trained["accuracy"])
    assert counts["reads"] == 26 * epochs
    assert counts["phases"] == counts["pulse_time"] == 2 * counts["updates"]
    inked = with_bias(letters()).sum(axis=1)
    assert inked.min() * counts["phases"] <= counts["cells"] <= inked.max() * counts["phases"]
    # 25 other pillars' cells of the driven lines, and the pillar's cells of the other lines
    assert counts["half_selected"] == 25 * counts["cells"] + (50 * counts["phases"] - counts["cells"])
    assert neuron_operations("rank-one", counts) == {"comparisons": 26 * counts["reads"]}
    assert latency_s(counts) == near(counts["reads"] * 10e-9 + counts["phases"] * 50e-9, rel=1e-12)
    assert trained["accuracy"][-1] == 1.0
    assert accuracy(np.array(trained["x"]), with_bias(letters()), np.arange(26), False, 1) == 1.0


def test_energy_of_the_first_epoch() -> None:
    """Written cells dissipate V I t of the card's cell between its two states; half-selected ones at V/2."""
    counts = train(Training("rank-one", "lrs", 3, 1))["counts"]
    low, high = (
        1 / ohm * np.sinh(1.5 / 0.333) / np.sinh(1 / 0.333) * 1.5 * 50e-9 * counts["cells"] for ohm in (17e6, 1e6)
    )
    assert 0.5 * high < counts["written_j"] < high
    assert counts["written_j"] > low
    half = 1e-6 * np.sinh(0.75 / 0.333) / np.sinh(1 / 0.333) * 0.75 * 50e-9 * counts["half_selected"]
    assert 0.5 * half < counts["other_j"] < half
    assert counts["wires_j"] == 0
    parts = ("read_j", "written_j", "other_j", "wires_j")
    assert energy_j(counts) == near(sum(counts[part] for part in parts), rel=1e-12)


def test_free_update_writes_cell_by_cell() -> None:
    """Each cell is a phase of its own, of at most one pulse; five kinds of operations."""
    run = train(Training("free", "chosen", 0, 120))
    counts = run["counts"]
    assert run["accuracy"][-1] == 1.0
    assert counts["phases"] == counts["cells"] > 100 * counts["updates"]
    assert counts["pulse_time"] < counts["phases"]
    assert counts["half_selected"] == 74 * counts["cells"]
    operations = neuron_operations("free", counts)
    assert sum(operations.values()) == 26 * (3 * counts["reads"] + 2 * counts["updates"])


def test_trainings_repeat() -> None:
    """The same training twice, bit for bit; another seed is another one."""
    first, again, other = (train(Training("rank-one", "hrs", seed, 2)) for seed in (1, 1, 2))
    assert first == again
    assert first["x"] != other["x"]


def test_wires_weaken_pulses(small: tuple[Result, Path]) -> None:
    """Through the wires written cells see less than the write voltage, others at most half, and wires dissipate."""
    kept = small[1] / "sun2019" / "rank-one-chosen-wires-0.json"
    run = json.loads(kept.read_text("utf-8"))["result"]
    assert 1.0 < run["least_v"] < 1.5
    assert run["disturb_v"] < 0.75
    assert run["counts"]["wires_j"] > 0


def test_footprint_by_hand() -> None:
    """200 nm pitch, 0.012 um2 a select transistor, 0.5 um a step of the staircase."""
    one, three = footprint(1), footprint(3)
    assert (one.planes, three.planes) == (25, 25 + 2 * 14)
    assert one.planar_m2 == near(50 * 26 * 0.04e-12, rel=1e-12)
    assert three.planar_m2 == near((50 + 2 * 27) * 26 * 0.04e-12, rel=1e-12)
    assert one.pillars_m2 == three.pillars_m2 == near(26 * (0.04e-12 + 0.012e-12), rel=1e-12)
    assert three.staircase_m2 - three.pillars_m2 == near(53 * 0.5e-6 * 0.2e-6, rel=1e-12)


def spoiled(run: dict[str, Any], **changes: object) -> dict[str, Any]:
    """A copy of a run with something else in it."""
    return {**run, **changes}


def test_claims_can_fail(trained: dict[str, Any]) -> None:
    """A letter missed, a phase too many, a voltage above half, a cell switched: each claim says so."""
    free = train(Training("free", "chosen", 0, 120))
    assert claims.same_claim([trained], [free]).holds
    missed = spoiled(trained, accuracy=[25 / 26], settled=None)
    assert not claims.same_claim([missed], [free]).holds
    assert claims.counts_claim([trained], [free]).holds
    slow = spoiled(trained, counts={**trained["counts"], "phases": free["counts"]["phases"]})
    assert not claims.counts_claim([slow], [free]).holds
    assert claims.disturb_claim([trained], [trained]).holds
    assert not claims.disturb_claim([spoiled(trained, disturb_v=0.76)], [trained]).holds
    assert not claims.disturb_claim([spoiled(trained, gross=0.6)], [trained]).holds
    assert not claims.wires_claims([missed], [1.0])[0].holds
    assert not claims.wires_claims([trained], [1.0, 25 / 26])[1].holds
    same = [trained, trained, trained]
    assert claims.start_claim(same, same, 120).holds is None
