"""One of each pulse model with all its noises, for the tests that hold for all of them."""

from __future__ import annotations

from typing import Any

from pillarsim.devices.pulses import (
    MAJUMDAR2021,
    LinearStep,
    NeuroSim,
    Pcm,
    SoftBounds,
    StanfordPku,
    StochasticBinary,
    Window,
)

WINDOW = Window(1e-6, 50e-6, spread_min=0.1, spread_span=0.2)
MODELS: dict[str, Any] = {
    "weak_reset": MAJUMDAR2021,
    "soft_bounds": SoftBounds(WINDOW, 2e-6, 3e-6, 1.0, 2.0, sigma=0.5, spread_step=0.3),
    "linear_step": LinearStep(WINDOW, 0.04, 0.06, 0.5, 0.8, sigma=0.5, write_noise=0.5, spread_step=0.3),
    "neurosim": NeuroSim(WINDOW, 30, 40, 2.4, -4.88, c2c=0.03, spread_label=0.5),
    "stochastic_binary": StochasticBinary(2e-6, 50e-6, 0.3, 0.2, 0.2, 0.1, 0.3, 0.15),
    "pcm": Pcm(),
    "stanford_pku": StanfordPku(),
}
STEPPING = sorted(set(MODELS) - {"weak_reset"})  # models that take both signs of n
