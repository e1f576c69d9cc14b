"""Cases of test_no_decorative_keys for what only training depends on, and the numbers of a very short training run."""

from __future__ import annotations

import functools

import numpy as np

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.training.clock import TrainingClock
from pillarsim.arch.training.costs import training_costs
from pillarsim.arch.training.timing import build_training_timing
from pillarsim.mapping.learn import place_synapses
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.network import Flatten, Linear, Network, Relu
from pillarsim.workloads.on_chip.interface import Setup
from pillarsim.workloads.on_chip.setup import make_learner

Sets = tuple[str, ...]

IMAGES, STEPS = 24, 6
NETWORK = Network(
    "small",
    (1, 2, 2),
    (
        Flatten("flat"),
        Linear("fc1", np.zeros((5, 4), np.float32), np.zeros(5, np.float32)),
        Relu("relu"),
        Linear("fc2", np.zeros((3, 5), np.float32), np.zeros(3, np.float32)),
    ),
    "mnist",
)

PLAIN, PASSIVE, PHASE, COMB = (
    "hfox_learning_128", "hfox_passive_learning_128", "pcm_learning_128", "vrram_comb_learning",
)  # fmt: skip
FULL: Sets = ("learning.refresh={every: 8, threshold: 0.05, max_pulses: 20}",)
MIXED: Sets = ("learning.rule=mixed_precision",)
TRAINS: Sets = ("learning.rule=stochastic",)

# cards that stand in the working folder of the test
OWN_CARDS = {
    "own_counter.yaml": "source: test\narea: 1 um2\nleakage: 1 nW\nactions: {count: {energy: 1 pJ}}\n",
    "own_generator.yaml": "source: test\narea: 1 um2\nleakage: 1 nW\nactions: {slot: {energy: 1 pJ}}\n",
}
# key -> (preset, settings that make the key matter, the change)
LEARNING_CASES: dict[str, tuple[str, Sets, Sets]] = {
    "array.cell.disturb_voltage": (PASSIVE, (), ("array.cell.disturb_voltage=0.3 V",)),
    "learning.rule": (PLAIN, (), ("learning.rule=sign",)),
    "learning.order": (PLAIN, ("write.shared_by=1",), ("learning.order=all_at_once",)),
    "learning.devices_per_synapse": (PLAIN, (), ("learning.devices_per_synapse=3",)),
    "learning.arrangement": (
        PLAIN, ("learning.devices_per_synapse=2",), ("learning.arrangement=differential",),
    ),
    "learning.selection_increment": (PLAIN, (), ("learning.selection_increment=3",)),
    "learning.potentiation_period": (PLAIN, (), ("learning.potentiation_period=2",)),
    "learning.depression_period": (PLAIN, (), ("learning.depression_period=2",)),
    "learning.pulse_train": (PLAIN, TRAINS, ("learning.pulse_train=15",)),
    "learning.threshold": (COMB, (), ("learning.threshold=0.9",)),
    "learning.weight_range": (PLAIN, (), ("learning.weight_range=2",)),
    "learning.error_bits": (PLAIN, (), ("learning.error_bits=4",)),
    "learning.accumulator_bits": (PLAIN, MIXED, ("learning.accumulator_bits=32",)),
    "learning.verify": (PLAIN, (), ("learning.verify=true",)),
    "learning.refresh.every": (PHASE, FULL, ("learning.refresh.every=12",)),
    "learning.refresh.threshold": (PHASE, FULL, ("learning.refresh.threshold=0.9",)),
    "learning.refresh.max_pulses": (PHASE, FULL, ("learning.refresh.max_pulses=1",)),
    "learning.counter": (PLAIN, (), ("learning.counter=./own_counter.yaml",)),
    "learning.pulse_generator": (PLAIN, TRAINS, ("learning.pulse_generator=./own_generator.yaml",)),
    "learning.column_driver": (PLAIN, (), ("learning.column_driver=isaac_dac_1b",)),
}  # fmt: skip


def _images() -> Dataset:
    drawn = np.random.default_rng(0).random((IMAGES, *NETWORK.input_shape)).astype(np.float32)
    return Dataset("mnist", "train", drawn, drawn.reshape(IMAGES, -1)[:, :3].argmax(axis=1).astype(np.int64), "drawn")


@functools.cache
def training_numbers(preset: str, sets: Sets) -> str:
    """Counts, wear, energy rows, area and leakage of a few steps on a chip."""
    chip = load_chip(preset, sets).chip
    assert chip.learning is not None
    components = build_components(chip.hardware)
    timing = build_training_timing(chip.hardware, components, build_timing(chip.hardware, components, chip.idle))
    placement = place_synapses(NETWORK, chip.hardware)
    learner = make_learner(
        Setup(
            network=NETWORK, placement=placement, learning=chip.learning, array=chip.array, weights=chip.weights,
            input=chip.input, readout=chip.readout, write=chip.write, train=_images(), imperfections=frozenset(),
            learning_rate=0.3, batch=IMAGES // STEPS, seed=0,
        )
    )  # fmt: skip
    clock = TrainingClock(placement, timing, chip.idle, chip.tile.arrays_per_level)
    clock.program(learner.programming())
    clock.add(learner.advance(STEPS))
    costs = training_costs(
        clock.trace(), placement, components, array=chip.array, write=chip.write, technology=chip.technology,
        idle=chip.idle, timing=timing,
    )  # fmt: skip
    rows = [(each.phase, each.row) for each in costs.rows]
    parts = [(part.role, part.instances, part.cost.area_m2, part.cost.leakage_w) for part in components]
    return repr((rows, costs.span_s, parts, learner.wear(), learner.loss()))
