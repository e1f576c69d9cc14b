"""Pulse updates: devices whose conductance moves by programming pulses, for learning on chip."""

from pillarsim.devices.pulses.interface import Model, conductance_s, fresh, pulse
from pillarsim.devices.pulses.linear_step import LinearStep
from pillarsim.devices.pulses.neurosim import NEUROSIM_ANALOG, NeuroSim
from pillarsim.devices.pulses.pcm import Pcm
from pillarsim.devices.pulses.program import program
from pillarsim.devices.pulses.soft_bounds import SoftBounds
from pillarsim.devices.pulses.stanford_pku import StanfordPku
from pillarsim.devices.pulses.stochastic_binary import StochasticBinary
from pillarsim.devices.pulses.weak_reset import MAJUMDAR2021, WeakReset, WeakResetDevices, log_ratio, resistance_ohm
from pillarsim.devices.pulses.window import Window

__all__ = [
    "MAJUMDAR2021", "NEUROSIM_ANALOG", "LinearStep", "Model", "NeuroSim", "Pcm", "SoftBounds", "StanfordPku",
    "StochasticBinary", "WeakReset", "WeakResetDevices", "Window", "conductance_s", "fresh", "log_ratio", "program",
    "pulse", "resistance_ohm",
]  # fmt: skip
