"""Reading typed values out of a case's `spec`, each with an error that names its key."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits.errors import CircuitError

Spec = Mapping[str, Any]

_LARGEST = 1e60  # of any SI number: powers and conductances made of such numbers stay finite


def value(spec: Spec, key: str) -> Any:
    """Return what stands under `key`, which must be there."""
    if key not in spec:
        raise CircuitError(f"{key}: missing from the case")
    return spec[key]


def mapping(spec: Spec, key: str) -> Spec:
    """Return the mapping under `key`."""
    found = value(spec, key)
    if not isinstance(found, Mapping):
        raise CircuitError(f"{key}: expected a mapping, found {found!r}")
    return found


def choice(spec: Spec, key: str, allowed: Sequence[str]) -> str:
    """Return one of the words in `allowed`."""
    found = value(spec, key)
    if found not in allowed:
        raise CircuitError(f"{key}: expected one of {', '.join(allowed)}, found {found!r}")
    return str(found)


def number(spec: Spec, key: str) -> float:
    """Return a finite number."""
    found = value(spec, key)
    if isinstance(found, np.generic):
        found = found.item()
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= _LARGEST:
        raise CircuitError(f"{key}: expected a finite number, found {found!r}")
    return float(found)


def positive(spec: Spec, key: str) -> float:
    """Return a number above zero."""
    found = number(spec, key)
    if found <= 0:
        raise CircuitError(f"{key}: expected a number above 0, found {found!r}")
    return found


def resistance(spec: Spec, key: str) -> float:
    """Return a resistance in ohm, zero (an ideal short) or more."""
    found = number(spec, key)
    if found < 0:
        raise CircuitError(f"{key}: expected a resistance of 0 ohm or more, found {found!r}")
    return found


def count(spec: Spec, key: str) -> int:
    """Return a whole number of at least 1."""
    found = value(spec, key)
    if not isinstance(found, numbers.Integral) or isinstance(found, bool) or found < 1:
        raise CircuitError(f"{key}: expected a whole number of at least 1, found {found!r}")
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
    """Return finite numbers of exactly this shape."""
    try:
        entries = np.array(found, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise CircuitError(f"{key}: expected numbers of shape {shape}") from None
    if entries.shape != shape:
        raise CircuitError(f"{key}: expected shape {shape}, found {entries.shape}")
    if not (np.abs(entries) <= _LARGEST).all():
        raise CircuitError(f"{key}: expected finite numbers")
    return entries


def _inside(found: object, key: str, size: int) -> int:
    if not isinstance(found, numbers.Integral) or isinstance(found, bool):
        raise CircuitError(f"{key}: expected a whole number, found {found!r}")
    place = int(found)
    if not 0 <= place < size:
        raise CircuitError(f"{key}: {place} lies outside the array (0 to {size - 1})")
    return place
