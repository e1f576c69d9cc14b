"""Row `multiresbind2021`: the network Multi-resBind, its totals, and the same architecture on noisy crossbars.

The paper's data are not at hand. The architecture is trained on other data of RNA-binding proteins from the data
directory, or on synthetic motifs; float and chip are compared with one another, never with the paper's scores.
"""

from __future__ import annotations

from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from pillarsim.reproduce.claims import Parameter, Result
from pillarsim.reproduce.multiresbind2021 import plan as plans
from pillarsim.reproduce.multiresbind2021.claims import (
    exact_claim,
    ideal_claim,
    noise_claim,
    optimum_claim,
    view_claim,
)
from pillarsim.reproduce.multiresbind2021.motifs import COPIES, MOTIF, SHARES
from pillarsim.reproduce.multiresbind2021.pictures import draw
from pillarsim.reproduce.multiresbind2021.plan import CHANNELS, LABELS, LENGTH, PRESET, READ_NOISE, SEED, Plan
from pillarsim.reproduce.multiresbind2021.runs import (
    Noisy,
    Task,
    exactness,
    motif_windows,
    noisy_chips,
    prepare,
    seen,
)
from pillarsim.reproduce.multiresbind2021.totals import Tiles, graph_claim, on_tiles, tiles_claims
from pillarsim.reproduce.rows import Progress

__all__ = ["draw", "simulate"]

REFERENCE = (
    "Zhao and Hamada, Multi-resBind: a residual network-based multi-label classifier for in vivo RNA binding "
    "prediction and preference visualization, BMC Bioinformatics 22:554, 2021"
)


def simulate(
    quick: bool,
    progress: Progress,
    data_dir: Path | None = None,
    plan: Plan | None = None,
    checkpoint: Path | None = None,
) -> Result:
    """Check the totals, map, train and run the networks; decide claims e1 to e5, a1, d1 and d2.

    data_dir: as `load_dataset` takes it; without `rbp/` in it the synthetic motifs stand in, and the result says so.
    plan: other sizes than the row's own. checkpoint: a folder where trainings keep their state after every epoch; the
    same call goes on from there and ends with the same numbers.
    """
    sizes = plan or (plans.QUICK if quick else plans.FULL)
    # Sums of floats must not depend on the machine's cores.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        progress("tiles", 0, 1)
        tiles = on_tiles()
        progress("tiles", 1, 1)
        windows = motif_windows(sizes)
        found = seen(windows, sizes, progress, checkpoint)
        task = prepare(sizes, windows, found, data_dir, progress, checkpoint)
        largest = exactness(task, sizes)
        noisy = noisy_chips(task, sizes, progress)
    cells, period = tiles_claims(tiles)
    return Result(
        name="multiresbind2021",
        reference=REFERENCE,
        quick=quick,
        parameters=_parameters(sizes, task),
        claims=(
            graph_claim(),
            cells,
            exact_claim(largest, min(sizes.exact, len(task.test.images))),
            view_claim(found.scores),
            noise_claim(noisy),
            ideal_claim(noisy),
            optimum_claim(found.scores["region"]["ROC-AUC"]),
            period,
        ),
        series=_series(noisy, tiles),
    )


def _series(noisy: Noisy, tiles: Tiles) -> dict[str, dict[str, list[float]]]:
    chips = {"write_error": [error or 0.0 for error in noisy.chips], "labels": [float(LABELS)] * len(noisy.chips)}
    for name, software in noisy.floats.items():
        key = name.lower().replace("-", "_").replace(" ", "_")
        scores = [one[name] for one in noisy.chips.values()]
        chips[key] = [score.mean for score in scores]
        chips[f"{key}_devices_std"] = [
            float(score.devices.std(ddof=1)) if len(score.devices) > 1 else 0.0 for score in scores
        ]
        chips[f"{key}_float"] = [software.mean] * len(scores)
        chips[f"{key}_integers"] = [noisy.integers[name].mean] * len(scores)
    layers = tiles.report["mapping"]["layers"]
    keys = ("arrays", "cells", "windows", "time_per_image_s", "energy_j")
    return {"chips": chips, "tiles": {key: [float(layer[key]) for layer in layers] for key in keys}}


def _parameters(plan: Plan, task: Task) -> tuple[Parameter, ...]:
    ours = "our choice"
    present = task.test.labels.sum(axis=0)
    data = (
        f"{task.train.source}; random windows, files are in the order of the genome"
        if task.real
        else f"{task.train.source}: no rbp/ in a data directory"
    )
    epochs = plan.epochs if task.real else plan.motif_epochs
    return (
        Parameter("network", f"Multi-resBind for {CHANNELS} x {LENGTH} inputs and {LABELS} labels", "the paper's code"),
        Parameter(
            "training",
            f"{len(task.train.images)} windows, {epochs} epochs, batches of about {plan.batch}, Adam at "
            f"{plan.learning_rate:g}, binary cross-entropy, dropout of the paper; running statistics of batch norm "
            "0.9; no class weights, no choice of an epoch",
            data,
        ),
        Parameter(
            "test",
            f"{len(task.test.images)} random windows of the test split; {int((present > 0).sum())} of {LABELS} labels "
            f"present, {int(present.min())} windows or more each",
            task.test.source,
        ),
        Parameter(
            "synthetic motifs",
            f"{plan.motif_training} windows and {plan.motif_epochs} epochs, {plan.motif_test} test windows; {COPIES} "
            f"copies of a motif of {MOTIF} bases; a protein binds {', '.join(f'{100 * s:g}' for s in SHARES)} % of the "
            "windows of four regions",
            "assumed",
        ),
        Parameter(
            "chip",
            f"{PRESET}: four levels a cell, 8-bit weights and inputs, 8-bit ADCs; ideal wires",
            "preset",
        ),
        Parameter(
            "errors",
            f"one write a cell without verify, sigma of ln G {', '.join(f'{100 * e:g} %' for e in plan.errors)} at "
            f"every level; read noise {100 * READ_NOISE:g} %; ideal cells: neither",
            "assumed; read noise: device card",
        ),
        Parameter("devices", f"{plan.seeds}, seed {SEED}", ours),
    )
