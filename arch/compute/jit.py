"""The one place where code is compiled: numba, without the interpreter lock, cached on disk, one thread a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile `function` at its first call. Integer overflow wraps; floats follow IEEE order (no fast math)."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def contracted(function: Function) -> Function:
    """As `compiled`, with a * b + c rounded once where the processor can: for values that are random anyway."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function))
