"""Every key of a card's `pulse_update` changes what pulses do; chips use it with `programming: pulses`."""

from __future__ import annotations

import copy
import typing
from typing import Any

import pytest
import torch

from pillarsim.arch.chip import CellCard
from pillarsim.arch.chip import pulse_update as sections
from pillarsim.arch.chip.base import Section
from pillarsim.arch.chip.load import load_card
from pillarsim.arch.device import device_of
from pillarsim.devices.device import Device

WINDOW = {"d2d_min": 0.1, "d2d_span": 0.1}
BASES: dict[str, dict[str, Any]] = {
    "soft_bounds": {
        "step_up": 0.1, "step_down": 0.1, "bend_up": 2, "bend_down": 2, "c2c": 0.1, "d2d_step": 0.1, **WINDOW,
    },
    "linear_step": {
        "step_up": 0.1, "step_down": 0.1, "slope_up": 0.5, "slope_down": 0.5, "c2c": 0.1, "write_noise": 0.1,
        "d2d_step": 0.1, **WINDOW,
    },
    "neurosim": {
        "pulses_up": 20, "pulses_down": 20, "label_up": 2, "label_down": -2, "c2c": 0.01, "d2d_label": 0.1, **WINDOW,
    },
    "stochastic_binary": {
        "set_probability": 0.3, "reset_probability": 0.3, "c2c_hrs": 0.1, "c2c_lrs": 0.1, "d2d_hrs": 0.1,
        "d2d_lrs": 0.1,
    },
}  # fmt: skip
CARDS = {"pcm": "pcm_nandakumar_2018", "stanford_pku": "stanford_pku", "weak_reset": "majumdar2021"}
CHANGED: dict[str, Any] = {
    "label_down": -1.0, "start": "0.2 uS", "decay_length": "0.3 nm", "current": "2 mA", "velocity": 2.0,
    "activation": "0.7 eV", "hop": "0.2 nm", "oxide": "10 nm", "gap_min": "0.3 nm", "gap_max": "1.5 nm",
    "ambient": "330 K", "c2c_gap": "0.05 nm", "pulse": "1 ns", "set_voltage": "1.2 V", "reset_voltage": "1 V",
    "read_voltage": "0.15 V", "decay_voltage": "0.3 V", "limit": "3 uS", "mean_offset": "0.5 uS",
    "mean_memory": "1 uS", "spread_offset": "0.1 uS", "spread_memory": "1 uS", "read_offset": "0.3 uS",
    "stated_after": "10 s", "pink_taps": 5, "slope.low": 2e-4,  # below slope.start it does nothing
}  # fmt: skip


def plain_card(model: str) -> dict[str, Any]:
    """The data of a card with this pulse model."""
    if model in CARDS:
        return {str(key): copy.deepcopy(value) for key, value in load_card(CARDS[model]).document.data.items()}
    return {
        "lrs": "20 kOhm", "hrs": "200 kOhm", "levels": 4, "programming": "pulses",
        "pulse_update": {"model": model, **BASES[model]},
    }  # fmt: skip


def keys(model: str) -> list[tuple[str, ...]]:
    """Key paths of the numbers in a card's `pulse_update`."""
    section = next(
        kind
        for kind in typing.get_args(typing.get_args(sections.PulseUpdate)[0])
        if typing.get_args(kind.model_fields["model"].annotation) == (model,)
    )
    found: list[tuple[str, ...]] = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            found += [(name, part) for part in inner.model_fields]
        elif name != "model":
            found.append((name,))
    return found


def behaviour(device: Device) -> torch.Tensor:
    """What pulses of every kind leave, and what a read of it gives an hour later."""
    update = device.update
    assert update is not None
    devices = device.fresh(200, update.imperfections, 3)
    seen = [device.conductance_s(devices)]
    for pulses in (1, 7, 60) if update.directions == "down" else (1, 3, 20, -1, -4):
        devices = device.pulse(devices, pulses)
        seen.append(device.conductance_s(devices))
        if hasattr(devices, "read_s"):
            seen.append(devices.read_s(3600.0, 0))
    if update.directions == "down":
        seen.append(device.conductance_s(device.pulse(devices, 3000)))
    return torch.cat(seen)


@pytest.mark.parametrize("case", [(model, key) for model in (*BASES, *CARDS) for key in keys(model)], ids=str)
def test_key_changes_what_pulses_do(case: tuple[str, tuple[str, ...]]) -> None:
    """Perturbing the key changes a conductance."""
    model, key = case
    data = plain_card(model)
    before = behaviour(device_of(CellCard.model_validate(data)))
    place = data["pulse_update"]
    for name in key[:-1]:
        place = place[name]
    place[key[-1]] = CHANGED.get(".".join(key), perturbed(place[key[-1]]))
    after = behaviour(device_of(CellCard.model_validate(data)))
    assert not torch.equal(before, after)


def perturbed(value: Any) -> Any:
    """Another value of the same kind, 10 % off."""
    if isinstance(value, str):
        number, unit = value.split(" ")
        return f"{float(number) * 1.1:.6g} {unit}"
    if isinstance(value, int):
        return value + 3
    return value * 0.9 if value else 1e-5
