"""The conductances that converters see of programmed cells, through wires, switches and sneak paths.

Linear cells: the effective matrix of each array, exact for every input. Nonlinear cells: the effective matrix of the
array linearised about its operating point with every input of a read at the read voltage, exact there and at 0 V.
Inputs on select lines: the current of each pillar with every select line of a read on; what leaks through switches
that are off belongs to no input and shows in the error of sampled reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.chip import Array
from pillarsim.arch.circuit.places import Block
from pillarsim.arch.circuit.spec import slopes_s
from pillarsim.arch.compute.physical import array_part, physical, sliced
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PlacedArray, PlacedLayer
from pillarsim.devices.circuits import (
    CircuitError,
    effective_matrices,
    effective_matrix,
    linearised_matrix,
    pillar_currents,
)

Floats = NDArray[np.float64]
Groups = Sequence[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class ArrayTask:
    """One array of one layer: where its cells are, and the reads of its block, as local inputs [start, stop)."""

    layer: PlacedLayer
    placed: PlacedArray
    block: Block
    groups: Groups

    def cells_s(self, programmed: ProgrammedLayer) -> Floats:
        """I / V of its cells at the read voltage, (inputs, columns)."""
        return array_part(physical(programmed.conductance_s), self.layer, self.placed).double().numpy()


def array_tasks(layer: PlacedLayer, array: Array, temperature_k: float) -> Iterator[ArrayTask]:
    """The arrays of replica 0 of a layer, which carries the values."""
    for placed in layer.replicas[0]:
        rows = layer.row_blocks[placed.row_block]
        columns = (placed.units[1] - placed.units[0]) * layer.polarities
        groups = tuple((start - rows.start, stop - rows.start) for start, stop in rows.groups)
        yield ArrayTask(layer, placed, Block(array, temperature_k, rows.stop - rows.start, columns), groups)


def solve_layers(
    layers: Sequence[PlacedLayer],
    programmed: Sequence[ProgrammedLayer],
    array: Array,
    temperature_k: float,
    threads: int = 1,
    done: Callable[[], None] = lambda: None,
) -> tuple[ProgrammedLayer, ...]:
    """Return the layers with `effective_s` solved, array by array; `done` is called after each array.

    The outcome does not depend on `threads`. Raises InputError that names layer and array where a circuit has no
    solution.
    """
    seen = [np.empty(tuple(physical(one.conductance_s).shape)) for one in programmed]
    tasks = [
        (task, one, columns)
        for layer, one, columns in zip(layers, programmed, seen, strict=True)
        for task in array_tasks(layer, array, temperature_k)
    ]
    # Elimination of a small planar array spends too little time outside the interpreter's lock to gain from threads.
    alone = array.geometry == "planar" and array.cell.iv.model == "linear"
    with ThreadPoolExecutor(max_workers=1 if alone else threads) as pool:
        found = pool.map(lambda item: _solved(item[0], item[1]), tasks)
        for (task, _, columns), matrix in zip(tasks, found, strict=True):
            array_part(torch.from_numpy(columns), task.layer, task.placed).numpy()[:] = matrix
            done()
    return tuple(
        replace(one, effective_s=sliced(torch.from_numpy(columns), layer.polarities, layer.slices).float())
        for layer, one, columns in zip(layers, programmed, seen, strict=True)
    )


def _solved(task: ArrayTask, programmed: ProgrammedLayer) -> Floats:
    try:
        return array_matrix(task.block, task.cells_s(programmed), task.groups)
    except CircuitError as error:
        place = f"tile {task.placed.tile}, slot {task.placed.slot}"
        raise InputError(f"array.circuit: layer '{task.layer.name}', array at {place}: {error}") from None


def array_matrix(block: Block, cells_s: Floats, groups: Groups) -> Floats:
    """Effective conductances (inputs, columns) of one array whose cells are `cells_s` at the read voltage.

    groups: inputs [start, stop) of each read; an input's row of the result is that of its own read.
    """
    if block.array.geometry == "planar":
        return _planar(block, cells_s, groups)
    cells = block.circuit_cells(slopes_s(block.array, cells_s))
    if block.array.read_mode == "select_line":
        return _select_lines(block, cells, groups)
    return _word_lines(block, cells, groups)


def _planar(block: Block, cells_s: Floats, groups: Groups) -> Floats:
    slopes = slopes_s(block.array, cells_s)
    linear = block.array.cell.iv.model == "linear"
    if block.array.access.device == "none" and linear:
        return effective_matrix(block.spec, slopes)  # rows that are off stay at 0 V: one matrix for every read
    found = np.empty_like(cells_s)
    for start, stop in groups:
        rows = slice(start, stop)
        if block.array.access.device == "none":
            found[rows] = linearised_matrix(block.spec, slopes, all_on(block, (start, stop)))[rows]
            continue
        alone = block.alone(start, stop)
        everything = all_on(alone, (0, stop - start))
        solved = effective_matrix if linear else lambda spec, g: linearised_matrix(spec, g, everything)  # noqa: B023
        found[rows] = solved(alone.spec, slopes[rows])
    return found


def _word_lines(block: Block, cells: Floats, groups: Groups) -> Floats:
    found = np.empty((block.inputs, block.columns))
    on = [rows_on(block, group) for group in groups]
    if block.array.cell.iv.model == "linear":
        distinct = list(dict.fromkeys(on))
        matrices = effective_matrices(block.spec, cells, distinct)
        for (start, stop), rows in zip(groups, on, strict=True):
            found[start:stop] = matrices[distinct.index(rows)][block.lines[start:stop]]
        return found
    for (start, stop), rows in zip(groups, on, strict=True):
        matrix = linearised_matrix(block.spec, cells, all_on(block, (start, stop)), mask(block, rows))
        found[start:stop] = matrix[block.lines[start:stop]]
    return found


def _select_lines(block: Block, cells: Floats, groups: Groups) -> Floats:
    found = np.empty((block.inputs, block.columns))
    for start, stop in groups:
        rows = rows_on(block, (start, stop))
        currents = pillar_currents(block.spec, cells, all_on(block, (start, stop)), mask(block, rows))
        found[start:stop] = currents[block.rows[start:stop]] / block.array.read_voltage
    return found


def rows_on(block: Block, group: tuple[int, int]) -> tuple[int, ...]:
    """The pillar rows that a read of inputs [start, stop) switches on."""
    return tuple(sorted({int(row) for row in block.rows[slice(*group)]}))


def mask(block: Block, rows: Sequence[int]) -> NDArray[np.bool_]:
    """The same rows as a mask over the block's pillar rows."""
    on = np.zeros(block.spec["rows"], dtype=bool)
    on[list(rows)] = True
    return on


def all_on(block: Block, group: tuple[int, int]) -> Floats:
    """Voltages (lines,) with every input of a read at the read voltage, all other lines at 0 V."""
    volts = np.zeros(block.line_count)
    volts[block.lines[slice(*group)]] = block.array.read_voltage
    return volts
