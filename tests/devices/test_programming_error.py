"""Programming errors against scipy's distributions, the papers' numbers and tables worked by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from pillarsim.devices.programming_error import (
    MILO2021,
    WAN2022,
    InSeries,
    LogNormalError,
    PolynomialError,
    ProgrammingError,
    QuantileError,
)
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

LOG = LogNormalError(0.74, 0.13, 1e-6, 20e-6)
TABLE = QuantileError((0, 0.25, 0.5, 1), (1e-6, 4e-6), ((0.8e-6, 1e-6, 1e-6, 2e-6), (2e-6, 3e-6, 4e-6, 8e-6)))
# name -> (error, targets inside its range)
ERRORS: dict[str, tuple[ProgrammingError, tuple[float, ...]]] = {
    "log-normal": (LOG, (1e-6, 3e-6, 20e-6)),
    "milo": (MILO2021, (50e-6, 120e-6, 225e-6)),
    "wan": (WAN2022, (0.0, 0.5e-6, 10e-6, 40e-6)),
    "table": (TABLE, (1e-6, 2.5e-6, 4e-6)),
}
P = np.array([1e-12, 1e-6, 0.01, 0.2, 0.25, 0.4, 0.5, 0.77, 0.99, 1 - 1e-6, 1 - 1e-12])


def test_log_normal_is_scipys() -> None:
    """Quantiles and probabilities are those of scipy's log-normal law, sigma by ln(target)."""
    for target, sigma in ((1e-6, 0.74), (20e-6, 0.13), (np.sqrt(20) * 1e-6, (0.74 + 0.13) / 2)):
        law = stats.lognorm(sigma, 0, target)
        assert LOG.quantile_s(target, P).tolist() == near(law.ppf(P).tolist(), rel=1e-9)
        points = target * np.exp(sigma * np.linspace(-6, 6, 25))
        assert LOG.cdf(target, points).tolist() == near(law.cdf(points).tolist(), rel=1e-9)
        assert LOG.cdf(target, np.array([-1e-6, 0.0])).tolist() == [0, 0]
        assert float(LOG.quantile_s(target, 0.5)) == near(target, rel=1e-12)


@pytest.mark.parametrize("name", ["milo", "wan"])
def test_polynomial_is_scipys_cut_normal(name: str) -> None:
    """Quantiles and probabilities are those of scipy's normal law cut at 0."""
    error, targets = ERRORS[name]
    assert isinstance(error, PolynomialError)
    for target in targets:
        sigma = float(error.sigma_s(target))
        law = stats.truncnorm(-target / sigma, np.inf, target, sigma)
        expected = np.where(P < 0.5, law.ppf(P), law.isf(1 - P))  # each exact in its own tail
        np.testing.assert_allclose(error.quantile_s(target, P), expected, rtol=1e-9, atol=1e-9 * sigma)
        points = np.linspace(max(target - 5 * sigma, 0.01 * sigma), target + 5 * sigma, 25)
        assert error.cdf(target, points).tolist() == near(law.cdf(points).tolist(), rel=1e-9)
        assert error.cdf(target, np.array([-1e-9, 0.0])).tolist() == [0, 0]


def test_published_standard_deviations() -> None:
    """Milo 2021 and Wan 2022 by hand at three conductances, in microsiemens."""
    for uS, sigma in ((50, 4.782321 - 0.45535), (100, 3.871621), (225, 4.782321 - 2.049075)):
        assert float(MILO2021.sigma_s(uS * 1e-6)) == near(sigma * 1e-6, rel=1e-9)
    half = 0.348 + 16.030 / 2 - 43.853 / 4 + 45.393 / 8 - 16.815 / 16
    for uS, sigma in ((0, 0.348), (20, half), (40, 1.103)):
        assert float(WAN2022.sigma_s(uS * 1e-6)) == near(sigma * 1e-6, rel=1e-9)


def test_table_by_hand() -> None:
    """Halfway in ln(target) the ratios are the means of the rows' ratios; between probabilities they are linear."""
    # ratios at 1 uS: 0.8, 1, 1, 2; at 4 uS: 0.5, 0.75, 1, 2; at 2 uS: 0.65, 0.875, 1, 2
    for p, ratio in ((0, 0.65), (0.125, 0.7625), (0.25, 0.875), (0.5, 1), (0.75, 1.5), (1, 2)):
        assert float(TABLE.quantile_s(2e-6, p)) == near(2e-6 * ratio, rel=1e-12)
        assert float(TABLE.cdf(2e-6, 2e-6 * ratio)) == pytest.approx(p, abs=1e-12)
    # The row at 1 uS holds 1 uS with probability 1/4: a step of the distribution, reached at its end.
    assert float(TABLE.cdf(1e-6, 1e-6)) == 0.5
    assert float(TABLE.cdf(1e-6, 1e-6 * (1 - 1e-9))) == near(0.25, rel=1e-6)
    assert TABLE.cdf(4e-6, np.array([-1.0, 1.9e-6, 8e-6, 9e-6])).tolist() == [0, 0, 1, 1]


def test_table_of_one_target() -> None:
    """One row serves its own target alone."""
    one = QuantileError((0, 1), (1e-6,), ((0.5e-6, 1.5e-6),))
    assert float(one.quantile_s(1e-6, 0.25)) == near(0.75e-6, rel=1e-12)
    with pytest.raises(OutOfRange, match="empirical"):
        one.cdf(2e-6, 1e-6)


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_quantiles_rise_and_invert_the_probability(name: str) -> None:
    """Quantiles never fall with probability, cdf(quantile(p)) = p, and arrays broadcast."""
    error, targets = ERRORS[name]
    p = np.linspace(0.001, 0.999, 500)
    found = error.quantile_s(np.array(targets)[:, None], p)
    assert found.shape == (len(targets), 500)
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found >= 0).all()
    back = error.cdf(np.array(targets)[:, None], found)
    steps = np.diff(found, axis=1, append=np.inf) == 0  # inside a step of the table the probability is its end's
    np.testing.assert_allclose(back[~steps], np.broadcast_to(p, back.shape)[~steps], atol=3e-3 if steps.any() else 1e-9)


def test_no_error_is_exact() -> None:
    """With sigma 0 every quantile is the target, and the distribution steps there."""
    exact = LogNormalError(0, 0, 1e-6, 10e-6)
    assert exact.quantile_s(3e-6, np.array([0, 0.3, 1])).tolist() == [3e-6] * 3
    assert exact.cdf(3e-6, np.array([2.9e-6, 3e-6, 3.1e-6])).tolist() == [0, 1, 1]


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_out_of_range_raises(name: str) -> None:
    """Targets beyond the fitted range and probabilities beyond [0, 1] are refused."""
    error, targets = ERRORS[name]
    for call in (error.cdf, error.quantile_s):
        with pytest.raises(OutOfRange, match="target"):
            call(targets[-1] * 1.01, 0.5)
    if targets[0] > 0:
        with pytest.raises(OutOfRange, match="target"):
            error.quantile_s(targets[0] * 0.99, 0.5)
    for p in (-0.1, 1.1, np.nan):
        with pytest.raises(OutOfRange, match="probability"):
            error.quantile_s(targets[0], p)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogNormalError(0.1, 0.1, 2e-6, 1e-6), "g_min_s < g_max_s"),
        (lambda: LogNormalError(-0.1, 0.1, 1e-6, 2e-6), "none below 0"),
        (lambda: PolynomialError((1.0, -0.6), 1e-6, 0, 2e-6), "above 0"),
        # positive at both ends, negative between: 1 - 4 x (1 - x) - 0.1 at x = 1/2
        (lambda: PolynomialError((0.9e-6, -4e-6, 4e-6), 1e-6, 0, 1e-6), "above 0"),
        (lambda: PolynomialError((1e-6,), 1e-6, 2e-6, 1e-6), "low_s < high_s"),
        (lambda: QuantileError((0, 0.9), (1e-6,), ((1e-6, 2e-6),)), "from 0 to 1"),
        (lambda: QuantileError((0, 1), (2e-6, 1e-6), ((1e-6, 2e-6),) * 2), "increasing"),
        (lambda: QuantileError((0, 1), (1e-6,), ((1e-6, 2e-6, 3e-6),)), "1 rows of 2"),
        (lambda: QuantileError((0, 1), (1e-6,), ((2e-6, 1e-6),)), "never fall"),
    ],
)
def test_impossible_parameters_are_refused(make: Callable[[], object], message: str) -> None:
    """Each refusal says what was expected."""
    with pytest.raises(ValueError, match=message):
        make()


def test_error_seen_through_a_resistance() -> None:
    """Quantiles are those of the cell behind the resistance; nothing lies above its conductance."""
    cell, ohm = LogNormalError(0.7, 0.1, 1e-6, 100e-6), 25e3
    through = InSeries(cell, ohm)
    targets = np.array([2e-6, 20e-6, 80e-6])
    seen = targets / (1 + targets * ohm)
    for probability in (0.001, 0.3, 0.5, 0.97):
        alone = cell.quantile_s(targets, probability)
        assert through.quantile_s(seen, probability) == near(alone / (1 + alone * ohm), 1e-12)
        assert through.cdf(seen, through.quantile_s(seen, probability)) == near(np.full(3, probability), 1e-9)
    assert through.quantile_s(seen, 1.0).tolist() == [1 / ohm] * 3
    assert through.cdf(seen, np.full(3, 2 / ohm)).tolist() == [1.0] * 3
    assert through.cdf(seen, np.full(3, -1e-6)).tolist() == [0.0] * 3
