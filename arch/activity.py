"""What the values do to cost, per layer: the bridge from the value model to the event model.

All figures are means over the evaluated images and device seeds, of one replica handling one window.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerActivity:
    """Data-dependent activity of one matrix layer; counts and sums a window (one output position).

    chunks            reads of one input, for each row group
    drives            input lines driven with a code chunk other than 0, summed over arrays and reads
    conductance_s     sum over arrays, reads and driven cells of x^2 G (amplitude) or x G (pulse width), x being the
                      chunk over its largest value; times V^2 t_read it is the dissipation of a window's reads in the
                      cells that are driven (the signal)
    sneak_s, wires_s  the same for all other cells, and for wires and switches; 0 where wires are ideal
    conductance_time  as conductance_s with x G: times V it is the charge taken from the read rail (per t_read)
    spikes            integrate-and-fire spikes (0 for other converters)
    conversions       conversions whose code was produced
    clipped           of those, the ones outside the converter's range
    """

    name: str
    chunks: int
    drives: float
    conductance_s: float
    sneak_s: float
    wires_s: float
    conductance_time: float
    spikes: float
    conversions: int
    clipped: float


@dataclass(frozen=True)
class LayerProgramming:
    """What writing one layer's arrays (all replicas) takes, from the device model's draws of one seed.

    pulses            SET pulses, verify reads number the same; resets number `cells` when the chip resets
    group_pulses      for each array of each replica in order: sum over its write groups of the largest pulse count
    groups            write groups (cells of one row written at once) of each array
    cell_energy_j     dissipated in the written cells, verify reads included
    half_select_j     dissipated in half-selected cells
    wires_j           dissipated in wires and switches (solved circuits; 0 where wires are ideal)
    rail_loss_j       lost in the regulators between rails and array voltages
    disturb_v         largest voltage over a cell that is not being written
    failed            cells that missed the tolerance after the last pulse
    """

    name: str
    cells: int
    pulses: int
    resets: int
    group_pulses: tuple[int, ...]
    groups: tuple[int, ...]
    cell_energy_j: float
    half_select_j: float
    wires_j: float
    rail_loss_j: float
    disturb_v: float
    failed: int


@dataclass(frozen=True)
class Activity:
    """Per-layer activities; `source` says whether they were measured by the value model or are stated defaults."""

    layers: tuple[LayerActivity, ...]
    programming: tuple[LayerProgramming, ...]
    source: str
