"""Training on the chip from Python: the stages of a training run, each given only the parts that it depends on.

chip.yaml + network -> place synapses -> learner, step by step -> counts -> events -> costs -> report
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.learning import Learning
from pillarsim.arch.chip.load import LoadedChip
from pillarsim.arch.chip.located import located
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.component import Component
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.errors import InputError
from pillarsim.arch.training.clock import TrainingClock
from pillarsim.arch.training.costs import training_costs
from pillarsim.arch.training.placement import TrainingPlacement
from pillarsim.arch.training.timing import TrainingTiming, build_training_timing
from pillarsim.job import Progress, device_seed, silent
from pillarsim.mapping.learn import place_synapses
from pillarsim.report.provenance import versions
from pillarsim.report.training import SeedResults, TrainingResults, build_training_report
from pillarsim.training.baseline import baseline
from pillarsim.training.options import (
    TrainOptions,
    batch_of,
    check_options,
    datasets_of,
    imperfections_of,
    learning_of,
)
from pillarsim.training.seed import train_seed
from pillarsim.training.store import Kept, check_folder_is_free
from pillarsim.workloads.checkpoint import dataset_digest
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.network import Network, NetworkError
from pillarsim.workloads.on_chip.interface import Setup
from pillarsim.workloads.on_chip.setup import default_learning_rate, make_learner

__all__ = ["train", "train_results"]


def train(
    loaded: LoadedChip, network: Network, options: TrainOptions | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Train `network` in the devices of a chip and return the report (the JSON of `pillarsim train`).

    The network gives its layers and its dataset; its weights are drawn anew. Raises InputError for what a user can
    mend (chip, card, options, a layer that cannot learn), FitError where the network does not fit the chip.
    """
    return build_training_report(train_results(loaded, network, options, progress))


def train_results(
    loaded: LoadedChip, network: Network, options: TrainOptions | None = None, progress: Progress = silent
) -> TrainingResults:
    """As `train`, but what the stages found; `report.training.build_training_report` makes the report of it."""
    given = options or TrainOptions()
    check_options(given)
    # Sums of floats must not depend on the machine's cores; what learns has threads of its own.
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return _stages(loaded.chip, loaded.digest, network, given, progress)
    except InputError as error:
        raise located(error, loaded) from None
    except NetworkError as error:
        raise InputError(f"workload {network.name!r}: {error}") from None


def _stages(chip: Chip, digest: str, network: Network, options: TrainOptions, progress: Progress) -> TrainingResults:
    learning = learning_of(chip)
    train_set, test_set = datasets_of(network, options)
    components = build_components(chip.hardware)
    timing = build_training_timing(chip.hardware, components, build_timing(chip.hardware, components, chip.idle))
    placement = place_synapses(network, chip.hardware)
    first = _setup(chip, network, learning, placement, train_set, options, 0)
    shown, made_by = _options_json(first, options, test_set), versions()
    sets = {"train": train_set, "test": test_set}
    datasets = {name: {"source": one.source, "sha256": dataset_digest(one)} for name, one in sets.items()}
    identity = {
        **made_by,
        "chip": digest,
        "workload": network.digest,
        **{f"{name} images": str(one["sha256"]) for name, one in datasets.items()},
        **{name: str(shown[name]) for name in ("learning_rate", "learning_rate_decay", "batch", "imperfections")},
        "seed": str(options.seed),
    }
    kept = _kept(options, identity)
    progress("float baseline", 0, 1)
    compared = baseline(first, test_set, options.epochs)
    progress("float baseline", 1, 1)
    seeds = []
    for number in range(options.seeds):
        stage = "training" if options.seeds == 1 else f"device seed {number + 1} of {options.seeds}"
        setup = _setup(chip, network, learning, placement, train_set, options, number)
        seeds.append(_seed(chip, setup, components, timing, test_set, options, kept[number], _named(progress, stage)))
    return TrainingResults(
        chip=chip,
        chip_digest=digest,
        network=network,
        placement=placement,
        components=components,
        baseline=compared.accuracy,
        notes=(compared.why_not,) if compared.why_not else (),
        seeds=tuple(seeds),
        options=shown,
        datasets=datasets,
        seed=options.seed,
        versions=made_by,
    )


def _setup(
    chip: Chip,
    network: Network,
    learning: Learning,
    placement: TrainingPlacement,
    train_set: Dataset,
    options: TrainOptions,
    number: int,
) -> Setup:
    """What device seed `number` learns from."""
    rate = options.learning_rate
    return Setup(
        network=network,
        placement=placement,
        learning=learning,
        array=chip.array,
        weights=chip.weights,
        input=chip.input,
        readout=chip.readout,
        write=chip.write,
        train=train_set,
        imperfections=frozenset(imperfections_of(chip.array, options.imperfections)),
        learning_rate=default_learning_rate(learning.rule) if rate is None else rate,
        batch=batch_of(learning, options, len(train_set.images)),
        seed=device_seed(options.seed, number),
        threads=options.threads,
        learning_rate_decay=options.learning_rate_decay,
    )


def _kept(options: TrainOptions, identity: dict[str, str]) -> list[Kept | None]:
    """Where each device seed keeps its state; what is there already is checked before any work."""
    if options.checkpoint is None:
        return [None] * options.seeds
    if not options.resume:
        check_folder_is_free(options.checkpoint)
    kept = [Kept.of(options.checkpoint, number, identity) for number in range(options.seeds)]
    for one in kept:
        one.load()
    return [*kept]


def _seed(
    chip: Chip,
    setup: Setup,
    components: tuple[Component, ...],
    timing: TrainingTiming,
    test_set: Dataset,
    options: TrainOptions,
    kept: Kept | None,
    progress: Callable[[int, int], None],
) -> SeedResults:
    """Train one device seed and cost what it did."""
    learner = make_learner(setup)
    clock = TrainingClock(setup.placement, timing, chip.idle, chip.tile.arrays_per_level)
    held = None if kept is None else kept.load()
    learned = train_seed(
        learner, clock, test_set, options.epochs, setup.batch, kept, held, options.checkpoint_s, progress
    )
    trace = clock.trace()
    costs = training_costs(
        trace,
        setup.placement,
        components,
        array=chip.array,
        write=chip.write,
        technology=chip.technology,
        idle=chip.idle,
        timing=timing,
    )
    return SeedResults(learned.accuracy, learned.loss, learner.wear(), trace, costs)


def _named(progress: Progress, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(stage, done, total)


def _options_json(setup: Setup, options: TrainOptions, test_set: Dataset) -> dict[str, Any]:
    learning = setup.learning
    known = imperfections_of(setup.array, options.imperfections)
    return {
        "epochs": options.epochs,
        "rule": learning.rule,
        "order": learning.order,
        "devices_per_synapse": learning.devices_per_synapse,
        "arrangement": learning.arrangement,
        "imperfections": list(known),
        "learning_rate": setup.learning_rate,
        "learning_rate_decay": setup.learning_rate_decay,
        "batch": setup.batch,
        "train_samples": len(setup.train.images),
        "samples": len(test_set.images),
        "seeds": options.seeds,
    }
