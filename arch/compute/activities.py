"""From counts of reads to `LayerActivity`, measured or by stated defaults."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.activity import LayerActivity
from pillarsim.arch.chip import Array, Retention
from pillarsim.arch.compute.aged import aged_piece_s
from pillarsim.arch.compute.fixed_point import row_conductance_s, unit_steps
from pillarsim.arch.compute.layer import ReadCounts
from pillarsim.arch.compute.pieces import Piece, pieces
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


@dataclass(frozen=True, eq=False)
class ReadSums:
    """What default activity needs of one piece of a layer: (rows,) or (terms, rows) siemens of `row_conductance_s`.

    spikes: in a window, of each row group and read.
    """

    row_s: NDArray[np.float64]
    spikes: tuple[float, ...] = ()


def default_activity(
    placement: Placement, programmed: Sequence[ProgrammedLayer], rule: ReadRule
) -> tuple[LayerActivity, ...]:
    """Activity where nothing was evaluated: input bits are 1 with density 0.5, independently; nothing is clipped.

    Spikes: those of the mean charge of each column output and read, not rounded down.
    """
    sums = [
        [read_sums(layer, piece, _rows(device, piece), rule) for piece in pieces(layer)]
        for layer, device in zip(placement.layers, programmed, strict=True)
    ]
    return activity_of_sums(placement, sums, rule)


def read_sums(layer: PlacedLayer, piece: Piece, device: ProgrammedLayer, rule: ReadRule) -> ReadSums:
    """Sums over the cells of one piece; `device` holds its rows alone."""
    spikes = () if rule.spikes is None else _default_spikes(layer, piece, device, rule, rule.spikes)
    return ReadSums(row_conductance_s(device, rule), spikes)


def written_sums(
    layer: PlacedLayer,
    piece: Piece,
    conductance_s: torch.Tensor,
    *,
    rule: ReadRule,
    array: Array,
    retention: Retention | None,
    temperature_k: float,
    seed: int,
) -> ReadSums:
    """`read_sums` of a piece's cells (P, rows, O, S) as they were written: of what reads find of them (`aged`)."""
    found_s = aged_piece_s(layer, piece, conductance_s, array, retention, temperature_k, seed)
    return read_sums(layer, piece, ProgrammedLayer(found_s), rule)


def activity_of_sums(
    placement: Placement, sums: Sequence[Sequence[ReadSums]], rule: ReadRule
) -> tuple[LayerActivity, ...]:
    """`default_activity` from the sums of all pieces of every layer."""
    return tuple(_layer_default(layer, parts, rule) for layer, parts in zip(placement.layers, sums, strict=True))


def _layer_default(layer: PlacedLayer, sums: Sequence[ReadSums], rule: ReadRule) -> LayerActivity:
    """Default activity of a layer from the sums of all of its pieces in order."""
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
    row_s = np.ascontiguousarray(np.concatenate([one.row_s for one in sums], axis=-1))
    activity = measured(layer, rule, [row_s], [counts])
    return replace(activity, spikes=math.fsum(number for one in sums for number in one.spikes))


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


def _rows(device: ProgrammedLayer, piece: Piece) -> ProgrammedLayer:
    """The rows of a piece; which columns are complemented does not matter to sums."""
    effective = None if device.effective_s is None else device.effective_s[:, piece.rows].contiguous()
    return ProgrammedLayer(device.conductance_s[:, piece.rows].contiguous(), None, effective)


def _default_spikes(
    layer: PlacedLayer, piece: Piece, device: ProgrammedLayer, rule: ReadRule, neuron: SpikeRule
) -> tuple[float, ...]:
    """Spikes of one window with every row at its mean drive: a mean current a read, counted without rounding."""
    chunks = rule.chunks(layer.matrix.input)
    if rule.response is None:
        values = device.seen_s.double().numpy() / rule.step_s
        columns = (values[:1] - values[1:] if rule.pairs else values)[:, :, None]
        means = [np.array([chunk.high / 2]) for chunk in chunks]
    else:
        steps, _ = unit_steps(device, rule)
        columns = steps.reshape(1, piece.stop - piece.start, -1, *steps.shape[2:])
        table = rule.response.drives()
        means = [table[: chunk.high + 1].mean(axis=0) for chunk in chunks]
    if rule.analog_accumulate:
        means = [sum((chunk.weight * mean for chunk, mean in zip(chunks, means, strict=True)), np.zeros(1))]
    spikes = []
    for start, stop in (group for block in piece.row_blocks(layer) for group in block.groups):
        sums = columns[:, start - piece.start : stop - piece.start].sum(axis=1)
        for mean in means:
            drive = np.abs((sums * mean[:, None, None]).sum(axis=1)) * neuron.gain
            spikes.append(float((drive * (1 + neuron.dead) / (1 + drive * neuron.dead)).sum()))
    return tuple(spikes)
