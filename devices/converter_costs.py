"""Cost models of column converters: energy a conversion, area, static power, conversion time.

    tabulated          a table over bits (ISAAC's converter), as published, at its own node
    survey_regression  regression over published converters (Murmann's survey), as in CiMLoop
    zigzag_28nm        fit over analog in-memory chips at 28 nm, as in ZigZag-IMC
    ramp, flash, sense_amp, neuron   built from comparators and counters

None of these is scaled with the digital node: converters are analog. The survey has the node as a variable.
Left out: reference generation, calibration, input buffers, the ramp generator, the flash encoder.
Bits that a model does not cover raise ValueError that names the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pillarsim.devices.costs import Action, ComponentCost, product, sum_if_all

SURVEY_SOURCE = "Murmann ADC survey regression as in hwcomponents-adc (CiMLoop)"
ZIGZAG_SOURCE = "ZigZag-IMC imc_array.py, fit on 28 nm analog in-memory chips"
DEFAULT_RATE_HZ = 1.28e9  # conversions/s, ISAAC Table I, where a chip states no rate
SURVEY_MIN_BITS = 4  # hwcomponents-adc: fewer effective bits are outside the regression
SURVEY_STATIC = 0.2  # share of the energy at full rate that hwcomponents-adc counts as static


@dataclass(frozen=True)
class ConverterPoint:
    """One row of a converter table: energy a conversion (J), area (m2), and where it was found."""

    energy_j: float | None
    area_m2: float | None
    source: str


@dataclass(frozen=True)
class CircuitPart:
    """A comparator or counter as a building block: energy of one action, area, leakage; None: not stated."""

    energy_j: float | None
    area_m2: float | None
    leakage_w: float | None
    name: str
    source: str


def tabulated(points: Mapping[int, ConverterPoint], bits: int, convert_ps: int, model: str, node: str) -> ComponentCost:
    """A converter of `bits` from a table of published ones; leakage is not stated in such tables."""
    if bits not in points:
        raise ValueError(f"{model}: expected {min(points)} to {max(points)} bits, found {bits}")
    point = points[bits]
    action = Action(point.energy_j, convert_ps, point.source)
    return ComponentCost(
        point.area_m2, None, {"convert": action}, f"{model}, {bits} bits", point.source, f"{node}, not scaled (analog)"
    )


def survey_energy_j(bits: float, node_m: float, rate_hz: float) -> float:
    """Energy of one conversion, static part included, of a good published converter (20th percentile)."""
    if bits < SURVEY_MIN_BITS:
        raise ValueError(f"survey_regression: expected at least {SURVEY_MIN_BITS} bits, found {bits:g}")
    node_nm = node_m * 1e9
    figure_of_merit_db = min(213.7807 - 2.871903 * math.log(rate_hz), 128.3068 + 3.220512 * math.ceil(bits))
    sndr_db = 6.0206 * bits + 1.76
    fit = 26.04962 + 1.880037 * math.log(node_nm) - 2.829126 * math.log(bits) - 1.470202
    return 0.5e-12 * 10 ** ((sndr_db - figure_of_merit_db) / 10) * math.exp(fit)


def survey_area_m2(bits: float, node_m: float, rate_hz: float) -> float:
    """Area of one converter of the survey regression."""
    energy_pj = survey_energy_j(bits, node_m, rate_hz) * 1e12
    fit = 1.346192 + 0.993279 * math.log(node_m * 1e9) + 0.180715 * math.log(rate_hz)
    return math.exp(fit + 0.299124 * math.log(energy_pj)) * 1e-12


def survey_regression(bits: int, node_m: float, rate_hz: float) -> ComponentCost:
    """A converter of the survey regression: a fifth of the energy at full rate is static power."""
    energy_j = survey_energy_j(bits, node_m, rate_hz)
    convert = Action(energy_j * (1 - SURVEY_STATIC), max(1, round(1e12 / rate_hz)), SURVEY_SOURCE)
    return ComponentCost(
        area_m2=survey_area_m2(bits, node_m, rate_hz),
        leakage_w=SURVEY_STATIC * energy_j * rate_hz,
        actions={"convert": convert},
        model=f"survey_regression, {bits} bits at {rate_hz / 1e9:g} GS/s",
        source=SURVEY_SOURCE,
        scaling=f"regression evaluated at {node_m * 1e9:g} nm",
    )


def zigzag_28nm(bits: int, active_rows: int, supply_v: float) -> ComponentCost:
    """A converter of the 28 nm fit; its time grows with the rows that share a column. Leakage is not stated."""
    area_m2 = 10 ** (-0.0369 * bits + 1.206) * 2**bits * 1e-6 * 1e-6
    energy_j = (100 * bits + 0.001 * 4**bits) * supply_v**2 / 1000 * 1e-12
    time_ps = math.ceil(bits * (0.00653 * active_rows + 0.640) * 1e3)
    return ComponentCost(
        area_m2,
        None,
        {"convert": Action(energy_j, time_ps, ZIGZAG_SOURCE)},
        f"zigzag_28nm, {bits} bits",
        ZIGZAG_SOURCE,
        f"28 nm, not scaled with the node (analog); supply {supply_v:g} V",
    )


def ramp(bits: int, comparator: CircuitPart, counter: CircuitPart, sharing: int, cycle_ps: int) -> ComponentCost:
    """One comparator against a ramp of 2^bits clock cycles; `sharing` converters share ramp and counter.

    The comparator decides once a cycle; the counter counts once a cycle for all that share it.
    """
    steps = 2**bits
    energy_j = sum_if_all([product(comparator.energy_j, steps), product(counter.energy_j, steps / sharing)])
    parts = ((comparator, 1.0), (counter, 1 / sharing))
    return _circuit("ramp_adc", bits, parts, energy_j, steps * cycle_ps)


def flash(bits: int, comparator: CircuitPart, cycle_ps: int) -> ComponentCost:
    """2^bits - 1 comparators that decide at once in one clock cycle."""
    count = 2**bits - 1
    return _circuit("flash_adc", bits, ((comparator, float(count)),), product(comparator.energy_j, count), cycle_ps)


def sense_amp(comparator: CircuitPart, cycle_ps: int) -> ComponentCost:
    """One comparator that decides in one clock cycle."""
    return _circuit("sense_amp", 1, ((comparator, 1.0),), comparator.energy_j, cycle_ps)


def integrate_and_fire(
    bits: int, neuron: CircuitPart, counter: CircuitPart, readout: CircuitPart, circuits: int, cycle_ps: int
) -> ComponentCost:
    """`circuits` neurons (2: one a polarity), each with a counter of `bits`.

    `spike` is one firing of a neuron and one count; `convert` reads all the counters, `readout` being one bit.
    """
    spike_j = sum_if_all([neuron.energy_j, counter.energy_j])
    source = f"{neuron.source}; counter: {counter.source}"
    convert_j = product(readout.energy_j, bits * circuits)
    return ComponentCost(
        area_m2=product(sum_if_all([neuron.area_m2, counter.area_m2]), circuits),
        leakage_w=product(sum_if_all([neuron.leakage_w, counter.leakage_w]), circuits),
        actions={
            "spike": Action(spike_j, None, source),
            "convert": Action(convert_j, cycle_ps, readout.source),
        },
        model=f"neuron, {circuits} x ({neuron.name} + {counter.name})",
        source=source,
        scaling="analog parts not scaled, counter scaled as its card says",
    )


def _circuit(
    name: str, bits: int, parts: tuple[tuple[CircuitPart, float], ...], energy_j: float | None, time_ps: int
) -> ComponentCost:
    source = "; ".join(f"{part.name}: {part.source}" for part, _ in parts)
    return ComponentCost(
        area_m2=sum_if_all([product(part.area_m2, count) for part, count in parts]),
        leakage_w=sum_if_all([product(part.leakage_w, count) for part, count in parts]),
        actions={"convert": Action(energy_j, time_ps, source)},
        model=f"comparators, {name}, {bits} bits",
        source=source,
        scaling="analog parts not scaled, digital parts as their cards say",
    )
