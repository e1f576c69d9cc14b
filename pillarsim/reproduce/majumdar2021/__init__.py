"""Row `majumdar2021`: networks with binary weights in pairs of weak-RESET devices, and what imperfections cost them.

Devices and learning rule are those of the authors' program; the paper's own accuracies cannot be read (figures), so
their order is what is compared. The device claims are those of the row `majumdar2021-devices`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pillarsim.devices.pulses import MAJUMDAR2021, fresh, pulse
from pillarsim.reproduce.claims import Claim, Parameter, Result
from pillarsim.reproduce.majumdar2021 import plan as plans
from pillarsim.reproduce.majumdar2021.claims import learning_claim, order_claims, vgg_claim
from pillarsim.reproduce.majumdar2021.pictures import draw
from pillarsim.reproduce.majumdar2021.plan import SEED, VARIANTS, Plan
from pillarsim.reproduce.majumdar2021.runs import LAST, Run, Runs, images_of, photographs, run_all, run_vgg
from pillarsim.reproduce.majumdar2021_devices import REFERENCE, TABLE, knee_claims, statistics, table_claim
from pillarsim.reproduce.rows import Progress
from pillarsim.workloads.datasets import Dataset

__all__ = ["draw", "simulate"]

_PROGRAM = "github.com/Atreya95/Learning-with-memory-device-imperfections"


def simulate(
    quick: bool,
    progress: Progress,
    data_dir: Path | None = None,
    checkpoint: Path | None = None,
    plan: Plan | None = None,
) -> Result:
    """Train the networks and decide claims e1 to e7, and d1 where the data directory has CIFAR-10 (not quick).

    data_dir: as `load_dataset` takes it; without it the shipped images of MNIST stand in, and the result says so.
    checkpoint: a folder that keeps each finished run; the same call goes on from there. plan: other sizes.
    """
    sizes = plan or (plans.QUICK if quick else plans.FULL)
    # Sums of floats must not depend on the machine's cores.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        devices = _device_claims(sizes, progress)
        digits = images_of("mnist", sizes.training, sizes.test, data_dir)
        runs = run_all(sizes, digits, checkpoint, progress)
        photos = None if sizes.vgg is None else photographs(sizes.vgg, data_dir)
        images = {}
        if sizes.vgg is not None and photos is not None:
            images = run_vgg(sizes, sizes.vgg, photos, checkpoint, progress)
    claims = (*devices, *order_claims(runs, quick), learning_claim(runs["all"], sizes.hidden, quick))
    if photos is not None:
        claims += (vgg_claim(images, len(photos[1].images)),)
    return Result(
        name="majumdar2021",
        reference=REFERENCE,
        quick=quick,
        parameters=_parameters(sizes, digits, photos),
        claims=claims,
        series={"mnist": _curves(runs), **_single("cifar10", images)},
    )


def _device_claims(plan: Plan, progress: Progress) -> tuple[Claim, ...]:
    """Claims e1 to e3, as in the row of devices."""
    spread = fresh(MAJUMDAR2021, plan.devices, ("d2d",), SEED)
    found = {}
    for done, pulses in enumerate(TABLE):
        found[pulses] = statistics(pulse(spread, pulses))
        progress("device statistics", done + 1, len(TABLE))
    return (table_claim(found), *knee_claims(spread))


def _curves(runs: Runs) -> dict[str, list[float]]:
    columns = {"epoch": [float(epoch + 1) for epoch in range(len(runs["none"][0].accuracy))]}
    for name, of in runs.items():
        accuracy = np.array([run.accuracy for run in of])
        columns[f"{name}_mean"] = accuracy.mean(axis=0).tolist()
        columns[f"{name}_low"] = accuracy.min(axis=0).tolist()
        columns[f"{name}_high"] = accuracy.max(axis=0).tolist()
    return columns


def _single(name: str, runs: dict[str, Run]) -> dict[str, dict[str, list[float]]]:
    if not runs:
        return {}
    epochs = [float(epoch + 1) for epoch in range(max(len(run.accuracy) for run in runs.values()))]
    return {name: {"epoch": epochs, **{which: list(run.accuracy) for which, run in runs.items()}}}


def _parameters(
    plan: Plan, digits: tuple[Dataset, Dataset], photos: tuple[Dataset, Dataset] | None
) -> tuple[Parameter, ...]:
    ours = "our choice"
    rows = [
        Parameter("devices", "R0, m1, t*, c1, m2, telegraph and pink noise (15 taps) as published", _PROGRAM),
        Parameter(
            "imperfections",
            "; ".join(f"{name}: {', '.join(of) or 'every device the median one'}" for name, of in VARIANTS.items()),
            ours,
        ),
        Parameter("network", f"784-{plan.hidden}-10, signs between, batch norm", "the paper has 784-3000-10"),
        Parameter(
            "training",
            f"{len(digits[0].images)} images, {plan.epochs} epochs, batches of {plan.batch} "
            "(published: 60 000, 20, 1000)",
            digits[0].source,
        ),
        Parameter("test", f"{len(digits[1].images)} images, mean of the last {LAST} epochs", digits[1].source),
        Parameter(
            "pulses",
            f"Adam's step times {plan.learning_rate:g}, halved every 7 epochs, rounded, at most 14 a step; equal "
            "resistances fall to one fixed random side",
            "name of a result file in MLP/main.py (its early README: 100, with 126 taps); ties: assumed",
        ),
        Parameter("seeds", f"{plan.seeds}, from {SEED}; the same for every set of imperfections", ours),
    ]
    if plan.vgg is not None and photos is not None:
        vgg = plan.vgg
        rows.append(
            Parameter(
                "small VGG",
                f"convolutions {'-'.join(f'{c}-{c}-pool' for c in vgg.channels)}, then {vgg.features}-10; the first "
                f"{len(photos[0].images)} training and {len(photos[1].images)} test images as they are, {vgg.epochs} "
                f"epochs, batches of {vgg.batch}, one seed",
                photos[0].source,
            )
        )
    elif plan.vgg is not None:
        rows.append(Parameter("small VGG", "not evaluated: no data directory with CIFAR-10", ours))
    return tuple(rows)
