"""Events of training: time of an epoch's steps on the event model, and that it grows linearly with the steps.

    python benchmarks/bench_training_events.py [--images N] [--batch B] [--repeat K] [--json FILE|-]

An MLP 784-256-10 with two devices a synapse on the default chip, MNIST's 60 000 images at batch 10, random pulse
counts; then the weak-RESET network 784-3000-10 at batch 1000. Counts come in chunks of 500 steps, as a training run
gives them. Wall-clock seconds, least of the repeats, on one thread; a schedule is simulated once in each.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.training.clock import TrainingClock
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.placement import SynapseArray, SynapseLayer, TrainingPlacement
from pillarsim.arch.training.schedule import simulate_schedule
from pillarsim.arch.training.timing import TrainingTiming
from pillarsim.arch.training.trace import TrainingTrace

CHUNK = 500  # steps
COLUMNS = 2  # cells of a synapse


@dataclass(frozen=True)
class Found:
    """One run: steps, seconds, and what the clock said."""

    steps: int
    seconds: float
    trace: TrainingTrace


def chip_timing(gradient: bool) -> TrainingTiming:
    """The default chip's durations; 31-slot trains, verified where a gradient is computed off the arrays."""
    chip = load_chip("hfox_planar_128").chip
    base = build_timing(chip, build_components(chip.hardware), chip.idle)
    return TrainingTiming(
        base=base,
        order="all_at_once",
        input_bits=chip.input.bits,
        error_bits=8,
        chunks=chip.input.chunks,
        error_chunks=8,
        error_slots=-(-chip.array.rows // chip.converters_per_array),
        conversions=1,
        row_hold=base.sample_hold,
        slot_ps=base.write.set_ps,
        verify_ps=0,
        set_ps=base.write.set_ps,
        reset_ps=base.write.reset_ps,
        refresh_verify_ps=base.write.verify_ps,
        gradient=gradient,
        optimizer=(7, 3, 1) if gradient else (0, 0, 0),
        accumulator_bits=0,
        pulse_train=0 if gradient else 31,
        counter_steps=2,
    )


def mlp(sizes: list[int]) -> TrainingPlacement:
    """Fully connected layers on arrays of 128 x 128 cells, 16 a tile, filled in order."""
    layers, place = [], 0
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        arrays = []
        for row in range(0, inputs + 1, 128):
            for column in range(0, outputs, 128 // COLUMNS):
                ends = min(row + 128, inputs + 1), min(column + 128 // COLUMNS, outputs)
                arrays.append(SynapseArray(place // 16, place % 16, (row, ends[0]), (column, ends[1])))
                place += 1
        work = (("lookup", outputs),)
        layers.append(SynapseLayer(f"fc{number + 1}", inputs + 1, outputs, 1, COLUMNS, True, 1, tuple(arrays), work))
    return TrainingPlacement("mlp", tuple(layers), sizes[0], 64, "")


def counts(placement: TrainingPlacement, steps: int, batch: int, random: np.random.Generator) -> StepCounts:
    """Random counts of some steps."""
    made = StepCounts.none(steps, len(placement.layers), len(placement.arrays))
    made.images[:] = batch
    made.slots[:] = random.integers(0, 31 * batch, made.slots.shape)
    for name in ("requests", "sets", "resets", "lines"):
        getattr(made, name)[:] = random.integers(0, 10**5, made.sets.shape)
    return made


def run(placement: TrainingPlacement, timing: TrainingTiming, steps: int, batch: int) -> Found:
    """Simulate some steps from a new clock."""
    idle, random = load_chip("hfox_planar_128").chip.idle, np.random.default_rng(0)
    chunks = [counts(placement, min(CHUNK, steps - done), batch, random) for done in range(0, steps, CHUNK)]
    simulate_schedule.cache_clear()
    began = time.perf_counter()
    clock = TrainingClock(placement, timing, idle, 16)
    for chunk in chunks:
        clock.add(chunk)
    trace = clock.trace()
    return Found(steps, time.perf_counter() - began, trace)


def best(placement: TrainingPlacement, timing: TrainingTiming, steps: int, batch: int, repeat: int) -> Found:
    """The fastest of some runs."""
    return min((run(placement, timing, steps, batch) for _ in range(repeat)), key=lambda found: found.seconds)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", default=None)
    options = parser.parse_args(arguments)
    small, rows = mlp([784, 256, 10]), []
    total = options.images // options.batch
    for part in range(1, 7):
        found = best(small, chip_timing(False), max(1, total * part // 6), options.batch, options.repeat)
        rows.append(found)
        print(
            f"784-256-10, batch {options.batch}: {found.steps:6d} steps {found.seconds:7.3f} s "
            f"({1e6 * found.seconds / found.steps:.0f} us a step), chip time {found.trace.span_ps * 1e-12:.4g} s, "
            f"{found.trace.schedules} schedule of {found.trace.events} events"
        )
    large = best(mlp([784, 3000, 10]), chip_timing(True), 60, 1000, 1)
    print(
        f"784-3000-10, batch 1000: {large.steps:6d} steps {large.seconds:7.3f} s, "
        f"chip time {large.trace.span_ps * 1e-12:.4g} s, {large.trace.events} events"
    )
    if options.json:
        text = json.dumps({"steps": [row.steps for row in rows], "seconds": [row.seconds for row in rows]}, indent=1)
        if options.json == "-":
            print(text)
        else:
            with open(options.json, "w", encoding="utf-8") as file:
                file.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
