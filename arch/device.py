"""From a device card to device models: each section of a card becomes the part of `devices` that computes it."""

from __future__ import annotations

from pathlib import Path

from pillarsim.arch.chip.ageing import ArrheniusLoss, CellRetention, PowerLawDrift, Relaxation
from pillarsim.arch.chip.cell import CellCard
from pillarsim.arch.chip.current_voltage import LAW_K
from pillarsim.arch.chip.load import load_card
from pillarsim.arch.chip.written import LevelError, Quantiles, StatePair, TelegraphNoise
from pillarsim.arch.pulse_models import pulse_model
from pillarsim.devices import endurance, noise, retention, temperature
from pillarsim.devices.device import Device
from pillarsim.devices.programming_error import LogNormalError, PolynomialError, ProgrammingError, QuantileError


def load_device(card: str | Path) -> Device:
    """Return the device of a card: a path or a shipped name. Raises InputError with file:line and key."""
    return device_of(load_card(card).card)


def device_of(card: CellCard) -> Device:
    """Return the device that a card states, alone: without a chip's access transistor or wires."""
    low, high = 1 / card.hrs, 1 / card.lrs
    return Device(
        g_min_s=low,
        g_max_s=high,
        levels=card.levels,
        stated_v=card.iv.stated_at,
        stated_k=LAW_K if card.activation is None else card.activation.temperature,
        curve_k=LAW_K,
        law=card.iv.law,
        error=None if exactly_written(card) else programming_error(card, low, high),
        update=None if card.pulse_update is None else pulse_model(card.pulse_update, low, high),
        by_pulses=card.programming == "pulses",
        read_noise=card.read_noise,
        telegraph=telegraph_noise(card.telegraph_noise),
        stuck_min=card.stuck.hrs,
        stuck_max=card.stuck.lrs,
        activation=thermal_activation(card),
        retention=None if card.retention is None else retention_model(card.retention),
        endurance=endurance_model(card),
    )


def exactly_written(card: CellCard) -> bool:
    """Whether a write pulse of the card leaves no error at all."""
    return card.level_error is None and card.quantiles is None and card.programming_error == StatePair()


def programming_error(card: CellCard, g_min_s: float, g_max_s: float) -> ProgrammingError:
    """Return the error of one write pulse of cells between two states, as a read sees them."""
    if card.level_error is not None:
        return level_error(card.level_error)
    if card.quantiles is not None:
        return quantile_error(card.quantiles)
    return LogNormalError(card.programming_error.hrs, card.programming_error.lrs, g_min_s, g_max_s)


def level_error(section: LevelError) -> PolynomialError:
    """Return the normal error of a card's fit."""
    return PolynomialError(tuple(section.coefficients), section.scale, section.lowest, section.highest)


def quantile_error(section: Quantiles) -> QuantileError:
    """Return the empirical error of a card's table; its outermost quantiles are repeated at probabilities 0 and 1."""
    inside = section.probabilities
    first, last = inside[0] > 0, inside[-1] < 1
    return QuantileError(
        (*(0.0,) * first, *inside, *(1.0,) * last),
        tuple(level.target for level in section.levels),
        tuple(
            (*level.conductance[:1] * first, *level.conductance, *level.conductance[-1:] * last)
            for level in section.levels
        ),
    )


def telegraph_noise(section: TelegraphNoise) -> noise.SlowTelegraph | None:
    """Return the slow telegraph noise, None where it changes nothing."""
    if section.occupancy == 0 or section.amplitude == 0:
        return None
    return noise.SlowTelegraph(section.occupancy, section.amplitude)


def thermal_activation(card: CellCard) -> temperature.ThermalActivation | None:
    """Return how the conductance follows temperature, None where the card states nothing."""
    if card.activation is None:
        return None
    return temperature.ThermalActivation(card.activation.hrs, card.activation.lrs, card.activation.temperature)


def endurance_model(card: CellCard) -> endurance.Endurance | None:
    """Return what cycling does, None where the card states nothing."""
    return None if card.endurance is None else endurance.Endurance(card.endurance.cycles, card.endurance.exponent)


def retention_model(section: CellRetention) -> retention.Retention:
    """Return what time does."""
    reach = retention.Reach(section.longest, section.coldest, section.hottest)
    match section:
        case PowerLawDrift():
            return retention.PowerLawDrift(section.hrs, section.lrs, section.spread, section.since, reach)
        case Relaxation():
            return retention.Relaxation(
                tuple(section.probabilities),
                tuple(knot.conductance for knot in section.knots),
                tuple(tuple(knot.after) for knot in section.knots),
                section.time,
                section.temperature,
                section.onset,
                section.activation,
                reach,
            )
        case ArrheniusLoss():
            return retention.ArrheniusLoss(
                section.hrs,
                section.lrs,
                section.temperature,
                section.activation,
                section.exponent,
                section.toward,
                reach,
            )
    return retention.SpreadGrowth(
        tuple(section.times),
        tuple(tuple(row) for row in section.coefficients),
        section.scale,
        section.lowest,
        section.highest,
        reach,
    )
