"""Pulse updates: devices whose conductance moves by programming pulses, for learning on chip."""

from pillarsim.devices.pulses.weak_reset import (
    IMPERFECTIONS,
    MAJUMDAR2021,
    Devices,
    WeakReset,
    conductance_s,
    fresh,
    log_ratio,
    pulse,
    resistance_ohm,
)

__all__ = [
    "IMPERFECTIONS", "MAJUMDAR2021", "Devices", "WeakReset", "conductance_s", "fresh", "log_ratio", "pulse",
    "resistance_ohm",
]  # fmt: skip
