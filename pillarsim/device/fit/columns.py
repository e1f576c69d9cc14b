"""Columns that a measured table may have: their names, their dimensions and their units."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pillarsim.arch.units import UNITS

ARBITRARY = "a.u."
STATE = ("conductance", "resistance")
COUNT = ("count",)


@dataclass(frozen=True)
class Role:
    """What a column means: dimensions that it may have, an example of its header, other names; all lower case."""

    name: str
    dimensions: tuple[str, ...]
    example: str
    others: tuple[str, ...] = ()

    @property
    def examples(self) -> str:
        """Headers to be expected, quoted."""
        return f"{self.example!r}{' or ' + repr('resistance (kOhm)') if self.name == 'conductance' else ''}"


# Resistances are taken as conductances, so that either may be measured.
ROLES = {
    role.name: role
    for role in (
        Role("voltage", ("voltage",), "voltage (V)", ("v", "bias")),
        Role("current", ("current",), "current (uA)", ("i",)),
        Role("conductance", STATE, "conductance (uS)", ("g", "resistance", "r")),
        Role("target", STATE, "target (uS)", ("target conductance", "target resistance")),
        Role("lrs", STATE, "lrs (kOhm)", ("r_lrs", "low-resistance state", "on")),
        Role("hrs", STATE, "hrs (kOhm)", ("r_hrs", "high-resistance state", "off")),
        Role("potentiation", STATE, "potentiation (uS)", ("up", "set", "ltp")),
        Role("depression", STATE, "depression (uS)", ("down", "reset", "ltd")),
        Role("time", ("time",), "time (s)", ("t",)),
        Role("temperature", ("temperature",), "temperature (K)", ()),
        Role("cycle", COUNT, "cycle", ("cycles", "cycle number")),
        Role("device", COUNT, "device", ("devices", "cell", "device number")),
        Role("curve", COUNT, "curve", ("state", "sweep")),
        Role("pulse", COUNT, "pulse", ("pulses", "pulse number", "p")),
        Role("direction", COUNT, "direction", ("sign",)),
    )
}
NAMES = {name: role.name for role in ROLES.values() for name in (role.name, *role.others)}
_HEADER = re.compile(r"^\s*(?P<name>[^()\[\]]*?)\s*(?:\((?P<round>[^()]*)\)|\[(?P<square>[^\[\]]*)\])?\s*$")
_NO_UNIT = ("", "1", "#", "-", "pulses", "cycles")


@dataclass(frozen=True)
class Header:
    """A column's header: its role (None: a name that no fit uses), its text, dimension, unit and factor to SI."""

    role: str | None
    text: str
    dimension: str
    unit: str
    factor: float

    @property
    def kelvin_offset(self) -> float:
        """What is added to the numbers of a temperature."""
        return 273.15 if self.dimension == "temperature" and self.unit != "K" else 0.0


def parse_header(text: str) -> Header:
    """Return what a header such as ``voltage (V)`` or ``R [kOhm]`` says; raises ValueError that says what is wrong."""
    match = _HEADER.match(text)
    if match is None:
        raise ValueError(f"expected a name and a unit, such as 'voltage (V)' or 'R [kOhm]', found {text!r}")
    name = match["name"].lower()
    unit = (match["round"] if match["round"] is not None else match["square"] or "").strip()
    role = ROLES.get(NAMES.get(name, ""))
    if role is None:
        return Header(None, text.strip(), "", unit, 1.0)
    if role.dimensions == COUNT:
        if unit not in _NO_UNIT:
            raise ValueError(f"expected no unit, found {unit!r}")
        return Header(role.name, text.strip(), "count", "", 1.0)
    if not unit:
        raise ValueError(f"expected a unit, such as {role.example!r}")
    if unit == ARBITRARY and role.dimensions == STATE:
        return Header(role.name, text.strip(), ARBITRARY, ARBITRARY, 1.0)
    dimension, factor = _dimension(role, unit)
    if role.dimensions == STATE and _said(name) not in (None, dimension):
        other = f"; a column of that unit is called '{dimension} ({unit})'" if role.name == "conductance" else ""
        raise ValueError(f"expected a unit of {_said(name)}, found {unit!r}, a unit of {dimension}{other}")
    return Header(role.name, text.strip(), dimension, unit, factor)


def _dimension(role: Role, unit: str) -> tuple[str, float]:
    """(dimension, factor to SI) of a unit; of temperatures in degrees the factor is 1."""
    if role.name == "temperature" and unit in ("C", "degC", "°C"):
        return "temperature", 1.0
    if unit not in UNITS:
        raise ValueError(f"unknown unit {unit!r}: expected such as {role.example!r}")
    dimension, factor = UNITS[unit]
    if dimension not in role.dimensions:
        raise ValueError(f"expected a unit of {' or '.join(role.dimensions)}, found {unit!r}, a unit of {dimension}")
    return dimension, float(factor)


def _said(name: str) -> str | None:
    """The dimension that a name of a state says by itself."""
    if name in ("g", "conductance", "target conductance"):
        return "conductance"
    if name in ("r", "resistance", "target resistance", "r_lrs", "r_hrs"):
        return "resistance"
    return None
