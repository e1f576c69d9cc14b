"""The compiled network on codes, stage by stage; what the matrices sum is the caller's: exact, or what arrays read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.compute.coding import input_codes
from pillarsim.arch.compute.digital import fused, operator_codes, result_codes, result_floats
from pillarsim.arch.placement import INPUT, Codes, Edge, Placement, Stage
from pillarsim.workloads.digital import apply_digital

__all__ = ["Sums", "forward_codes"]

# (number of a layer, its input codes (N, C, H, W)) -> accumulators (N * windows, O) without bias
Sums: TypeAlias = Callable[[int, NDArray[np.int32]], NDArray[np.float64]]


def forward_codes(placement: Placement, images: NDArray[np.float32], sums: Sums) -> NDArray[np.float64]:
    """Outputs (N, values) of float images (N, *input_shape); layers are asked for in their order.

    An output is let go once no later stage takes it.
    """
    left = Counter(edge.source for stage in placement.stages for edge in stage.inputs)
    known: dict[int, tuple[NDArray[Any], Codes]] = {INPUT: (input_codes(images, placement.input), placement.input)}
    values: NDArray[Any] = known[INPUT][0]
    for number, stage in enumerate(placement.stages):
        taken = []
        for edge in stage.inputs:
            codes, coding = known[edge.source]
            taken.append((viewed(edge, codes), coding))
            left[edge.source] -= 1
            if not left[edge.source]:
                del known[edge.source]
        result = _matrix(placement, stage, taken[0][0], sums) if stage.layers else operator_codes(stage, taken)
        values = fused(stage, result)
        if stage.output is not None:
            known[number] = (values, stage.output)
    return np.ascontiguousarray(values, dtype=np.float64).reshape(len(images), -1)


def viewed(edge: Edge, codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Codes (N, *edge.shape) behind the views of an edge."""
    if not edge.views:
        return codes
    seen = torch.from_numpy(codes)
    for view in edge.views:
        seen = apply_digital(view, [seen], _no_parameters)
    return seen.contiguous().numpy()


def _no_parameters(name: str) -> torch.Tensor:
    raise KeyError(name)


def _matrix(placement: Placement, stage: Stage, codes: NDArray[np.int32], sums: Sums) -> NDArray[Any]:
    """The result of a matrix stage (N, *result)."""
    count = len(codes)
    maps = _as_maps(placement, stage, codes)
    parts = []
    for number in stage.layers:
        layer = placement.layers[number]
        found = sums(number, np.ascontiguousarray(maps[:, layer.channels[0] : layer.channels[1]]))
        finish = result_floats if stage.codes is None else result_codes
        parts.append(finish(layer, found, count))
    result: NDArray[Any] = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    if stage.tokens:
        result = result.reshape(count, result.shape[1], -1).transpose(0, 2, 1)
    return np.ascontiguousarray(result).reshape(count, *stage.result)


def _as_maps(placement: Placement, stage: Stage, codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Input codes as maps (N, C, H, W) of all the stage's layers."""
    channels = placement.layers[stage.layers[-1]].channels[1]
    height, width = placement.layers[stage.layers[0]].matrix.in_shape[1:]
    shaped = codes.transpose(0, 2, 1) if stage.tokens else codes
    return shaped.reshape(len(codes), channels, height, width)
