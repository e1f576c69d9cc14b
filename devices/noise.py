"""Noise of single cells after programming: telegraph noise, slow or in time, and Gaussian read noise.

Modelled: a trap that lowers a cell's conductance by a fixed share while it is occupied, either in one state for a
whole run (`SlowTelegraph`) or as a two-state Markov chain in continuous time (`Telegraph`); read noise as a normal
factor drawn anew in each read. Draws are counted by cell and by step or read (`pulses/draws.py`), so a cell keeps its
draws whatever stands beside it. Conductances are float32 or float64 tensors of any shape, in siemens.
Left out: several traps in a cell, amplitudes or dwell times that depend on state, voltage or temperature, 1/f noise.
Telegraph noise that moves by write pulses is in `pulses/telegraph.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from pillarsim.devices.pulses.draws import Stream, bits, device_keys, stream, uniform
from pillarsim.devices.ranges import within

_CHUNK = 1 << 20  # cells drawn at a time, to bound memory
_HALF_STEP = 2.0**-33  # half the distance of two draws: keeps uniforms off 0 and 1


@dataclass(frozen=True)
class SlowTelegraph:
    """Traps far slower than a run: a cell is in the low state, G (1 - amplitude), with probability `occupancy`.

    Raises ValueError where one is outside [0, 1].
    """

    occupancy: float
    amplitude: float

    def __post_init__(self) -> None:
        _shares(occupancy=self.occupancy, amplitude=self.amplitude)

    def low(self, shape: tuple[int, ...], seed: int) -> torch.Tensor:
        """Draw which cells are in the low state for the whole run (bool)."""
        return _below(_number(self.occupancy), shape, stream(seed, "slow telegraph"), 0)

    def shifted_s(self, conductance_s: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """Return the conductances with those of cells in the low state lowered."""
        return torch.where(low, conductance_s * (1 - self.amplitude), conductance_s)


@dataclass(frozen=True)
class Telegraph:
    """A trap with exponential stays: mean seconds in the high and in the low state, low being G (1 - amplitude).

    With 1/tau = 1/dwell_high_s + 1/dwell_low_s, the chance of the other state after t is that state's stationary
    share times 1 - exp(-t/tau): the closed form of the chain, whatever happened in between. Raises ValueError for
    stays that are not above 0 or an amplitude outside [0, 1].
    """

    dwell_high_s: float
    dwell_low_s: float
    amplitude: float

    def __post_init__(self) -> None:
        _shares(amplitude=self.amplitude)
        for name, value in (("dwell_high_s", self.dwell_high_s), ("dwell_low_s", self.dwell_low_s)):
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name}: expected above 0, found {value:g} s")

    @property
    def occupancy(self) -> float:
        """Stationary probability of the low state."""
        return self.dwell_low_s / (self.dwell_high_s + self.dwell_low_s)

    def switch_probability(self, time_s: float) -> tuple[float, float]:
        """(high -> low, low -> high): probabilities of the other state `time_s` later. Raises OutOfRange below 0."""
        within("time between reads", time_s, 0, math.inf, "s")
        moved = -math.expm1(-time_s * (1 / self.dwell_high_s + 1 / self.dwell_low_s))
        return self.occupancy * moved, (1 - self.occupancy) * moved

    def shifted_s(self, conductance_s: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """Return the conductances with those of cells in the low state lowered."""
        return torch.where(low, conductance_s * (1 - self.amplitude), conductance_s)


@dataclass(frozen=True, eq=False)
class TelegraphCells:
    """Cells at one time: which are in the low state (bool, any shape), and how many steps were drawn so far."""

    model: Telegraph
    seed: int
    steps: int
    low: torch.Tensor


def telegraph_cells(model: Telegraph, shape: tuple[int, ...], seed: int) -> TelegraphCells:
    """Return cells in states drawn from the stationary distribution."""
    return TelegraphCells(model, seed, 0, _below(_number(model.occupancy), shape, _telegraph(seed), 0))


def after(cells: TelegraphCells, time_s: float) -> TelegraphCells:
    """Return the cells `time_s` later: one draw a cell. Two steps and one of their sum agree in law, not by draw."""
    fall, rise = cells.model.switch_probability(time_s)
    chance = torch.where(cells.low, _number(rise), _number(fall))
    steps = cells.steps + 1
    switched = _below(chance, tuple(cells.low.shape), _telegraph(cells.seed), steps)
    return replace(cells, steps=steps, low=cells.low ^ switched)


def noisy_read_s(conductance_s: torch.Tensor, relative: float, seed: int, read: int) -> torch.Tensor:
    """Return what read number `read` sees: G (1 + relative z), z standard normal, one draw a cell and read.

    Not cut at 0: a read of a very noisy cell may give less. Raises ValueError for a negative `relative`.
    """
    if not relative >= 0:
        raise ValueError(f"relative read noise: expected none below 0, found {relative:g}")
    of, seen = stream(seed, "read noise"), torch.empty_like(conductance_s, memory_format=torch.contiguous_format)
    values, out = conductance_s.reshape(-1), seen.view(-1)
    for start, stop in _chunks(len(values)):
        z = torch.special.ndtri(_drawn(of, start, stop, read) + _HALF_STEP)
        out[start:stop] = values[start:stop] * (1 + relative * z)
    return seen


def _telegraph(seed: int) -> Stream:
    return stream(seed, "telegraph")


def _chunks(count: int) -> list[tuple[int, int]]:
    return [(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]


def _drawn(of: Stream, start: int, stop: int, number: int) -> torch.Tensor:
    """Uniform draw `number` of cells start, ..., stop - 1, float64."""
    keys = device_keys(of, start, stop)
    return uniform(bits(keys, torch.tensor(number, dtype=torch.int32)))


def _below(chance: torch.Tensor, shape: tuple[int, ...], of: Stream, number: int) -> torch.Tensor:
    """Return with which cells draw `number` falls below `chance` (of `shape`, or one for all)."""
    found = torch.empty(shape, dtype=torch.bool)
    flat, each = found.view(-1), chance.reshape(-1)
    for start, stop in _chunks(flat.numel()):
        limit = each if chance.ndim == 0 else each[start:stop]
        flat[start:stop] = _drawn(of, start, stop, number) < limit
    return found


def _number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _shares(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}: expected 0 to 1, found {value:g}")
