"""What accuracy means: the share of right answers, or how well scores rank the labels of several classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

__all__ = ["average_precision", "roc_auc", "score", "top1"]

Floats = npt.NDArray[np.floating[Any]]


def score(outputs: Floats, labels: npt.NDArray[Any]) -> float:
    """Top-1 accuracy of outputs (N, classes) for labels (N,), macro ROC-AUC for labels (N, classes) of 0 and 1."""
    return top1(outputs, labels) if labels.ndim == 1 else roc_auc(outputs, labels)


def top1(outputs: Floats, labels: npt.NDArray[Any]) -> float:
    """Share of samples whose largest output is their label's (the first one among equals)."""
    return float((outputs.argmax(axis=1) == labels).mean())


def roc_auc(outputs: Floats, labels: npt.NDArray[Any]) -> float:
    """Area under the ROC curve, mean over the classes that have both labels; ties count half (Mann-Whitney).

    Raises ValueError where no class has both.
    """
    found = []
    for scores, truth in zip(outputs.T, np.asarray(labels).T > 0, strict=True):
        positive, negative = int(truth.sum()), int((~truth).sum())
        if positive and negative:
            ranks = rankdata(scores)
            found.append((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))
    if not found:
        raise ValueError("labels: expected a class with both 0 and 1")
    return float(np.mean(found))


def average_precision(outputs: Floats, labels: npt.NDArray[Any]) -> float:
    """Area under the precision-recall curve as a step function, mean over the classes that have a positive label.

    Equal scores are one step. Raises ValueError where no class has one.
    """
    found = []
    for scores, truth in zip(outputs.T, np.asarray(labels).T > 0, strict=True):
        if not truth.any():
            continue
        order = np.argsort(-scores, kind="stable")
        hits = np.cumsum(truth[order])
        ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # the last of equal scores
        precision, recall = hits[ends] / (ends + 1), hits[ends] / hits[-1]
        found.append(float(np.sum(np.diff(np.append(0.0, recall)) * precision)))
    if not found:
        raise ValueError("labels: expected a class with a positive label")
    return float(np.mean(found))
