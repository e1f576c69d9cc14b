"""Numbers of the measured arrays as text of YAML."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DOI = "10.1109/TED.2021.3097975"
PROBABILITIES = (0.001, 0.01, 0.05, 0.16, 0.25, 0.5, 0.75, 0.84, 0.95, 0.99, 0.999)


def quantiles(values: Array, plain: bool = False) -> list[Any]:
    """Conductances at PROBABILITIES as text; plain: the 16, 50 and 84 % points as numbers."""
    return list(np.quantile(values, (0.16, 0.5, 0.84))) if plain else siemens(np.quantile(values, PROBABILITIES), 5)


def siemens(values: Iterable[Any], digits: int = 4) -> list[str]:
    return [f"{float(x) * 1e6:.{digits}g} uS" for x in values]


def kohm(ohm: Any) -> str:
    return f"{float(ohm) / 1e3:.4g} kOhm"


def numbers(values: Iterable[Any]) -> str:
    return "[" + ", ".join(f"{float(x):.6g}" for x in values) + "]"


def quoted(text: str) -> str:
    return '"' + text + '"'


def sourced(value: str, what: str) -> str:
    return f"{{value: {value}, source: {quoted(f'{DOI}: {what}')}}}"


def listed(key: str, items: Iterable[str]) -> str:
    """`key: [a, b, ...]`, broken into lines of at most 116 characters."""
    indent = " " * (len(key) - len(key.lstrip()) + 2)
    glued = [item.replace(" ", "\0") for item in items]
    lines = textwrap.wrap(f"{key}[{', '.join(glued)}]", 116, subsequent_indent=indent, break_long_words=False)
    return "\n".join(lines).replace("\0", " ")
