"""What can be trained on a chip and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pillarsim.arch.chip import Section
from pillarsim.arch.chip.load import load_card, load_chip
from pillarsim.arch.errors import InputError
from pillarsim.workloads.on_chip.binary import BinaryLearner
from pillarsim.workloads.on_chip.interface import Setup
from pillarsim.workloads.on_chip.pulsed import PulsedLearner
from pillarsim.workloads.on_chip.setup import default_learning_rate, imperfection_names, make_learner
from tests.workloads.on_chip import binary_setups
from tests.workloads.on_chip.small import images_of, perceptron, placed, setup_of

NETWORK = perceptron()
SETUP = setup_of(NETWORK, images_of(NETWORK, 8))
SETUP_DIGITS = binary_setups.digits(20)


def _with(setup: Setup, section: str, **values: Any) -> Setup:
    held: Section = getattr(setup, section)
    changed: dict[str, Any] = {section: held.model_copy(update=values)}
    return replace(setup, **changed)


def _cell(setup: Setup, **values: Any) -> Setup:
    return _with(setup, "array", cell=setup.array.cell.model_copy(update=values))


def _train(setup: Setup, **values: Any) -> Setup:
    return replace(setup, train=replace(setup.train, **values))


SINH = load_card("hfox_taox_selfselective").card.iv
SPIKING = load_chip("hfox_spiking_128").chip.readout
REFUSED: dict[str, Callable[[Setup], Setup]] = {
    "array.cell.pulse_update: expected with `learning`": lambda s: _cell(s, pulse_update=None),
    "array.cell.pulse_update: pulse model WeakReset": lambda s: _cell(
        s, pulse_update=load_card("majumdar2021").card.pulse_update
    ),
    "array.circuit: expected 'ideal'": lambda s: _with(s, "array", circuit="exact"),
    "readout.converter: expected an ADC .* found 'integrate_and_fire'": lambda s: replace(s, readout=SPIKING),
    "readout.bits: expected at least 2": lambda s: _with(s, "readout", bits=1),
    "input.coding: expected bit_serial or pulse_width": lambda s: _with(
        _cell(s, iv=SINH), "input", coding="amplitude", dac_bits=4
    ),
    "imperfections: no imperfection 'c2x'.*did you mean 'c2c'": lambda s: replace(s, imperfections=frozenset({"c2x"})),
    "learning rate: expected a number above 0, found nan": lambda s: replace(s, learning_rate=float("nan")),
    "learning rate: expected a number above 0, found 0": lambda s: replace(s, learning_rate=0.0),
    "batch: expected 1 to 8": lambda s: replace(s, batch=9),
    "takes images of": lambda s: replace(s, network=perceptron(inputs=20)),
    "expected at least 10 outputs": lambda s: _train(s, labels=np.arange(8) + 2),
    "expected one class an image, found 3 labels": lambda s: _train(s, labels=np.zeros((8, 3), np.int64)),
    "expected finite images": lambda s: _train(s, images=s.train.images * np.float32("nan")),
    "placement: expected the matrices": lambda s: replace(s, placement=placed(perceptron(hidden=9), 8, 12, 1)),
}


@pytest.mark.parametrize("wanted", REFUSED)
def test_refused(wanted: str) -> None:
    """One message names the key, what was expected and what was found."""
    with pytest.raises(InputError, match=wanted):
        make_learner(REFUSED[wanted](SETUP))


def test_the_rule_chooses_the_learner() -> None:
    """Pulsed rules and the binary one have learners of their own."""
    assert isinstance(make_learner(SETUP), PulsedLearner)
    assert isinstance(make_learner(binary_setups.setup_of(binary_setups.perceptron(8), SETUP_DIGITS)), BinaryLearner)


def test_imperfections_are_those_of_the_card() -> None:
    """Names of the pulse model that synapses know, and read noise where the card has it."""
    assert imperfection_names(setup_of(NETWORK, SETUP.train, pulses=None).array) == ("c2c", "d2d", "read_noise")
    assert imperfection_names(_cell(SETUP, read_noise=0.0).array) == ("c2c", "write", "d2d")
    weak = _cell(SETUP, pulse_update=load_card("majumdar2021").card.pulse_update, read_noise=0.0)
    assert imperfection_names(weak.array) == ("d2d", "rtn", "pink")


def test_default_learning_rates() -> None:
    """Every rule has one; another name is refused with the nearest."""
    assert all(default_learning_rate(rule) > 0 for rule in ("stochastic", "sign", "per_device", "mixed_precision"))
    with pytest.raises(InputError, match="did you mean 'sign'"):
        default_learning_rate("sing")
