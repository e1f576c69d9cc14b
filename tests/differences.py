"""How far results of a case are from their reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def differences(expected: Any, found: Any, path: str = "results") -> Iterator[tuple[float, str]]:
    """(relative difference, path) of every quantity; vectors relative to their largest entry."""
    if isinstance(expected, dict):
        assert set(expected) == set(found), path
        for key in expected:
            yield from differences(expected[key], found[key], f"{path}.{key}")
        return
    reference, value = np.array(expected, dtype=float), np.array(found, dtype=float)
    assert reference.shape == value.shape, path
    scale = np.abs(reference).max()
    yield float(np.abs(value - reference).max() / (scale if scale else 1.0)), path
