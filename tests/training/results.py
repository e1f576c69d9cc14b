"""Results of a training run made by hand: two device seeds whose counts, times and wear are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pillarsim.arch.chip.learning import Learning
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.training.clock import TrainingClock
from pillarsim.arch.training.costs import training_costs
from pillarsim.arch.training.counts import StepCounts
from pillarsim.report.training import SeedResults, TrainingResults
from pillarsim.workloads.network import Flatten, Linear, Network
from pillarsim.workloads.on_chip.interface import LayerWear
from tests.arch.training.test_costs import COMPONENTS, NET, timing

CHIP = load_chip("hfox_planar_128", ("array.cell=pt_hfo2_ti_tin",)).chip


def _linear(name: str, inputs: int, outputs: int) -> Linear:
    return Linear(name, np.zeros((outputs, inputs), np.float32), np.zeros(outputs, np.float32))


NETWORK = Network(
    "net",
    (4,),
    (Flatten("flat"), _linear("fc1", 4, 3), _linear("fc2", 3, 2)),
    "mnist",
)
PULSES = (30, 8)  # SET pulses a step of the two device seeds, per layer; 20 pulses programmed each layer


def seed_results(sets: int, accuracy: tuple[float, ...]) -> SeedResults:
    """Three steps of two images, `sets` SET pulses a step and layer, after 20 of programming."""
    made = timing()
    counts, written = StepCounts.none(3, 2, 2), StepCounts.none(1, 2, 2)
    counts.images[:] = 2
    counts.requests[:] = sets + 1
    counts.sets[:] = sets
    counts.slots[:] = sets
    counts.pulse_s[:] = sets * 1e-5
    written.refresh_sets[:] = 20
    written.refresh_slots[:] = 20
    written.refresh_s[:] = 1e-4
    clock = TrainingClock(NET, made, CHIP.idle, CHIP.tile.arrays_per_level)
    clock.program(written)
    clock.add(counts)
    trace = clock.trace()
    costs = training_costs(
        trace,
        NET,
        COMPONENTS,
        array=CHIP.array,
        write=CHIP.write,
        technology=CHIP.technology,
        idle=CHIP.idle,
        timing=made,
    )
    wear = tuple(
        LayerWear(layer.name, layer.devices, 20 + 3 * sets, 20 + sets, 0.25 * (number + 1))
        for number, layer in enumerate(NET.layers)
    )
    return SeedResults(accuracy, tuple(2 - x for x in accuracy), wear, trace, costs)


def results(seeds: int = 2) -> TrainingResults:
    """A run of one or two device seeds."""
    return TrainingResults(
        chip=CHIP.model_copy(update={"learning": Learning()}),
        chip_digest="c" * 64,
        network=NETWORK,
        placement=NET,
        components=COMPONENTS,
        baseline=0.95,
        seeds=tuple(
            seed_results(sets, accuracy)
            for sets, accuracy in zip(PULSES, ((0.5, 0.8), (0.4, 0.6)), strict=True)
        )[:seeds],
        options={
            "epochs": 2, "rule": "stochastic", "order": "layer_by_layer", "devices_per_synapse": 1,
            "arrangement": "single", "imperfections": ["c2c"], "learning_rate": 0.1, "learning_rate_decay": 1.0,
            "batch": 2, "train_samples": 3,
            "samples": 10, "seeds": seeds,
        },
        datasets={},
        notes=(),
        seed=0,
        versions={},
    )  # fmt: skip


def worn(found: TrainingResults, pulses: int) -> TrainingResults:
    """The same with one more pulse on the first layer than were counted."""
    first, *others = found.seeds
    wear = (replace(first.wear[0], pulses=pulses), *first.wear[1:])
    return replace(found, seeds=(replace(first, wear=wear), *others))
