"""Compiling a network for a whole chip: the compiler with the times and widths of the chip's circuits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Chip
from pillarsim.arch.digital_work import operator_steps
from pillarsim.arch.placement import Placement, Stage
from pillarsim.arch.simulate.capacity import least_pixels
from pillarsim.arch.simulate.geometry import finish_of
from pillarsim.arch.timing import Timing, Unit
from pillarsim.mapping import compile_network
from pillarsim.mapping.circuits import Circuits
from pillarsim.workloads.network import AvgPool2d, MaxPool2d, Network

__all__ = ["circuits_of", "compile_for"]


def compile_for(chip: Chip, network: Network, inputs: NDArray[np.float32], timing: Timing | None = None) -> Placement:
    """Compile `network` for `chip`, with scales from float `inputs` (N, *input_shape). Raises as `compile_network`.

    timing: None where only values matter; then buffers do not limit what a tile holds.
    """
    return compile_network(
        network,
        inputs,
        array=chip.array,
        tile=chip.tile,
        weights=chip.weights,
        bits_per_cell=chip.bits_per_cell,
        inputs=chip.input,
        mapping=chip.mapping,
        circuits=None if timing is None else circuits_of(timing),
    )


def circuits_of(timing: Timing) -> Circuits:
    """What the compiler must know of the circuits, from what the event model takes from them."""
    return Circuits(
        read_ps=timing.read_ps,
        batch_ps=timing.slots * timing.convert_ps,
        sample_hold=timing.sample_hold,
        analog_bits=timing.analog_bits,
        partial_sum_bits=timing.partial_sum_bits,
        router_block=timing.router_block,
        least_pixels=least_pixels,
        floor_ps=lambda placement: max(
            (_single_home_ps(placement, stage, timing) for stage in placement.stages), default=0
        ),
    )


def _single_home_ps(placement: Placement, stage: Stage, timing: Timing) -> int:
    """Busiest unit of a stage whose windows all end in one tile: a digital operator's, or one with pools behind."""
    pooled = any(isinstance(post.operator, MaxPool2d | AvgPool2d) for post in stage.post)
    if stage.layers and not pooled:
        return 0
    busy: dict[str, int] = {}
    if stage.operator is None:
        layers = [placement.layers[number] for number in stage.layers]
        steps = [("adder", sum(layer.matrix.weight.shape[1] * len(layer.row_blocks) for layer in layers))]
    else:
        steps = list(operator_steps(stage.operator, stage.before[0], [edge.shape for edge in stage.inputs]))
    for unit, actions in steps:
        busy[unit] = busy.get(unit, 0) + stage.windows * _time_ps(timing, unit, actions)
    for unit, amounts in finish_of(stage).steps:
        counts = dict(zip(*np.unique(amounts, return_counts=True), strict=True))
        whole = sum(int(count) * _time_ps(timing, unit, int(actions)) for actions, count in counts.items())
        busy[unit] = busy.get(unit, 0) + whole
    return max(busy.values(), default=0)


def _time_ps(timing: Timing, unit: str, actions: int) -> int:
    """Time of some actions; 0 where the chip has no such unit, which the event model refuses by name."""
    found: Unit | None = getattr(timing, unit)
    return 0 if found is None else found.time_ps(actions)
