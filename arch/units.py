"""Quantities with units, as people write them in chip files: ``10 ns``, ``2.5 Ohm``, ``1.2 pJ``, ``64 KiB``, ``85 C``.

`parse_quantity` turns text into an SI float and refuses bare numbers, unknown units and wrong dimensions.
The ``Annotated`` types below are what the schema uses; each carries its unit into the JSON Schema.
Not modelled: compound units (``V/s``); the few that the schema needs have a name of their own here.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pillarsim.arch.errors import nearest

_PREFIX = {
    "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12,
}  # fmt: skip
# dimension -> (SI unit for messages, base unit names, exponent of the prefix)
_DIMENSIONS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "time": ("s", ("s",), 1),
    "frequency": ("Hz", ("Hz", "S/s"), 1),
    "voltage": ("V", ("V",), 1),
    "current": ("A", ("A",), 1),
    "resistance": ("Ohm", ("Ohm", "ohm", "Ω"), 1),
    "conductance": ("S", ("S",), 1),
    "capacitance": ("F", ("F",), 1),
    "energy": ("J", ("J",), 1),
    "power": ("W", ("W",), 1),
    "length": ("m", ("m",), 1),
    "area": ("m2", ("m2", "m^2", "m²"), 2),
    "temperature": ("K", ("K",), 1),
    "charge": ("C", ("C",), 1),
    "bandwidth": ("B/s", ("B/s",), 1),
    "activation energy": ("eV", ("eV",), 1),
}
_EXAMPLE = {
    "time": "10 ns", "frequency": "1 GHz", "voltage": "0.9 V", "current": "1 nA", "resistance": "2.5 Ohm",
    "conductance": "1 uS", "capacitance": "0.2 fF", "energy": "1.2 pJ", "power": "2 mW", "length": "32 nm",
    "area": "0.01 mm2", "temperature": "300 K", "charge": "1 fC", "bandwidth": "6.4 GB/s", "size": "64 KiB",
    "activation energy": "1.1 eV",
}  # fmt: skip


# seconds; a month is 30 days, a year 365
_LONG_TIMES = {"min": 60, "h": 3600, "hour": 3600, "day": 86400, "month": 30 * 86400, "year": 365 * 86400}


def _unit_table() -> dict[str, tuple[str, Decimal]]:
    """Return unit -> (dimension, SI factor); decimal, so that ``50 ns`` is exactly the float 50e-9."""
    table: dict[str, tuple[str, Decimal]] = {}
    for dimension, (_, names, power) in _DIMENSIONS.items():
        for name in names:
            for prefix, exponent in _PREFIX.items():
                table[prefix + name] = (dimension, Decimal(10) ** (exponent * power))
    table |= {"cm": ("length", Decimal("1e-2")), "cm2": ("area", Decimal("1e-4")), "cm^2": ("area", Decimal("1e-4"))}
    table["C"] = ("charge", Decimal(1))
    table["degC"] = table["°C"] = ("celsius", Decimal(1))
    for name, seconds in _LONG_TIMES.items():
        table[name] = table[f"{name}s"] = ("time", Decimal(seconds))
    for name in ("b/s", "bit/s"):
        for prefix in ("k", "M", "G", "T", ""):
            table[prefix + name] = ("bandwidth", Decimal(10) ** _PREFIX[prefix] / 8)
    sizes = {
        "bit": 1, "Kib": 1024, "B": 8, "kB": 8 * 10**3, "MB": 8 * 10**6, "KB": 8 * 1024,
        "KiB": 8 * 1024, "MiB": 8 * 1024**2, "GiB": 8 * 1024**3,
    }  # fmt: skip
    return table | {name: ("size", Decimal(bits)) for name, bits in sizes.items()}


UNITS = _unit_table()
_QUANTITY = re.compile(r"^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S.*?)?\s*$")


def with_article(noun: str) -> str:
    """`a time`, `an area`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def parse_quantity(value: object, dimension: str) -> float:
    """Return the SI value of `value` (bits for sizes).

    Raises ValueError that says what was expected: for a bare number, an unknown unit, a unit of another
    dimension, text that is no quantity, and for values that are not finite.
    """
    example, wanted = _EXAMPLE[dimension], with_article(dimension)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"expected {wanted} such as '{example}', found {value!r}")
    if isinstance(value, (int, float)):
        raise ValueError(f"expected {wanted} with its unit, such as '{example}'; found the bare number {value!r}")
    match = _QUANTITY.match(value)
    if match is None:
        raise ValueError(f"expected {wanted} such as '{example}', found {value!r} (not a number)")
    number, unit = float(match[1]), match[2]
    if unit is None:
        raise ValueError(f"expected {wanted} with its unit, such as '{example}'; found the bare number {value!r}")
    if unit not in UNITS:
        same = [name for name, (kind, _) in UNITS.items() if kind == dimension]
        raise ValueError(f"expected {wanted} such as '{example}'; unknown unit {unit!r}{nearest(unit, same)}")
    kind, factor = UNITS[unit]
    if dimension == "temperature" and (kind == "celsius" or unit == "C"):
        return number + 273.15
    if kind != dimension:
        raise ValueError(f"expected {wanted} such as '{example}'; {unit!r} is a unit of {kind}")
    result = float(Decimal(match[1]) * factor) if math.isfinite(number) else number
    if not math.isfinite(result):
        raise ValueError(f"expected a finite {dimension} such as '{example}', found {value!r}")
    return result


def show_quantity(value: float, unit: str) -> str:
    """Return an SI value as people write it, to three digits: ``1.7 MOhm``; for messages."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    prefixes = {exponent: prefix for prefix, exponent in _PREFIX.items() if prefix not in ("µ", "μ")}
    exponent = min(max(3 * math.floor(math.log10(abs(value) * (1 + 1e-12)) / 3), -15), 12)
    return f"{value / 10.0**exponent:.3g} {prefixes[exponent]}{unit}"


def show_time(seconds: float) -> str:
    """Return a time as people say it, to three digits: ``30 days``, ``2 h``, ``50 ns``; for messages."""
    for name in ("year", "day", "h", "min"):
        if seconds >= _LONG_TIMES[name]:
            count = seconds / _LONG_TIMES[name]
            return f"{count:.3g} {name}{'s' if name in ('year', 'day') and count != 1 else ''}"
    return show_quantity(seconds, "s")


def unit_of(text: object) -> str | None:
    """Return the SI unit of a quantity as people write it (``1 GHz`` -> ``Hz``); None for anything else."""
    match = _QUANTITY.match(text) if isinstance(text, str) else None
    if match is None or match[2] not in UNITS:
        return None
    kind = UNITS[match[2]][0]
    return _DIMENSIONS[kind][0] if kind in _DIMENSIONS else None


def parse_fraction(value: object) -> float:
    """Return `value` as a plain ratio; accepts numbers and percentages (``5 %``)."""
    if isinstance(value, str) and value.strip().endswith("%"):
        match = _QUANTITY.match(value.strip()[:-1])
        if match is not None and match[2] is None:
            return float(Decimal(match[1]) / 100)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError(f"expected a ratio such as 0.05 or '5 %', found {value!r}")


def _quantity(dimension: str) -> Any:
    return BeforeValidator(lambda value: parse_quantity(value, dimension), json_schema_input_type=str)


def _schema(dimension: str, **bounds: float) -> Any:
    unit = "bit" if dimension == "size" else _DIMENSIONS[dimension][0]
    ge, gt, le = bounds.get("ge"), bounds.get("gt"), bounds.get("le")
    return Field(json_schema_extra={"dimension": dimension, "unit": unit}, ge=ge, gt=gt, le=le)


# Bounds keep whole picoseconds meaningful and arithmetic finite; no real chip comes near them.
Time = Annotated[float, _quantity("time"), _schema("time", ge=1e-12, le=1e3)]
Age = Annotated[float, _quantity("time"), _schema("time", ge=0, le=1e10)]
TimeOrZero = Annotated[float, _quantity("time"), _schema("time", ge=0, le=1e3)]
Frequency = Annotated[float, _quantity("frequency"), _schema("frequency", ge=1e3, le=1e12)]
Voltage = Annotated[float, _quantity("voltage"), _schema("voltage", gt=0, le=100)]
VoltageOrZero = Annotated[float, _quantity("voltage"), _schema("voltage", ge=0, le=100)]
CurrentOrZero = Annotated[float, _quantity("current"), _schema("current", ge=0, le=1.0)]
Resistance = Annotated[float, _quantity("resistance"), _schema("resistance", gt=0, le=1e15)]
ResistanceOrZero = Annotated[float, _quantity("resistance"), _schema("resistance", ge=0, le=1e15)]
SignedConductance = Annotated[float, _quantity("conductance"), _schema("conductance", ge=-1e3, le=1e3)]
ConductanceOrZero = Annotated[float, _quantity("conductance"), _schema("conductance", ge=0, le=1e3)]
Conductance = Annotated[float, _quantity("conductance"), _schema("conductance", gt=0, le=1e3)]
Capacitance = Annotated[float, _quantity("capacitance"), _schema("capacitance", gt=0, le=1e-6)]
CapacitanceOrZero = Annotated[float, _quantity("capacitance"), _schema("capacitance", ge=0, le=1e-9)]
EnergyOrZero = Annotated[float, _quantity("energy"), _schema("energy", ge=0, le=1e-3)]
PowerOrZero = Annotated[float, _quantity("power"), _schema("power", ge=0, le=1e4)]
Length = Annotated[float, _quantity("length"), _schema("length", gt=0, le=1e-2)]
LengthOrZero = Annotated[float, _quantity("length"), _schema("length", ge=0, le=1e-2)]
AreaOrZero = Annotated[float, _quantity("area"), _schema("area", ge=0, le=1e-2)]
Temperature = Annotated[float, _quantity("temperature"), _schema("temperature", gt=0)]
ActivationEnergy = Annotated[float, _quantity("activation energy"), _schema("activation energy", ge=0, le=10)]
Bandwidth = Annotated[float, _quantity("bandwidth"), _schema("bandwidth", ge=1e3, le=1e15)]
Size = Annotated[float, _quantity("size"), _schema("size", gt=0, le=1e15)]
Fraction = Annotated[float, BeforeValidator(parse_fraction, json_schema_input_type=float | str), Field(ge=0, le=1)]
Ratio = Annotated[float, BeforeValidator(parse_fraction, json_schema_input_type=float | str), Field(ge=0)]
