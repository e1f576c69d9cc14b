"""What ideal wires hide: the IR drop of a placement's layers, estimated in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pillarsim.arch.activity import Activity
from pillarsim.arch.chip import Array
from pillarsim.arch.components.array_power import array_ir_drop
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

    Returns {mean, layer, worst, worst_layer, limit}: the largest mean loss of column current at the run's mean share
    of driven rows, the largest loss of a cell with every row in use driven, and the layers where they are; None where
    the chip states no resistance at all. The values themselves use ideal wires.
    """
    if not any(value for _, value in array.resistance):
        return {"mean": None, "layer": None, "worst": None, "worst_layer": None, "limit": IR_DROP_LIMIT}
    targets = cell_states(array, bits_per_cell).targets_s()
    found = []
    for layer, coded, active in zip(placement.layers, levels, activity.layers, strict=True):
        columns = sum(one.units[1] - one.units[0] for one in layer.replicas[0]) * layer.polarities
        groups = [stop - start for block in layer.row_blocks for start, stop in block.groups]
        cell_s = float(targets[coded.levels.numpy()].mean()) * columns / (len(layer.replicas[0]) * array.columns)
        reads = sum(len(layer.row_blocks[one.row_block].groups) for one in layer.replicas[0]) * layer.chunks
        density = active.drives / (reads * array.active_inputs)
        full = max(groups) / array.active_inputs
        mean = array_ir_drop(array, temperature_k, cell_s, density).mean
        found.append((layer.name, mean, array_ir_drop(array, temperature_k, cell_s, full).worst))
    layer_mean, layer_worst = max(found, key=lambda entry: entry[1]), max(found, key=lambda entry: entry[2])
    return {
        "mean": layer_mean[1],
        "layer": layer_mean[0],
        "worst": layer_worst[2],
        "worst_layer": layer_worst[0],
        "limit": IR_DROP_LIMIT,
    }
