"""From counts of reads to `LayerActivity`, measured or by stated defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.activity import LayerActivity
from pillarsim.arch.compute.fixed_point import row_conductance_s, unit_steps
from pillarsim.arch.compute.layer import ReadCounts
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule, SpikeRule
from pillarsim.arch.placement import PlacedLayer, Placement

DEFAULT_DENSITY = 0.5  # of input bits, where no image was evaluated: every code equally likely
DEFAULT_SOURCE = f"default: input bit density {DEFAULT_DENSITY}, no clipping"


def conversions(layer: PlacedLayer, rule: ReadRule) -> int:
    """Conversions of one window: row groups x reads converted x column outputs."""
    groups = sum(len(block.groups) for block in layer.row_blocks)
    return groups * rule.conversions(layer.matrix.input) * layer.units * rule.columns


def measured(
    layer: PlacedLayer, rule: ReadRule, conductance_s: Sequence[NDArray[np.float64]], counts: Sequence[ReadCounts]
) -> LayerActivity:
    """Mean activity of a window, from the summed counts, one each a device seed.

    conductance_s (R,) of each row, or (terms, R) of nonlinear cells whose inputs are voltages: x G is then I(V) / V_r.
    """
    drives = power = charge = spikes = clipped = 0.0
    for row_s, count in zip(conductance_s, counts, strict=True):
        share = 1.0 / (count.windows * len(counts))
        drives += float(_column_arrays(layer) @ count.driven) * share
        power += _over_rows(row_s, count.drive if rule.pulse_width else count.drive_squared) * share
        charge += _over_rows(row_s, count.drive) * share
        spikes += count.spikes * share
        clipped += count.clipped * share
    return LayerActivity(
        name=layer.name,
        chunks=layer.chunks,
        drives=drives,
        conductance_s=power,
        sneak_s=0.0,
        wires_s=0.0,
        conductance_time=charge,
        spikes=spikes,
        conversions=conversions(layer, rule),
        clipped=clipped,
    )


def _over_rows(row_s: NDArray[np.float64], drive: NDArray[np.float64]) -> float:
    return float(row_s.ravel() @ drive.ravel())


def default_activity(
    placement: Placement, programmed: Sequence[ProgrammedLayer], rule: ReadRule
) -> tuple[LayerActivity, ...]:
    """Activity where nothing was evaluated: input bits are 1 with density 0.5, independently; nothing is clipped.

    Spikes: those of the mean charge of each column output and read, not rounded down.
    """
    return tuple(_default(layer, device, rule) for layer, device in zip(placement.layers, programmed, strict=True))


def add_counts(parts: Sequence[ReadCounts]) -> ReadCounts:
    """Totals over several sets of windows, added in the order given."""
    return ReadCounts(
        sum(part.windows for part in parts),
        sum(part.clipped for part in parts),
        sum(part.spikes for part in parts),
        np.sum([part.driven for part in parts], axis=0),
        np.sum([part.drive for part in parts], axis=0),
        np.sum([part.drive_squared for part in parts], axis=0),
    )


def _column_arrays(layer: PlacedLayer) -> NDArray[np.float64]:
    """Arrays beside one another that row r drives, (R,)."""
    counts = np.zeros(layer.matrix.weight.shape[0])
    for placed in layer.replicas[0]:
        block = layer.row_blocks[placed.row_block]
        counts[block.start : block.stop] += 1
    return counts


def _default(layer: PlacedLayer, device: ProgrammedLayer, rule: ReadRule) -> LayerActivity:
    rows = layer.matrix.weight.shape[0]
    full = (1 << rule.chunk_bits) - 1
    table = np.arange(full + 1.0)[:, None] if rule.response is None else rule.response.drives()
    driven, drive, squared = 0.0, np.zeros(table.shape[1]), np.zeros(table.shape[1])
    for chunk in rule.chunks(layer.matrix.input):
        # Chunk values are uniform: each bit is 1 with density 0.5.
        values = np.arange(chunk.high + 1)
        driven += float((values > 0).mean())
        drives = table[: chunk.high + 1]
        drive += drives.mean(axis=0) / full
        squared += (values[:, None] * drives).mean(axis=0) / full**2
    ones = np.ones(rows)
    counts = ReadCounts(1, 0, 0, driven * ones, drive[:, None] * ones, squared[:, None] * ones)
    activity = measured(layer, rule, [row_conductance_s(device, rule)], [counts])
    if rule.spikes is None:
        return activity
    return replace(activity, spikes=_default_spikes(layer, device, rule, rule.spikes))


def _default_spikes(layer: PlacedLayer, device: ProgrammedLayer, rule: ReadRule, neuron: SpikeRule) -> float:
    """Spikes of one window with every row at its mean drive: a mean current a read, counted without rounding."""
    chunks = rule.chunks(layer.matrix.input)
    if rule.response is None:
        values = device.seen_s.double().numpy() / rule.step_s
        columns = (values[:1] - values[1:] if rule.pairs else values)[:, :, None]
        means = [np.array([chunk.high / 2]) for chunk in chunks]
    else:
        steps, _ = unit_steps(device, rule)
        columns = steps.reshape(1, len(layer.matrix.weight), -1, *steps.shape[2:])
        table = rule.response.drives()
        means = [table[: chunk.high + 1].mean(axis=0) for chunk in chunks]
    if rule.analog_accumulate:
        means = [sum((chunk.weight * mean for chunk, mean in zip(chunks, means, strict=True)), np.zeros(1))]
    spikes = 0.0
    for block in layer.row_blocks:
        for start, stop in block.groups:
            sums = columns[:, start:stop].sum(axis=1)
            for mean in means:
                drive = np.abs((sums * mean[:, None, None]).sum(axis=1)) * neuron.gain
                spikes += float((drive * (1 + neuron.dead) / (1 + drive * neuron.dead)).sum())
    return spikes
