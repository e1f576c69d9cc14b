"""Sizes of the row, its array and its cells: the paper's own were not available, so cards and a preset stand in."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

from pillarsim.arch.chip.load import load_card, load_chip
from pillarsim.arch.pulse_models import pulse_model
from pillarsim.devices.pulses.soft_bounds import SoftBounds
from pillarsim.devices.synapses.vertical import VerticalArray
from pillarsim.workloads.letters import SIDE

SEED = 2019  # our choice, made once
PRESET = "vrram_finger_8layer"  # wires, pitch, staircase, select transistor, pulse width
CELL_CARD, STEP_CARD = "hfox_taox_selfselective", "taox_al_doped"  # window, curve and noise; steps of equal pulses
LETTERS = 26
INPUTS = SIDE**2  # pixels; one word line each
LAYERS = (INPUTS + 1) // 2  # 25 layers of two combs: 49 pixels and the bias
READ_V = 0.2  # V, within the 0.1 to 0.3 V proposed for this row
WRITE_V = 1.5  # V over a written cell, within the 1.5 to 2 V proposed for this row
READ_S = 10e-9  # s a read, assumed: the preset's verify read
# V; t_ox k T / (q gamma a_0) of the Stanford-PKU defaults: 0.148 V at 500 K and gamma 14, where disturb is strongest
RATE_V = 0.15
MARGIN = 0.25  # of the read current of an LRS cell, by which the right pillar must lead in training, our choice
CHOSEN = 0.2  # of the window: where a chosen initial state lies, our choice
CHOSEN_SIGMA = 0.1  # standard deviation of its ln x over cells, assumed
BOUND_SIGMA = 0.05  # of the window: what all LRS or all HRS leaves from the bound (half-normal), assumed
LEARNING_PULSES = 1.0  # of the free update: pulses at an error of 1, our choice
SMALLEST_PULSE = 0.01  # of a pulse: free updates below it are not written, our choice


@dataclass(frozen=True)
class Plan:
    """How large the row is: seeds and most epochs of each training, and of those that are solved with wires.

    copies, flips: noisy copies of each letter, and numbers of inverted pixels; depths: of networks for the footprint.
    """

    seeds: int
    solved_seeds: int
    epochs: int
    solved_epochs: int
    copies: int
    flips: tuple[int, ...]
    depths: tuple[int, ...]


FULL = Plan(20, 3, 120, 120, 100, (0, 1, 2, 3, 4, 6, 8, 10), (1, 2, 3, 4, 6, 8))
QUICK = Plan(4, 1, 120, 16, 20, (0, 1, 3, 6), (1, 2, 4, 8))


@cache
def ideal_array() -> VerticalArray:
    """25 layers of two combs and a pillar a letter, without wire resistance."""
    card = load_card(CELL_CARD).card
    curve = card.iv
    assert curve.model == "sinh"
    assert curve.voltage is not None
    steepness = curve.stated_at / curve.voltage
    at_zero = steepness / math.sinh(steepness)
    return VerticalArray(LAYERS, LETTERS, at_zero / card.hrs, at_zero / card.lrs, 1 / curve.voltage)


@cache
def wired_array() -> VerticalArray:
    """The same with the preset's wires, drivers and select transistors."""
    wires = load_chip(PRESET).chip.array.resistance
    return replace(
        ideal_array(),
        r_wl=wires.word_line_segment,
        r_pillar=wires.pillar_segment,
        r_bl=wires.bit_line_segment,
        r_on=wires.select_on,
        r_driver=wires.driver,
        r_sense=wires.sense,
    )


@cache
def cell_steps() -> SoftBounds:
    """Steps of equal pulses, in the window of the array's cells."""
    section = load_card(STEP_CARD).card.pulse_update
    array = ideal_array()
    assert section is not None
    model = pulse_model(section, array.low_s, array.high_s)
    assert isinstance(model, SoftBounds)
    return model


@cache
def read_noise() -> float:
    """Relative read noise of a cell."""
    return float(load_card(CELL_CARD).card.read_noise)


@cache
def pulse_s() -> float:
    """Width of a write pulse (s)."""
    return float(load_chip(PRESET).chip.write.pulse)
