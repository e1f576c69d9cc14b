"""What a read finds of programmed cells: after the time since programming, at the chip's temperature.

    programmed -> retention (time, storage temperature) -> slow telegraph noise -> thermal activation -> read

All of it happens to the cell behind its access device. Cells are written at the temperature for which their card holds;
converters keep the ranges of the written levels.
Left out: ageing by reads, time between layers, reprogramming before the evaluation.
"""

from __future__ import annotations

import torch

from pillarsim.arch.chip import Array, CellCard, Retention
from pillarsim.arch.compute.pieces import Piece, part_seed, pieces
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.device import retention_model, telegraph_noise, thermal_activation
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PlacedLayer, Placement
from pillarsim.devices.in_series import alone_s, in_series_s
from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.streams import generator, stream_seed


def changes(cell: CellCard, retention: Retention | None) -> bool:
    """Whether a read finds anything but what was programmed."""
    return retention is not None or cell.activation is not None or telegraph_noise(cell.telegraph_noise) is not None


def aged(
    placement: Placement,
    programmed: tuple[ProgrammedLayer, ...],
    array: Array,
    retention: Retention | None,
    temperature_k: float,
    seed: int,
) -> tuple[ProgrammedLayer, ...]:
    """Return one device's layers as its reads find them; `seed` is the device's.

    Raises InputError for a time or temperature beyond what the cell's card states.
    """
    if not changes(array.cell, retention):
        return programmed
    found = []
    for placed, layer in zip(placement.layers, programmed, strict=True):
        seen_s = torch.empty_like(layer.conductance_s)
        for piece in pieces(placed):
            part_s = layer.conductance_s[:, piece.rows].contiguous()
            seen_s[:, piece.rows] = aged_piece_s(placed, piece, part_s, array, retention, temperature_k, seed)
        found.append(ProgrammedLayer(seen_s, layer.flipped))
    return tuple(found)


def aged_piece_s(
    layer: PlacedLayer,
    piece: Piece,
    conductance_s: torch.Tensor,
    array: Array,
    retention: Retention | None,
    temperature_k: float,
    seed: int,
) -> torch.Tensor:
    """As `aged` for one piece of a layer, (P, rows, O, S); its cells have draws of their own."""
    stream = part_seed(stream_seed(seed, "aged", layer.name), piece.start)
    return aged_s(conductance_s, array, retention, temperature_k, stream)


def aged_s(
    conductance_s: torch.Tensor, array: Array, retention: Retention | None, temperature_k: float, seed: int
) -> torch.Tensor:
    """Return conductances of any shape (S, I / V at the read voltage, access device included) as reads find them."""
    if not changes(array.cell, retention):
        return conductance_s
    low, high = array.cell_range
    cells_s: torch.Tensor = alone_s(conductance_s, array.series_resistance)
    if retention is not None and array.cell.retention is not None:
        model = retention_model(array.cell.retention)
        try:
            cells_s = model.aged_s(
                cells_s, low, high, retention.time, retention.temperature, generator(seed, "retention")
            )
        except OutOfRange as error:
            raise InputError(f"retention: {error}, which is what the cell's card covers") from None
    telegraph = telegraph_noise(array.cell.telegraph_noise)
    if telegraph is not None:
        cells_s = telegraph.shifted_s(cells_s, telegraph.low(tuple(cells_s.shape), seed))
    activation = thermal_activation(array.cell)
    if activation is not None:
        try:
            cells_s = cells_s * activation.factor(cells_s, low, high, temperature_k)
        except OutOfRange as error:
            raise InputError(f"technology.temperature: {error}, for the cell's card") from None
    seen: torch.Tensor = in_series_s(cells_s, array.series_resistance)
    return seen
