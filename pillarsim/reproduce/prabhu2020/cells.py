"""The assumed device: states by RESET stop voltage, cycled 1000 times, and the look-up table that the cycles give.

ln R(V_stop) = ln R_0 + k (|V_stop| - V_0), the spread of ln R linear in ln R between the shallowest and the deepest
state, each cycle an independent draw. State 1 is the LRS: at V_0 the RESET has only begun. The paper's resistances,
spreads and stop voltages were not available: all numbers here are assumed, typical of HfOx.
Left out: device-to-device spread (the states are those of one device), drift, read noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr

from pillarsim.devices.programming_error import ProgrammingError, QuantileError
from pillarsim.devices.streams import generator

Array = NDArray[np.float64]
Bits = NDArray[np.uint8]

CYCLES = 1000  # bipolar read-write cycles; paper's abstract


@dataclass(frozen=True)
class StopVoltages:
    """States by RESET stop voltage, shallowest first; sigma: standard deviation of ln R."""

    volts: tuple[float, ...] = (-0.8, -0.9, -1.0, -1.1, -1.2, -1.3, -1.4, -1.5)  # V, assumed; the first is the LRS
    shallowest_ohm: float = 10e3  # Ohm, R_0, at the first stop voltage; assumed
    deepest_ohm: float = 1e6  # Ohm, at the last; assumed
    shallowest_sigma: float = 0.1  # of ln R, assumed
    deepest_sigma: float = 0.4  # of ln R, assumed

    @property
    def slope(self) -> float:
        """k: change of ln R by volt of |V_stop|."""
        return math.log(self.deepest_ohm / self.shallowest_ohm) / (abs(self.volts[-1]) - abs(self.volts[0]))

    def medians_ohm(self) -> Array:
        """Nominal resistance of each state (states,)."""
        steps = np.abs(self.volts) - abs(self.volts[0])
        return np.asarray(self.shallowest_ohm * np.exp(self.slope * steps))

    def sigmas(self) -> Array:
        """Spread of ln R of each state (states,)."""
        place = np.log(self.medians_ohm() / self.shallowest_ohm) / math.log(self.deepest_ohm / self.shallowest_ohm)
        return np.asarray(self.shallowest_sigma + place * (self.deepest_sigma - self.shallowest_sigma))


def cycled_ohm(medians_ohm: Array, sigmas: Array, cycles: int, *stream: str | int) -> Array:
    """Resistance in each cycle (states, cycles): log-normal about the medians, drawn from the stream seed, name, ...

    The normal deviates depend on the stream alone, so that another spread or median moves the same draws.
    """
    shape = (len(medians_ohm), cycles)
    deviates = torch.randn(shape, generator=generator(int(stream[0]), *stream[1:]), dtype=torch.float64).numpy()
    return np.asarray(medians_ohm[:, None] * np.exp(sigmas[:, None] * deviates))


def look_up_table(resistance_ohm: Array, nominal_ohm: Array) -> QuantileError:
    """The table of quantiles of measured resistances (states, cycles), each state under its nominal resistance.

    It holds conductances, as the device models do; a quantile of R at p is 1/G of the quantile of G at 1 - p. With as
    many probabilities as cycles it is the sorted cycles themselves. Raises ValueError where two states share a nominal
    resistance.
    """
    cycles = resistance_ohm.shape[1]
    probabilities = np.linspace(0, 1, cycles)
    order = np.argsort(-nominal_ohm)
    table = np.quantile(1 / resistance_ohm[order], probabilities, axis=1).T
    return QuantileError(
        tuple(probabilities.tolist()),
        tuple((1 / nominal_ohm[order]).tolist()),
        tuple(tuple(row) for row in np.maximum.accumulate(table, axis=1).tolist()),
    )


@dataclass(frozen=True)
class Binary:
    """A cell that holds one bit, 1 in the LRS: its distribution, and the nominal conductances of logic 0 and 1."""

    table: ProgrammingError
    zero_s: float
    one_s: float

    @property
    def threshold_s(self) -> float:
        """1 / sqrt(R_L R_H): at most this conductance reads as 0."""
        return math.sqrt(self.zero_s * self.one_s)

    def read_s(self, bits: Bits, uniform: Array) -> Array:
        """Conductance of each cell, drawn from the table at the probabilities `uniform` of its shape."""
        return self.table.quantile_s(np.where(bits == 1, self.one_s, self.zero_s), uniform)

    def soft(self, conductance_s: Array) -> Array:
        """Analog value of a read bit: (1/R - 1/R_H) / (1/R_L - 1/R_H), not limited to 0 to 1."""
        return (conductance_s - self.zero_s) / (self.one_s - self.zero_s)

    def hard(self, conductance_s: Array) -> Bits:
        """Thresholded value of a read bit."""
        return (conductance_s > self.threshold_s).astype(np.uint8)

    def error_rates(self) -> tuple[float, float]:
        """Probabilities that a stored 0 and a stored 1 are read wrong, by the table itself."""
        zero, one = (float(self.table.cdf(state, self.threshold_s)) for state in (self.zero_s, self.one_s))
        return 1 - zero, one


def binary(lrs_ohm: float, hrs_ohm: float, sigmas: tuple[float, float], *stream: str | int) -> Binary:
    """A binary cell whose table comes from `CYCLES` cycles of log-normal states; sigmas: LRS, HRS."""
    medians = np.array([lrs_ohm, hrs_ohm])
    table = look_up_table(cycled_ohm(medians, np.array(sigmas), CYCLES, *stream), medians)
    return Binary(table, table.targets_s[0], table.targets_s[-1])


def closed_error_rates(ratio: float, sigmas: tuple[float, float]) -> tuple[float, float]:
    """Closed form for log-normal states and the threshold sqrt(R_L R_H), stored 0 and stored 1; sigmas: LRS, HRS.

    Their mean is the bit error rate 1/2 [Q(ln(R_th/R_L)/sigma_L) + Q(ln(R_H/R_th)/sigma_H)].
    """
    half = math.log(ratio) / 2
    one, zero = (float(ndtr(-half / sigma)) if sigma > 0 else 0.0 for sigma in sigmas)
    return zero, one
