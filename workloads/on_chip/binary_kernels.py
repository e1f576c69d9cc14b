"""Adam's moments into pulse counts, pulse counts into time slots of arrays, errors into lines driven. Compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled

__all__ = ["adam_pulses", "error_reads", "row_slots"]


@compiled
def adam_pulses(
    gradient: NDArray[np.float32], first: NDArray[np.float32], second: NDArray[np.float32],
    numbers: NDArray[np.float32], pulses: NDArray[np.int8],
) -> bool:  # fmt: skip
    """Move Adam's moments by a gradient and write the pulses of its step; arrays (rows, O). Returns whether all finite.

    step = scale m / (root sqrt(v) + epsilon), pulses = -step within +-most, rounded half to even.
    numbers: beta1, beta2, scale (learning rate over the bias correction of m), root (inverse square root of that of v),
    epsilon, most.
    """
    beta1, beta2, scale, root, epsilon, most = numbers
    finite = True
    for row in range(gradient.shape[0]):
        for column in range(gradient.shape[1]):
            g = gradient[row, column]
            m = beta1 * first[row, column] + (np.float32(1) - beta1) * g
            v = beta2 * second[row, column] + (np.float32(1) - beta2) * g * g
            first[row, column], second[row, column] = m, v
            step = scale * m / (np.sqrt(v) * root + epsilon)
            finite &= math.isfinite(step)
            pulses[row, column] = np.int8(np.rint(-min(max(step, -most), most)))
    return finite


@compiled
def row_slots(
    pulses: NDArray[np.int8], inputs: tuple[int, int], outputs: tuple[int, int], together: int, slots: NDArray[np.int64]
) -> None:
    """Write how many update slots each row inputs[0], ..., inputs[1] - 1 of an array takes to slots (rows,).

    The cells of a row, two a pair, are written `together` at a time, one group after another; a group takes as many
    slots as its most pulsed cell. pulses (I, O): n > 0 for the first cell of a pair, |n| for the second where n < 0.
    """
    cells = 2 * (outputs[1] - outputs[0])
    for row in range(inputs[0], inputs[1]):
        total = 0
        for start in range(0, cells, together):
            most = 0
            for cell in range(start, min(start + together, cells)):
                n = int(pulses[row, outputs[0] + (cell >> 1)])
                most = max(most, -n if cell & 1 else n)
            total += most
        slots[row - inputs[0]] = total


@compiled
def error_reads(
    errors: NDArray[np.float32], high: int, drives_of: NDArray[np.int64], weight_of: NDArray[np.float64],
    drives: NDArray[np.int64], weight: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add the transposed reads of error vectors to drives and weight, (O,): codes as `scales.error_codes` makes them.

    errors (b, O, windows), a vector along the middle axis; high: largest code; drives_of, weight_of: of each magnitude.
    """
    images, outputs, windows = errors.shape
    scale = np.empty(windows, np.float32)
    for image in range(images):
        scale[:] = 0
        for output in range(outputs):
            for window in range(windows):
                scale[window] = max(scale[window], abs(errors[image, output, window]))
        for window in range(windows):
            scale[window] = scale[window] / np.float32(high) if scale[window] > 0 else np.float32(1)
        for output in range(outputs):
            for window in range(windows):
                share = abs(errors[image, output, window] / scale[window])
                code = min(int(np.floor(share + np.float32(0.5))), high)
                drives[output] += drives_of[code]
                weight[output] += weight_of[code]
