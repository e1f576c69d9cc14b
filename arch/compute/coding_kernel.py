"""Splitting integer weights into cell levels in one pass over the cells. Compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled


@compiled
def split(weight: NDArray[np.int32], offset: int, bits_per_cell: int, levels: NDArray[np.uint8]) -> None:
    """Fill levels (P, R, O, S) from weights (R, O): slices of w + offset, or of |w| on either side where P is 2."""
    mask = (1 << bits_per_cell) - 1
    polarities, rows, outputs, slices = levels.shape
    for row in range(rows):
        for output in range(outputs):
            value = np.int64(weight[row, output]) + offset
            if polarities == 2:
                side = 1 if value < 0 else 0
                value = abs(value)
                for place in range(slices):
                    levels[side, row, output, place] = value >> (bits_per_cell * place) & mask
                    levels[1 - side, row, output, place] = 0
            else:
                for place in range(slices):
                    levels[0, row, output, place] = value >> (bits_per_cell * place) & mask


@compiled
def flip(levels: NDArray[np.uint8], top: int, flipped: NDArray[np.bool_]) -> None:
    """Complement, in place, the columns of levels (rows, columns) whose sum falls by it; flipped (columns,): which."""
    rows, columns = levels.shape
    sums = np.zeros(columns, np.int64)
    for row in range(rows):
        for column in range(columns):
            sums[column] += levels[row, column]
    for column in range(columns):
        flipped[column] = 2 * sums[column] > top * rows
    for row in range(rows):
        for column in range(columns):
            if flipped[column]:
                levels[row, column] = top - levels[row, column]
