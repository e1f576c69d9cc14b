"""From a setup to its learner: what can be trained on a chip, with which imperfections and how fast."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Array
from pillarsim.arch.errors import InputError, nearest
from pillarsim.arch.pulse_models import pulse_model
from pillarsim.arch.training.placement import SynapseLayer
from pillarsim.devices.halfselect import partial_voltage
from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.pulses.interface import Model
from pillarsim.devices.synapses.bank import Synapse, make_bank
from pillarsim.devices.synapses.laws import checked_model, known_imperfections
from pillarsim.workloads.on_chip import binary
from pillarsim.workloads.on_chip.forward import Stage, stages_of
from pillarsim.workloads.on_chip.interface import Learner, Setup
from pillarsim.workloads.on_chip.pulsed import PulsedLearner
from pillarsim.workloads.on_chip.pulsed_layer import PulsedLayer
from pillarsim.workloads.on_chip.scales import coding_of
from pillarsim.workloads.on_chip.start import first_weights

__all__ = ["READ_NOISE", "default_batch", "default_learning_rate", "imperfection_names", "make_learner"]

READ_NOISE = "read_noise"  # the imperfection that is the card's own, not its pulse model's
_PROGRAMMING_PULSES = 100  # a device may take for its first conductance without write.verify, assumed

# (images a step, learning rate) of each rule; found with the perceptron 784-250-10 on MNIST, card pt_hfo2_ti_tin, seven
# devices a weight.
_DEFAULTS = {
    "stochastic": (10, 0.1),
    "sign": (10, 0.3),
    "per_device": (100, 0.5),
    "mixed_precision": (100, 0.5),
    "binary": (binary.BATCH, binary.LEARNING_RATE),
}


def default_batch(rule: str) -> int:
    """Images a step to start from; raises InputError for an unknown rule."""
    return _defaults(rule)[0]


def default_learning_rate(rule: str) -> float:
    """A learning rate to start from, for batches of `default_batch`; raises InputError for an unknown rule."""
    return _defaults(rule)[1]


def _defaults(rule: str) -> tuple[int, float]:
    if rule not in _DEFAULTS:
        known = ", ".join(_DEFAULTS)
        raise InputError(f"learning.rule: unknown rule {rule!r}{nearest(rule, _DEFAULTS)}; known: {known}")
    return _DEFAULTS[rule]


def imperfection_names(array: Array) -> tuple[str, ...]:
    """Names that can be switched on: those of the card's pulse model and read noise, where the card has it.

    Raises InputError for a card without a pulse model.
    """
    model = _pulse_model(array)
    names = model.imperfections
    with contextlib.suppress(ValueError):  # a model that only the rule 'binary' knows
        names = known_imperfections(checked_model(model))
    return (*names, READ_NOISE) if array.cell.read_noise > 0 else names


def make_learner(setup: Setup) -> Learner:
    """The learner of a setup's rule, its first weights written.

    Raises InputError for what cannot learn (card, circuit, coding, readout, data, rates) and NetworkError, which names
    the layer, for a network that is not a chain of what learns.
    """
    _check_numbers(setup)
    _check_data(setup)
    if setup.learning.rule == "binary":
        return binary.BinaryLearner(setup)
    _check_chip(setup)
    stages = stages_of(setup.network)
    _check_stages(setup, stages)
    try:
        chosen = chosen_imperfections(setup.imperfections, imperfection_names(setup.array))
    except ValueError as error:
        raise InputError(f"imperfections: {error}") from error
    layers = [
        _layer(setup, stage, placed, chosen) for stage, placed in zip(stages, setup.placement.layers, strict=True)
    ]
    first = [_first(layer, weights) for layer, weights in zip(layers, first_weights(stages, setup.seed), strict=True)]
    verify = setup.write.verify
    most = _PROGRAMMING_PULSES if verify is None else verify.max_pulses
    return PulsedLearner(setup, layers, first, most, _disturb_ratio(setup))


def _layer(setup: Setup, stage: Stage, placed: SynapseLayer, chosen: frozenset[str]) -> PulsedLayer:
    learning, noisy = setup.learning, READ_NOISE in chosen
    synapse = Synapse(
        learning.devices_per_synapse,
        learning.arrangement == "differential",
        learning.selection_increment,
        learning.potentiation_period,
        learning.depression_period,
    )
    try:
        bank = make_bank(
            _pulse_model(setup.array), synapse, placed.inputs, placed.outputs,
            learning.weight_range / math.sqrt(stage.inputs), chosen - {READ_NOISE}, setup.seed, placed.name,
            squares=noisy,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"array.cell.pulse_update: {error}") from error
    codings = (
        coding_of(setup.input, setup.input.bits, not _never_negative(setup, stage)),
        coding_of(setup.input, learning.error_bits, True),
    )
    noise = setup.array.cell.read_noise if noisy else 0.0
    return PulsedLayer.of(stage, placed, bank, codings, setup.array, setup.readout, noise)


def _first(layer: PulsedLayer, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """First weights with the bias row, cut to the range."""
    most = layer.bank.weight_max
    if layer.placed.bias:
        weights = np.concatenate([weights, np.zeros((1, weights.shape[1]), np.float32)])
    return np.clip(weights, -most, most).astype(np.float32)


def _never_negative(setup: Setup, stage: Stage) -> bool:
    if stage.unsigned is None:
        return bool(setup.train.images.min() >= 0)
    return stage.unsigned


def _disturb_ratio(setup: Setup) -> float:
    """Step of a half-selected device over that of a selected one: the rate law of the card, at the scheme's voltage."""
    slope, write = setup.array.cell.disturb_voltage, setup.write
    partial_v = partial_voltage(write.scheme, write.voltage)
    if slope is None or partial_v == 0:
        return 0.0
    # sinh(a) / sinh(b) by exponentials, which stay finite for steep laws
    part, whole = partial_v / slope, write.voltage / slope
    return math.exp(part - whole) * math.expm1(-2 * part) / math.expm1(-2 * whole)


def _pulse_model(array: Array) -> Model[Any]:
    """The card's, in the window that reads see: with the access device in series."""
    section = array.cell.pulse_update
    if section is None:
        raise InputError("array.cell.pulse_update: expected with `learning`: the card does not say what a pulse does")
    try:
        return pulse_model(section, *array.conductance_range, read_v=array.read_voltage)
    except ValueError as error:
        raise InputError(f"array.cell.pulse_update: {error}") from error


def _check_chip(setup: Setup) -> None:
    array, readout = setup.array, setup.readout
    if array.circuit == "exact":
        raise InputError("array.circuit: expected 'ideal' with `learning`: solved circuits do not follow every update")
    if readout.neuron is not None:
        raise InputError(
            "readout.converter: expected an ADC with `learning`: spikes are not read through transposed arrays, "
            f"found {readout.converter!r}"
        )
    if readout.bits < 2:
        raise InputError(f"readout.bits: expected at least 2 with `learning`, found {readout.bits}")
    if setup.input.coding == "amplitude" and setup.input.chunk_bits > 1 and array.cell.iv.model != "linear":
        raise InputError(
            "input.coding: expected bit_serial or pulse_width with `learning`, since array.cell.iv.model "
            f"'{array.cell.iv.model}' takes binary inputs, found amplitude with dac_bits {setup.input.chunk_bits}"
        )


def _check_numbers(setup: Setup) -> None:
    if not (math.isfinite(setup.learning_rate) and setup.learning_rate > 0):
        raise InputError(f"learning rate: expected a number above 0, found {setup.learning_rate:g}")
    decay = setup.learning_rate_decay
    if not 0 < decay <= 1:
        raise InputError(f"learning rate decay: expected above 0 and at most 1, found {decay:g}")
    if decay < 1 and setup.learning.rule == "binary":
        raise InputError(f"learning rate decay: expected 1 with rule 'binary', which has its own, found {decay:g}")
    count = len(setup.train.images)
    if not 1 <= setup.batch <= count:
        raise InputError(f"batch: expected 1 to {count}, the training images, found {setup.batch}")


def _check_data(setup: Setup) -> None:
    network, train = setup.network, setup.train
    if tuple(train.images.shape[1:]) != network.input_shape:
        raise InputError(
            f"network '{network.name}' takes images of {network.input_shape}, dataset '{train.name}' has "
            f"{tuple(train.images.shape[1:])}"
        )
    if train.labels.ndim != 1:
        raise InputError(f"dataset '{train.name}': expected one class an image, found {train.labels.shape[1]} labels")
    outputs, classes = network.shapes[-1], int(train.labels.max()) + 1
    if len(outputs) != 1 or outputs[0] < classes:
        raise InputError(
            f"network '{network.name}': expected at least {classes} outputs, the classes of dataset "
            f"'{train.name}', found {outputs}"
        )
    if not np.isfinite(train.images).all():
        raise InputError(f"dataset '{train.name}': expected finite images")


def _check_stages(setup: Setup, stages: Sequence[Stage]) -> None:
    """Whether the placement is of this network."""
    layers = setup.placement.layers
    found = [(layer.name, layer.inputs - layer.bias, layer.outputs, layer.windows) for layer in layers]
    wanted = [(stage.name, stage.inputs, stage.outputs, stage.windows) for stage in stages]
    if found != wanted:
        raise InputError(f"placement: expected the matrices {wanted} (name, inputs, outputs, windows), found {found}")
