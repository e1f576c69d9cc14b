"""Row `majumdar2021-devices`: it holds as it stands, and each decision can fail."""

from dataclasses import replace

import pytest
from scipy import integrate, stats

from pillarsim import reproduce
from pillarsim.devices.pulses import MAJUMDAR2021, fresh, log_ratio, pulse
from pillarsim.devices.pulses.telegraph import Telegraph
from pillarsim.reproduce import majumdar2021_devices as row
from tests.near import near


def quiet(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def result() -> reproduce.Result:
    """The quick row."""
    return reproduce.run("majumdar2021-devices", quick=True)


def test_row_holds(result: reproduce.Result) -> None:
    """All claims of the quick row hold, and the picture draws."""
    assert [claim.id for claim in result.claims] == ["e1", "e2", "e3", "d1", "d2", "d3", "d4", "d5"]
    assert [claim.id for claim in result.claims if not claim.holds] == []
    assert {claim.basis for claim in result.claims} == {"published"}
    curve = result.series["resistance_against_pulses"]
    assert {len(column) for column in curve.values()} == {41}
    pytest.importorskip("matplotlib")
    assert row.draw(result).axes[0].get_xlabel() == "pulses"


def test_tables_can_fail() -> None:
    """e1 and d1 fail where one number is 4 % off, and e1 names it."""
    rows = {pulses: (*(1e3 * kohm for kohm in values[:3]), values[3]) for pulses, values in row.TABLE.items()}
    assert row.table_claim(rows).holds
    assert row.spread_claim(rows).holds
    wrong = {**rows, 500: (rows[500][0], 1.04 * rows[500][1], rows[500][2], 1.04 * rows[500][3])}
    found = row.table_claim(wrong)
    assert found.holds is False
    assert "+4.0 % (p5 at 500)" in str(found.simulated)
    assert row.spread_claim(wrong).holds is False


def test_share_that_flattens_is_the_integral() -> None:
    """P(m2 < m1) agrees with the integral over m2's density, and is not one."""
    m1, m2 = stats.expon(3.74158e-5, 6.56468e-4), stats.expon(0, 2.88905e-5)
    kept = m1.cdf(7.6e-3), m2.cdf(1.3e-4)
    steeper = integrate.quad(lambda x: m2.pdf(x) * m1.cdf(x), 3.74158e-5, 1.3e-4, epsabs=1e-14)[0] / kept[0] / kept[1]
    assert row.share_that_flattens(MAJUMDAR2021) == near(1 - steeper, rel=1e-9)
    assert 0.005 < steeper < 0.02


def test_a_knee_elsewhere_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """e2 fails where devices bend 3 pulses after their t*; e3 fails where the slopes are exchanged."""
    devices = fresh(MAJUMDAR2021, 20_000, ("d2d",), 3)
    assert all(claim.holds for claim in row.knee_claims(devices))
    swapped = replace(devices, m1=devices.m2, m2=devices.m1)
    assert row.knee_claims(swapped)[1].holds is False
    monkeypatch.setattr(row, "log_ratio", lambda of: log_ratio(replace(of, t_star=of.t_star + 3)))
    assert row.knee_claims(devices)[0].holds is False


def test_statistics_of_equal_devices() -> None:
    """Equal devices have one resistance and no spread."""
    median, low, high, spread = row.statistics(pulse(fresh(MAJUMDAR2021, 100, (), 1), 10))
    assert median == low == high
    assert spread == 0


def test_another_chain_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """d2 and d3 fail for a chain that rises twice as often."""
    other = replace(MAJUMDAR2021, telegraph=Telegraph(0.0016, 0.002))
    monkeypatch.setattr(row, "COUNT", 20_000)
    monkeypatch.setattr(row, "fresh", lambda model, count, names, seed: fresh(other, count, names, seed))
    assert [claim.holds for claim in row.telegraph_claims(50, quiet)] == [False, False]
