"""The converter of a chip: its readout section and the cost model that it names."""

from __future__ import annotations

from dataclasses import replace

from pillarsim.arch.chip import Hardware
from pillarsim.arch.components.card_costs import circuit_part, find_card
from pillarsim.arch.components.cards import BitsCard
from pillarsim.arch.errors import InputError
from pillarsim.devices import converter_costs as models
from pillarsim.devices.costs import ComponentCost
from pillarsim.devices.scaling import leakage_temperature_factor
from pillarsim.devices.wires import cycles_ps

AT_300_K = ("survey_regression", "isaac_isca_2016", "zigzag_28nm")  # models whose leakage is stated at 300 K
ISAAC_TABLE = "isaac_adc"  # cards that the cost models are built from
COMPARATOR, COUNTER, NEURON = "comparator", "counter", "neuron"


def converter_cost(hardware: Hardware) -> ComponentCost:
    """Cost of one converter at the chip's temperature; raises InputError where the model does not cover the bits."""
    cost = _stated_cost(hardware)
    if cost.leakage_w is None or hardware.readout.cost_model not in AT_300_K:
        return cost
    technology = hardware.technology
    warm = leakage_temperature_factor(technology.temperature, technology.node)
    scaling = f"{cost.scaling}; leakage at {technology.temperature:g} K x {warm:.3g}"
    return replace(cost, leakage_w=cost.leakage_w * warm, scaling=scaling)


def _stated_cost(hardware: Hardware) -> ComponentCost:
    readout, technology = hardware.readout, hardware.technology
    rate_hz = readout.rate or models.DEFAULT_RATE_HZ
    try:
        match readout.cost_model:
            case "isaac_isca_2016":
                return _isaac(readout.bits, cycles_ps(1, rate_hz))
            case "survey_regression":
                return models.survey_regression(readout.bits, technology.node, rate_hz)
            case "zigzag_28nm":
                rows = hardware.array.active_inputs
                return models.zigzag_28nm(readout.bits, rows, technology.supply.core)
            case "neuron":
                return _neuron(hardware)
            case _:
                return _comparators(hardware)
    except ValueError as error:
        raise InputError(f"readout.bits: {error}") from None


def _isaac(bits: int, convert_ps: int) -> ComponentCost:
    loaded = find_card("readout.model", ISAAC_TABLE)
    if not isinstance(loaded.card, BitsCard):
        raise InputError(f"readout.model: expected a table over bits, found {ISAAC_TABLE!r}")
    points = {
        point.bits: models.ConverterPoint(point.energy_j, point.area, loaded.source("points", index))
        for index, point in enumerate(loaded.card.points)
    }
    return models.tabulated(points, bits, convert_ps, "isaac_isca_2016", "32 nm")


def _comparators(hardware: Hardware) -> ComponentCost:
    readout, technology = hardware.readout, hardware.technology
    cycle_ps = cycles_ps(1, technology.clock)
    comparator = circuit_part("readout.model", COMPARATOR, "decide", technology)
    if readout.converter == "flash_adc":
        cost = models.flash(readout.bits, comparator, cycle_ps)
    elif readout.converter == "sense_amp":
        cost = models.sense_amp(comparator, cycle_ps)
    else:
        counter = circuit_part("readout.model", COUNTER, "count", technology)
        cost = models.ramp(readout.bits, comparator, counter, hardware.converters_per_array, cycle_ps)
    if readout.rate is None:
        return cost
    convert = replace(cost.actions["convert"], time_ps=cycles_ps(1, readout.rate))
    return replace(cost, actions={**cost.actions, "convert": convert})


def _neuron(hardware: Hardware) -> ComponentCost:
    technology, neuron = hardware.technology, hardware.readout.neuron
    pair = neuron is not None and neuron.polarity == "pair"
    return models.integrate_and_fire(
        hardware.readout.bits,
        circuit_part("readout.neuron", NEURON, "fire", technology),
        circuit_part("readout.neuron", COUNTER, "count", technology),
        circuit_part("readout.neuron", COUNTER, "read", technology),
        2 if pair else 1,
        cycles_ps(1, technology.clock),
    )
