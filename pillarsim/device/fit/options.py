"""Which options of `device fit` a model takes; one that would change nothing is refused."""

from __future__ import annotations

from pillarsim.arch.errors import InputError
from pillarsim.device.fit.table import Table

EVERY = ("--lrs", "--hrs", "--levels", "--base")
OWN: dict[str, tuple[str, ...]] = {
    "level_error": ("--degree",),
    "sinh": ("--stated-at",),
    "poole_frenkel": ("--thickness", "--temperature", "--stated-at"),
    "power_law": ("--temperature",),
    "arrhenius": ("--toward",),
}


def check_options(model: str, given: tuple[str, ...]) -> None:
    """Raise InputError for a given option that the model does not take; the message says which it takes."""
    taken = (*EVERY, *OWN.get(model, ()))
    for option in given:
        if option not in taken:
            raise InputError(f"{option}: {model} does not take it: expected {', '.join(taken[:-1])} or {taken[-1]}")


def check_temperature(table: Table, given: tuple[str, ...]) -> None:
    """Raise InputError for a temperature that is stated twice."""
    if "--temperature" in given and "temperature" in table.headers:
        text = table.headers["temperature"].text
        raise InputError(f"--temperature: {table.name} has a column {text!r}: expected one of both")
