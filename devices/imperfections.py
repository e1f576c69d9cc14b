"""Names of imperfections that a model has, each of which can be switched on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def chosen_imperfections(names: Iterable[str], known: tuple[str, ...]) -> frozenset[str]:
    """Return the names; raises ValueError for text in place of a list and for an unknown name, with the nearest."""
    if isinstance(names, str):
        raise ValueError(f"imperfections: expected a list of names, found the text {names!r}")
    chosen = frozenset(names)
    for name in sorted(chosen - set(known)):
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        expected = f"expected some of {', '.join(known)}" if known else "this device has none"
        raise ValueError(f"no imperfection {name!r}: {expected}{hint}")
    return chosen
