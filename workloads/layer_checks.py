"""Checks that the operators of a network share."""

from typing import Protocol, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from pillarsim.workloads.cell_response import NetworkError

__all__ = ["Floats", "Named", "at_least", "check_padding", "frozen_parameters", "same_length"]

Floats: TypeAlias = npt.NDArray[np.float32]


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """The layer's name."""


def frozen_parameters(layer: Named, ranks: dict[str, int]) -> None:
    """Replace the named arrays by read-only float32 ones, after checking rank and finiteness.

    A read-only float32 array is taken as it is, so that large weights exist once; any other is copied.
    """
    for name, rank in ranks.items():
        given = np.asarray(getattr(layer, name))
        if given.ndim != rank:
            raise NetworkError(f"layer '{layer.name}': {name} needs {rank} dimension(s), not shape {given.shape}")
        if given.size == 0:
            raise NetworkError(f"layer '{layer.name}': {name} is empty, shape {given.shape}")
        array = given if _as_it_is(given) else _copied(given)
        bad = int(np.count_nonzero(~np.isfinite(array[:1] if _repeats_one(array) else array)))
        if bad:
            raise NetworkError(f"layer '{layer.name}': {name} holds {bad} value(s) that are not finite numbers")
        array.flags.writeable = False
        object.__setattr__(layer, name, array)


def _as_it_is(array: npt.NDArray[np.generic]) -> TypeGuard[Floats]:
    """Whether nobody can write to the array and it lies in memory as ours do, or is one value repeated."""
    if array.dtype != np.float32 or array.flags.writeable:
        return False
    return _repeats_one(array) or (array.flags.c_contiguous and array.base is None)


def _repeats_one(array: npt.NDArray[np.generic]) -> bool:
    """Whether the array is one number that `numpy.broadcast_to` repeats, which takes no memory."""
    return array.ndim > 0 and not any(array.strides)


def _copied(array: npt.NDArray[np.generic]) -> Floats:
    with np.errstate(over="ignore"):
        return np.array(array, dtype=np.float32, order="C")


def same_length(layer: Named, lengths: dict[str, int]) -> None:
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise NetworkError(f"layer '{layer.name}': lengths differ: {listed}")


def at_least(layer: Named, name: str, pair: tuple[int, int], least: int) -> None:
    if len(pair) != 2 or min(pair) < least:
        raise NetworkError(f"layer '{layer.name}': {name} must be two integers of at least {least}, not {pair}")


def check_padding(layer: Named, padding: tuple[int, ...]) -> None:
    if len(padding) not in (2, 4) or min(padding) < 0:
        raise NetworkError(
            f"layer '{layer.name}': padding must be two or four integers (vertical, horizontal; or top, left, bottom, "
            f"right) of at least 0, not {padding}"
        )
