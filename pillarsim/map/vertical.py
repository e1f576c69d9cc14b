"""The ways to read a vertical array side by side: time of a window, current, and what leaks beside the signal.

One array with every cell formed at the mean conductance of its states, the first read of a window with every input of
it on. Current and its parts come from the solved circuit of that read (wires, drivers, select transistors, sneak
paths); an array too large to be solved here has the sum of its driven cells only, and no sneak.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pillarsim.arch.chip import Array, Chip
from pillarsim.arch.chip.array import READINGS
from pillarsim.arch.circuit.effective import mask, rows_on
from pillarsim.arch.circuit.places import Block
from pillarsim.arch.circuit.spec import slopes_s
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.timing import PS
from pillarsim.compiled import circuits_of
from pillarsim.devices.circuits import CircuitError, solve_reads
from pillarsim.mapping.fit import array_shape
from pillarsim.mapping.partition import row_blocks

__all__ = ["reading_rows"]

_MOST_CELLS = 200_000  # of an array whose read is solved, for the time it takes (the project's own choice)


def reading_rows(chip: Chip, arrays: int) -> list[dict[str, Any]]:
    """A row for the chip's reading and each alternative of its word lines; none of a planar chip.

    arrays: in use, which may all read at once. A reading that the chip's inputs exclude says why.
    """
    if chip.array.word_lines is None:
        return []
    own = chip.array.read_mode
    ways = sorted(READINGS[chip.array.word_lines], key=lambda way: way != own)
    return [_row(chip, way, way == own, arrays) for way in ways]


def _row(chip: Chip, reading: str, own: bool, arrays: int) -> dict[str, Any]:
    row: dict[str, Any] = {"reading": reading, "chosen": own, "excluded": None}
    if reading == "select_line" and chip.input.coding == "amplitude" and chip.input.chunk_bits > 1:
        return {**row, "excluded": "select lines take binary inputs"}
    array = chip.array.model_copy(update={"reading": reading})
    hardware = chip.hardware.model_copy(update={"array": array})
    timing = build_timing(hardware, build_components(hardware), chip.idle)
    groups = row_blocks(array.inputs, array_shape(array))[0].groups
    window_ps = circuits_of(timing).window_ps(len(groups), chip.input.chunks)
    start, stop = groups[0]
    mean_s = sum(array.conductance_range) / 2
    driven_a = array.read_voltage * mean_s * (stop - start) * array.columns
    return {
        **row,
        "inputs_a_read": stop - start,
        "reads_a_chunk": len(groups),
        "read_s": timing.read_ps * PS,
        "window_s": window_ps * PS,
        **_currents(array, chip.technology.temperature, (start, stop), driven_a, arrays),
    }


def _currents(
    array: Array, temperature_k: float, group: tuple[int, int], driven_a: float, arrays: int
) -> dict[str, Any]:
    """Read current of one array and of all, and the power of the read by where it goes."""
    solved = None
    if array.cells <= _MOST_CELLS:
        solved = _solved(array, temperature_k, group)
    if solved is None:
        each = {"array_current_a": driven_a, "solved": False, "signal_w": driven_a * array.read_voltage}
        return {**each, "sneak_w": None, "wires_w": None, "chip_current_a": driven_a * arrays}
    current_a, signal_w, sneak_w, wires_w = solved
    return {
        "array_current_a": current_a,
        "solved": True,
        "signal_w": signal_w,
        "sneak_w": sneak_w,
        "wires_w": wires_w,
        "chip_current_a": current_a * arrays,
    }


def _solved(array: Array, temperature_k: float, group: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """(current that the supply gives, signal, sneak, wires and switches) of one read; None without a solution."""
    block = Block(array, temperature_k, array.inputs, array.columns)
    cells = np.full((array.inputs, array.columns), sum(array.conductance_range) / 2)
    lines = np.zeros((1, block.line_count))
    rows = slice(*group)
    lines[:, block.lines[rows]] = array.read_voltage
    on = mask(block, rows_on(block, group))[None]
    if array.read_mode == "select_line":
        on = np.zeros_like(on, dtype=bool)
        on[:, block.rows[rows]] = True
    try:
        reads = solve_reads(block.spec, block.circuit_cells(slopes_s(array, cells)), lines, on)
    except CircuitError:
        return None
    current_a = float(np.maximum(reads.i_in, 0).sum())
    return current_a, float(reads.signal_w[0]), float(reads.sneak_w[0]), float(reads.wires_w[0])
