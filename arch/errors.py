"""Errors that a user can mend.

PillarsimError
  InputError      bad input: a file, a key, an option, a value; exit status 2, one message, no traceback
    FitError      a network that does not fit the chip; names what is missing and what would make it fit
  ModelError      a result that broke a law (a sum, a conservation): a defect of pillarsim, exit status 1
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PillarsimError(Exception):
    """Base of every error that pillarsim raises on purpose."""


class InputError(PillarsimError):
    """Bad input; the message holds file:line, key, what was expected and the nearest valid name."""


class FitError(InputError):
    """A network does not fit the chip, or an array cannot hold one weight slice."""


class ModelError(PillarsimError):
    """A check of the model's own laws failed (parts that do not sum to their total)."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest of `valid`, or an empty string when none is close."""
    close = difflib.get_close_matches(str(name), list(valid), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
