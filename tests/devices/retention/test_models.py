"""Time changes cells as each model's law says: limits, closed forms, rates, cuts and refusals."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from scipy.stats import kstest, truncnorm

from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.retention import ArrheniusLoss, PowerLawDrift, Reach, Relaxation, Retention, SpreadGrowth
from pillarsim.devices.retention.cut_normal import cut_median, cut_normal
from pillarsim.devices.streams import generator
from tests.near import near

BOLTZMANN_EV = 8.617333262e-5  # eV/K, CODATA 2018
US = 1e-6
LOW, HIGH = 2e-6, 40e-6  # S, states
DAY = 86400.0
ROOM, HOT = 300.0, 358.15  # K

DRIFT = PowerLawDrift(nu_min=0.05, nu_max=0.01, nu_spread=0.004, t0_s=1.0)
CHANCES = (0.0, 0.1, 0.4, 0.9, 1.0)
AFTER_US = ((1, 1, 2, 4, 9), (3, 8, 16, 20, 22), (30, 36, 38, 40, 43))  # of cells at 2, 20 and 40 uS
RELAXATION = Relaxation(CHANCES, (2 * US, 20 * US, 40 * US), tuple(tuple(g * US for g in row) for row in AFTER_US),
                        time_s=1800, temperature_k=353.15, onset_s=0.1, activation_ev=1.1)  # fmt: skip
# sigma in uS over g = G / 40 uS at 1 s, 1 day and 2 days: Wan et al., Nature 608:504 (2022)
WAN2022_US = (
    (0.348, 16.030, -43.853, 45.393, -16.815),
    (0.701, 22.086, -50.773, 47.095, -16.458),
    (0.782, 20.274, -43.507, 37.062, -11.934),
)
WAN2022 = SpreadGrowth(
    (1, DAY, 2 * DAY), tuple(tuple(c * US for c in row) for row in WAN2022_US), scale_s=40 * US, low_s=0, high_s=40 * US
)
LOSS = ArrheniusLoss(1e5, 1e7, temperature_k=HOT, activation_ev=1.2, exponent=0.7, toward="middle")
MODELS: dict[str, Retention] = {"drift": DRIFT, "relaxation": RELAXATION, "spread": WAN2022, "loss": LOSS}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def cells(shape: tuple[int, ...] = (50, 40), dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Conductances between the states."""
    return torch.linspace(LOW, HIGH, math.prod(shape), dtype=dtype).reshape(shape)


def aged(model: Retention, conductance_s: torch.Tensor, time_s: float, kelvin: float = ROOM) -> torch.Tensor:
    return model.aged_s(conductance_s, LOW, HIGH, time_s, kelvin, generator(1, "age"))


def many(conductance_s: float, count: int = 200_000) -> torch.Tensor:
    return torch.full((count,), conductance_s, dtype=torch.float64)


@each_model
def test_no_time_changes_nothing(model: Retention) -> None:
    """At t = 0 every cell, also one that programming left outside the states, keeps its conductance exactly."""
    before = torch.cat((cells().flatten(), torch.tensor([0.5 * US, 45 * US])))
    assert torch.equal(aged(model, before, 0), before)
    assert torch.allclose(model.median_s(before, LOW, HIGH, 0, ROOM), before, rtol=1e-6, atol=0)


@each_model
def test_shape_type_and_input_are_kept(model: Retention) -> None:
    """Any shape; float32 and float64 stay what they are; the input is not written on."""
    for dtype in (torch.float32, torch.float64):
        before = cells((3, 4, 5), dtype)
        copy = before.clone()
        after = aged(model, before, DAY)
        assert after.shape == before.shape
        assert after.dtype == dtype
        assert torch.equal(before, copy)


@each_model
def test_same_generator_same_cells(model: Retention) -> None:
    """Equal generators give equal cells, and both functions leave an equal number of draws."""
    assert torch.equal(aged(model, cells(), DAY), aged(model, cells(), DAY))
    after = []
    for time_s in (0.0, DAY):
        random = generator(3, "age")
        model.aged_s(cells(), LOW, HIGH, time_s, ROOM, random)
        after.append(torch.rand(1, generator=random).item())
    assert after[0] == after[1]


@each_model
def test_no_conductance_is_negative(model: Retention) -> None:
    """Also where the spread is larger than the conductance, and for a cell at zero."""
    before = torch.cat((torch.linspace(0, 4 * US, 20_000), torch.zeros(5)))
    assert bool((aged(model, before, DAY) >= 0).all())


@each_model
def test_the_median_is_the_median(model: Retention) -> None:
    """Half of many equal cells lie below `median_s`, within three standard errors."""
    for start in (LOW, 9 * US, HIGH):
        median = model.median_s(many(start), LOW, HIGH, DAY, 330.0)[0]
        below = (aged(model, many(start), DAY, 330.0) < median).double().mean()
        if model is LOSS:
            assert below == 0  # no draw: every cell is at the median
        else:
            assert abs(below - 0.5) < 3 * 0.5 / math.sqrt(200_000)


@each_model
def test_ten_million_cells_in_seconds(model: Retention) -> None:
    """float32 cells of a large network: well under the 5 s allowed here (about 1 s on an idle core)."""
    before = torch.full((10_000_000,), 9 * US)
    start = time.process_time()
    aged(model, before, DAY)
    assert time.process_time() - start < 5


def test_drift_is_a_power_law_with_the_states_exponent() -> None:
    """The slope of ln G over ln t is -nu: at the states and, by ln G, half-way; no change before t0."""
    exact = replace(DRIFT, nu_spread=0.0)
    for start, nu in ((LOW, 0.05), (HIGH, 0.01), (math.sqrt(LOW * HIGH), 0.03), (0.5 * US, 0.05), (60 * US, 0.01)):
        g = {t: aged(exact, many(start, 1), t).item() for t in (0.3, 1.0, 10.0, 1e5)}
        assert g[0.3] == g[1.0] == start
        assert math.log(g[1e5] / g[10.0]) / math.log(1e4) == near(-nu, rel=1e-9)


def test_drift_spread_is_of_the_exponent() -> None:
    """Over cells -ln(G/G0) / ln t has mean nu and the stated standard deviation; a cell keeps its nu over time."""
    n = 200_000
    nu = {t: -torch.log(aged(DRIFT, many(LOW, n), t) / LOW) / math.log(t) for t in (1e3, 1e6)}
    assert abs(nu[1e6].mean() - 0.05) < 3 * 0.004 / math.sqrt(n)
    assert abs(nu[1e6].std() - 0.004) < 3 * 0.004 / math.sqrt(2 * n)
    assert torch.allclose(nu[1e3], nu[1e6], rtol=1e-9, atol=1e-12)


def uniform_mean_and_std(edges: np.ndarray) -> tuple[float, float]:
    """Of a law that is uniform between `edges` with the probabilities CHANCES between."""
    weight, low, high = np.diff(CHANCES), edges[:-1], edges[1:]
    mean = float(weight @ (low + high) / 2)
    return mean, math.sqrt(float(weight @ (low**2 + low * high + high**2) / 3) - mean**2)


@pytest.mark.parametrize(
    ("start", "below", "share"), [(2.0, 0, 0.0), (20.0, 1, 0.0), (30.0, 1, 0.5), (40.0, 1, 1.0), (55.0, 1, 1.0)]
)
def test_relaxation_meets_its_table(start: float, below: int, share: float) -> None:
    """At the stated time and temperature cells have the quantiles stated, half-way between knots the mean of two."""
    knots, table = np.array([2.0, 20.0, 40.0]), np.array(AFTER_US, dtype=float)
    change = table - knots[:, None]
    edges = start + (1 - share) * change[below] + share * change[below + 1]
    after = aged(RELAXATION, many(start * US), 1800, 353.15).numpy() / US
    place = torch.rand(len(after), generator=generator(1, "age"), dtype=torch.float64).numpy()  # one number a cell
    np.testing.assert_allclose(after, np.interp(place, CHANCES, edges), rtol=1e-9)
    mean, std = uniform_mean_and_std(edges)
    assert abs(after.mean() - mean) < 3 * std / math.sqrt(len(after))
    assert after.std() == near(std, rel=0.01)


def test_a_cell_below_the_knots_never_becomes_negative() -> None:
    """A cell at 1 uS loses up to the 1 uS of the lowest knot, one at 0.5 uS ends at 0 where it would go below."""
    low = {g: aged(RELAXATION, many(g * US), 1800, 353.15).min().item() for g in (1.0, 0.5)}
    assert low[0.5] == low[1.0] == 0
    share = (aged(RELAXATION, many(0.5 * US), 1800, 353.15) == 0).double().mean().item()
    # the change from 2 uS is -1 up to a chance of 0.1 and rises to 0 at 0.4: -0.5 at 0.25
    assert abs(share - 0.25) < 3 * math.sqrt(0.25 * 0.75 / 200_000)


def test_relaxation_grows_with_the_logarithm_of_time() -> None:
    """Each decade adds the same mean change and the same variance, until a bound is met; a cell keeps its place."""
    f = [RELAXATION.growth(t, 353.15) for t in (1e4, 1e5, 1e6)]
    decade = math.log(10) / math.log1p(18000)
    assert f[1] - f[0] == near(decade, rel=1e-5)
    assert f[2] - f[1] == near(decade, rel=1e-6)
    assert RELAXATION.growth(1800, 353.15) == near(1.0, rel=1e-15)
    assert RELAXATION.growth(0, 353.15) == 0
    mean, std = uniform_mean_and_std(np.array(AFTER_US[2], dtype=float))
    n, once = 200_000, aged(RELAXATION, many(40 * US), 1800, 353.15) / US
    for t in (10.0, 600.0):
        f_t = RELAXATION.growth(t, 353.15)
        cells_us = aged(RELAXATION, many(40 * US), t, 353.15) / US
        assert abs(cells_us.mean().item() - 40 - (mean - 40) * f_t) < 3 * std / math.sqrt(n)
        expected = 40 + (mean - 40) * f_t + (once - mean) * math.sqrt(f_t)
        assert torch.allclose(cells_us, expected, rtol=1e-9, atol=0)


def test_relaxation_stays_within_what_was_seen() -> None:
    """However long and hot: at a knot no higher than it or its largest quantile, no lower than it or the least."""
    for time_s, kelvin in ((1e7, 400.0), (1e12, 600.0)):
        for start, least, most in ((2.0, 1.0, 9.0), (20.0, 1.0, 22.0), (40.0, 1.0, 43.0)):
            after = aged(RELAXATION, many(start * US), time_s, kelvin) / US
            assert least * (1 - 1e-9) <= after.min().item()
            assert after.max().item() <= most * (1 + 1e-9)
        lost = aged(RELAXATION, many(20 * US), time_s, kelvin) / US
        assert lost.mean().item() < uniform_mean_and_std(np.array(AFTER_US[1], dtype=float))[0]


def test_a_cell_that_only_loses_never_rises() -> None:
    """Where every quantile lies below the knot and all are equal, the cell falls as f down to the least quantile."""
    model = replace(RELAXATION, after_s=((1 * US,) * 5, (12 * US,) * 5, (30 * US,) * 5))
    for f, expected in ((0.5, 16.0), (1.0, 12.0), (2.0, 4.0), (3.0, 1.0)):
        time_s = 0.1 * math.expm1(f * math.log1p(18000))
        assert aged(model, many(20 * US, 3), time_s, 353.15).tolist() == near([expected * US] * 3, rel=1e-9)


def test_relaxation_trades_temperature_for_time() -> None:
    """t at T equals t exp(Ea/k (1/T_ref - 1/T)) at T_ref; hotter is more."""
    factor = math.exp(1.1 / BOLTZMANN_EV * (1 / 353.15 - 1 / 400))
    assert RELAXATION.growth(100, 400) == near(RELAXATION.growth(100 * factor, 353.15), rel=1e-12)
    assert RELAXATION.growth(1800, 300) < RELAXATION.growth(1800, 353.15) < RELAXATION.growth(1800, 400)


def test_wan_2022_sigmas_are_the_published_polynomials() -> None:
    """Against numpy's polynomials at 0, 10, ..., 40 uS and each time; linear in log t between."""
    g = torch.arange(0, 41, 10, dtype=torch.float64) * US
    for t, row in zip((1, DAY, 2 * DAY), WAN2022_US, strict=True):
        expected = np.polynomial.polynomial.polyval(g.numpy() / (40 * US), row) * US
        np.testing.assert_allclose(WAN2022.sigma_s(g, t).numpy(), expected, rtol=1e-12)
    half = WAN2022.sigma_s(g, math.sqrt(1 * DAY))
    assert torch.allclose(half, (WAN2022.sigma_s(g, 1) + WAN2022.sigma_s(g, DAY)) / 2, rtol=1e-12, atol=0)


def test_wan_2022_cells_gain_the_missing_variance() -> None:
    """Cells written with the 1 s spread have the day's spread after a day; at 1 s nothing has changed."""
    n, target = 200_000, 20 * US
    first, day = (WAN2022.sigma_s(many(target, 1), t).item() for t in (1, DAY))
    written = target + first * torch.randn(n, generator=generator(5, "write"), dtype=torch.float64)
    assert torch.equal(aged(WAN2022, written, 1.0), written)
    # sigma depends on G, so cells of a level gain slightly different amounts: 1 % beside the sampling error.
    assert aged(WAN2022, written, DAY).std().item() == near(day, rel=3 / math.sqrt(2 * n) + 0.01)


def test_a_spread_that_shrinks_adds_nothing() -> None:
    """Where the later polynomial lies below the first, cells stay as they are."""
    model = SpreadGrowth((1, 10), ((2 * US,), (1 * US,)), 40 * US, 0, 40 * US)
    assert torch.equal(aged(model, cells(), 10), cells())


def test_loss_follows_the_stretched_exponential() -> None:
    """At t = tau 1/e of the distance is left; every end lies where it should; nothing crosses it."""
    ends: dict[Literal["hrs", "lrs", "middle"], float] = {"hrs": LOW, "lrs": HIGH, "middle": math.sqrt(LOW * HIGH)}
    for toward, end in ends.items():
        model = replace(LOSS, toward=toward)
        for start, tau in ((LOW, 1e5), (HIGH, 1e7), (20 * US, 1e5 * 100 ** (math.log(10) / math.log(20)))):
            for t in (0.1 * tau, tau, 5 * tau):
                left = (aged(model, many(start, 1), t, HOT).item() - end) / (start - end) if start != end else 0.0
                expected = math.exp(-((t / tau) ** 0.7)) if start != end else 0.0
                assert left == pytest.approx(expected, rel=1e-9)
        assert aged(model, many(HIGH, 1), 1e30, HOT).item() == near(end, rel=1e-12)


def test_the_loss_has_the_exact_arrhenius_slope() -> None:
    """The times to lose a tenth at two temperatures give the activation energy back."""
    wanted = HIGH - 0.1 * (HIGH - math.sqrt(LOW * HIGH))
    times = {}
    for kelvin in (ROOM, HOT):
        low, high = 0.0, 60.0
        for _ in range(80):
            middle = (low + high) / 2
            moved = LOSS.median_s(many(HIGH, 1), LOW, HIGH, math.exp(middle), kelvin).item() <= wanted
            low, high = (low, middle) if moved else (middle, high)
        times[kelvin] = math.exp(high)
    energy = BOLTZMANN_EV * math.log(times[ROOM] / times[HOT]) / (1 / ROOM - 1 / HOT)
    assert energy == near(1.2, rel=1e-9)


def test_hotter_is_faster() -> None:
    """Every cell has lost more at 85 C than at 27 C."""
    start = torch.tensor([30 * US, 35 * US, HIGH], dtype=torch.float64)
    cold, hot = (LOSS.median_s(start, LOW, HIGH, 1e5, kelvin) for kelvin in (ROOM, HOT))
    assert bool((hot < cold).all())
    assert bool((cold < start).all())


def test_the_cut_normal_is_scipys() -> None:
    """Draws follow scipy's truncated normal (Kolmogorov-Smirnov, 1 %) and medians equal its medians."""
    z = torch.randn(100_000, generator=generator(2, "cut"), dtype=torch.float64)
    for centre, spread in ((1.0, 1.0), (-0.5, 1.0), (3.0, 1.0), (-4.0, 1.0)):
        law = truncnorm(-centre / spread, np.inf, loc=centre, scale=spread)
        c, s = torch.full_like(z, centre), torch.full_like(z, spread)
        assert kstest(cut_normal(c, s, z).numpy(), law.cdf).pvalue > 0.01
        assert cut_median(c[:1], s[:1]).item() == near(float(law.median()), rel=1e-9)
    nothing = torch.zeros(2, dtype=torch.float64)
    assert cut_normal(torch.tensor([-1.0, 2.0], dtype=torch.float64), nothing, nothing).tolist() == [0, 2]


@each_model
@pytest.mark.parametrize(
    ("time_s", "kelvin", "said"),
    [
        (-1.0, 330.0, "time"),
        (math.nan, 330.0, "time"),
        (2e4, 330.0, "time"),
        (1.0, 250.0, "temp"),
        (1.0, 500.0, "temp"),
    ],
)
def test_outside_its_reach_a_model_refuses(model: Retention, time_s: float, kelvin: float, said: str) -> None:
    """Negative, missing and too long times, and temperatures below and above the stated ones, raise by name."""
    limited = replace(model, reach=Reach(longest_s=1e4, coldest_k=273.0, hottest_k=400.0))  # type: ignore[type-var]
    assert limited.longest_s == 1e4
    with pytest.raises(OutOfRange, match=said):
        aged(limited, cells(), time_s, kelvin)
    with pytest.raises(OutOfRange, match=said):
        limited.median_s(cells(), LOW, HIGH, time_s, kelvin)
    assert aged(limited, cells(), 1e4, 400.0).shape == cells().shape


@each_model
def test_states_must_be_ordered(model: Retention) -> None:
    """Equal, exchanged and zero states raise."""
    for low, high in ((HIGH, LOW), (LOW, LOW), (0.0, HIGH), (-LOW, HIGH)):
        with pytest.raises(OutOfRange, match="states"):
            model.aged_s(cells(), low, high, 1.0, ROOM, generator(1))


def test_spread_growth_refuses_states_and_times_beyond_the_fit() -> None:
    """States above 40 uS and more than two days raise."""
    with pytest.raises(OutOfRange, match="states"):
        WAN2022.aged_s(cells(), LOW, 50 * US, DAY, ROOM, generator(1))
    with pytest.raises(OutOfRange, match="time"):
        aged(WAN2022, cells(), 2.1 * DAY)


def test_tables_that_make_no_sense_are_refused() -> None:
    """Lists of unequal length, falling places, unknown ends and negative parameters raise."""
    with pytest.raises(ValueError, match="2 knots"):
        replace(RELAXATION, after_s=RELAXATION.after_s[:2])
    with pytest.raises(ValueError, match="every probability"):
        replace(RELAXATION, probabilities=(0.0, 1.0))
    for wrong in ((0.1, 0.2, 0.4, 0.9, 1.0), (0.0, 0.2, 0.4, 0.9, 0.99), (0.0, 0.4, 0.4, 0.9, 1.0)):
        with pytest.raises(ValueError, match="from 0 to 1"):
            replace(RELAXATION, probabilities=wrong)
    with pytest.raises(ValueError, match="conductances that rise"):
        replace(RELAXATION, conductance_s=(4 * US, 4 * US, 5 * US))
    with pytest.raises(ValueError, match="do not fall"):
        replace(RELAXATION, after_s=(*RELAXATION.after_s[:2], RELAXATION.after_s[2][::-1]))
    with pytest.raises(OutOfRange, match="quantiles"):
        replace(RELAXATION, after_s=((-US, US, US, US, US), *RELAXATION.after_s[1:]))
    with pytest.raises(ValueError, match="rise"):
        replace(WAN2022, times_s=(1, 1, 2))
    with pytest.raises(ValueError, match="toward"):
        replace(LOSS, toward="up")  # type: ignore[arg-type]
    with pytest.raises(OutOfRange, match="t0"):
        replace(DRIFT, t0_s=-5.0)
    with pytest.raises(OutOfRange, match="tau"):
        replace(LOSS, tau_min_s=0.0)
