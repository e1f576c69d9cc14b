"""Column sums to codes, added into each column's partial result: the compiled inner steps shared by both kernels.

Sums are integers in units of 2^-fraction unit steps; every array is one tile's columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.fixed_point import Integers
from pillarsim.arch.compute.noise import normals
from pillarsim.devices.jit import compiled
from pillarsim.devices.neuron import spike_count

_count_spikes = compiled(spike_count)


@compiled
def add_noise(
    sums: NDArray[np.int32],
    variance: NDArray[np.int32],
    scale: np.float32,
    key: np.uint64,
    scratch: NDArray[np.float32],
) -> None:
    """Add read noise of variance `variance` * scale to sums (reads, C); scratch (3, at least reads * C)."""
    flat, spread = sums.reshape(-1), variance.reshape(-1)
    draws = scratch[0, : len(flat)]
    normals(key, scratch[1], scratch[2], draws)
    for c in range(len(flat)):
        flat[c] = np.int32(flat[c] + np.int32(draws[c] * np.sqrt(np.float32(spread[c]) * scale)))


@compiled
def add_noise_wide(
    sums: NDArray[np.int64],
    variance: NDArray[np.int64],
    scale: np.float32,
    shift: int,
    key: np.uint64,
    scratch: NDArray[np.float32],
) -> None:
    """`add_noise` with 64-bit sums: the variance is `variance` * scale * 4^shift."""
    flat, spread = sums.reshape(-1), variance.reshape(-1)
    draws = scratch[0, : len(flat)]
    normals(key, scratch[1], scratch[2], draws)
    for c in range(len(flat)):
        flat[c] += np.int64(np.int32(draws[c] * np.sqrt(np.float32(spread[c]) * scale))) << shift


@compiled
def convert_wide(
    sums: NDArray[np.int64],
    half: NDArray[np.int64],
    shift: NDArray[np.int64],
    low: int,
    high: int,
    partial: NDArray[np.int64],
    chunk: int,
    sign: int,
) -> int:
    """Add each column's code, times sign * 2^chunk, to its partial result; return how many were clipped."""
    clipped = 0
    for c in range(len(sums)):
        raw = (sums[c] + half[c]) >> shift[c]
        code = min(max(raw, low), high)
        clipped += raw != code
        partial[c] += (code << chunk) * sign
    return clipped


@compiled
def integrate(
    sums: Integers,
    spikes: tuple[float, float, bool, bool],
    high: int,
    charge: NDArray[np.float64],
    partial: Integers,
    chunk: int,
    weight_sign: int,
) -> tuple[int, int]:
    """Count each column's spikes, signed, into its partial result; return (spikes, saturated counters).

    spikes: (gain, dead, kept, bipolar), gain in threshold charges of one integer step; charge (2, C): left on the
    positive and the negative neuron, or in row 0 the signed charge of a bipolar one. Spikes beyond the counter's
    largest value are fired, but not counted.
    """
    gain, dead, kept, bipolar = spikes
    fired, saturated = 0, 0
    for c in range(len(sums)):
        if sums[c] == 0:
            continue
        sign = 1 if sums[c] > 0 else -1
        drive = float(abs(sums[c])) * gain
        neuron = 0 if bipolar or sign > 0 else 1
        start = charge[neuron, c] * (sign if bipolar else 1) if kept else 0.0
        count, left = _count_spikes(drive, dead, start)
        if kept:
            charge[neuron, c] = left * (sign if bipolar else 1)
        fired += int(count)
        if count > high:
            saturated += 1
            count = float(high)
        signed = weight_sign * sign * int(count)
        partial[c] += signed << chunk
    return fired, saturated


@compiled
def fold(
    partial: Integers,
    place: NDArray[np.float64],
    columns: int,
    outputs: int,
    sums: NDArray[np.float64],
    window: int,
    first_output: int,
) -> None:
    """Add a tile's partial results to the outputs of a window: each column's value times its place."""
    for k in range(columns):
        for o in range(min(outputs, sums.shape[1] - first_output)):
            sums[window, first_output + o] += float(partial[k * outputs + o]) * place[k * outputs + o]


@compiled
def fold_block(
    partial: NDArray[np.int32],
    place: NDArray[np.float64],
    column: int,
    columns: int,
    outputs: int,
    sums: NDArray[np.float64],
    first_output: int,
) -> None:
    """`fold` of all windows for a tile's columns from `column` on; partial (W, any number of columns)."""
    width = min(partial.shape[1], columns * outputs - column)
    here = min(outputs, sums.shape[1] - first_output)
    into, values = sums.reshape(-1), partial.reshape(-1)
    start = 0
    while start < width:
        first = (column + start) % outputs
        run = min(outputs - first, width - start)  # columns of one slice lie beside one another
        worth = place[column + start : column + start + run]
        for w in range(len(partial)):
            # Unsigned, lest every index is looked at for a sign and the loop is no vector code.
            to = np.uint64(w * sums.shape[1] + first_output + first)
            at = np.uint64(w * partial.shape[1] + start)
            for c in range(np.uint64(max(min(run, here - first), 0))):
                into[to + c] += float(values[at + c]) * worth[c]
        start += run


@compiled
def scatter(found: NDArray[np.float64], outputs: NDArray[np.int64], sums: NDArray[np.float64]) -> None:
    """Add each column of found (W, n) to the column of sums (W, O) that outputs (n,) names."""
    for w in range(len(found)):
        for c in range(len(outputs)):
            sums[w, outputs[c]] += found[w, c]
