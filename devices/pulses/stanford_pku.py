"""Filament gap under voltage pulses: the Stanford-PKU compact model of RRAM, pulsed and read.

    I = I0 exp(-gap / g0) sinh(V / V0)                      T = T_ini + |V I| Rth
    dgap/dt = -Vel0 exp(-q Ea / (k T)) sinh(gamma a0 q V / (tox k T))    gamma = gamma0 - beta (gap / nm)^3
V > 0 shrinks the gap (SET). gap stays in [gap_min, gap_max]; a fresh device is at gap_max. A pulse holds its voltage
over its width; during it gap follows one curve for all devices, so it is one look-up in a table of gap after against
gap before, made once for each model and polarity by exact quadrature of dt = dgap / rate and its inversion. Error of
a pulse: below 1e-8 nm against an adaptive integrator, with the pulses stated here (tests).
Noise: `c2c` adds N(0, 0.02 nm) to gap at each pulse, `d2d` moves both gap limits of a device by N(0, 0.02 nm).
Sources: constants and equations from the comments of a public Verilog-A port of the model; the
unit of deltaGap0 (nm, a pulse) and the pulses are assumed.
Left out: access transistor and current compliance (the pulse is a voltage source, so hot SETs run away to gap_min),
thermal time constant, the growth of deltaGap with temperature (T_crit, T_smth), hard breakdown.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.imperfections import chosen_imperfections
from pillarsim.devices.pulses.batch import Batch, Directions, advanced, checked_count, parts
from pillarsim.devices.pulses.draws import normal
from pillarsim.devices.pulses.window import standard
from pillarsim.devices.ranges import within
from pillarsim.devices.scaling import BOLTZMANN_EV

_NAME = "stanford pku"
_CELLS = 1 << 16  # of the table; error falls with their square
_SPREADS = 6.0  # standard deviations that the table reaches beyond the limits; limits of devices stay within
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)  # quadrature inside a cell of the table


@dataclass(frozen=True)
class StanfordPku:
    """Parameters; lengths in nm as the model states them. Imperfections: `c2c`, `d2d`, both on the gap.

    Raises OutOfRange for gap limits that are no range within [0, tox], amplitudes outside [0.01, 5] V (0.2 V for the
    read), widths outside [1 ps, 1 s] or a spread outside [0, 0.5] nm.
    """

    imperfections: ClassVar[tuple[str, ...]] = ("c2c", "d2d")
    directions: ClassVar[Directions] = "both"
    restarts: ClassVar[bool] = False

    g0_nm: float = 0.25  # nm, decay length of the current
    v0_v: float = 0.25  # V
    i0_a: float = 1e-3  # A
    vel0_nm_per_s: float = 10e9  # nm/s, = 10 m/s
    gamma0: float = 16.0  # field enhancement at gap 0
    beta: float = 0.8  # a nm^3 of gap
    ea_ev: float = 0.6  # eV
    a0_nm: float = 0.25  # nm, hopping distance
    tox_nm: float = 12.0  # nm
    gap_min_nm: float = 0.2  # nm
    gap_max_nm: float = 1.7  # nm
    rth_k_per_w: float = 2.1e3  # K/W
    ambient_k: float = 298.0  # K, T_ini
    spread_nm: float = 0.02  # nm, deltaGap0; unit assumed
    set_v: float = 1.5  # V, assumed
    reset_v: float = 1.2  # V, size of the negative RESET pulse, assumed
    width_s: float = 10e-9  # s, of both pulses, assumed
    read_v: float = 0.1  # V

    def __post_init__(self) -> None:
        within("gap_max_nm", self.gap_max_nm, 0.0, self.tox_nm, "nm")
        within("gap_min_nm", self.gap_min_nm, 0.0, self.gap_max_nm - 0.01, "nm")
        for name in ("set_v", "reset_v"):
            within(name, getattr(self, name), 0.01, 5.0, "V")
        within("read_v", self.read_v, 1e-6, 0.2, "V")
        within("width_s", self.width_s, 1e-12, 1.0, "s")
        within("spread_nm", self.spread_nm, 0.0, 0.5, "nm")
        _, high = self.table_limits_nm
        if self.gamma0 - self.beta * high**3 <= 0:
            raise ValueError(f"gap up to {high:.3g} nm: expected gamma0 - beta gap^3 above 0, found less")

    @property
    def table_limits_nm(self) -> tuple[float, float]:
        """Least and greatest gap of the table: the limits, their spread, and a tenth of the range below."""
        beyond = _SPREADS * self.spread_nm
        return self.gap_min_nm - beyond - 0.1 * (self.gap_max_nm - self.gap_min_nm), self.gap_max_nm + beyond

    def current_a(self, gap_nm: NDArray[np.float64], volts: float) -> NDArray[np.float64]:
        """Return the current in ampere at a gap."""
        current: NDArray[np.float64] = self.i0_a * np.exp(-np.asarray(gap_nm) / self.g0_nm) * np.sinh(volts / self.v0_v)
        return current

    def rate_nm_per_s(self, gap_nm: NDArray[np.float64], volts: float) -> NDArray[np.float64]:
        """Return dgap/dt in nm/s at a gap, without the limits."""
        gap = np.asarray(gap_nm, dtype=np.float64)
        kt = BOLTZMANN_EV * (self.ambient_k + np.abs(volts * self.current_a(gap, volts)) * self.rth_k_per_w)
        field = (self.gamma0 - self.beta * gap**3) * self.a0_nm * volts / self.tox_nm
        rate: NDArray[np.float64] = -self.vel0_nm_per_s * np.exp(-self.ea_ev / kt) * np.sinh(field / kt)
        return rate

    def fresh(self, count: int, imperfections: Iterable[str], seed: int) -> StanfordPkuDevices:
        """Return `count` devices at gap_max; raises ValueError for an unknown name or no device."""
        checked_count(count)
        chosen = chosen_imperfections(imperfections, self.imperfections)
        offset = torch.zeros(count, dtype=torch.float64)
        if "d2d" in chosen and self.spread_nm:
            for part in parts(count):
                offset[part] = standard(part, seed, _NAME, "offset").clamp_(-_SPREADS, _SPREADS)
            offset *= self.spread_nm
        return StanfordPkuDevices(
            model=self,
            imperfections=chosen,
            seed=seed,
            number=torch.arange(count, dtype=torch.int32),
            pulses=torch.zeros(count, dtype=torch.int32),
            offset_nm=offset,
            gap_nm=offset + self.gap_max_nm,
        )


@dataclass(frozen=True, eq=False)
class StanfordPkuDevices(Batch):
    """A batch of devices, float64 (count,): offset of the gap limits, gap."""

    model: StanfordPku
    offset_nm: torch.Tensor
    gap_nm: torch.Tensor

    def pulse(self, n: int | torch.Tensor) -> StanfordPkuDevices:
        """Return the devices after n more pulses each (see `interface.pulse`)."""
        return advanced(self, n, ("gap_nm",), _step, one_by_one=True)

    def conductance_s(self) -> torch.Tensor:
        """Return I / V of each device at the read voltage in siemens, float64 (count,)."""
        model = self.model
        at_contact = float(model.current_a(np.asarray(0.0), model.read_v)) / model.read_v
        return torch.exp(self.gap_nm * (-1 / model.g0_nm)).mul_(at_contact)


@functools.lru_cache(maxsize=64)
def gap_after_nm(model: StanfordPku, volts: float) -> torch.Tensor:
    """Return the gap after one pulse of `volts` from each gap of the table, in nm, before the device's own limits."""
    low, high = model.table_limits_nm
    gap = np.linspace(low, high, _CELLS + 1)
    size = (high - low) / _CELLS
    inner = gap[:-1, None] + size / 2 * (1 + _NODES)
    seconds = (_WEIGHTS / np.abs(model.rate_nm_per_s(inner, volts))).sum(axis=1) * size / 2
    if volts > 0:
        # Time runs as the gap shrinks: from the top of the table down.
        since = np.concatenate(([0.0], np.cumsum(seconds[::-1])))
        after = np.interp(since + model.width_s, since, gap[::-1])[::-1]
    else:
        since = np.concatenate(([0.0], np.cumsum(seconds)))
        after = np.interp(since + model.width_s, since, gap)
    return torch.from_numpy(np.ascontiguousarray(after))


def _step(devices: StanfordPkuDevices, n: torch.Tensor) -> StanfordPkuDevices:
    model = devices.model
    low, high = model.table_limits_nm
    place = (devices.gap_nm - low).mul_(_CELLS / (high - low)).clamp_(0, _CELLS)
    cell = place.to(torch.int64).clamp_(max=_CELLS - 1)
    share = place.sub_(cell)
    after = torch.empty_like(share)
    for volts, chosen in ((model.set_v, n > 0), (-model.reset_v, n < 0)):
        index = chosen.nonzero().squeeze(1)
        if len(index):
            table, at = gap_after_nm(model, volts), cell.index_select(0, index)
            start, end = table.index_select(0, at), table.index_select(0, at + 1)
            after.index_copy_(0, index, torch.lerp(start, end, share.index_select(0, index)))
    if "c2c" in devices.imperfections:
        after += normal(devices.keys(_NAME, "c2c"), devices.pulses).mul_(model.spread_nm)
    after = torch.maximum(after, devices.offset_nm + model.gap_min_nm)
    return replace(devices, gap_nm=torch.minimum(after, devices.offset_nm + model.gap_max_nm))
