"""Least squares and goodness against other libraries and simulation; every way in which a fit fails has words."""

import numpy as np
import pytest
from scipy import stats

from pillarsim.device.fit import solve
from pillarsim.device.fit.result import NotFitted
from pillarsim.device.fit.solve import ks_distance, ks_limit, least, r_squared
from tests.near import near

X = np.linspace(0, 1, 12)
Y = 3 + 2 * X + 0.1 * np.cos(50 * X)


def test_line_as_numpy_fits_it() -> None:
    """Values and standard errors of a straight line."""
    found = least(lambda p: p[0] + p[1] * X - Y, np.zeros(2), ("a", "b"))
    values, covariance = np.polyfit(X, Y, 1, cov=True)
    assert found.values[::-1] == near(values, rel=1e-6)
    assert found.errors[::-1] == near(np.sqrt(np.diag(covariance)), rel=1e-6)
    assert r_squared(Y, found.residuals) == near(np.corrcoef(X, Y)[0, 1] ** 2)


def test_limits_hold() -> None:
    """A parameter stays within its limits."""
    found = least(lambda p: p[0] + p[1] * X - Y, np.zeros(2), ("a", "b"), limits=np.array([[-9.0, -9.0], [9.0, 1.5]]))
    assert found.values[1] == near(1.5)


def test_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few points, an open parameter, values that are not finite, no convergence."""
    with pytest.raises(NotFitted, match="expected more than 2 points for 2 parameters, found 2"):
        least(lambda p: p[0] + p[1] * X[:2] - Y[:2], np.zeros(2), ("a", "b"))
    with pytest.raises(NotFitted, match="leave b open"):
        least(lambda p: p[0] + 0 * p[1] - Y, np.zeros(2), ("a", "b"))
    with pytest.raises(NotFitted, match=r"leave [ab] open"):
        least(lambda p: p[0] + p[1] - Y, np.zeros(2), ("a", "b"))
    with pytest.raises(NotFitted, match="no finite values at the start"):
        least(lambda p: np.full(12, np.inf) + p[0], np.array([1.0]), ("a",))
    monkeypatch.setattr(solve, "_STEPS", 2)
    with pytest.raises(NotFitted, match="no convergence within 2 evaluations"):
        least(lambda p: np.exp(p[0] * X) - Y, np.array([-30.0]), ("a",))


def test_distance_as_scipy_has_it() -> None:
    """The Kolmogorov-Smirnov distance of a sample."""
    sample = np.random.default_rng(1).normal(size=77)
    assert ks_distance(stats.norm.cdf(sample)) == near(stats.kstest(sample, "norm").statistic)


@pytest.mark.parametrize("count", [20, 100])
def test_limit_is_passed_by_five_percent(count: int) -> None:
    """Normal samples with fitted mean and deviation exceed the limit in 5 % of cases, within three standard errors."""
    samples = np.random.default_rng(2).normal(size=(4000, count))
    scaled = (samples - samples.mean(axis=1, keepdims=True)) / samples.std(axis=1, ddof=1, keepdims=True)
    passed = np.mean([ks_distance(one) > ks_limit(count) for one in stats.norm.cdf(scaled)])
    assert abs(passed - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 4000) + 0.003
