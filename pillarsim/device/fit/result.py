"""What a fit gives: parameters with standard errors, goodness, the card's sections, and curves for a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pillarsim.device.fit.table import Table
from pillarsim.device.fit.text import quantity

Array = NDArray[np.float64]
Toward = Literal["hrs", "lrs", "middle"]


class NotFitted(ValueError):
    """A fit that does not exist, did not converge, or leaves a parameter open; the message says why."""


@dataclass(frozen=True)
class Parameter:
    """A fitted number: SI value, its standard error (None: not estimated) and unit."""

    name: str
    value: float
    error: float | None
    unit: str = ""


@dataclass(frozen=True)
class Entry:
    """A value of a card as YAML text, with its source."""

    text: str
    source: str


Section = Mapping[str, "Entry | str"]


@dataclass(frozen=True, eq=False)
class Series:
    """Points of a picture; `step`: a staircase, as of a distribution."""

    name: str
    x: Array
    y: Array
    step: bool = False


@dataclass(frozen=True, eq=False)
class Panel:
    """One part of a picture: data as dots, the model as lines; axes in SI with their unit in the label."""

    x_label: str
    y_label: str
    data: tuple[Series, ...]
    model: tuple[Series, ...]
    x_log: bool = False
    y_log: bool = False


@dataclass(frozen=True)
class Given:
    """What is not fitted: states in ohm, levels, and numbers that some models ask for; None: not given.

    base_lrs_ohm and base_hrs_ohm are those of the card that the new one extends.
    """

    lrs_ohm: float | None = None
    hrs_ohm: float | None = None
    levels: int | None = None
    base_lrs_ohm: float | None = None
    base_hrs_ohm: float | None = None
    degree: int = 1
    temperature_k: float | None = None
    thickness_m: float | None = None
    toward: Toward = "hrs"
    stated_v: float | None = None

    @property
    def states_ohm(self) -> tuple[float, float] | None:
        """(lrs, hrs) as given or as the base has them; None where one is open."""
        lrs = self.base_lrs_ohm if self.lrs_ohm is None else self.lrs_ohm
        hrs = self.base_hrs_ohm if self.hrs_ohm is None else self.hrs_ohm
        return None if lrs is None or hrs is None else (lrs, hrs)


@dataclass(frozen=True)
class Fit:
    """A model fitted to a table.

    sections: what the card gets, below its keys; lrs_ohm, hrs_ohm, levels: what the fit says of the states, None where
    it says nothing. ranges: quantity -> (lowest, highest, unit) that the data cover. left_out: points not used.
    """

    model: str
    points: int
    parameters: tuple[Parameter, ...]
    goodness: dict[str, float]
    ranges: dict[str, tuple[float, float, str]]
    sections: dict[str, Section]
    panels: tuple[Panel, ...] = field(repr=False)
    lrs_ohm: float | None = None
    hrs_ohm: float | None = None
    levels: int | None = None
    left_out: int = 0
    assumed: tuple[str, ...] = ()
    not_claimed: tuple[str, ...] = ()


def source_text(table: Table, points: int, note: str = "") -> str:
    """Where a fitted number comes from: the file's name and the number of points."""
    text = f"fitted to {PurePath(table.name).name}, {points} points"
    return f"{text}; {note}" if note else text


def fitted(table: Table, points: int, text: str, error: float | None = None, unit: str = "") -> Entry:
    """A card's value with its source and standard error."""
    note = "" if error is None else f"standard error {quantity(error, unit, 2)}"
    return Entry(text, source_text(table, points, note))


def span(values: Array, unit: str) -> tuple[float, float, str]:
    """The range that some values cover."""
    return float(values.min()), float(values.max()), unit
