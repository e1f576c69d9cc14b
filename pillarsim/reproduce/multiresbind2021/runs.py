"""Training, and runs of the trained networks in software and on chips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.chip import Chip
from pillarsim.arch.compute.converters import converter_ranges
from pillarsim.arch.compute.evaluate import evaluate
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.compute.program import ideal_layers, placement_levels, program
from pillarsim.arch.compute.reading import ReadRule, read_rule
from pillarsim.arch.placement import Placement
from pillarsim.compiled import compile_for
from pillarsim.devices.streams import generator, stream_seed
from pillarsim.reproduce.multiresbind2021.motifs import Motifs, View, draw_motifs
from pillarsim.reproduce.multiresbind2021.plan import CHANNELS, DROPOUT, LABELS, LENGTH, SEED, Plan, chip
from pillarsim.reproduce.multiresbind2021.statistics import Scored, scored
from pillarsim.reproduce.rows import Progress
from pillarsim.values import float_outputs
from pillarsim.workloads.architectures import multi_resbind
from pillarsim.workloads.datasets import Dataset, Split, load_dataset
from pillarsim.workloads.drawn import drawn
from pillarsim.workloads.network import Network
from pillarsim.workloads.readers.common import data_folder
from pillarsim.workloads.train_multilabel import MultilabelOptions, train_multilabel

__all__ = ["Noisy", "Seen", "Task", "exactness", "motif_windows", "noisy_chips", "prepare", "seen", "trained"]

CALIBRATION = 256  # training windows that set the converters' ranges, as the preset
# converters that tell every sum of 128 cells of four levels apart
EXACT = ("readout.bits=12", "readout.range=full_scale")

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Task:
    """What the chips run: windows for training and test, the trained network, and whether the windows are real."""

    train: Dataset
    test: Dataset
    network: Network
    real: bool


@dataclass(frozen=True, eq=False)
class Seen:
    """The two networks of synthetic motifs on the same test windows."""

    scores: Mapping[View, Mapping[str, Scored]]
    networks: Mapping[View, Network]


@dataclass(frozen=True, eq=False)
class Noisy:
    """Scores of the task: of floats, of integers, and of chips by error of a write (None: ideal cells)."""

    floats: Mapping[str, Scored]
    integers: Mapping[str, Scored]
    chips: Mapping[float | None, Mapping[str, Scored]]


def trained(train: Dataset, plan: Plan, epochs: int, progress: Progress, checkpoint: Path | None) -> Network:
    """The architecture, trained on a dataset; its state lies in a folder of `checkpoint` named after the dataset."""
    options = MultilabelOptions(
        epochs=epochs, batch=plan.batch, learning_rate=plan.learning_rate, dropout=DROPOUT
    )  # fmt: skip
    start = drawn(multi_resbind(LABELS, CHANNELS, LENGTH), SEED)
    return train_multilabel(
        start,
        train,
        options,
        SEED,
        progress=lambda done, total: progress(f"training, {train.name}", done, total),
        checkpoint=None if checkpoint is None else checkpoint / train.name,
    )


def motif_windows(plan: Plan) -> tuple[Motifs, Motifs]:
    """Synthetic windows for training and test."""
    counts: tuple[tuple[Split, int], ...] = (("train", plan.motif_training), ("test", plan.motif_test))
    train, test = (draw_motifs(split, count, LABELS, LENGTH, SEED) for split, count in counts)
    return train, test


def seen(windows: tuple[Motifs, Motifs], plan: Plan, progress: Progress, checkpoint: Path | None) -> Seen:
    """Train one network on the bases and one on the regions of the same synthetic windows."""
    views: tuple[View, ...] = ("sequence", "region")
    train, test = windows
    networks = {view: trained(train.seen(view), plan, plan.motif_epochs, progress, checkpoint) for view in views}
    scores = {
        view: scored(float_outputs(network, test.seen(view).images)[None], test.labels)
        for view, network in networks.items()
    }
    return Seen(scores, networks)


def prepare(
    plan: Plan, windows: tuple[Motifs, Motifs], found: Seen, data_dir: Path | None, progress: Progress,
    checkpoint: Path | None,
) -> Task:  # fmt: skip
    """Train on random windows of the data; where there are none, take the synthetic sequences and their network."""
    folder = data_folder(data_dir)
    if folder is None or not (folder / "rbp").is_dir():
        train, test = (one.seen("sequence") for one in windows)
        return Task(train, _some(test, plan.test), found.networks["sequence"], False)
    progress("reading the data", 0, 1)
    counts: tuple[tuple[Split, int], ...] = (("train", plan.training), ("test", plan.test))
    train, test = (_some(load_dataset("rbp", split, None, folder), count) for split, count in counts)
    progress("reading the data", 1, 1)
    return Task(train, test, trained(train, plan, plan.epochs, progress, checkpoint), True)


def exactness(task: Task, plan: Plan) -> float:
    """Largest difference of outputs between the ideal crossbar, its converters fine enough, and the integer network."""
    ideal, inputs = chip(None, *EXACT), task.test.images[: plan.exact]
    placement = _compiled(task, ideal)
    rule = _rule(ideal)
    cells = ideal_layers(
        placement_levels(placement, ideal.weights, ideal.bits_per_cell), ideal.array, ideal.bits_per_cell
    )
    found = evaluate(placement, [cells], rule, converter_ranges(placement, rule), inputs, seeds=[SEED])
    return float(np.abs(found.logits[0] - integer_forward(placement, inputs)).max())


def noisy_chips(task: Task, plan: Plan, progress: Progress) -> Noisy:
    """Run the task's test windows in floats, in integers, on ideal cells and on `plan.seeds` devices of each error."""
    ideal, labels, inputs = chip(None), task.test.labels, task.test.images
    # Cells do not change where weights stand, nor the range of converters, which ideal arrays set.
    placement = _compiled(task, ideal)
    ranges = converter_ranges(placement, _rule(ideal), task.train.images[:CALIBRATION])
    errors: tuple[float | None, ...] = (None, *plan.errors)
    devices = [stream_seed(SEED, "device", number) for number in range(plan.seeds)]
    chips: dict[float | None, Mapping[str, Scored]] = {}
    for done, error in enumerate(errors):
        progress("chips", done, len(errors))
        on, seeds = chip(error), devices[:1] if error is None else devices
        levels = placement_levels(placement, on.weights, on.bits_per_cell)
        cells = [program(placement, levels, on.array, on.write, on.bits_per_cell, seed) for seed in seeds]
        found = evaluate(placement, cells, _rule(on), ranges, inputs, seeds=seeds, threads=plan.threads)
        chips[error] = scored(found.logits, labels)
    progress("chips", len(errors), len(errors))
    integers = integer_forward(placement, inputs)
    return Noisy(scored(float_outputs(task.network, inputs)[None], labels), scored(integers[None], labels), chips)


def _rule(on: Chip) -> ReadRule:
    return read_rule(on.array, on.weights, on.input, on.readout, on.bits_per_cell)


def _compiled(task: Task, on: Chip) -> Placement:
    return compile_for(on, task.network, task.train.images[:CALIBRATION])


def _some(dataset: Dataset, count: int) -> Dataset:
    """Random windows of a dataset, all where it has fewer: files are in the order of the genome."""
    order = torch.randperm(len(dataset.images), generator=generator(SEED, dataset.name, dataset.split))[:count].numpy()
    return replace(dataset, images=dataset.images[order], labels=dataset.labels[order])
