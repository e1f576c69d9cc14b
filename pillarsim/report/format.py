"""Numbers as reports print them: SI prefixes and a few significant digits."""

from __future__ import annotations

import math

_PREFIXES = {-6: "a", -5: "f", -4: "p", -3: "n", -2: "u", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T", 5: "P"}
# units that a prefix is written against; before others ("images/s") it stands alone
_TIGHT = {"s", "Hz", "V", "A", "Ohm", "S", "F", "J", "W", "m", "m2", "C", "B/s", "OPS", "OPS/W", "eV"}


def engineering(value: float, unit: str, digits: int = 3) -> str:
    """Return `value` with an SI prefix and `digits` significant digits: ``41.2 us``, ``0.840 mm2``, ``260 k images/s``.

    Numbers beyond the prefixes, a to P, have an exponent: ``1.00e+45 Ohm``. Prefixes of square metres count as 10^6 and
    change from 0.01 of one on, as areas are written.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".rstrip()
    base = 6 if unit.endswith("m2") else 3
    rounded = float(f"{abs(value):.{digits - 1}e}")
    lift = 2 if base == 6 else 0  # 0.047 mm2 rather than 47 000 um2
    step = math.floor((math.floor(math.log10(rounded)) + lift) / base)
    if base == 6:
        step = min(max(step, -2), 0)
    elif not min(_PREFIXES) <= step <= max(_PREFIXES):
        return f"{value:.{digits - 1}e} {unit}".rstrip()
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


def duration(time_s: float) -> str:
    """Return a time in the largest of days, hours, minutes and seconds that leaves a short number: ``30 days``."""
    for unit, seconds in (("day", 86400), ("h", 3600), ("min", 60)):
        amount = time_s / seconds
        if amount >= 1 and float(f"{amount:.4g}") == amount:
            return f"{amount:.4g} {unit}{'s' if unit == 'day' and amount != 1 else ''}"
    if time_s >= 1e5:
        return f"{time_s / 86400:.4g} days"
    return f"{time_s:g} s" if time_s >= 1 else engineering(time_s, "s")
