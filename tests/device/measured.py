"""Synthetic measurements as files, read back by the reader under test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from pillarsim.device.fit.result import Fit
from pillarsim.device.fit.table import Table, read_table


def write_csv(folder: Path, columns: Mapping[str, ArrayLike], name: str = "data.csv") -> Path:
    """Write columns (header -> numbers) to a CSV file and return its path."""
    path = folder / name
    np.savetxt(path, np.column_stack(list(columns.values())), delimiter=",", header=",".join(columns), comments="")
    return path


def table_of(folder: Path, columns: Mapping[str, ArrayLike]) -> Table:
    """Write columns and read them."""
    return read_table(write_csv(folder, columns))


def off(fit: Fit, **true: float) -> dict[str, float]:
    """How many standard errors each parameter lies from its true value."""
    found = {one.name: one for one in fit.parameters}
    errors = {name: found[name].error for name in true}
    assert all(error is not None and error > 0 for error in errors.values()), errors
    return {name: (found[name].value - value) / float(errors[name] or 0) for name, value in true.items()}


def check(fit: Fit, **true: float) -> None:
    """Each parameter lies within three standard errors of its true value."""
    assert all(abs(one) < 3 for one in off(fit, **true).values()), off(fit, **true)


def rms(deviations: list[dict[str, float]]) -> dict[str, float]:
    """Root mean square of deviations in standard errors over repetitions; about 1 where the errors are right."""
    return {name: float(np.sqrt(np.mean([one[name] ** 2 for one in deviations]))) for name in deviations[0]}
