"""The one place where code is compiled: numba, without the interpreter lock, cached on disk, one thread a call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar, cast

import numba

log = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile `function` at its first call. Integer overflow wraps; floats follow IEEE order (no fast math)."""
    return _jit(function, fastmath=False)


def contracted(function: Function) -> Function:
    """As `compiled`, with a * b + c rounded once where the processor can: for values that are random anyway."""
    return _jit(function, fastmath={"contract"})


def inlined(function: Function) -> Function:
    """As `compiled`, and put in place of each call: for small functions of numbers that inner loops call."""
    return _jit(function, fastmath=False, forceinline=True)


def _jit(function: Function, fastmath: bool | set[str], forceinline: bool = False) -> Function:
    def jit(cache: bool) -> Function:
        made = numba.njit(cache=cache, nogil=True, error_model="numpy", fastmath=fastmath, forceinline=forceinline)
        return cast(Function, made(function))

    try:
        return jit(cache=True)
    except RuntimeError as error:  # no folder to keep compiled code in
        log.info("compiled code is not kept between runs: %s", error)
        return jit(cache=False)
