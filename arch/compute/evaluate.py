"""Accuracy and activity of a placement on programmed arrays: the value model's entry point.

Images are cut into fixed chunks; each (device seed, chunk) runs on one thread, and results are reduced in a fixed
order, so that the outcome is the same for any number of threads. Read noise is a function of device seed, layer,
image, window, row group, chunk and column, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.activity import LayerActivity
from pillarsim.arch.compute.activities import add_counts, measured
from pillarsim.arch.compute.coding import input_codes
from pillarsim.arch.compute.converters import ConverterRange
from pillarsim.arch.compute.digital import logits_of, output_codes
from pillarsim.arch.compute.fixed_point import fix_layer
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.compute.layer import LayerSetup, ReadCounts, run_layer
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.placement import Placement
from pillarsim.devices.streams import stream_seed

IMAGES_PER_CHUNK = 100  # part of the result's definition only through the order of float additions

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the value model found on the same images.

    quantized: accuracy of the integer network; per_seed: of the chip, by device seed; logits float64 (seeds, N,
    outputs); activity: means over images and device seeds.
    """

    samples: int
    quantized: float
    per_seed: tuple[float, ...]
    logits: NDArray[np.float64]
    activity: tuple[LayerActivity, ...]


def evaluate(
    placement: Placement,
    programmed: Sequence[Sequence[ProgrammedLayer]],
    rule: ReadRule,
    ranges: Sequence[ConverterRange],
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    seeds: Sequence[int],
    threads: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Run float `images` (N, *input_shape) through the chip once for each device in `programmed`.

    programmed: layers of each device; seeds: one a device, names its read noise; ranges: of `converter_ranges`;
    progress is called as progress(chunks done, chunks in all) from the calling thread. Raises ValueError for no
    images and where lengths disagree. An exception, Ctrl-C included, cancels what has not started.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(f"images: expected as many as labels and at least 1, got {len(images)} and {len(labels)}")
    if len(seeds) != len(programmed) or not programmed:
        raise ValueError(f"seeds: expected one for each device and at least 1, got {len(seeds)}")
    setups = [set_up(placement, device, rule, ranges, seed) for device, seed in zip(programmed, seeds, strict=True)]
    starts = range(0, len(images), IMAGES_PER_CHUNK)
    tasks = [
        partial(run_images, placement, setup, images[first : first + IMAGES_PER_CHUNK], first)
        for setup in setups
        for first in starts
    ]
    results = _run(tasks, threads, progress)
    per_device = [results[i * len(starts) : (i + 1) * len(starts)] for i in range(len(setups))]
    logits = np.stack([np.concatenate([part[0] for part in parts]) for parts in per_device])
    counts = [[add_counts([part[1][k] for part in parts]) for parts in per_device] for k in range(len(setups[0]))]
    activity = tuple(
        measured(layer, rule, [setup[k].fixed.row_conductance_s for setup in setups], counts[k])
        for k, layer in enumerate(placement.layers)
    )
    return Evaluation(
        samples=len(images),
        quantized=accuracy(integer_forward(placement, images), labels),
        per_seed=tuple(accuracy(one, labels) for one in logits),
        logits=logits,
        activity=activity,
    )


def accuracy(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Share of images whose largest logit is their label's (the first one among equals)."""
    return float((logits.argmax(axis=1) == labels).mean())


def set_up(
    placement: Placement,
    programmed: Sequence[ProgrammedLayer],
    rule: ReadRule,
    ranges: Sequence[ConverterRange],
    seed: int,
) -> tuple[LayerSetup, ...]:
    """Prepare every layer of one device; `seed` names its read noise."""
    return tuple(
        LayerSetup(
            layer, rule, converter, fix_layer(layer, device, rule, converter),
            np.uint64(stream_seed(seed, "read noise", layer.name)),
        )
        for layer, device, converter in zip(placement.layers, programmed, ranges, strict=True)
    )  # fmt: skip


def run_images(
    placement: Placement, setups: Sequence[LayerSetup], images: NDArray[np.float32], first_image: int
) -> tuple[NDArray[np.float64], list[ReadCounts]]:
    """Logits of some images on one device, and the counts of each layer."""
    codes, counts = input_codes(images, placement.input), []
    for setup in setups:
        sums, count = run_layer(setup, codes, first_image)
        counts.append(count)
        if setup.layer.matrix.output is None:
            return logits_of(setup.layer, sums, len(images)), counts
        codes = output_codes(setup.layer, sums, len(images))
    raise ValueError("placement: expected a last layer without output codes")


def _run(
    tasks: Sequence[Callable[[], tuple[NDArray[np.float64], list[ReadCounts]]]],
    threads: int,
    progress: Progress | None,
) -> list[tuple[NDArray[np.float64], list[ReadCounts]]]:
    """Results in the order of the tasks."""
    results = []
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        futures = [pool.submit(task) for task in tasks]
        for number, future in enumerate(futures):
            results.append(future.result())
            if progress is not None:
                progress(number + 1, len(tasks))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return results
