"""Least squares with standard errors, and measures of how good a fit is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from pillarsim.device.fit.result import NotFitted

Array = NDArray[np.float64]
_STEPS = 2000  # evaluations of a fit, our choice
_SINGULAR = 1e-13  # smallest over largest singular value of the scaled Jacobian; below, a parameter is open


@dataclass(frozen=True, eq=False)
class Solution:
    """Values of the parameters, their standard errors, and the residuals at the solution."""

    values: Array
    errors: Array
    residuals: Array

    @property
    def rms(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals**2)))


def least(
    residuals: Callable[[Array], Array],
    start: Array,
    names: tuple[str, ...],
    *,
    whitened: bool = False,
    limits: Array | None = None,
) -> Solution:
    """Minimise the sum of squared residuals from `start`; standard errors from the Jacobian.

    whitened: the residuals have a standard deviation of 1; else it is estimated from them. limits: lowest and highest
    values (2, parameters); a parameter at its limit keeps the error that it would have without. Residuals are taken as
    independent. Raises NotFitted without convergence, with too few points, or where a parameter is left open.
    """
    edges = (-np.inf, np.inf) if limits is None else (limits[0], limits[1])
    start = np.clip(start, *edges)
    first = residuals(start)
    if len(first) <= len(start):
        raise NotFitted(f"expected more than {len(start)} points for {len(start)} parameters, found {len(first)}")
    if not np.isfinite(first).all():
        raise NotFitted("the model has no finite values at the start of the fit")
    try:
        found = least_squares(
            residuals, start, bounds=edges, method="trf", x_scale="jac", max_nfev=_STEPS, xtol=1e-12, ftol=1e-12
        )
    except (ValueError, np.linalg.LinAlgError) as error:
        raise NotFitted(f"the fit broke down ({error})") from None
    if not found.success or not np.isfinite(found.x).all():
        raise NotFitted(f"no convergence within {_STEPS} evaluations")
    return Solution(found.x, _errors(found.jac, found.fun, names, whitened), found.fun)


def _errors(jacobian: Array, residuals: Array, names: tuple[str, ...], whitened: bool) -> Array:
    scale = np.sqrt((jacobian**2).sum(axis=0))
    if (scale == 0).any() or not np.isfinite(scale).all():
        raise NotFitted(f"the data leave {names[int(np.argmin(scale))]} open")
    _, singular, rows = np.linalg.svd(jacobian / scale, full_matrices=False)
    if singular[-1] < _SINGULAR * singular[0]:
        raise NotFitted(f"the data leave {names[int(np.argmax(np.abs(rows[-1])))]} open")
    covariance = (rows.T / singular**2) @ rows
    freedom = len(residuals) - jacobian.shape[1]
    variance = 1.0 if whitened else float((residuals**2).sum()) / freedom
    return np.asarray(np.sqrt(variance * np.diag(covariance)) / scale)


def r_squared(values: Array, residuals: Array, groups: NDArray[np.intp] | None = None) -> float:
    """1 - residual over total sum of squares, the total about the mean of each group."""
    if groups is None:
        centre = np.full(len(values), values.mean())
    else:
        centre = (np.bincount(groups, values) / np.bincount(groups))[groups]
    total = float(((values - centre) ** 2).sum())
    return 1 - float((residuals**2).sum()) / total if total > 0 else 0.0


def ks_distance(probabilities: Array) -> float:
    """Kolmogorov-Smirnov distance of a sample, given the model's distribution function at each of its values."""
    ordered, count = np.sort(probabilities), len(probabilities)
    steps = np.arange(count + 1) / count
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def ks_limit(count: int) -> float:
    """Distance that 5 % of normal samples of `count` exceed, mean and deviation fitted to each (Stephens 1974)."""
    root = math.sqrt(count)
    return 0.895 / (root - 0.01 + 0.85 / root)
