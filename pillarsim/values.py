"""The values of a run: outputs of the float, the integer and the chip's network on the same inputs, and accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.activity import LayerActivity
from pillarsim.arch.compute.converters import converter_ranges
from pillarsim.arch.compute.evaluate import evaluate
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.placement import Placement
from pillarsim.report.accuracy import Accuracy, Outputs
from pillarsim.samples import Samples
from pillarsim.workloads.forward import forward, tensors
from pillarsim.workloads.metrics import score
from pillarsim.workloads.network import Network

__all__ = ["Values", "values"]

_AT_ONCE = 100  # inputs of a float forward pass: bounds memory, changes no output beyond the last digits


@dataclass(frozen=True, eq=False)
class Values:
    """Outputs, activity of the layers, and accuracy where there are labels."""

    outputs: Outputs
    activity: tuple[LayerActivity, ...]
    accuracy: Accuracy | None


def values(
    network: Network,
    placement: Placement,
    rule: ReadRule,
    programmed: Sequence[Sequence[ProgrammedLayer]],
    calibration: Samples,
    test: Samples,
    *,
    seeds: Sequence[int],
    threads: int,
    progress: Callable[[int, int], None],
) -> Values:
    """Run `test` through the chip once for each device in `programmed`; `seeds` name their read noise."""
    found = evaluate(
        placement,
        programmed,
        rule,
        converter_ranges(placement, rule, calibration.inputs),
        test.inputs,
        seeds=seeds,
        threads=threads,
        progress=progress,
    )
    outputs = Outputs(float_outputs(network, test.inputs), integer_forward(placement, test.inputs), found.logits)
    accuracy = None
    if test.labels is not None and network.trained:
        accuracy = Accuracy(
            network.metric,
            score(outputs.float_, test.labels),
            score(outputs.quantized, test.labels),
            tuple(score(one, test.labels) for one in outputs.chip),
            len(test.inputs),
        )
    return Values(outputs, found.activity, accuracy)


def float_outputs(network: Network, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Outputs (N, values) of the float network."""
    named, parts = tensors(network), []
    with torch.inference_mode():
        for first in range(0, len(inputs), _AT_ONCE):
            batch = torch.from_numpy(np.ascontiguousarray(inputs[first : first + _AT_ONCE]))
            parts.append(forward(network, batch, named).flatten(1).double().numpy())
    return np.concatenate(parts)
