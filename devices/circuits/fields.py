"""Reading typed values out of a case's `spec`, each with an error that names its key.

`within` is the group that a key stands in, such as `cell`; messages then say `cell.k`.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits.errors import CircuitError

Spec = Mapping[str, Any]

_NO_NUMBERS = "cSUmM"  # numpy kinds that would become numbers by losing a part or a meaning
_LARGEST = 1e60  # of any SI number: powers and conductances made of such numbers stay finite


def value(spec: Spec, key: str, within: str = "") -> Any:
    """Return what stands under `key`, which must be there."""
    if key not in spec:
        raise CircuitError(f"{_path(key, within)}: missing from the case")
    return spec[key]


def mapping(spec: Spec, key: str) -> Spec:
    """Return the mapping under `key`."""
    found = value(spec, key)
    if not isinstance(found, Mapping):
        raise CircuitError(f"{key}: expected a mapping, found {found!r}")
    return found


def choice(spec: Spec, key: str, allowed: Sequence[str], within: str = "") -> str:
    """Return one of the words in `allowed`."""
    found = value(spec, key, within)
    if not isinstance(found, str) or found not in allowed:
        raise CircuitError(
            f"{_path(key, within)}: expected one of {', '.join(allowed)}, found {found!r}{did_you_mean(found, allowed)}"
        )
    return found


def did_you_mean(found: object, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest of `known`, or an empty string where none is close."""
    close = difflib.get_close_matches(str(found).lower(), sorted(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def number(spec: Spec, key: str, within: str = "") -> float:
    """Return a finite number."""
    found = value(spec, key, within)
    if isinstance(found, np.generic):
        found = found.item()
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= _LARGEST:
        raise CircuitError(f"{_path(key, within)}: expected a finite number, found {found!r}")
    return float(found)


def positive(spec: Spec, key: str, within: str = "") -> float:
    """Return a number above zero."""
    found = number(spec, key, within)
    if found <= 0:
        raise CircuitError(f"{_path(key, within)}: expected a number above 0, found {found!r}")
    return found


def resistance(spec: Spec, key: str) -> float:
    """Return a resistance in ohm, zero (an ideal short) or more."""
    found = number(spec, key)
    if found < 0:
        raise CircuitError(f"{key}: expected a resistance of 0 ohm or more, found {found!r}")
    return found


def count(spec: Spec, key: str, within: str = "") -> int:
    """Return a whole number of at least 1."""
    found = value(spec, key, within)
    if not isinstance(found, numbers.Integral) or isinstance(found, bool) or found < 1:
        raise CircuitError(f"{_path(key, within)}: expected a whole number of at least 1, found {found!r}")
    return int(found)


def index(spec: Spec, key: str, size: int) -> int:
    """Return one index into an axis of `size`."""
    return _inside(value(spec, key), key, size)


def indices(spec: Spec, key: str, size: int) -> tuple[int, ...]:
    """Return the indices of a list, in its order: at least one, each once, each within an axis of `size`."""
    found = value(spec, key)
    if isinstance(found, str) or not isinstance(found, Sequence | np.ndarray) or not len(found):
        raise CircuitError(f"{key}: expected a list of at least one index, found {found!r}")
    chosen = tuple(_inside(item, key, size) for item in found)
    if len(set(chosen)) != len(chosen):
        raise CircuitError(f"{key}: an index stands twice in {list(chosen)}")
    return chosen


def array(found: object, key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return finite real numbers of exactly this shape."""
    try:
        kind = np.asarray(found).dtype
        if kind.kind in _NO_NUMBERS:
            raise CircuitError(f"{key}: expected real numbers, found {kind}")
        entries = np.array(found, dtype=np.float64)
    except CircuitError:
        raise
    except (TypeError, ValueError, OverflowError):
        raise CircuitError(f"{key}: expected numbers of shape {shape}") from None
    if entries.shape != shape:
        raise CircuitError(f"{key}: expected shape {shape}, found {entries.shape}")
    if not (np.abs(entries) <= _LARGEST).all():
        raise CircuitError(f"{key}: expected finite numbers")
    return entries


def _path(key: str, within: str) -> str:
    return f"{within}.{key}" if within else key


def _inside(found: object, key: str, size: int) -> int:
    if not isinstance(found, numbers.Integral) or isinstance(found, bool):
        raise CircuitError(f"{key}: expected a whole number, found {found!r}")
    place = int(found)
    if not 0 <= place < size:
        raise CircuitError(f"{key}: {place} lies outside the array (0 to {size - 1})")
    return place
