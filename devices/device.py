"""One device model made of parts, with one interface: program, pulse, read, age; batched over devices.

Parts are what a card states; a part that is None is left out. Conductances are I / V at `stated_v` (0: the slope at
0 V) and `stated_k`, siemens. Order of effects: programmed or pulsed -> aged -> read (telegraph noise, temperature,
current-voltage law, read noise).
Left out: dependence of ageing on what was read meanwhile, heating by neighbours, forming.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.cells import CellStates, WriteRule, WrittenCells, write_cells
from pillarsim.devices.current_voltage import Law
from pillarsim.devices.endurance import Endurance
from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.noise import SlowTelegraph, noisy_read_s
from pillarsim.devices.programming_error import LogNormalError, ProgrammingError
from pillarsim.devices.pulses.batch import Batch
from pillarsim.devices.pulses.interface import Model, conductance_s, fresh, pulse
from pillarsim.devices.pulses.linear_step import LinearStep
from pillarsim.devices.pulses.neurosim import NeuroSim
from pillarsim.devices.pulses.program import program
from pillarsim.devices.pulses.soft_bounds import SoftBounds
from pillarsim.devices.pulses.stochastic_binary import StochasticBinary
from pillarsim.devices.ranges import OutOfRange
from pillarsim.devices.retention import Retention
from pillarsim.devices.streams import generator, stream_seed
from pillarsim.devices.temperature import ThermalActivation

_MOST_TARGETS = 256  # different ones in one call of `program`
_SINGLE = 1e-6  # relative: targets given in single precision count as the state that they round


@dataclass(frozen=True)
class _Targets(CellStates):
    """Cell states whose targets are given, not equally spaced."""

    given_s: tuple[float, ...] = ()

    def targets_s(self) -> NDArray[np.float64]:
        return np.asarray(self.given_s)


def worn_model(update: Model[Batch] | None, g_min_s: float) -> Model[Batch] | None:
    """Return a pulse model whose window begins at `g_min_s`; raises OutOfRange where it has conductances of its own."""
    match update:
        case None:
            return None
        case SoftBounds() | LinearStep() | NeuroSim():
            return replace(update, window=replace(update.window, g_min_s=g_min_s))
        case StochasticBinary():
            return replace(update, g_low_s=g_min_s)
    raise OutOfRange(f"cycles: expected 0, since wear is not modelled for pulses of {type(update).__name__}")


@dataclass(frozen=True, eq=False)
class Device:
    """A device as its card states it.

    error: of one write pulse, where cells are programmed by trials; update: how a pulse moves the conductance;
    by_pulses: whether `program` takes pulses of `update`. stuck_min, stuck_max: shares of cells stuck at g_min_s and
    at g_max_s; curve_k: temperature of the curve's shape; read_noise: standard deviation of a read's current, relative.
    """

    g_min_s: float
    g_max_s: float
    levels: int
    stated_v: float
    stated_k: float
    curve_k: float
    law: Law
    error: ProgrammingError | None = None
    update: Model[Batch] | None = None
    by_pulses: bool = False
    read_noise: float = 0.0
    telegraph: SlowTelegraph | None = None
    stuck_min: float = 0.0
    stuck_max: float = 0.0
    activation: ThermalActivation | None = None
    retention: Retention | None = None
    endurance: Endurance | None = None

    @property
    def imperfections(self) -> tuple[str, ...]:
        """Names of what can be switched off."""
        own = self.update.imperfections if self.by_pulses and self.update is not None else ()
        present = {
            "programming": self.error is not None and not self.by_pulses,
            "stuck": self.stuck_min + self.stuck_max > 0,
            "telegraph_noise": self.telegraph is not None,
            "read_noise": self.read_noise > 0,
        }
        return (*own, *(name for name, there in present.items() if there))

    def targets_s(self) -> NDArray[np.float64]:
        """Equally spaced levels (levels,), lowest first."""
        return np.linspace(self.g_min_s, self.g_max_s, self.levels)

    def worn(self, cycles: float) -> Device:
        """Return the device after so many SET and RESET cycles; raises OutOfRange where no window is left."""
        if cycles == 0:
            return self
        if self.endurance is None:
            raise OutOfRange("cycles: expected 0, since the card states no endurance")
        low, high = self.endurance.window(self.g_min_s, self.g_max_s, cycles)
        return replace(self, g_min_s=low, g_max_s=high, update=worn_model(self.update, low))

    def program(
        self, targets_s: torch.Tensor, rule: WriteRule, imperfections: Iterable[str], seed: int
    ) -> WrittenCells:
        """Write fresh devices to targets (any shape, at most 256 different ones) by the rule of a write circuit.

        Raises OutOfRange for a target that the card does not cover and ValueError for an unknown imperfection.
        """
        chosen = chosen_imperfections(imperfections, self.imperfections)
        if self.by_pulses and self.update is not None:
            devices = fresh(self.update, targets_s.numel(), chosen & set(self.update.imperfections), seed)
            tolerance = 0.0 if rule.tolerance_s is None else rule.tolerance_s
            _, found, pulses, failed = program(devices, targets_s.flatten().double(), tolerance, rule.max_pulses)
            return WrittenCells(*(part.reshape(targets_s.shape) for part in (found.float(), pulses, failed)))
        given, index = torch.unique(targets_s.double(), return_inverse=True)
        for edge in (self.g_min_s, self.g_max_s):
            given = torch.where((given - edge).abs() < _SINGLE * edge, edge, given)
        if len(given) > _MOST_TARGETS:
            raise OutOfRange(f"targets_s: expected at most {_MOST_TARGETS} different ones, found {len(given)}")
        exact = LogNormalError(0.0, 0.0, min(self.g_min_s, float(given[0])), max(self.g_max_s, float(given[-1])))
        stuck = "stuck" in chosen
        states = _Targets(
            self.g_min_s,
            self.g_max_s,
            len(given),
            self.error if self.error is not None and "programming" in chosen else exact,
            self.stuck_min if stuck else 0.0,
            self.stuck_max if stuck else 0.0,
            tuple(given.tolist()),
        )
        return write_cells(index.to(torch.uint8), states, rule, stream_seed(seed, "device", "program"))

    def fresh(self, count: int, imperfections: Iterable[str], seed: int) -> Batch:
        """Return devices before their first update pulse; raises ValueError where the card has no pulse model."""
        update = self._update()
        return fresh(update, count, chosen_imperfections(imperfections, update.imperfections), seed)

    def pulse(self, devices: Batch, pulses: int | torch.Tensor) -> Batch:
        """Return devices after `pulses` more update pulses: above 0 SET, below 0 RESET (`devices.pulses`)."""
        return pulse(devices, pulses)

    def conductance_s(self, devices: Batch) -> torch.Tensor:
        """Return the conductance of pulsed devices, float64 (count,)."""
        return conductance_s(devices)

    def aged_s(self, conductance: torch.Tensor, time_s: float, temperature_k: float, seed: int) -> torch.Tensor:
        """Return conductances after `time_s` at `temperature_k`; raises OutOfRange beyond what the card states."""
        if self.retention is None:
            raise OutOfRange("time: expected none, since the card states no retention")
        random = generator(seed, "device", "retention")
        return self.retention.aged_s(conductance, self.g_min_s, self.g_max_s, time_s, temperature_k, random)

    def read_a(
        self,
        conductance: torch.Tensor,
        volts: float | torch.Tensor,
        temperature_k: float,
        imperfections: Iterable[str],
        seed: int,
    ) -> torch.Tensor:
        """Return the current (A) of one read of each device at `volts`."""
        chosen = chosen_imperfections(imperfections, self.imperfections)
        if self.telegraph is not None and "telegraph_noise" in chosen:
            low = self.telegraph.low(tuple(conductance.shape), stream_seed(seed, "device", "telegraph"))
            conductance = self.telegraph.shifted_s(conductance, low)
        if self.activation is not None:
            factor = self.activation.factor(conductance, self.g_min_s, self.g_max_s, temperature_k)
            conductance = conductance * factor
        # The curve keeps one shape, as in a chip; what follows temperature is `activation` alone.
        slope = self.law.slope_from(conductance, self.stated_v, self.curve_k)
        current: torch.Tensor = self.law.current_a(slope, volts, self.curve_k)
        if self.read_noise > 0 and "read_noise" in chosen:
            current = noisy_read_s(current, self.read_noise, stream_seed(seed, "device"), 0)
        return current

    def _update(self) -> Model[Batch]:
        if self.update is None:
            raise ValueError("pulses: expected none, since the card has no pulse_update")
        return self.update
