"""How finely the events are simulated.

operation  every drive, read, conversion, access, word and flit is an event, on SimPy: the reference
window     one record a window; the same times and counts
row, layer a row of outputs or a whole image at a time, every part taken as free; a trace says whether that is exact
"""

from __future__ import annotations

from pillarsim.arch.errors import InputError, nearest

__all__ = ["DETAILS", "check_detail"]

DETAILS = ("window", "operation", "row", "layer")


def check_detail(detail: str) -> None:
    """Raise InputError for an unknown detail."""
    if detail not in DETAILS:
        known = ", ".join(map(repr, DETAILS))
        raise InputError(f"detail: expected {known}; found {detail!r}{nearest(detail, DETAILS)}")
