"""Errors of later stages get the place in the chip file that the reader knew."""

from __future__ import annotations

import re

from pillarsim.arch.chip.load import LoadedChip
from pillarsim.arch.errors import InputError

_KEY = re.compile(r"^([a-z_]\w*(?:\.\w+)+): ")


def located(error: InputError, loaded: LoadedChip) -> InputError:
    """Return `error` with ``file.yaml:12`` before it, where its message starts with a key of the chip file."""
    match = _KEY.match(str(error))
    if match is None:
        return error
    return type(error)(f"{loaded.where(tuple(match[1].split('.')))}: {error}")
