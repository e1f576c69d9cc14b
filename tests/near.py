"""Comparison of small numbers: pytest's approx keeps an absolute floor of 1e-12, which would swallow joules."""

from __future__ import annotations

from typing import Any

import pytest


def near(value: Any, rel: float = 1e-6) -> Any:
    """Equal within `rel` of the expected value alone; an expected 0 must be met exactly."""
    return pytest.approx(value, rel=rel, abs=0)
