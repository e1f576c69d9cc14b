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
from pillarsim.arch.compute.converters import ConverterRange
from pillarsim.arch.compute.fixed_point import fix_layer
from pillarsim.arch.compute.graph import forward_codes
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

    logits: float64 (device seeds, N, outputs); activity: means over images and device seeds.
    """

    samples: int
    logits: NDArray[np.float64]
    activity: tuple[LayerActivity, ...]


def evaluate(
    placement: Placement,
    programmed: Sequence[Sequence[ProgrammedLayer]],
    rule: ReadRule,
    ranges: Sequence[ConverterRange],
    images: NDArray[np.float32],
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
    if len(images) == 0:
        raise ValueError("images: expected at least 1")
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
    return Evaluation(len(images), logits, activity)


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
    counts: list[ReadCounts] = []

    def sums(number: int, codes: NDArray[np.int32]) -> NDArray[np.float64]:
        found, count = run_layer(setups[number], codes, first_image)
        counts.append(count)
        return found

    return forward_codes(placement, images, sums), counts


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
