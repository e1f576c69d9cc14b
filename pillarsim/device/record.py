"""A sample as plain data: what `--json` writes and the terminal shows. Resistances in ohm, the unit in the key."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.device.choices import Sampling
from pillarsim.device.programmed import LevelSample
from pillarsim.device.statistics import statistics

SCHEMA_VERSION = 1


def programmed_record(
    card: str, sampling: Sampling, levels: list[LevelSample], level: int, versions: dict[str, str]
) -> dict[str, Any]:
    """Return the sample of every level; `resistance_ohm` is that of `level`."""
    statistics_of = [statistics(one.ohm) for one in levels]
    found = [
        {
            "level": one.level,
            "target_ohm": 1 / one.target_s,
            "resistance_ohm": found_statistics,
            "write_pulses_mean": one.write_pulses_mean,
            "failed": one.failed,
        }
        for one, found_statistics in zip(levels, statistics_of, strict=True)
    ]
    return _record(card, sampling, statistics_of[level], level, found, versions)


def pulsed_record(card: str, sampling: Sampling, ohm: NDArray[np.float64], versions: dict[str, str]) -> dict[str, Any]:
    """Return the sample of devices after pulses."""
    return _record(card, sampling, statistics(ohm), None, [], versions)


def _record(
    card: str,
    sampling: Sampling,
    resistance: dict[str, float],
    level: int | None,
    levels: list[dict[str, Any]],
    versions: dict[str, str],
) -> dict[str, Any]:
    tolerance = sampling.rule.tolerance_s
    verified = level is not None and tolerance is not None
    return {
        "card": card,
        "count": sampling.count,
        "pulses": sampling.pulses,
        "resistance_ohm": resistance,
        "level": level,
        "levels": levels,
        "pulses_before": None if sampling.pulses is None else sampling.after,
        "verify": {"tolerance_s": tolerance, "max_pulses": sampling.rule.max_pulses} if verified else None,
        "imperfections": list(sampling.imperfections),
        "time_s": sampling.time_s,
        "temperature_k": sampling.temperature_k,
        "seed": sampling.seed,
        "schema_version": SCHEMA_VERSION,
        "versions": versions,
    }
