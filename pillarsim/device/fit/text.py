"""Numbers and texts as a card's YAML has them."""

from __future__ import annotations

import json
import math

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
# Digits of states and targets: a target must not round out of the range that another number states.
EXACT = 12
# seconds and eV are written without a prefix, so that 1.1 eV and 86400 s stay what they are
_PLAIN = ("s", "eV", "K", "")


def quantity(value: float, unit: str, digits: int = 6) -> str:
    """Return an SI value with its unit as cards are written: ``4.78232 uS``, ``0.13``."""
    if unit in _PLAIN or value == 0 or not math.isfinite(value):
        return f"{value:.{digits}g} {unit}".rstrip()
    rounded = float(f"{abs(value):.{digits - 1}e}")
    exponent = min(max(3 * math.floor(math.log10(rounded) / 3 + 1e-12), min(_PREFIXES)), max(_PREFIXES))
    return f"{value / 10.0**exponent:.{digits}g} {_PREFIXES[exponent]}{unit}"


def quoted(text: str) -> str:
    """Return a text as a quoted YAML scalar on one line."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)


def listed(values: list[str]) -> str:
    """Return a YAML list on one line."""
    return f"[{', '.join(values)}]"
