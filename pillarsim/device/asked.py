"""The texts of the options of `device` as checked numbers; refusals name the option."""

from __future__ import annotations

import math
from typing import cast

from pillarsim.arch.errors import InputError, nearest
from pillarsim.arch.units import parse_quantity
from pillarsim.device.choices import (
    Sampling,
    check_ageing,
    check_level,
    check_pulses,
    chosen,
    imperfections_of,
)
from pillarsim.device.fit.card import LABELS
from pillarsim.device.fit.result import Given, Toward
from pillarsim.devices.cells import WriteRule
from pillarsim.devices.device import Device

MOST_DEVICES = 10_000_000  # of a sample; a float64 each, 80 MB
MOST_PULSES = 1_000_000  # of a sample; models that go pulse by pulse take minutes for more
DEFAULT_PULSE_LIMIT = 20  # of write-verify, as the shipped chips have
TOWARD = ("hrs", "lrs", "middle")
DEFAULT_TOWARD = "hrs"  # loss of a filament
DEFAULT_DEGREE = 1  # of the error against conductance


def sampling_of(
    device: Device,
    card: str,
    pulses: str | None,
    after: str | None,
    count: str,
    imperfections: str,
    level: str | None,
    verify: str | None,
    max_pulses: str | None,
    time: str | None,
    temperature: str | None,
    seed: int,
) -> Sampling:
    """The options as numbers, checked against the card's device."""
    if pulses is None and device.by_pulses and verify is None and level is None:
        pulses = "0"
    given = None if pulses is None else _whole("--pulses", pulses, -MOST_PULSES, MOST_PULSES)
    if given is None and after is not None:
        raise InputError("--after: expected with --pulses")
    for option, value in (("--level", level), ("--verify", verify)):
        if given is not None and value is not None:
            raise InputError(f"{option}: expected without --pulses, which gives fresh devices a number of pulses")
    if max_pulses is not None and verify is None:
        raise InputError("--max-pulses: expected with --verify")
    if device.by_pulses and given is None and verify is None:
        raise InputError(f"--level: {card} is programmed by pulses: expected with --verify, such as --verify '1 uS'")
    before = 0 if after is None else _whole("--after", after, -MOST_PULSES, MOST_PULSES)
    check_pulses(device, given, before, card)
    place = None if level is None else _whole("--level", level, 0, 255)
    if given is None:
        check_level(device, place)
    tolerance = None if verify is None else _positive("--verify", verify, "conductance")
    limit = DEFAULT_PULSE_LIMIT if max_pulses is None else _whole("--max-pulses", max_pulses, 1, MOST_PULSES)
    time_s = None if time is None else _positive("--time", time, "time", zero=True)
    kelvin = None if temperature is None else _positive("--temperature", temperature, "temperature")
    check_ageing(device, time_s, kelvin, card)
    return Sampling(
        count=_whole("--count", count, 1, MOST_DEVICES),
        seed=seed,
        pulses=given,
        after=before,
        imperfections=chosen(imperfections, imperfections_of(device, given is not None), card),
        level=place,
        rule=WriteRule(tolerance, limit),
        time_s=time_s,
        temperature_k=kelvin,
    )


def given_of(
    lrs: str | None,
    hrs: str | None,
    levels: str | None,
    degree: str | None,
    thickness: str | None,
    temperature: str | None,
    toward: str | None,
    stated_at: str | None,
) -> Given:
    """The options of a fit as numbers; what is None and has a default takes it."""
    toward = DEFAULT_TOWARD if toward is None else toward
    if toward not in TOWARD:
        raise InputError(f"--toward: expected one of {', '.join(TOWARD)}; found {toward!r}{nearest(toward, TOWARD)}")
    given = Given(
        lrs_ohm=None if lrs is None else _positive("--lrs", lrs, "resistance"),
        hrs_ohm=None if hrs is None else _positive("--hrs", hrs, "resistance"),
        levels=None if levels is None else _whole("--levels", levels, 2, 256),
        degree=DEFAULT_DEGREE if degree is None else _whole("--degree", degree, 0, 7),
        thickness_m=None if thickness is None else _positive("--thickness", thickness, "length"),
        temperature_k=None if temperature is None else _positive("--temperature", temperature, "temperature"),
        toward=cast(Toward, toward),
        stated_v=None if stated_at is None else _positive("--stated-at", stated_at, "voltage", zero=True),
    )
    if given.lrs_ohm is not None and given.hrs_ohm is not None and given.hrs_ohm <= given.lrs_ohm:
        raise InputError(f"--hrs: expected above --lrs ({lrs}), found {hrs}")
    return given


def labels_of(labels: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if key not in LABELS or not equals or not value.strip():
            raise InputError(f"--label: expected KEY=TEXT with one of {', '.join(LABELS)}; found {text!r}")
        if key == "year" and not value.strip().isdecimal():
            raise InputError(f"--label: expected year=NUMBER, found {text!r}")
        found[key] = value.strip()
    return found


def _whole(option: str, text: str, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise InputError(f"{option}: expected a whole number from {low} to {high}, found {text!r}")
    return value


def _positive(option: str, text: str, dimension: str, zero: bool = False) -> float:
    """A quantity with its unit, above 0 (or 0 where that has a meaning)."""
    try:
        value = parse_quantity(text, dimension)
    except ValueError as error:
        raise InputError(f"{option}: {error}") from None
    if not (value > 0 or (zero and value == 0)) or math.isinf(value):
        unit = " K" if dimension == "temperature" else ""
        raise InputError(
            f"{option}: expected a {dimension} {'of at least' if zero else 'above'} 0{unit}, found {text!r}"
        )
    return value
