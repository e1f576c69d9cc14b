"""Constants of pulse models as compiled code takes them, and a layer's devices before their first pulse."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.jit import compiled
from pillarsim.devices.pulses.batch import Batch
from pillarsim.devices.pulses.interface import Model
from pillarsim.devices.pulses.linear_step import LinearStep, LinearStepDevices
from pillarsim.devices.pulses.neurosim import NeuroSim, NeuroSimDevices
from pillarsim.devices.pulses.pcm import Pcm
from pillarsim.devices.pulses.soft_bounds import SoftBounds, SoftBoundsDevices
from pillarsim.devices.pulses.stochastic_binary import StochasticBinary, StochasticBinaryDevices
from pillarsim.devices.pulses.window import Window
from pillarsim.devices.synapses.core import BINARY, EXPONENTIAL, LINEAR, NEUROSIM, PCM, Floats
from pillarsim.devices.synapses.steps import Law, pulsed

PulseModel = LinearStep | SoftBounds | NeuroSim | StochasticBinary | Pcm
KERNELS = ("LinearStep", "SoftBounds", "NeuroSim", "StochasticBinary", "Pcm")
_LEFT_OUT = {"Pcm": ("read", "drift")}  # imperfections that act on reads of a batch alone


@dataclass(frozen=True, eq=False)
class DeviceLaw:
    """A model's kind (`core`), its constants (8,) and those of devices (count or 1, P), as `steps` describes them.

    window: nominal bounds; x, seen: places of fresh devices, (count,) float32 each.
    """

    kind: int
    window: Window
    law: NDArray[np.float32]
    own: NDArray[np.float32]
    x: NDArray[np.float32]
    seen: NDArray[np.float32]


def checked_model(model: Model[Any]) -> PulseModel:
    """Return the model; raises ValueError for one without a compiled pulse, naming those that have one."""
    if not isinstance(model, PulseModel):
        raise ValueError(f"pulse model {type(model).__name__}: synapses of several devices know {', '.join(KERNELS)}")
    return model


def known_imperfections(model: PulseModel) -> tuple[str, ...]:
    """Imperfections of the model that its synapses can have."""
    left_out = _LEFT_OUT.get(type(model).__name__, ())
    return tuple(name for name in model.imperfections if name not in left_out)


def window_of(model: PulseModel) -> Window:
    """Nominal bounds of conductance."""
    if isinstance(model, Pcm):
        return Window(model.g0_s, model.g_max_s)
    if isinstance(model, StochasticBinary):
        return Window(model.g_low_s, model.g_high_s)
    return model.window


def law_of(model: PulseModel, count: int, imperfections: Iterable[str], seed: int) -> DeviceLaw:
    """Return `count` fresh devices. Their spread is that of `model.fresh` with the same seed, device by device.

    Raises ValueError for an unknown imperfection.
    """
    chosen = chosen_imperfections(imperfections, known_imperfections(model))
    window = window_of(model)
    devices: Batch = model.fresh(count if "d2d" in chosen else 1, chosen, seed)
    kind, law, own = _constants(devices, window)
    numbers = np.zeros(8, np.float32)
    numbers[: len(law)] = law
    if "d2d" not in chosen and (("c2c" in chosen and kind == BINARY) or (kind == LINEAR and numbers[4])):
        devices = model.fresh(count, chosen, seed)  # states of their own at the start
    seen = _spread_out((devices.conductance_s().numpy() - window.g_min_s) / window.span_s, count)
    places = np.zeros(count, np.float32)
    columns = np.zeros((len(own[0]), max(4, len(own))), np.float32)
    columns[:, : len(own)] = np.stack(own, axis=1)
    return DeviceLaw(kind, window, numbers, columns, places, seen)


def _constants(devices: Any, window: Window) -> tuple[int, tuple[float, ...], list[NDArray[np.float64]]]:
    """Kind, constants and columns of `own` of a batch of fresh devices."""
    on = devices.imperfections
    law: tuple[float, ...]
    match devices:
        case LinearStepDevices(model=model):
            write = model.write_noise * (model.up + model.down) / 2 * ("write" in on)
            law = (model.slope_up, model.slope_down, model.sigma * ("c2c" in on), float(model.relative), write)
            return LINEAR, law, [*_bounds(devices, window), devices.up.numpy(), devices.down.numpy()]
        case SoftBoundsDevices(model=model):
            law = (model.bend_up, model.bend_down, model.sigma * ("c2c" in on), model.floor_up, model.floor_down)
            return EXPONENTIAL, law, [*_bounds(devices, window), devices.up.numpy(), devices.down.numpy()]
        case NeuroSimDevices(model=model):
            bounds = _bounds(devices, window)
            up, slope_up = _first_step(devices.up, model.pulses_up)
            down, slope_down = _first_step(devices.down, model.pulses_down)
            return NEUROSIM, (0.0, 0.0, model.c2c * ("c2c" in on)), [*bounds, up, down, slope_up, slope_down]
        case StochasticBinaryDevices(model=model):
            c2c, switching = float("c2c" in on), float("switching" in on)
            law = (model.p_set, model.p_reset, c2c, model.c2c_low, model.c2c_high, switching)
            low = (devices.low_s.numpy() - window.g_min_s) / window.span_s
            return BINARY, law, [low, (devices.high_s - devices.low_s).numpy() / window.span_s]
    model, span = devices.model, window.span_s
    mean, sigma = ((part[0], part[1] / span, part[2] / span) for part in (model.mean, model.sigma))
    noise = sigma if "c2c" in on else (0.0, 0.0, 0.0)
    law = (*mean, *noise, math.exp(-1 / model.decay_pulses), model.g0_s / span)
    return PCM, law, [np.zeros(1), np.ones(1)]


def _bounds(devices: Any, window: Window) -> list[NDArray[np.float64]]:
    return [(devices.low_s.numpy() - window.g_min_s) / window.span_s, devices.span_s.numpy() / window.span_s]


def _first_step(bends: torch.Tensor, pulses: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First step and slope of the curve (1 - exp(-k p)) / (1 - exp(-k)): a pulse adds step (1 - slope y) to y."""
    k = bends.numpy()
    k = np.where(np.abs(k) < 1e-9, 1e-9, k)  # a straight line, as in `pulses.neurosim`
    return np.expm1(-k / pulses) / np.expm1(-k), -np.expm1(-k)


def _spread_out(values: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    return np.array(np.broadcast_to(values, (count,)), dtype=np.float32)


def nominal_step(model: PulseModel, both: bool) -> float:
    """Return the mean step of a nominal device without noise, in parts of the window.

    both: of a SET and a RESET pulse from the middle of the window, as where devices move both ways; else of the SET
    pulses from the lower bound until the middle is reached or steps are a tenth of the first one, as in differential
    synapses.
    """
    law = law_of(model, 1, (), 0)
    return float(_mean_step(law.kind, tuple(law.law), law.own, both))


@compiled
def _mean_step(kind: int, law: Law, own: Floats, both: bool) -> float:
    one, none, middle = np.float32(1), np.float32(0), np.float32(0.5)
    slope_up, slope_down = (own[0, 4], own[0, 5]) if kind == NEUROSIM else (law[0], law[1])
    if both:
        up, _ = pulsed(kind, law, own[0, 2], slope_up, middle, one, True, none, 0.5)
        down, _ = pulsed(kind, law, own[0, 3], slope_down, middle, one, False, none, 0.5)
        return (np.float64(up) - np.float64(down)) / 2
    x, memory, before, first, n = none, one, none, none, 0
    while n == 0 or (x < middle and x - before > np.float32(0.1) * first):
        before = x
        x, memory = pulsed(kind, law, own[0, 2], slope_up, x, memory, True, none, 0.5)
        first = x if n == 0 else first
        n += 1
    return np.float64(x) / n
