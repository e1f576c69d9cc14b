"""Row `prakash2016`: it holds as it stands, and each decision can fail."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from pillarsim import reproduce
from pillarsim.devices import multilevel
from pillarsim.devices.endurance import Endurance
from pillarsim.devices.multilevel import ComplianceScheme
from pillarsim.devices.retention import ArrheniusLoss
from pillarsim.reproduce import prakash2016 as row
from pillarsim.reproduce.prakash2016 import ageing, device, levels
from tests.near import near


def quiet(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def result() -> reproduce.Result:
    """The quick row."""
    return row.simulate(True, quiet)


def test_row_holds(result: reproduce.Result) -> None:
    """All claims of the quick row hold, all but the published chip's are assumed, and the picture draws."""
    assert [claim.id for claim in result.claims] == ["e1", "e2", "e3", "e4", "e5", "e6", "a1", "a2", "a3"]
    assert [claim.id for claim in result.claims if not claim.holds] == []
    assert [claim.id for claim in result.claims if claim.verdict == "validated"] == ["a3"]
    pytest.importorskip("matplotlib")
    assert row.draw(result).axes[0].get_xlabel() == "bits a cell"


def test_spreads_are_the_measured_ones() -> None:
    """The stop voltage has the measured spreads at 5 and 85 kOhm, the compliance current at 100 uA."""
    stop, compliance = device.SCHEMES["stop voltage"], device.SCHEMES["compliance"]
    for ohm, cycle, own in ((5e3, 0.13, 0.10), (85e3, 0.74, 0.97)):
        found = stop.sigmas(stop.knob(np.array([ohm])))
        assert (found[0][0], found[1][0]) == near((cycle, own))
    found = compliance.sigmas(np.array([100e-6]))
    assert (found[0][0], found[1][0]) == near((0.13, 0.10))


def test_overlap_claims_can_fail() -> None:
    """e3 fails for an overlap off the closed form and for one that does not rise; e4 where verify does not help."""
    found = levels.overlaps(5_000, quiet)
    after = {(name, bits): levels.Verified(0.0, 1.0) for name in device.SCHEMES for bits in device.BITS}
    assert levels.overlap_claim(found).holds is True
    assert levels.verify_claim(found, after).holds is True
    key = ("compliance", 3, 1.0)
    off = replace(found[key], sampled=found[key].closed + 5 * found[key].error)
    assert levels.overlap_claim({**found, key: off}).holds is False
    flat = replace(found[key], closed=found["compliance", 2, 1.0].closed)
    assert levels.overlap_claim({**found, key: flat}).holds is False
    worse = {**after, key[:2]: levels.Verified(found[key].closed, 1.0)}
    assert levels.verify_claim(found, worse).holds is False


def test_medians_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """e1 fails where the medians are not in order; e2 where a current gives another resistance."""
    genuine = multilevel.open_loop_ohm
    monkeypatch.setattr(levels, "open_loop_ohm", lambda *args: genuine(*args)[::-1])
    assert levels.monotone_claim(50, 5).holds is False

    def tilted(*args: object) -> np.ndarray:
        drawn = genuine(*args)  # type: ignore[arg-type]
        return drawn * np.linspace(1, 1.1, len(drawn))[:, None, None]

    monkeypatch.setattr(levels, "open_loop_ohm", tilted)
    assert levels.constant_claim(2000, 10).holds is False


def test_verified_cells_lie_within_tolerance() -> None:
    """Without read noise's tail nothing lies beyond a quarter of the gap; pulses follow the geometric law."""
    medians, sigmas = np.array([math.log(5e3), math.log(10e3)]), np.array([0.2, 0.4])
    read, pulses = device.verified_ohm(medians, sigmas, 20_000, "test")
    ratio = -math.expm1(-device.TOLERANCE * math.log(2))
    away = np.abs(np.exp(medians)[:, None] / read - 1)
    assert (away < ratio + 6 * device.READ_NOISE).all()
    accepted = norm.cdf(math.log1p(ratio) / sigmas) - norm.cdf(math.log1p(-ratio) / sigmas)
    assert pulses == near(float((1 / accepted).mean()), rel=0.02)


def test_drift_claim_needs_the_mechanism(monkeypatch: pytest.MonkeyPatch) -> None:
    """e5 fails where thin filaments last as long as thick ones do and deep states are lost first."""
    assert ageing.drift_claim().holds is True
    for name, loss in (
        ("LRS", ArrheniusLoss(1e9, 1e5, device.HOT_K, 1.1, 1.0, "hrs")),
        ("HRS", ArrheniusLoss(1e5, 1e5, device.HOT_K, 1.1, 1.0, "lrs")),
    ):
        family = replace(device.FAMILIES[name], loss=loss)
        with monkeypatch.context() as patch:
            patch.setitem(device.FAMILIES, name, family)
            assert ageing.drift_claim().holds is False


def test_failure_time_is_the_inverse_of_the_law() -> None:
    """1 bit, LRS: the strong level falls half the gap after tau ln((G - end) / (half - end)); colder: Arrhenius."""
    family = device.FAMILIES["LRS"]
    strong, weak, end = 1e-3, 40e-6, 1 / 85e3
    half = (strong + weak) / 2
    expected = 1e8 * math.log((strong - end) / (half - end))
    hot = ageing.failure_s(family, 1, device.HOT_K)
    assert hot == near(expected, rel=1e-6)
    ratio = math.exp(1.1 / 8.617333e-5 * (1 / 320 - 1 / device.HOT_K))
    assert ageing.failure_s(family, 1, 320.0) == near(ratio * hot, rel=1e-5)


def test_anchor_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """a1 fails where thin filaments live for 10^4 s."""
    short = replace(device.FAMILIES["LRS"], loss=replace(device.LRS_LOSS, tau_min_s=1e2))
    monkeypatch.setitem(device.FAMILIES, "LRS", short)
    assert ageing.anchor_claim().holds is False


def test_cycles_follow_their_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window reaches the highest threshold up to (1 / (2 (2^b - 1)))^(1/exponent) of its life; a2 can fail."""
    for bits in (1, 2, 3):
        assert ageing.lasting_cycles(bits) == near(1e7 / (2 * (2**bits - 1)), rel=1e-6)
    monkeypatch.setattr(ageing, "ENDURANCE", Endurance(1e8, 2.0))
    assert ageing.lasting_cycles(3) == near(1e8 / math.sqrt(14), rel=1e-6)
    monkeypatch.setattr(ageing, "ENDURANCE", Endurance(5e6, 1.0))
    assert ageing.endurance_claim().holds is False


def test_published_overlap_agrees_with_sampling() -> None:
    """Wan's levels, drawn by inverse distribution: as many beyond a threshold as the closed form says."""
    error, count = ageing.WAN["1 day"], 100_000
    targets = np.linspace(0, 40e-6, 8)
    places = np.random.default_rng(3).uniform(size=(8, count))
    drawn = error.quantile_s(targets[:, None], places)
    nearest = np.abs(drawn[:, :, None] - targets).argmin(axis=2)
    found = (nearest != np.arange(8)[:, None]).mean()
    expected = ageing.wan_overlap(error, 3)
    assert abs(found - expected) < 4 * math.sqrt(expected * (1 - expected) / (8 * count))


def test_scaled_spreads() -> None:
    """All spreads of a scheme are multiplied, its medians are kept."""
    for scheme in device.SCHEMES.values():
        knobs = scheme.knob(np.array(scheme.ends_ohm))
        twice = device.scaled(scheme, 2.0)
        np.testing.assert_allclose(twice.sigmas(knobs), 2 * np.array(scheme.sigmas(knobs)))
        np.testing.assert_allclose(twice.median_ohm(knobs), scheme.ends_ohm)
    assert isinstance(device.scaled(device.SCHEMES["compliance"], 0.5), ComplianceScheme)


def test_measured_numbers_are_those_of_the_data(data_dir: Path) -> None:
    """The printed medians of the measured bake are the data's, to their last digit."""
    data = np.load(data_dir / "rram" / "radar_rram_measured.npz")
    before, change = 1e6 / data["relax_pre_ohm"], np.log(data["relax_pre_ohm"] / data["relax_post_ohm"])
    edges = {"above 200": (200, 1e9), "110 to 200": (110, 200), "50 to 110": (50, 110), "15 to 50": (15, 50)}
    for name, (low, high) in {**edges, "below 15": (0, 15)}.items():
        median = float(np.median(change[(before >= low) & (before < high)]))
        assert abs(median - ageing.MEASURED[name]) < 6e-4, name
