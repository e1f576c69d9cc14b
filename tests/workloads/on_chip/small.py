"""Small setups of training on the chip: networks, placements on a grid of arrays, images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pillarsim.arch.chip.learning import Learning
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.chip.pulse_update import LinearStep, PulseUpdate
from pillarsim.arch.training.placement import SynapseArray, SynapseLayer, TrainingPlacement
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.layer_checks import Floats
from pillarsim.workloads.network import Activation, Conv2d, Flatten, Linear, MaxPool2d, Network, Relu
from pillarsim.workloads.on_chip.forward import stages_of
from pillarsim.workloads.on_chip.interface import Setup
from pillarsim.workloads.on_chip.pulsed import PulsedLearner
from pillarsim.workloads.on_chip.pulsed_layer import Ranges

# a device of small, equal, constant steps: what a pulse does is known exactly
LINEAR = LinearStep(model="linear_step", step_up=0.01, step_down=0.01)
# many bits everywhere, so that reads are the plain products
IDEAL = ("readout.bits=16", "readout.calibration_percentile=100", "input.bits=16")


def zeros(*shape: int) -> Floats:
    """Parameters of 0."""
    return np.zeros(shape, np.float32)


def ones(*shape: int) -> Floats:
    """Parameters of 1."""
    return np.ones(shape, np.float32)


def perceptron(hidden: int = 12, inputs: int = 16, function: str = "relu") -> Network:
    """A chain of two dense layers for images of one row, 4 classes."""
    middle = Relu("act") if function == "relu" else Activation("act", function)
    layers = (
        Flatten("flat"),
        Linear("fc1", zeros(hidden, inputs), zeros(hidden)),
        middle,
        Linear("fc2", zeros(4, hidden), zeros(4)),
    )
    return Network("small", (1, 1, inputs), layers, "mnist")


def convolutions() -> Network:
    """Two convolutions, the first padded, the second strided, with a pool and a dense layer, 4 classes."""
    layers = (
        Conv2d("conv1", zeros(3, 1, 3, 3), zeros(3), padding=(1, 1)),
        Relu("relu1"),
        MaxPool2d("pool1", (2, 2), (2, 2)),
        Conv2d("conv2", zeros(5, 3, 2, 2), zeros(5), stride=(2, 2), has_bias=False),
        Activation("tanh2", "tanh"),
        Flatten("flat"),
        Linear("fc3", zeros(4, 20), zeros(4)),
    )
    return Network("convolutions", (1, 8, 8), layers, "mnist")


def images_of(network: Network, count: int, seed: int = 0) -> Dataset:
    """Random images in [0, 1] whose class is the brightest of four stripes."""
    drawn = np.random.default_rng(seed).random((count, *network.input_shape)).astype(np.float32)
    stripes = drawn.reshape(count, 4, -1).sum(axis=2)
    return Dataset("mnist", "train", drawn, stripes.argmax(axis=1).astype(np.int64), "drawn")


def placed(network: Network, rows: int, columns: int, devices: int) -> TrainingPlacement:
    """Every layer on arrays of its own, rows x columns cells each, side by side and one above another."""
    layers, slot = [], 0
    for stage in stages_of(network):
        inputs = stage.inputs + stage.layer.has_bias
        wide = columns // devices
        arrays = []
        for start in range(0, inputs, rows):
            for first in range(0, stage.outputs, wide):
                ends = min(start + rows, inputs), min(first + wide, stage.outputs)
                arrays.append(SynapseArray(slot // 16, slot % 16, (start, ends[0]), (first, ends[1])))
                slot += 1
        layers.append(
            SynapseLayer(
                stage.name, inputs, stage.outputs, stage.windows, devices, stage.layer.has_bias, 1, tuple(arrays)
            )
        )
    return TrainingPlacement(network.name, tuple(layers), int(np.prod(network.input_shape)), 4)


def setup_of(
    network: Network,
    train: Dataset,
    *sets: str,
    pulses: PulseUpdate | None = LINEAR,
    imperfections: tuple[str, ...] = (),
    rate: float = 0.05,
    batch: int = 4,
    seed: int = 0,
    rows: int = 8,
    columns: int = 12,
    **learning: Any,
) -> Setup:
    """A setup on arrays of rows x columns; sets: keys of the chip, learning: of its section `learning`.

    pulses: what a pulse does; None: what the card pt_hfo2_ti_tin says.
    """
    section = Learning(**learning)
    sizes = (f"array.rows={rows}", f"array.columns={columns}")
    chip = load_chip("hfox_planar_128", ("array.cell=pt_hfo2_ti_tin", *sizes, *sets)).chip
    array = chip.array
    if pulses is not None:
        array = array.model_copy(update={"cell": array.cell.model_copy(update={"pulse_update": pulses})})
    return Setup(
        network=network,
        placement=placed(network, rows, columns, section.devices_per_synapse),
        learning=section,
        array=array,
        weights=chip.weights,
        input=chip.input,
        readout=chip.readout,
        write=chip.write,
        train=train,
        imperfections=frozenset(imperfections),
        learning_rate=rate,
        batch=batch,
        seed=seed,
    )


def named_tensors(network: Network, learner: PulsedLearner, ranges: Sequence[Ranges]) -> dict[str, torch.Tensor]:
    """The chip's present weights as parameters of the float network, biases times what drives their rows."""
    found = {}
    for layer, range_ in zip(learner.layers, ranges, strict=True):
        weights, stage = layer.bank.weights, layer.stage
        shape = stage.layer.weight.shape
        found[f"{stage.name}.weight"] = torch.tensor(np.ascontiguousarray(weights[: stage.inputs].T).reshape(shape))
        driven = float(layer.coded(torch.zeros(1, stage.inputs), range_.scale)[0, -1]) * range_.scale
        bias = weights[stage.inputs] * driven if layer.placed.bias else zeros(stage.outputs)
        found[f"{stage.name}.bias"] = torch.tensor(bias)
    return found
