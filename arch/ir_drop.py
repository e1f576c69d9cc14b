"""The IR drop of a placement's layers: estimated in closed form where wires are ideal, else of solved circuits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.activity import Activity
from pillarsim.arch.chip import Array
from pillarsim.arch.circuit.sampled import SampledReads
from pillarsim.arch.components.array_power import array_ir_drop
from pillarsim.arch.compute.pieces import pieces
from pillarsim.arch.compute.program import LayerLevels, cell_states
from pillarsim.arch.placement import Placement

IR_DROP_LIMIT = 0.05  # ratio; above it ideal wires are a poor model and a run warns (the project's own limit)


def ir_drop_estimate(
    placement: Placement,
    levels: Sequence[LayerLevels],
    activity: Activity,
    array: Array,
    bits_per_cell: int,
    temperature_k: float,
) -> dict[str, Any]:
    """Closed-form IR drop of the layer that suffers most; unused columns float and carry nothing.

    Returns {model, mean, layer, worst, worst_layer, limit}: the largest mean loss of column current at the run's mean
    share of driven rows, the largest loss of a cell with every row in use driven, and the layers where they are; None
    where the chip states no resistance at all. The values themselves use ideal wires.
    """
    if not any(value for _, value in array.resistance):
        return _report("estimate", None, None, None, None)
    targets = cell_states(array, bits_per_cell).targets_s()
    found = []
    for layer, coded, active in zip(placement.layers, levels, activity.layers, strict=True):
        columns = sum(one.units[1] - one.units[0] for one in layer.replicas[0]) * layer.polarities
        groups = [stop - start for block in layer.row_blocks for start, stop in block.groups]
        cell_s = _mean_s(coded, targets) * columns / (len(layer.replicas[0]) * array.columns)
        reads = sum(len(layer.row_blocks[one.row_block].groups) for one in layer.replicas[0]) * layer.chunks
        density = active.drives / (reads * array.active_inputs)
        full = max(groups) / array.active_inputs
        mean = array_ir_drop(array, temperature_k, cell_s, density).mean
        found.append((layer.name, mean, array_ir_drop(array, temperature_k, cell_s, full).worst))
    return _largest("estimate", found)


def ir_drop_solved(sampled: Sequence[SampledReads]) -> dict[str, Any]:
    """The same of solved circuits: over the sampled reads, and of the worst cell with all inputs of a read on."""
    return _largest("solved", [(one.name, one.mean_drop, one.worst_drop) for one in sampled])


def _mean_s(coded: LayerLevels, targets: NDArray[np.float64]) -> float:
    """Mean target of a layer's cells."""
    layer = coded.layer
    summed = math.fsum(float(targets[coded.part(piece)[0].numpy()].sum()) for piece in pieces(layer))
    return summed / (len(layer.matrix.weight) * layer.units * layer.polarities)


def _largest(model: str, layers: Sequence[tuple[str, float, float]]) -> dict[str, Any]:
    """Of (layer, mean, worst): the largest of each, in size where sneak paths add more than wires lose."""
    mean, worst = max(layers, key=lambda entry: abs(entry[1])), max(layers, key=lambda entry: entry[2])
    return _report(model, mean[1], mean[0], worst[2], worst[0])


def _report(
    model: str, mean: float | None, layer: str | None, worst: float | None, worst_layer: str | None
) -> dict[str, Any]:
    return {
        "model": model,
        "mean": mean,
        "layer": layer,
        "worst": worst,
        "worst_layer": worst_layer,
        "limit": IR_DROP_LIMIT,
    }
