"""Chips and compiled networks for the tests of the mapper."""

from __future__ import annotations

import functools

import numpy as np

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.placement import Placement
from pillarsim.arch.timing import Timing
from pillarsim.compiled import compile_for
from pillarsim.workloads.network import Network

SMALL = ("array.rows=24", "array.columns=24", "tile.arrays=6", "tile.count={x: 12, y: 12}")


@functools.cache
def chip(*sets: str) -> Chip:
    """The planar preset with small arrays and many tiles."""
    return load_chip("hfox_planar_128", (*SMALL, *sets)).chip


def timing_of(on: Chip) -> Timing:
    return build_timing(on.hardware, build_components(on.hardware), on.idle)


def compiled(network: Network, *sets: str) -> Placement:
    """`network` on the small chip, with times and buffers, calibrated on random inputs."""
    on = chip(*sets)
    inputs = np.random.default_rng(2).normal(size=(3, *network.input_shape)).astype(np.float32)
    return compile_for(on, network, inputs, timing_of(on))
