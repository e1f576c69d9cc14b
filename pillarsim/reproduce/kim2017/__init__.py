"""Row `kim2017`: nonlinear current-voltage curves, and networks rebuilt around them.

Of the paper only the abstract could be read. Reconstruction is modelled as training with the cell's law inside the
network, weights and activations kept within what cells can hold; networks, tasks, b and chips are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pillarsim.arch.chip import Chip
from pillarsim.reproduce.claims import Parameter, Result
from pillarsim.reproduce.kim2017 import plan as plans
from pillarsim.reproduce.kim2017.claims import Findings, all_claims, convolutional_claim
from pillarsim.reproduce.kim2017.pictures import draw
from pillarsim.reproduce.kim2017.plan import (
    CARD_V0,
    CONVERTER_BITS,
    INPUT_BITS,
    LENET_BV,
    PERMITTIVITY,
    POLYNOMIAL_CARD,
    POLYNOMIAL_TOLERANCE,
    PRESET,
    READ_V,
    SINH_CARD,
    THICKNESS,
    TOLERANCE,
    Plan,
    polynomial_chip,
    poole_frenkel_chip,
    sinh_chip,
)
from pillarsim.reproduce.kim2017.runs import (
    BATCH,
    SEED,
    WEIGHT_NOISE,
    Point,
    Run,
    Task,
    convolutional,
    first,
    point,
    prepare,
    run_on,
)
from pillarsim.reproduce.rows import Progress

__all__ = ["draw", "simulate"]

REFERENCE = (
    "Kim, Kim, Kim and Kim, Deep neural network optimized to resistive memory with nonlinear current-voltage "
    "characteristics, ACM JETC 14(2), 2018, arXiv 1703.10642"
)
_BINARY_IMAGES = 200  # of each task for the immunity of binary inputs, which is exact


def simulate(quick: bool, progress: Progress, data_dir: Path | None = None, plan: Plan | None = None) -> Result:
    """Train and run both networks of each task and decide claims e1 to e8, d1 and (not quick) d2.

    data_dir: as `load_dataset` takes it. plan: other sizes than the row's own.
    """
    sizes = plan or (plans.QUICK if quick else plans.FULL)
    # Sums of floats must not depend on the machine's cores.
    torch.set_num_threads(1)
    found, sources = [], []
    with threadpool_limits(1):
        for name in sizes.tasks:
            task = prepare(name, sizes, sinh_chip(1.0), data_dir)
            sources += [task.train.source, task.test.source]
            found.append(_findings(task, sizes, progress))
        claims = all_claims(found)
        if sizes.convolutional:
            progress("LeNet-5", 0, 1)
            claims += (convolutional_claim(convolutional(sizes, sinh_chip(READ_V / LENET_BV), data_dir)),)
            progress("LeNet-5", 1, 1)
    return Result(
        name="kim2017",
        reference=REFERENCE,
        quick=quick,
        parameters=_parameters(sizes, sources),
        claims=claims,
        series={key: columns for one in found for key, columns in _series(one).items()},
    )


def _findings(task: Task, plan: Plan, progress: Progress) -> Findings:
    stage = f"{task.name}: networks on chips"
    curves: tuple[tuple[tuple[float, ...], Callable[[float], Chip]], ...] = (
        (plan.steepness, lambda bv: sinh_chip(READ_V / bv)),
        (plan.poole_frenkel_v, poole_frenkel_chip),
        (plan.polynomial_v, polynomial_chip),
    )
    total, done = len(plan.read_v) + sum(len(places) for places, _ in curves), 0
    points: list[tuple[Point, ...]] = []
    for places, chip in curves:
        found = []
        for at in places:
            found.append(point(task, at, chip(at), plan))
            done += 1
            progress(stage, done, total)
        points.append(tuple(found))
    read: list[tuple[float, Run]] = []
    for volts in plan.read_v:
        run = run_on(task, task.conventional, sinh_chip(CARD_V0, volts), plan.seeds, plan.threads)
        read.append((volts, run))
        progress(stage, done + len(read), total)
    return Findings(task.name, points[0], tuple(read), points[1], points[2], _binary(task, plan.steepness[-1]))


def _binary(task: Task, bv: float) -> float:
    """Largest difference of logits between steep and linear cells of the same conductances, inputs bit by bit."""
    few = replace(task, test=first(task.test, _BINARY_IMAGES))
    steep, linear = (
        run_on(few, task.conventional, sinh_chip(v0_v, binary=True), 1, 1).logits for v0_v in (READ_V / bv, None)
    )
    return float(np.abs(steep - linear).max())


def _series(found: Findings) -> dict[str, dict[str, list[float]]]:
    def columns(axis: str, points: tuple[Point, ...]) -> dict[str, list[float]]:
        both = ("conventional", "reconstructed")
        return {
            axis: [point.at for point in points],
            **{f"{which}_software": [float(getattr(p, which).software.mean()) for p in points] for which in both},
            **{f"{which}_chip": [float(getattr(p, which).chip.mean()) for p in points] for which in both},
            "gap_standard_error": [point.gap.error for point in points],
        }

    return {
        f"{found.task}_sinh": columns("b_times_read_voltage", found.sinh),
        f"{found.task}_poole_frenkel": columns("read_voltage_v", found.poole_frenkel),
        f"{found.task}_polynomial": columns("read_voltage_v", found.polynomial),
        f"{found.task}_read_voltage": {
            "read_voltage_v": [volts for volts, _ in found.read_v],
            "conventional_software": [float(run.software.mean()) for _, run in found.read_v],
            "conventional_chip": [float(run.chip.mean()) for _, run in found.read_v],
        },
    }


def _parameters(plan: Plan, sources: list[str]) -> tuple[Parameter, ...]:
    ours = "our choice"
    return (
        Parameter("network", f"perceptron 784-{plan.hidden}-10, ReLU", ours),
        Parameter(
            "training",
            f"{plan.epochs} epochs of products, then {plan.retraining} with the cells' law (conventional: linear, "
            f"the same ranges and draws; {100 * WEIGHT_NOISE:g} % noise on weights), up to {plan.training} images, "
            f"batch {BATCH}",
            ours,
        ),
        Parameter("images", f"up to {plan.test} of each test split", "; ".join(sources)),
        Parameter("b V_r", ", ".join(f"{bv:g}" for bv in plan.steepness), f"assumed, at V_r = {READ_V:g} V"),
        Parameter(
            "sinh cells",
            f"{SINH_CARD}: 59 nS to 1 uS at 1 V, 4 levels, two pairs a 5-bit weight, ln-sigma 0.13 and 0.74 a pulse, "
            f"verify to {100 * TOLERANCE:g} % of a level",
            "device card",
        ),
        Parameter(
            "Poole-Frenkel cells",
            f"as the sinh cells, their resistances at V_r; permittivity {PERMITTIVITY}, film of {THICKNESS}",
            "assumed",
        ),
        Parameter(
            "polynomial cells",
            f"{POLYNOMIAL_CARD}: 77 to 211 uS at 0 V, 8 levels, one pair a 4-bit weight, verify to "
            f"{POLYNOMIAL_TOLERANCE}",
            "device card",
        ),
        Parameter("inputs, converters", f"{INPUT_BITS}-bit voltages, {CONVERTER_BITS}-bit ADCs, ideal wires", PRESET),
        Parameter("devices", f"{plan.seeds}, seed {SEED}", ours),
    )
