"""Statistics of a sample of resistances."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError

PERCENTILES = {"median": 0.5, "p05": 0.05, "p25": 0.25, "p75": 0.75, "p95": 0.95}


def resistances_ohm(conductance_s: torch.Tensor) -> NDArray[np.float64]:
    """Return 1 / G, float64 (count,); raises InputError where a device conducts nothing."""
    values = np.asarray(conductance_s.double().numpy(), dtype=np.float64)
    dead = int((~(values > 0)).sum())
    if dead:
        raise InputError(f"{dead} of {len(values)} devices conduct nothing: their resistances have no statistics")
    return 1 / values


def statistics(ohm: NDArray[np.float64]) -> dict[str, float]:
    """Median, percentiles (linear between devices), mean and standard deviation; equal devices have none."""
    found = {name: float(np.quantile(ohm, share)) for name, share in PERCENTILES.items()}
    if np.ptp(ohm) == 0:  # no rounding in place of a spread
        return {**found, "mean": float(ohm[0]), "std": 0.0}
    return {**found, "mean": float(ohm.mean()), "std": float(ohm.std(ddof=1))}
