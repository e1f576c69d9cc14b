"""Published models stated both in a card and in `devices.pulses` have the same numbers."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from pillarsim.arch.device import load_device
from pillarsim.devices.pulses import MAJUMDAR2021
from pillarsim.devices.pulses.neurosim import NEUROSIM_ANALOG, NeuroSim
from pillarsim.devices.pulses.pcm import Pcm
from pillarsim.devices.pulses.stanford_pku import StanfordPku
from tests.near import near


def test_weak_reset_is_that_of_the_row() -> None:
    """The card `majumdar2021` is the model that `reproduce majumdar2021-devices` simulates."""
    assert load_device("majumdar2021").update == MAJUMDAR2021


@pytest.mark.parametrize(("card", "model"), [("pcm_nandakumar_2018", Pcm()), ("stanford_pku", StanfordPku())])
def test_published_constants(card: str, model: Pcm | StanfordPku) -> None:
    """Every constant, to rounding of units."""
    found = load_device(card).update
    assert isinstance(found, type(model))
    for one, other in zip(astuple(found), astuple(model), strict=True):
        assert one == near(other, 1e-12)


def test_neurosim_default() -> None:
    """The analog device, whose card states resistances to five digits."""
    found = load_device("neurosim_analog").update
    assert isinstance(found, NeuroSim)
    assert found.window.g_min_s == near(NEUROSIM_ANALOG.window.g_min_s, 1e-4)
    assert found.window.g_max_s == near(NEUROSIM_ANALOG.window.g_max_s, 1e-4)
    assert replace(found, window=NEUROSIM_ANALOG.window) == NEUROSIM_ANALOG
