"""ROC-AUC and average precision of networks on the same windows, with errors over windows and devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.reproduce.kim2017.runs import Difference
from pillarsim.workloads.metrics import average_precision, roc_auc

__all__ = ["METRICS", "Scored", "difference", "scored"]

METRICS = {"ROC-AUC": roc_auc, "average precision": average_precision}  # means over labels
GROUPS = 20  # of windows, each left out once; our choice

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scored:
    """A metric of each device (D,), and its mean over devices without each group of windows (GROUPS,)."""

    devices: Array
    without: Array

    @property
    def mean(self) -> float:
        """Mean over devices."""
        return float(self.devices.mean())


def scored(outputs: Array, labels: NDArray[np.int64]) -> Mapping[str, Scored]:
    """Every metric of outputs (D, N, labels) for labels (N, labels). Every GROUPS-th window is in one group."""
    group = np.arange(len(labels)) % GROUPS
    kept = [group != number for number in range(GROUPS)]
    return {
        name: Scored(
            np.array([metric(one, labels) for one in outputs]),
            np.array([np.mean([metric(one[rows], labels[rows]) for one in outputs]) for rows in kept]),
        )
        for name, metric in METRICS.items()
    }


def difference(first: Scored, second: Scored) -> Difference:
    """First less second on the same windows, and its standard error.

    The error adds the grouped jackknife's variance over windows and the variance over devices of either.
    """
    each = first.without - second.without
    variance = (GROUPS - 1) * float(each.var())
    for one in (first, second):
        if len(one.devices) > 1:
            variance += float(one.devices.var(ddof=1)) / len(one.devices)
    return Difference(first.mean - second.mean, float(np.sqrt(variance)))
