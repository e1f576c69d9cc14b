"""Binary weights in pairs of weak-RESET devices (Majumdar et al. 2021): W = sign(R_BL - R_BLb), a layer at a time.

A pair is two devices of the torch model `pulses.weak_reset`: pair (i, o) of a layer (I, O) is devices 2 (i O + o), the
BL side, and the one after it, BLb, of a batch of 2 I O devices of one seed. Pulses on BL raise R_BL and push the weight
up; pulses on BLb push it down. States and conductances are those of the torch model: draws and pulses are equal,
conductances to rounding (pink noise is summed in single precision, in both).
A pair of equal resistances (without any imperfection both devices are the same device) falls to the side that its
comparator prefers: one fixed random bit a pair, so that a fresh layer without imperfections has random weights too.
The published program starts from the random signs of its framework and reads a tie as weight 0, which no comparator
gives.
Left out: SET, noise and offset of the comparison, half-selected devices (the card has no law of their rate).
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.pulses.draws import stream
from pillarsim.devices.pulses.telegraph import switch_probability
from pillarsim.devices.pulses.weak_reset import WeakReset
from pillarsim.devices.streams import generator
from pillarsim.devices.synapses.weak_reset_kernel import Parameters, pulse_rows

__all__ = ["MOST_AT_ONCE", "Given", "WeakResetPairs", "fresh_pairs"]

MOST_AT_ONCE = 127  # pulses of a pair in one call: int8
_ROWS = 16  # rows a thread takes at once; changes no result


@dataclass(frozen=True, eq=False)
class Given:
    """What one call of `give` did, by row (I,).

    pairs: that had pulses; pulses: given; pulse_s: conductance (S) of pulsed devices before the call, summed over its
    pulses.
    """

    pairs: NDArray[np.int64]
    pulses: NDArray[np.int64]
    pulse_s: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WeakResetPairs:
    """The pairs of one layer (I, O); arrays of devices are (I, O, 2): BL, BLb. `give` changes the last five in place.

    parameters: see the kernel; ties (I, O): -1 or 1; pulses: so far; high: state of the telegraph noise; conductance_s;
    row_s (I,): conductance summed over a row; signs (I, O): the weights, -1.0 or 1.0. All but pulses and high follow
    from these two (`read_all`).
    """

    model: WeakReset
    imperfections: frozenset[str]
    seed: int
    parameters: Parameters
    ties: NDArray[np.int8]
    pulses: NDArray[np.int32]
    high: NDArray[np.bool_]
    conductance_s: NDArray[np.float64]
    row_s: NDArray[np.float64]
    signs: NDArray[np.float32]

    @property
    def devices(self) -> int:
        """Devices of all pairs."""
        return self.pulses.size

    @property
    def past_knee(self) -> float:
        """Share of devices past their knee t*."""
        return float(np.count_nonzero(self.pulses.reshape(-1) >= self.parameters[2])) / self.devices

    def give(self, n: NDArray[np.int8], pool: ThreadPoolExecutor | None = None) -> Given:
        """Give n > 0 pulses to BL, |n| to BLb where n < 0, none where n = 0, and read what was pulsed.

        n (I, O), |n| <= 127. The result does not depend on the pool. Raises ValueError for another shape or type.
        """
        if n.shape != self.ties.shape or n.dtype != np.int8:
            raise ValueError(f"pulses: expected int8 {self.ties.shape}, found {n.dtype} {n.shape}")
        return self._pulse(n, pool)

    def read_all(self, pool: ThreadPoolExecutor | None = None) -> None:
        """Find conductances and signs anew, after `pulses` and `high` were written to."""
        self._pulse(None, pool)

    def _pulse(self, n: NDArray[np.int8] | None, pool: ThreadPoolExecutor | None) -> Given:
        inputs = len(self.ties)
        counts, before_s = np.zeros((inputs, 2), np.int64), np.zeros(inputs)
        keys, switches, halves, taps = self._noise()
        given = np.zeros((1, 1), np.int8) if n is None else n

        def work(start: int) -> None:
            rows = start, min(start + _ROWS, inputs)
            pulse_rows(
                given, rows, n is None, self.parameters, keys, switches, halves, taps, self.ties,
                self.pulses.reshape(inputs, -1), self.high.reshape(inputs, -1), self.conductance_s.reshape(inputs, -1),
                self.row_s, self.signs, counts, before_s,
            )  # fmt: skip

        starts = range(0, inputs, _ROWS)
        for _ in map(work, starts) if pool is None else pool.map(work, starts):
            pass
        return Given(counts[:, 0], counts[:, 1], before_s)

    def _noise(
        self,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Stream words, switching probabilities by pulses, and the pink filter; empty where an imperfection is off."""
        streams = [stream(self.seed, "weak reset", name) for name in ("telegraph", "pink")]
        keys = np.array([[one.first, one.second] for one in streams], np.int32)
        switches, pink = torch.zeros(2, 0), self.model.pink
        if "rtn" in self.imperfections:
            at = torch.arange(MOST_AT_ONCE + 1, dtype=torch.int32)
            states = (torch.full(at.shape, high, dtype=torch.bool) for high in (False, True))
            switches = torch.stack([switch_probability(self.model.telegraph, state, at) for state in states])
        if "pink" not in self.imperfections:
            return keys, switches.numpy(), np.zeros(1, np.float32), np.zeros(0, np.float32)
        # As `pulses.pink`: x = 1/2 + word / 2^32, the halves of the pulses that there were and then their words.
        halves = np.cumsum([0.0, *pink.taps]) * (pink.coupling / 2)
        taps = np.array(pink.taps) * pink.coupling / 2.0**32
        return keys, switches.numpy(), halves.astype(np.float32), taps.astype(np.float32)


def fresh_pairs(model: WeakReset, inputs: int, outputs: int, imperfections: Iterable[str], seed: int) -> WeakResetPairs:
    """Return the pairs of a layer before their first pulse.

    Raises ValueError for an unknown imperfection or a layer without pairs.
    """
    devices = model.fresh(2 * inputs * outputs, imperfections, seed)
    shape = (inputs, outputs, 2)
    bits = torch.randint(0, 2, (inputs, outputs), generator=generator(seed, "weak reset", "ties"), dtype=torch.int8)
    start_ohm = devices.r0_ohm * devices.c1.exp()
    drawn = (start_ohm, devices.m1, devices.t_star, devices.m2, devices.amplitude)
    of_all = drawn if "d2d" in devices.imperfections else [of[:1].clone() for of in drawn]
    one, two, three, four, five = (of.numpy() for of in of_all)
    pairs = WeakResetPairs(
        model=model,
        imperfections=devices.imperfections,
        seed=seed,
        parameters=(one, two, three, four, five),
        ties=(2 * bits - 1).numpy(),
        pulses=np.zeros(shape, np.int32),
        high=np.zeros(shape, np.bool_),
        conductance_s=np.empty(shape),
        row_s=np.empty(inputs),
        signs=torch.empty(shape[:2]).numpy(),  # aligned: sums in a matrix product may depend on it
    )
    pairs.read_all()
    return pairs
