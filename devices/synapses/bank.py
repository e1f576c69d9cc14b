"""The synapses of a layer: N devices each, whose conductances sum to a weight. All state in arrays changed in place.

    single        w = w_max (2 / N sum of places - 1)                  place = (G - Gmin) / (Gmax - Gmin), nominal
    differential  w = w_max 2 / N (sum of places + less sum of places -)      N / 2 devices of each sign
so the nominal window spans [-w_max, w_max] in both. All devices of a synapse are read, and their currents summed.
A weight is always the sum over its devices, recomputed where one moves.
Moves: single synapses raise the selected device (SET) for a higher weight and lower it (RESET) for a lower one, which
takes a model that moves both ways. Differential synapses SET the selected device of the positive or of the negative
sign, also where the model moves both ways (Boybat et al., Nat. Commun. 9:2514, 2018): they saturate and need refresh.
Places in an array: a synapse's devices sit on neighbouring bit lines of its word line, positive ones first.
Left out: wire drop of update pulses, retention between updates, devices that are stuck or not formed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.pulses.interface import Model
from pillarsim.devices.streams import stream_seed
from pillarsim.devices.synapses.arbitration import Arbiter
from pillarsim.devices.synapses.core import PCM, Core, Doubles, Floats
from pillarsim.devices.synapses.draws import normal_table
from pillarsim.devices.synapses.laws import (
    PulseModel,
    checked_model,
    law_of,
    nominal_step,
)
from pillarsim.devices.synapses.sums import recompute

State = dict[str, NDArray[Any]]
_CHANGING = (
    "x", "memory", "seen", "pulses", "weights", "squares", "row_s", "column_s", "row_pulses", "column_pulses",
    "counters", "done",
)  # fmt: skip


@dataclass(frozen=True)
class Synapse:
    """Devices of a weight (both signs together) and how the one to be pulsed is chosen.

    Raises ValueError for no device, an odd number of them in a differential synapse, or what `Arbiter` refuses.
    """

    devices: int = 1
    differential: bool = False
    increment: int = 1
    potentiation_period: int = 1
    depression_period: int = 1

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise ValueError(f"devices: expected at least 1 a synapse, found {self.devices}")
        if self.differential and self.devices % 2:
            raise ValueError(f"devices: expected an even number in a differential synapse, found {self.devices}")
        _ = self.arbiter

    @property
    def arbiter(self) -> Arbiter:
        """The counters' rule: they choose among all devices, or among those of a sign."""
        among = self.devices // 2 if self.differential else self.devices
        return Arbiter(among, self.increment, self.potentiation_period, self.depression_period)


@dataclass(frozen=True, eq=False)
class Bank:
    """A layer's synapses (inputs, outputs); `core` holds its arrays, which updates change."""

    model: PulseModel
    synapse: Synapse
    weight_max: float
    core: Core

    @property
    def weights(self) -> Floats:
        """Weights as reads see them, (I, O) float32."""
        return self.core.weights

    @property
    def pulses(self) -> NDArray[np.int32]:
        """Pulses of each device, (I, O, N)."""
        return self.core.pulses

    @property
    def row_s(self) -> Doubles:
        """Conductances summed over each word line, siemens (I,)."""
        return self.core.row_s

    @property
    def column_s(self) -> Doubles:
        """Conductances summed over each bit line, siemens (O, N)."""
        return self.core.column_s

    @property
    def step(self) -> float:
        """Weight that one pulse moves: the nominal device's mean step (`laws.nominal_step`), without noise."""
        return self.core.step

    def conductance_s(self) -> Doubles:
        """Conductance of each device as reads see it, siemens (I, O, N) float64."""
        return (self.core.low + self.core.seen.astype(np.float64)) * self.core.span_s


def make_bank(
    model: Model[Any], synapse: Synapse, inputs: int, outputs: int, weight_max: float, imperfections: Iterable[str],
    seed: int, name: str, squares: bool = False,
) -> Bank:  # fmt: skip
    """Return synapses of fresh devices (at the lower bound of their windows).

    imperfections: of `laws.known_imperfections`; spread over devices is that of `model.fresh` with the bank's seed,
    device number (i outputs + o) N + n. name: of the layer, names its streams; squares: also keep sums of squared
    conductances, for read noise. Raises ValueError for a model without a compiled pulse, a single synapse of a model
    that moves one way only, an unknown imperfection, a layer without synapses, more than 2^31 - 1 devices, or a largest
    weight that is not positive and finite.
    """
    known = checked_model(model)
    if not synapse.differential and known.directions != "both":
        raise ValueError(
            f"{type(known).__name__} moves one way only: expected differential synapses, found single ones"
        )
    if not (0 < weight_max < np.inf):
        raise ValueError(f"weight_max: expected above 0 and finite, found {weight_max:g}")
    count = inputs * outputs * synapse.devices
    if not (inputs >= 1 and outputs >= 1 and count < 2**31):
        raise ValueError(f"layer: expected 1 to 2^31 - 1 devices, found {inputs} x {outputs} x {synapse.devices}")
    law = law_of(known, count, imperfections, stream_seed(seed, "synapses", name, "devices"))
    shape, lines, scale = (inputs, outputs, synapse.devices), (inputs, outputs), 2 * weight_max / synapse.devices
    core = Core(
        kind=law.kind,
        differential=synapse.differential,
        start=np.uint64(stream_seed(seed, "synapses", name, "pulses")),
        trains=np.uint64(stream_seed(seed, "synapses", name, "trains")),
        x=law.x.reshape(shape),
        memory=np.ones(shape if law.kind == PCM else (1, 1, 1), np.float32),
        seen=law.seen.reshape(shape),
        pulses=np.zeros(shape, np.int32),
        own=law.own,
        law=law.law,
        weights=np.zeros(lines, np.float32),
        squares=np.zeros(lines if squares else (1, 1), np.float32),
        row_s=np.zeros(inputs),
        column_s=np.zeros(shape[1:]),
        row_pulses=np.zeros((2, inputs)),
        column_pulses=np.zeros((2, *shape[1:])),
        scale=scale,
        offset=0.0 if synapse.differential else -weight_max,
        low=law.window.g_min_s / law.window.span_s,
        span_s=law.window.span_s,
        step=scale * nominal_step(known, not synapse.differential),
        rule=synapse.arbiter.rule,
        counters=synapse.arbiter.counters(),
        done=np.zeros(2, np.int64),
        normal=normal_table(),
    )
    recompute(core)
    return Bank(known, synapse, weight_max, core)


def saturated(bank: Bank) -> float:
    """Share of devices that pulses of a direction they are given no longer move: at a bound of their window.

    Differential synapses get SET pulses alone, so that only the upper bound counts.
    """
    x = bank.core.x
    stuck = x >= 1 if bank.synapse.differential else (x <= 0) | (x >= 1)
    return float(np.count_nonzero(stuck)) / x.size


def state(bank: Bank) -> State:
    """Copies of all arrays that change."""
    return {name: np.array(getattr(bank.core, name)) for name in _CHANGING}


def restore(bank: Bank, saved: State) -> None:
    """Go on from a state; raises ValueError, and changes nothing, where it is of another layer."""
    for name in _CHANGING:
        here, there = getattr(bank.core, name), saved.get(name)
        if there is None or there.shape != here.shape or there.dtype != here.dtype:
            found = "none" if there is None else f"{there.dtype} {there.shape}"
            raise ValueError(f"synapses, {name}: expected {here.dtype} {here.shape}, found {found}")
    for name in _CHANGING:
        getattr(bank.core, name)[...] = saved[name]
