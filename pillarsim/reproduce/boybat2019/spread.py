"""Claims about the spread of a synapse's sum of conductances: it averages over the synapse's devices.

Every device gets the same number of SET pulses through the counters, from its start, on synapses that are alike. The
PCM model moves one way only, so its devices are those of the positive sign of differential synapses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pillarsim.devices.pulses import Pcm
from pillarsim.devices.synapses.bank import Synapse, make_bank
from pillarsim.devices.synapses.counts import no_counts
from pillarsim.devices.synapses.laws import PulseModel
from pillarsim.devices.synapses.updates import requested_update
from pillarsim.reproduce.boybat2019.plan import SEED, Plan
from pillarsim.reproduce.claims import Claim

__all__ = ["Sums", "pcm_sums", "reram_sums", "spread_claims"]

LINES = (150, 160)  # synapses (inputs, outputs): the CV of 24 000 is known to 0.5 %; our choice
TOLERANCE = 0.05  # of the claim
PCM_PULSES, PCM_CLIP_S = 20, 20e-6  # a device; S
PCM_CV = {1: 0.286, 3: 0.164, 7: 0.107}  # derived from the published constants (docs/reproduce.md)
PCM_MEAN_S = 9.40e-6  # a device, derived likewise
PRINTED = 0.0005  # rounding of the derived CVs
RERAM_PULSES = (1, 5, 20)  # SET pulses a device from its lower bound, our choice


@dataclass(frozen=True)
class Sums:
    """Mean (S) and coefficient of variation of the sum of conductances, by the number of devices that are pulsed."""

    mean_s: Mapping[int, float]
    cv: Mapping[int, float]

    @property
    def deviation(self) -> float:
        """Largest relative deviation of CV sqrt(N) from that of one device."""
        return max(abs(cv * math.sqrt(n) / self.cv[1] - 1) for n, cv in self.cv.items())


def sums(model: PulseModel, devices: tuple[int, ...], pulses: int, differential: bool, names: tuple[str, ...]) -> Sums:
    """Pulse synapses of each number of devices; names: imperfections that are on."""
    mean_s, spread = {}, {}
    for count in devices:
        synapse = Synapse(2 * count if differential else count, differential)
        bank = make_bank(model, synapse, *LINES, 1.0, names, SEED, f"{pulses} pulses")
        requested_update(bank, np.full(LINES, pulses * count, np.int32), *no_counts())
        total = bank.conductance_s()[:, :, :count].sum(axis=2)
        mean_s[count] = float(total.mean())
        spread[count] = float(total.std(ddof=1)) / mean_s[count]
    return Sums(mean_s, spread)


def pcm_sums() -> Sums:
    """The PCM synapse of 20 pulses a device, clip 20 uS, N = 1, 3, 7."""
    return sums(Pcm(g_max_s=PCM_CLIP_S), tuple(PCM_CV), PCM_PULSES, True, ("c2c",))


def reram_sums(model: PulseModel, plan: Plan) -> dict[int, Sums]:
    """The ReRAM card's synapse, by pulses a device."""
    return {pulses: sums(model, plan.spread, pulses, False, ("c2c", "d2d")) for pulses in RERAM_PULSES}


def spread_claims(pcm: Sums, reram: Mapping[int, Sums]) -> tuple[Claim, ...]:
    """Claims e4 (both devices) and d1."""
    worst = max((found.deviation, pulses) for pulses, found in reram.items())
    devices = ", ".join(str(n) for n in next(iter(reram.values())).cv)
    listed = "; ".join(f"{pulses} pulses: {_row(found.cv)}" for pulses, found in reram.items())
    off = {n: pcm.cv[n] / paper - 1 for n, paper in PCM_CV.items()}
    allowed = {n: TOLERANCE + PRINTED / paper for n, paper in PCM_CV.items()}
    mean_s = pcm.mean_s[1]
    return (
        Claim(
            "e4",
            f"relative spread (CV) of the sum of N devices falls as 1/sqrt(N), within 5 %: ReRAM, N = {devices}",
            "CV sqrt(N) constant within 5 %",
            f"largest deviation {100 * worst[0]:.1f} % (after {worst[1]} pulses a device); CV {listed}",
            "",
            "assumed",
            worst[0] <= TOLERANCE,
            "With pulse-to-pulse and device-to-device spread.",
        ),
        Claim(
            "d1",
            f"PCM synapse, {PCM_PULSES} pulses a device, clip {PCM_CLIP_S * 1e6:g} uS: mean of a device and CV of the "
            "sum, N = 1, 3, 7, each within 5 %, CV sqrt(N) within 5 %",
            f"{PCM_MEAN_S * 1e6:.2f} uS; {_row(PCM_CV)}",
            f"{mean_s * 1e6:.2f} uS; {_row(pcm.cv)}; CV sqrt(N) off by {100 * pcm.deviation:.1f} %",
            "",
            "published",
            abs(mean_s / PCM_MEAN_S - 1) <= TOLERANCE
            and pcm.deviation <= TOLERANCE
            and all(abs(off[n]) <= allowed[n] for n in PCM_CV),
            "The figures were derived from the same published constants in a second program, not measured.",
        ),
    )


def _row(values: Mapping[int, float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values.values())
