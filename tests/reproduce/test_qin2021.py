"""Row `qin2021`: it holds as it stands, and each decision can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pillarsim.arch.chip.load import load_card
from pillarsim.reproduce import qin2021 as row
from pillarsim.reproduce.qin2021 import claims, states
from pillarsim.reproduce.qin2021.pulses import PULSES, Staircase, staircase
from pillarsim.reproduce.qin2021.states import DOPED, UNDOPED, Written
from tests.near import near


@pytest.fixture(scope="module")
def written() -> dict[str, Written]:
    """Both devices, few cells a state."""
    return {name: states.write_states(name, 0.01, 500) for name in (DOPED, UNDOPED)}


@pytest.mark.parametrize("name", [DOPED, UNDOPED])
def test_cards_are_labelled_and_sourced(name: str) -> None:
    """All labels are filled in, all numbers name a source, and the resistances are those of the row's knobs."""
    loaded = load_card(name)
    of = loaded.card
    for text in (of.technology, of.author, of.reference, of.figure, of.fit_range, of.assumed, of.not_claimed):
        assert text
    assert of.year == 2021
    for path in (
        ("lrs",),
        ("hrs",),
        ("levels",),
        ("read_noise",),
        ("programming_error", "lrs"),
        ("pulse_update", "c2c"),
    ):
        assert "assumed" in (loaded.source_of(path) or "")
    ohm = np.exp(states.ln_grid())
    assert (ohm.min(), ohm.max()) == near((of.lrs, of.hrs))


def test_row_holds(monkeypatch: pytest.MonkeyPatch, written: dict[str, Written]) -> None:
    """All claims of the quick row hold on the sampled states, all are assumed, and the picture draws."""
    monkeypatch.setattr(states, "write_states", lambda name, tolerance, cells, progress: written[name])
    result = row.simulate(True, _quiet)
    assert [claim.id for claim in result.claims] == ["e1", "e2", "e3", "e4", "e5", "a1", "a2", "a3", "a4"]
    assert [claim.id for claim in result.claims if not claim.holds] == []
    assert {claim.verdict for claim in result.claims} == {"consistent"}
    pytest.importorskip("matplotlib")
    assert row.draw(result).axes[0].get_xlabel()


def test_write_verify_lands_within_tolerance(written: dict[str, Written]) -> None:
    """Medians lie within the tolerance; yields and pulses are those of the geometric law with the card's sigma."""
    for name, of in written.items():
        assert np.abs(np.expm1(of.ln_medians - of.ln_targets)).max() < 0.011
        error = states.device(name).error
        assert error is not None
        target = np.exp(-of.ln_targets)
        accepted = error.cdf(target, 1.01 * target) - error.cdf(target, 0.99 * target)
        fails = (1 - accepted) ** states.MAX_PULSES
        off = (1 - of.verified - fails).mean()
        assert abs(off) < 4 * np.sqrt((fails * (1 - fails)).mean() / (500 * len(target))) + 1e-12
        assert of.mean_pulses == near(float(((1 - fails) / accepted).mean()), rel=0.02)


def test_counts_follow_their_closed_form(written: dict[str, Written]) -> None:
    """A count is at most the bound, and none of the chosen states lie closer than two sigma of read noise."""
    for noise in (0.005, 0.01, 0.02):
        assert states.count(written[DOPED], noise) <= states.bound(noise) == 1 + int(np.log(170) / (2 * noise))
    assert states.expected_count(DOPED, 0.01, 100) == near(states.count(written[DOPED], 0.01), rel=0.02)
    worst = states.noisiest(151)
    assert states.expected_count(DOPED, worst, 10_000) >= 151 > states.expected_count(DOPED, 1.001 * worst, 10_000)


def test_counts_can_fail(written: dict[str, Written]) -> None:
    """e1 fails with double read noise or few delivered states, e2 and a3 where both devices are the same."""
    doped = written[DOPED]
    assert claims.doped_claim(doped, 0.01).holds is True
    assert claims.doped_claim(doped, 0.02).holds is False
    lost = replace(doped, verified=np.where(np.arange(len(doped.verified)) % 5, 0.9, 1.0))
    assert claims.doped_claim(lost, 0.01).holds is False
    assert claims.undoped_claim(doped, written[UNDOPED], 0.01).holds is True
    assert claims.undoped_claim(doped, doped, 0.01).holds is False
    assert claims.open_loop_claim(lost, written[UNDOPED], 0.1).holds is False
    assert claims.bound_claim({0.01: {DOPED: 258, UNDOPED: 3}}).holds is False
    assert claims.noise_claim({0.01: {DOPED: 180, UNDOPED: 3}, 0.02: {DOPED: 180, UNDOPED: 3}}).holds is False


def test_equal_spreads_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """e3 fails where the doped device's voltages spread as widely."""
    assert claims.spread_claim().holds is True
    monkeypatch.setitem(claims.VOLTAGE_CV, DOPED, 0.15)
    assert claims.spread_claim().holds is False


def test_staircases_can_fail() -> None:
    """e4 and e5 fail where the two devices are exchanged, and e4 for one step back."""
    doped, undoped = staircase(DOPED, 200), staircase(UNDOPED, 200)
    assert [claim.holds for claim in claims.staircase_claims(doped, undoped)] == [True, True]
    assert [claim.holds for claim in claims.staircase_claims(undoped, doped)] == [False, False]
    place = doped.place.copy()
    place[7, 3] = place[6, 3] - 1e-3
    assert claims.staircase_claims(Staircase(place, doped.read), undoped)[0].holds is False


def test_staircase_runs_through_the_window() -> None:
    """The median device starts at the lower end, reaches the upper one, and comes back."""
    median = np.median(staircase(DOPED, 200).place, axis=1)
    assert len(median) == 2 * PULSES + 1
    assert abs(median[0]) < 0.01
    assert abs(median[PULSES] - 1) < 0.02
    assert abs(median[-1]) < 0.01


def _quiet(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
