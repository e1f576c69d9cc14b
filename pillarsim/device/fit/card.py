"""A fitted card as YAML: written whole, only when it loads, and never over another file unless asked to."""

from __future__ import annotations

import contextlib
import os
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import torch

from pillarsim.arch.chip.load import LoadedCard, load_card
from pillarsim.arch.chip.merge import lookup
from pillarsim.arch.device import device_of
from pillarsim.arch.errors import InputError
from pillarsim.arch.presets import config_names
from pillarsim.device.fit.result import Entry, Fit, Given, Section
from pillarsim.device.fit.table import Table
from pillarsim.device.fit.text import EXACT, quantity, quoted
from pillarsim.device.outputs import check_output
from pillarsim.devices.cells import WriteRule
from pillarsim.report.files import write_text

SUFFIXES = (".yaml", ".yml")
LABELS = ("technology", "author", "year", "figure", "reference", "assumed", "not_claimed")
_ERRORS = ("programming_error", "level_error", "quantiles")  # a card has one of them
_WIDTH = 118  # of a comment line


@dataclass(frozen=True)
class Destination:
    """Where the card goes, the card that it extends (its name or path, and what it says), and labels given by hand."""

    path: Path
    base: str | None
    base_card: LoadedCard | None
    labels: dict[str, str]


def check_destination(path: Path, force: bool) -> None:
    """Raise InputError now if no card could be written to `path` later."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"--out: expected a file name that ends in {' or '.join(SUFFIXES)}, found {str(path)!r}")
    check_output("--out", path)
    if path.exists() and not force:
        raise InputError(f"--out: {path} exists: expected another name, or --force to replace it")


def card_text(fit: Fit, table: Table, given: Given, to: Destination) -> str:
    """Return the card's YAML. Raises InputError where states or levels are stated by nothing."""
    file = PurePath(table.name).name
    base = {} if to.base_card is None else to.base_card.document.data
    head = f"{fit.model} fitted to {file}: {fit.points} points; goodness: {_goodness(fit)}."
    lines = textwrap.wrap(head, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    if to.base is not None:
        lines.append(f"extends: {quoted(_base_reference(to))}")
    lines += _labels(fit, table, to, base)
    lines += _states(fit, table, given, base)
    if "pulse_update" in fit.sections and to.base is None:
        lines.append("programming: pulses                # nothing else of these cells was measured")
    for name, section in fit.sections.items():
        lines += _cleared(name, base)
        lines += _section(name, _kept_voltage(section, fit, given, base) if name == "iv" else section)
    return "\n".join(lines) + "\n"


def write_card(text: str, path: Path) -> LoadedCard:
    """Write a card that loads; returns it. Raises InputError, and leaves nothing behind, for one that does not."""
    check_card(text, path)
    write_text(path, text)
    return load_card(path)


def check_card(text: str, path: Path) -> None:
    """Raise InputError for a card that would not load from `path`, make no device, or could not be programmed.

    It is loaded from a temporary file beside `path`, so that what it extends is found.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".yaml")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        try:
            device = device_of(load_card(Path(name)).card)
        except InputError as error:
            raise InputError(f"the fitted card would not load: {str(error).replace(name, str(path))}") from None
        except ValueError as error:
            raise InputError(f"the fitted card would make no device: {error}") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)
    if not device.by_pulses:
        try:
            device.program(torch.from_numpy(device.targets_s()), WriteRule(None, 1), device.imperfections, 0)
        except ValueError as error:
            raise InputError(f"no level of the fitted card could be written: {error}") from None


def _base_reference(to: Destination) -> str:
    """How the card names what it extends: a shipped name, or a path from the card's own folder."""
    assert to.base is not None
    assert to.base_card is not None
    if to.base in config_names("device"):
        return to.base
    relative = os.path.relpath(to.base_card.path.resolve(), to.path.resolve().parent)
    return PurePath(relative).as_posix()


def _labels(fit: Fit, table: Table, to: Destination, base: dict[Any, Any]) -> list[str]:
    ranges = "; ".join(
        f"{name} {quantity(low, unit, 4)} to {quantity(high, unit, 4)}"
        for name, (low, high, unit) in fit.ranges.items()
    )
    file = PurePath(table.name).name
    own = {
        "reference": f"fitted to {file}, {fit.points} points, sha256 {table.sha256}",
        "figure": file,
        "fit_range": ranges,
        "assumed": "; ".join(fit.assumed),
        "not_claimed": "; ".join(fit.not_claimed),
    }
    own = {key: text for key, text in {**own, **to.labels}.items() if text}
    # The base's author and year are not those of the fit.
    gone = [f"{key}: null" for key in ("author", "year") if key in base and key not in own]
    return [*gone, *(f"{key}: {text if key == 'year' else quoted(text)}" for key, text in own.items())]


def _states(fit: Fit, table: Table, given: Given, base: dict[Any, Any]) -> list[str]:
    """lrs, hrs and levels: as given, else as fitted, else the base's."""
    source = f"fitted to {PurePath(table.name).name}, {fit.points} points"
    found: dict[str, tuple[str, str]] = {}
    for name, option, value in (("lrs", given.lrs_ohm, fit.lrs_ohm), ("hrs", given.hrs_ohm, fit.hrs_ohm)):
        if option is not None:
            found[name] = quantity(option, "Ohm", EXACT), f"given: --{name}"
        elif value is not None:
            found[name] = quantity(value, "Ohm", EXACT), source
    if given.levels is not None:
        found["levels"] = str(given.levels), "given: --levels"
    elif fit.levels is not None and "levels" not in base:
        found["levels"] = str(fit.levels), f"those in {PurePath(table.name).name}"
    missing = [name for name in ("lrs", "hrs", "levels") if name not in found and name not in base]
    if missing:
        options = ", ".join(f"--{name}" for name in missing)
        raise InputError(
            f"{table.name}: {fit.model} says nothing of {', '.join(missing)}: expected {options} or --base"
        )
    return [f"{name}: {{value: {text}, source: {quoted(origin)}}}" for name, (text, origin) in found.items()]


def _cleared(name: str, base: dict[Any, Any]) -> list[str]:
    """What of the base gives way to the error of a pulse: another such error, and programming by pulses."""
    if name not in _ERRORS:
        return []
    gone = [f"{other}: null" for other in _ERRORS if other != name and base.get(other) is not None]
    return [*gone, "programming: trials"] if base.get("programming") == "pulses" else gone


def _kept_voltage(section: Section, fit: Fit, given: Given, base: dict[Any, Any]) -> Section:
    """A current-voltage section; the base's states hold at the base's voltage, unless they are replaced."""
    before = lookup(base, ("iv", "stated_at"))
    if before is None or given.stated_v is not None or fit.lrs_ohm is not None or given.lrs_ohm is not None:
        return section
    return {**section, "stated_at": Entry(str(before), "of the card that this one extends")}


def _section(name: str, section: Section) -> list[str]:
    return [f"{name}:", *(f"  {key}: {_value(value)}" for key, value in section.items())]


def _value(value: Entry | str) -> str:
    if isinstance(value, str):
        return value
    return f"{{value: {value.text}, source: {quoted(value.source)}}}"


def _goodness(fit: Fit) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in fit.goodness.items())
