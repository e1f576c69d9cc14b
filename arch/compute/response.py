"""How nonlinear cells answer inputs of several voltages: the drive of a row as a table of its chunk.

The DAC puts V_x = V_r x / (2^d - 1) on a row, steps of equal voltage, and predistorts nothing. A cell's current
I(V_x, G) = sum_k a_k(G) b_k(V_x), over V_r and a level's step, times 2^d - 1, is its contribution in unit steps:

    sum_k c_k(G) d_k(x),  d_k(x) = (2^d - 1) b_k(V_x) / b_k(V_r),  c_k(G) = a_k(G) b_k(V_r) / V_r  (siemens)

The c_k of a cell sum to its I / V at the read voltage (decision 0013), so that a chunk at full scale gives what it
gives linear cells. A chunk of fewer bits than the DAC, the sign plane of signed codes among them, is put on the row
with the same steps: small voltages, where a nonlinear cell conducts less than its share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.current_voltage import Law

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drives:
    """What each chunk value puts on a row: drive (2^d, terms), power (2^d, products of two terms), fixed point."""

    drive: NDArray[np.int64]
    power: NDArray[np.int64]


@dataclass(frozen=True)
class Response:
    """Law of the cells, volts of a chunk at full scale and its largest value 2^d - 1; kelvin of the law."""

    law: Law
    read_voltage: float
    top: int
    temperature_k: float

    @property
    def terms(self) -> int:
        """Terms of a cell's contribution."""
        return self.law.rank

    @property
    def volts(self) -> Floats:
        """Voltage of each chunk value, (top + 1,)."""
        return self.read_voltage * np.arange(self.top + 1) / self.top

    def drives(self) -> Floats:
        """d_k of each chunk value, (top + 1, terms): 0 at 0, `top` at the largest."""
        found = self.law.terms(self.volts, self.temperature_k)
        return np.stack([self.top * (term / term[-1]) for term in found], axis=1)

    def conductances_s(self, conductance_s: Floats) -> Floats:
        """c_k of cells whose I / V at the read voltage is `conductance_s` (P, R, O, S), as (P, R, terms, O, S).

        Raises OutOfRange for a cell outside the range of its law.
        """
        slopes = self.law.slope_from(conductance_s, self.read_voltage, self.temperature_k)
        full = self.law.terms(self.read_voltage, self.temperature_k)
        found = [a * (b / self.read_voltage) for a, b in zip(self.law.coefficients(slopes), full, strict=True)]
        return np.stack(found, axis=2)

    def powers(self) -> Floats:
        """Products d_i d_j, i <= j, of each chunk value, (top + 1, terms (terms + 1) / 2)."""
        drives = self.drives()
        return np.stack([drives[:, i] * drives[:, j] for i, j in self._pairs()], axis=1)

    def squares(self, cells: Floats) -> Floats:
        """What `powers` are to be multiplied by for the squares of contributions `cells` (P, R, terms, O, S)."""
        found = [(1 if i == j else 2) * cells[:, :, i] * cells[:, :, j] for i, j in self._pairs()]
        return np.stack(found, axis=2)

    def fixed(self, drive_bits: int, power_bits: int) -> Drives:
        """`drives` and `powers` as integers, in units of 2^-drive_bits and of 2^-power_bits."""
        drive, power = self.drives() * 2.0**drive_bits, self.powers() * 2.0**power_bits
        return Drives(np.rint(drive).astype(np.int64), np.rint(power).astype(np.int64))

    def _pairs(self) -> list[tuple[int, int]]:
        return [(i, j) for i in range(self.terms) for j in range(i, self.terms)]


def interleaved(cells: Floats) -> Floats:
    """(P, R, terms, O, S) -> (P, R * terms, O, S): the terms of a row one after another."""
    polarities, rows, terms, outputs, slices = cells.shape
    return cells.reshape(polarities, rows * terms, outputs, slices)
