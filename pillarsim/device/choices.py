"""What the options of `device sample` mean for one card's device; refusals name the option."""

from __future__ import annotations

from dataclasses import dataclass

from pillarsim.arch.errors import InputError, nearest
from pillarsim.devices.cells import WriteRule
from pillarsim.devices.device import Device


@dataclass(frozen=True)
class Sampling:
    """A sample to be drawn; `pulses` None: devices programmed to levels.

    after: pulses before those. rule: of programming. time_s, temperature_k: ageing and reading; None: neither.
    """

    count: int
    seed: int
    pulses: int | None
    after: int
    imperfections: tuple[str, ...]
    level: int | None
    rule: WriteRule
    time_s: float | None
    temperature_k: float | None


def imperfections_of(device: Device, pulsed: bool) -> tuple[str, ...]:
    """Names that a sample of the device may switch on, by update pulses or programmed."""
    if pulsed and device.update is not None:
        return device.update.imperfections
    return device.imperfections


def chosen(text: str, known: tuple[str, ...], card: str) -> tuple[str, ...]:
    """Return the names in a comma list, in the card's order; `all` and `none` stand alone.

    Raises InputError for a name that the card lacks, with the nearest.
    """
    names = [name.strip() for name in text.split(",")]
    if names in (["all"], ["none"]):
        return known if names == ["all"] else ()
    words = (*known, "all", "none")
    for name in names:
        if name in ("all", "none"):
            raise InputError(f"--imperfections: expected {name!r} alone, found {text!r}")
        if name not in known:
            has = f"{card} has {', '.join(known)}" if known else f"{card} has none"
            raise InputError(f"--imperfections: no imperfection {name!r}: {has}{nearest(name, words)}")
    return tuple(name for name in known if name in names)


def check_pulses(device: Device, pulses: int | None, after: int, card: str) -> None:
    """Raise InputError for pulses that the card's model does not know."""
    if pulses is None:
        return
    if device.update is None:
        raise InputError(f"--pulses: {card} has no pulse_update: expected no --pulses (--level K programs cells)")
    one_way = device.update.directions != "both" and not device.update.restarts
    if one_way and min(pulses, after) < 0:
        raise InputError(
            f"--pulses: {card} moves one way ({device.update.directions}): expected a number of pulses of at least 0, "
            f"found {min(pulses, after)}"
        )


def check_level(device: Device, level: int | None) -> int:
    """Return the level, by default the highest conductance; raises InputError for one that the device lacks."""
    if level is None:
        return device.levels - 1
    if not 0 <= level < device.levels:
        raise InputError(f"--level: expected 0 (HRS) to {device.levels - 1} (LRS), found {level}")
    return level


def check_ageing(device: Device, time_s: float | None, temperature_k: float | None, card: str) -> None:
    """Raise InputError for a time without retention, and for a temperature that changes nothing."""
    if time_s is not None and device.retention is None:
        raise InputError(f"--time: {card} states no retention, found {time_s:g} s")
    if temperature_k is not None and time_s is None and device.activation is None:
        raise InputError(f"--temperature: {card} states no activation: expected with --time alone")
