"""Row `boybat2019`: synapses of several ReRAM devices, one of them programmed an update, chosen by counters.

Of the paper the abstract alone was available, of its predecessor (Nat. Commun. 9:2514, 2018) captions of figures: how
devices are chosen is theirs, the cells' pulses are assumed, and so are network size and devices a synapse.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.pulse_models import pulse_model
from pillarsim.devices.synapses.laws import PulseModel, checked_model
from pillarsim.reproduce.boybat2019 import plan as plans
from pillarsim.reproduce.boybat2019.array import array_claim, read_back
from pillarsim.reproduce.boybat2019.counters import counter_cost, counters_claim
from pillarsim.reproduce.boybat2019.learning import learning_claims
from pillarsim.reproduce.boybat2019.pictures import draw
from pillarsim.reproduce.boybat2019.plan import Plan
from pillarsim.reproduce.boybat2019.runs import Trained, digits, run_all
from pillarsim.reproduce.boybat2019.selection import selection_claims
from pillarsim.reproduce.boybat2019.spread import RERAM_PULSES, Sums, pcm_sums, reram_sums, spread_claims
from pillarsim.reproduce.boybat2019.synapse import synapse_claims
from pillarsim.reproduce.claims import Parameter, Result
from pillarsim.reproduce.rows import Progress
from pillarsim.workloads.datasets import Dataset

__all__ = ["draw", "simulate"]

REFERENCE = (
    "Boybat et al., multi-ReRAM synapses with counter-based arbitration, ISCAS 2019 (abstract); predecessor: Boybat et "
    "al., neuromorphic computing with multi-memristive synapses, Nat. Commun. 9:2514, 2018 (captions)"
)


def simulate(
    quick: bool,
    progress: Progress,
    data_dir: Path | None = None,
    checkpoint: Path | None = None,
    plan: Plan | None = None,
) -> Result:
    """Decide claims e1 to e9, a1 to a4 and d1 to d3.

    data_dir: as `load_dataset` takes it; without it the shipped images of MNIST stand in, and the result says so.
    checkpoint: a folder that keeps each finished training; the same call goes on from there. plan: other sizes.
    """
    sizes = plan or (plans.QUICK if quick else plans.FULL)
    # Sums of floats must not depend on the machine's cores.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        model = _cells()
        small = (*selection_claims(), *synapse_claims(model), array_claim(read_back(model)))
        pcm, reram = pcm_sums(), reram_sums(model, sizes)
        progress("synapses", 1, 1)
        images = digits(sizes, data_dir)
        trained = run_all(sizes, images, checkpoint, progress)
    costs = counters_claim(counter_cost())
    claims = (*small, *spread_claims(pcm, reram), *learning_claims(trained, sizes, quick), costs)
    return Result(
        name="boybat2019",
        reference=REFERENCE,
        quick=quick,
        parameters=_parameters(sizes, images, trained),
        claims=tuple(sorted(claims, key=lambda claim: ("eda".index(claim.id[0]), claim.id))),
        series={
            **_accuracies(trained),
            "float": _spread_of([trained.baseline]),
            "pcm": _cv(pcm),
            "reram": _cv(reram[RERAM_PULSES[-1]]),
        },
    )


def _cells() -> PulseModel:
    """Pulse model of the multi-level cells, in the window that the chip's reads see, as trainings have it."""
    array = load_chip(plans.PRESET).chip.array
    assert array.cell.pulse_update is not None
    return checked_model(pulse_model(array.cell.pulse_update, *array.conductance_range, read_v=array.read_voltage))


def _cv(sums: Sums) -> dict[str, list[float]]:
    return {"devices": [float(count) for count in sums.cv], "cv": list(sums.cv.values())}


def _accuracies(trained: Trained) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    for name in dict.fromkeys(point.series for point in trained.runs):
        of = {point: runs for point, runs in trained.runs.items() if point.series == name}
        found[name] = {
            "devices": [float(point.devices) for point in of],
            **_spread_of([[run.final for run in runs] for runs in of.values()]),
            "pulses_a_device": [float(np.mean([run.pulses for run in runs])) for runs in of.values()],
        }
    return found


def _spread_of(accuracies: Sequence[Sequence[float]]) -> dict[str, list[float]]:
    return {
        "mean": [float(np.mean(of)) for of in accuracies],
        "low": [min(of) for of in accuracies],
        "high": [max(of) for of in accuracies],
    }


def _parameters(plan: Plan, images: tuple[Dataset, Dataset], trained: Trained) -> tuple[Parameter, ...]:
    ours = "our choice"
    return (
        Parameter("network", "784-250-10 with ReLU and bias rows", "2018: 784-250-10, sigmoid units (recalled)"),
        Parameter("chip", f"{plans.PRESET}, its converters, read noise and every imperfection on", ours),
        Parameter(
            "multi-level cells",
            "2 to 50 uS, 26 pulses from bound to bound, bends 2, steps 30 % from pulse to pulse, 20 % between devices",
            f"card {plans.CARDS['multi-level']} (assumed there)",
        ),
        Parameter(
            "binary cells",
            "switch with probability 10 % a pulse; ln-sigma of states 0.74 and 0.13 each cycle",
            f"card {plans.CARDS['binary']} (assumed there, spreads measured)",
        ),
        Parameter(
            "rule", f"{plans.RULE}: gradient of a batch, rounded at random to pulses, through the counters", ours
        ),
        Parameter(
            "training",
            f"{len(images[0].images)} images, {plan.epochs} epochs, batches of {plans.BATCH}, rate "
            f"{plans.LEARNING_RATE:g}, times {plans.DECAY:g} from epoch to epoch; float the same",
            images[0].source,
        ),
        Parameter("test", f"{len(images[1].images)} images, after the last epoch", images[1].source),
        Parameter("weight range", f"+-{plans.WEIGHT_RANGE:g} / sqrt(inputs), whatever N", ours),
        Parameter("refresh", f"differential, every {plans.REFRESH_EVERY} images", ours),
        Parameter("seeds", f"{len(trained.baseline)}; seed {plans.SEED}", ours),
    )
