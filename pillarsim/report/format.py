"""Numbers as reports print them: SI prefixes and a few significant digits."""

from __future__ import annotations

import math

_PREFIXES = {-6: "a", -5: "f", -4: "p", -3: "n", -2: "u", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T", 5: "P"}
# units that a prefix is written against; before others ("images/s") it stands alone
_TIGHT = {"s", "Hz", "V", "A", "Ohm", "S", "F", "J", "W", "m", "m2", "C", "B/s", "OPS", "OPS/W"}


def engineering(value: float, unit: str, digits: int = 3) -> str:
    """Return `value` with an SI prefix and `digits` significant digits: ``41.2 us``, ``0.840 mm2``, ``260 k images/s``.

    Prefixes of square metres count as 10^6 and change from 0.01 of one on, as areas are written.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".rstrip()
    base = 6 if unit.endswith("m2") else 3
    rounded = float(f"{abs(value):.{digits - 1}e}")
    lift = 2 if base == 6 else 0  # 0.047 mm2 rather than 47 000 um2
    step = math.floor((math.floor(math.log10(rounded)) + lift) / base)
    lowest, highest = (-2, 0) if base == 6 else (min(_PREFIXES), max(_PREFIXES))
    step = min(max(step, lowest), highest)
    mantissa = rounded / 10 ** (base * step)
    places = max(0, digits - 1 - math.floor(math.log10(mantissa) + 1e-12))
    prefix = _PREFIXES[step]
    number = f"{math.copysign(mantissa, value):.{places}f}"
    if unit in _TIGHT:
        return f"{number} {prefix}{unit}"
    return " ".join(part for part in (number, prefix, unit) if part)


def size(bits: float) -> str:
    """Return a memory size in the largest binary unit that keeps it at or above one: ``64 KiB``."""
    for unit, amount in (("GiB", 2**33), ("MiB", 2**23), ("KiB", 2**13), ("B", 8)):
        if bits >= amount:
            return f"{bits / amount:g} {unit}"
    return f"{bits:g} bit"


def plural(count: int, noun: str) -> str:
    """`1 device seed`, `2 device seeds`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
