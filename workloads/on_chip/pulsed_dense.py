"""Chains of dense layers under rule stochastic: many steps in one compiled call (`dense_kernel`).

The same steps as those of `pulsed_pass` and `rules`: the order of additions inside a sum differs, and so do the draws
of read noise, which the kernel numbers by image and column; all other draws are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pillarsim.devices.streams import stream_seed
from pillarsim.devices.synapses.counts import COUNTS, SUMS
from pillarsim.workloads.network import Activation, Flatten, Layer, Linear, Relu, Reshape
from pillarsim.workloads.on_chip.dense_kernel import RELU, SIGMOID, SOFTMAX, TANH, Reads, dense_steps
from pillarsim.workloads.on_chip.pulsed_layer import PulsedLayer, Ranges
from pillarsim.workloads.on_chip.scales import Groups

__all__ = ["Steps", "activations_of", "run_steps"]

_KINDS = {"sigmoid": SIGMOID, "tanh": TANH}


@dataclass(frozen=True, eq=False)
class Steps:
    """Counts and sums (S, L, ...) of updates and activity (S, L, 2) of reads; losses (S,), done: see the kernel.

    drives: chunks that drive lines, each line counted once however many arrays it crosses.
    """

    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    drives: NDArray[np.int64]
    read_s: NDArray[np.float64]
    losses: NDArray[np.float64]
    done: int


def activations_of(layers: Sequence[PulsedLayer]) -> NDArray[np.int64] | None:
    """Functions behind the layers as the kernel knows them; None for a chain that it does not take."""
    found = []
    for number, layer in enumerate(layers):
        stage, last = layer.stage, number == len(layers) - 1
        dense = isinstance(stage.layer, Linear) and stage.windows == 1
        if not dense or _moving(stage.before) or layer.placed.bias != stage.layer.has_bias:
            return None
        kinds = [_kind(one) for one in _moving(stage.after)]
        if (kinds != []) if last else (len(kinds) != 1 or kinds[0] is None):
            return None
        found.append(SOFTMAX if last else kinds[0])
    return np.array(found, np.int64)


def run_steps(
    layers: Sequence[PulsedLayer], ranges: Sequence[Ranges], activations: NDArray[np.int64], images: Tensor,
    labels: Tensor, batch: int, *, first: int, rate: float, train: int, disturb: float, seed: int, noisy: bool,
) -> Steps:  # fmt: skip
    """Train on images (S batch, ...) in their order; first: number of the first; rate: of one image's gradient."""
    steps, depth = len(images) // batch, len(layers)
    made = Steps(
        np.zeros((steps, depth, COUNTS), np.int64),
        np.zeros((steps, depth, SUMS)),
        np.zeros((steps, depth, 2), np.int64),
        np.zeros((steps, depth, 2)),
        np.zeros(steps),
        0,
    )
    done = dense_steps(
        tuple(layer.bank.core for layer in layers),
        tuple(_reads(layer, range_, seed, noisy) for layer, range_ in zip(layers, ranges, strict=True)),
        activations,
        np.ascontiguousarray(images.reshape(len(images), -1).numpy()),
        labels.numpy(),
        first,
        batch,
        rate,
        train,
        disturb,
        made.counts,
        made.sums,
        made.drives,
        made.read_s,
        made.losses,
    )
    return Steps(made.counts, made.sums, made.drives, made.read_s, made.losses, int(done))


def _reads(layer: PulsedLayer, ranges: Ranges, seed: int, noisy: bool) -> Reads:
    tables = (layer.input_table, layer.error_table)
    codes = max(len(table.drives) for table in tables)
    drives, weight = np.zeros((2, codes), np.int64), np.zeros((2, codes))
    for way, table in enumerate(tables):
        drives[way, : len(table.drives)], weight[way, : len(table.weight)] = table.drives, table.weight
    high = (1 << (layer.readout.bits - 1)) - 1
    step = np.full(len(layer.rows), ranges.lsb * ranges.scale, np.float32)
    # Errors are coded relative to the largest of their vector.
    step_back = np.full(len(layer.columns), ranges.lsb_back / layer.errors.high, np.float32)
    return Reads(
        bias=layer.placed.bias,
        scale=np.array([ranges.scale * layer.inputs.high, 0.0], np.float32),
        codes=np.array([layer.inputs.high, layer.errors.high]),
        weight_of=weight,
        drives_of=drives,
        input_starts=_starts(layer.rows),
        output_starts=_starts(layer.columns),
        step=step,
        bound=step * np.float32(high),
        step_back=step_back,
        bound_back=step_back * np.float32(high),
        noise=layer.read_noise if noisy else 0.0,
        start=np.uint64(stream_seed(seed, "read noise", layer.placed.name)),
    )


def _starts(groups: Groups) -> NDArray[np.int64]:
    return np.array([*(start for start, _ in groups), groups[-1][1]])


def _moving(layers: Sequence[Layer]) -> list[Layer]:
    """Those that are no mere views."""
    return [layer for layer in layers if not isinstance(layer, Flatten | Reshape)]


def _kind(layer: Layer) -> int | None:
    if isinstance(layer, Relu):
        return RELU
    return _KINDS.get(layer.function) if isinstance(layer, Activation) else None
