"""Fresh devices after update pulses, and quantiles of their resistance along the pulses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.device.aged import aged_and_read_s
from pillarsim.device.choices import Sampling
from pillarsim.device.statistics import resistances_ohm
from pillarsim.devices.device import Device
from pillarsim.devices.streams import stream_seed

BAND_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_BAND_POINTS = 41  # numbers of pulses in a picture, our choice


@dataclass(frozen=True, eq=False)
class Bands:
    """Quantiles of the resistance, ohm (pulses, quantiles), of devices followed pulse by pulse; not aged."""

    pulses: NDArray[np.int64]
    ohm: NDArray[np.float64]


def pulsed(device: Device, sampling: Sampling) -> NDArray[np.float64]:
    """Return resistances (ohm) of fresh devices after their pulses. Raises ValueError and InputError."""
    seed = stream_seed(sampling.seed, "device sample", "pulses")
    devices = device.fresh(sampling.count, sampling.imperfections, seed)
    for pulses in (sampling.after, sampling.pulses or 0):
        devices = device.pulse(devices, pulses) if pulses else devices
    # Imperfections of pulse models are in their conductance; a read adds none.
    return resistances_ohm(aged_and_read_s(device, device.conductance_s(devices), sampling, (), seed))


def bands(device: Device, sampling: Sampling) -> Bands:
    """Return quantiles along the pulses, from devices of their own: the sample is the same with and without them."""
    devices = device.fresh(sampling.count, sampling.imperfections, stream_seed(sampling.seed, "device sample", "bands"))
    if sampling.after:
        devices = device.pulse(devices, sampling.after)
    last = sampling.pulses or 0
    places = np.unique(np.round(np.linspace(0, abs(last), _BAND_POINTS)).astype(np.int64))
    rows, before = [], 0
    for place in places.tolist():
        step = (place - before) * (1 if last >= 0 else -1)
        devices = device.pulse(devices, step) if step else devices
        rows.append(np.quantile(resistances_ohm(device.conductance_s(devices)), BAND_QUANTILES))
        before = place
    return Bands(places, np.stack(rows))
