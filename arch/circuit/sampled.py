"""Reads drawn from calibration data, each solved in full: where their energy goes, and how far the values are off.

A layer's read vectors are windows of calibration images as the integer network sees them, one input chunk of one row
group in one array. The full solution (Newton's method for nonlinear cells) gives the energy split, the loss of column
current and the error of linearised cells. Ratios to the same reads with ideal wires carry the split over to all reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.activity import LayerActivity
from pillarsim.arch.chip import Array
from pillarsim.arch.circuit.effective import ArrayTask, array_tasks, mask, rows_on
from pillarsim.arch.circuit.spec import slopes_s
from pillarsim.arch.compute.integer import visit_layers
from pillarsim.arch.compute.physical import array_part, physical
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.compute.windows import gather_windows
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PlacedLayer, Placement
from pillarsim.devices.circuits import CircuitError, Reads, solve_reads
from pillarsim.devices.streams import stream_seed

READS_PER_LAYER = 128  # read vectors that are solved in full
ARRAYS_PER_LAYER = 4  # arrays, with one row group each, that they are dealt to
_IMAGES = 8  # calibration images that they come from

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampledReads:
    """What full solutions of a layer's sampled reads found.

    signal, sneak, wires, charge: over the dissipation of the same reads with ideal wires (charge: over their charge).
    mean_drop: lost share of the summed column current; worst_drop: the largest loss of one cell, all inputs on.
    linear_rms, linear_worst: error of the column currents that the values use against the full solution, over the
    root mean square and over the largest column current.
    """

    name: str
    reads: int
    signal: float
    sneak: float
    wires: float
    charge: float
    mean_drop: float
    worst_drop: float
    linear_rms: float
    linear_worst: float


def sample_reads(
    placement: Placement,
    programmed: Sequence[ProgrammedLayer],
    rule: ReadRule,
    array: Array,
    temperature_k: float,
    images: NDArray[np.float32],
    seed: int,
    done: Callable[[], None] = lambda: None,
) -> tuple[SampledReads, ...]:
    """Draw and solve reads of every layer of one device; `programmed` holds the solved layers, before any gain.

    Raises InputError where a circuit has no solution.
    """
    found: list[SampledReads] = []

    def sample(number: int, inputs: NDArray[np.int32]) -> None:
        layer = placement.layers[number]
        generator = np.random.default_rng(stream_seed(seed, "sampled reads", layer.name))
        try:
            found.append(_sampled_layer(layer, programmed[number], rule, array, temperature_k, inputs, generator))
        except CircuitError as error:
            raise InputError(f"array.circuit: layer '{layer.name}', a sampled read: {error}") from None
        done()

    visit_layers(placement, images[:_IMAGES], sample)
    return tuple(found)


def with_losses(activity: LayerActivity, sampled: SampledReads) -> LayerActivity:
    """The activity of a layer with the dissipation and charge of solved circuits."""
    ideal = activity.conductance_s
    return replace(
        activity,
        conductance_s=ideal * sampled.signal,
        sneak_s=ideal * sampled.sneak,
        wires_s=ideal * sampled.wires,
        conductance_time=activity.conductance_time * sampled.charge,
    )


@dataclass(frozen=True, eq=False)
class _Solved:
    """One array's sampled reads: full solution, and column currents with ideal wires and as the values have them."""

    reads: Reads
    drawn_a: Floats
    ideal_a: Floats
    values_a: Floats
    ideal_w: float
    ideal_charge: float


def _sampled_layer(
    layer: PlacedLayer,
    programmed: ProgrammedLayer,
    rule: ReadRule,
    array: Array,
    temperature_k: float,
    codes: NDArray[np.int32],
    generator: np.random.Generator,
) -> SampledReads:
    places = [(task, group) for task in array_tasks(layer, array, temperature_k) for group in task.groups]
    chosen = generator.choice(len(places), size=min(ARRAYS_PER_LAYER, len(places)), replace=False)
    each = -(-READS_PER_LAYER // len(chosen))
    windows = gather_windows(codes, layer.matrix)
    solved = []
    for number in sorted(int(place) for place in chosen):
        task, group = places[number]
        first = layer.row_blocks[task.placed.row_block].start
        rows = windows[:, first + group[0] : first + group[1]]
        drive = _drive(rows[generator.integers(len(rows), size=each)], layer, rule, generator)
        solved.append(_solve(task, group, programmed, drive))
    return _summary(layer, programmed, solved)


def _drive(codes: NDArray[np.int32], layer: PlacedLayer, rule: ReadRule, generator: np.random.Generator) -> Floats:
    """Share of the read voltage on each input, (reads, inputs): a chunk of each code, drawn for each read."""
    plan = rule.chunks(layer.matrix.input)
    chunks = [plan[pick] for pick in generator.integers(len(plan), size=len(codes))]
    shift = np.array([chunk.shift for chunk in chunks])[:, None]
    high = np.array([chunk.high for chunk in chunks])[:, None]
    values: NDArray[np.int64] = ((codes & ((1 << layer.matrix.input.bits) - 1)) >> shift) & high
    top = (1 << rule.chunk_bits) - 1
    if rule.pulse_width:  # one of the pulse train's read times
        return (values > generator.integers(top, size=(len(codes), 1))).astype(np.float64)
    return values.astype(np.float64) / top


def _solve(task: ArrayTask, group: tuple[int, int], programmed: ProgrammedLayer, drive: Floats) -> _Solved:
    """Solve the reads of one row group of one array; drive (reads, inputs of the group)."""
    array, block = task.block.array, task.block
    cells_s = task.cells_s(programmed)
    seen_s = array_part(physical(programmed.seen_s), task.layer, task.placed).double().numpy()
    rows, volts = slice(*group), array.read_voltage * drive
    slopes = slopes_s(array, cells_s)
    if array.access.device == "transistor":
        reads = solve_reads(block.alone(*group).spec, slopes[rows], volts)
    else:
        lines = np.zeros((len(drive), block.line_count))
        on = None
        if array.geometry == "vertical":
            on = np.tile(mask(block, rows_on(block, group)), (len(drive), 1))
        if array.read_mode == "select_line":
            lines[:, block.lines[rows]] = array.read_voltage
            on = np.zeros_like(on, dtype=bool)
            on[:, block.rows[rows]] = drive > 0
        else:
            lines[:, block.lines[rows]] = volts
        reads = solve_reads(block.spec, block.circuit_cells(slopes), lines, on)
    return _Solved(
        reads=reads,
        drawn_a=np.maximum(reads.i_in, 0).sum(axis=1),
        ideal_a=volts @ cells_s[rows],
        values_a=volts @ seen_s[rows],
        ideal_w=float((volts**2 @ cells_s[rows]).sum()),
        ideal_charge=float((volts @ cells_s[rows]).sum()),
    )


def _summary(layer: PlacedLayer, programmed: ProgrammedLayer, solved: Sequence[_Solved]) -> SampledReads:
    ideal_w = sum(one.ideal_w for one in solved)
    charge = sum(one.ideal_charge for one in solved)
    current = np.concatenate([one.reads.i_col.ravel() for one in solved])
    error = np.concatenate([(one.values_a - one.reads.i_col).ravel() for one in solved])
    square, largest = float((current**2).mean()), float(np.abs(current).max())
    loss = 1 - programmed.seen_s.double() / programmed.conductance_s.double()

    def share(parts: Callable[[_Solved], Floats], whole: float) -> float:
        return sum(float(parts(one).sum()) for one in solved) / whole if whole else 0.0

    return SampledReads(
        name=layer.name,
        reads=sum(len(one.reads.i_col) for one in solved),
        signal=share(lambda one: one.reads.signal_w, ideal_w) if ideal_w else 1.0,
        sneak=share(lambda one: one.reads.sneak_w, ideal_w),
        wires=share(lambda one: one.reads.wires_w, ideal_w),
        charge=share(lambda one: one.drawn_a, charge) if charge else 1.0,
        mean_drop=1 - share(lambda one: one.reads.i_col, charge) if charge else 0.0,
        worst_drop=float(loss.max()),
        linear_rms=float(np.sqrt((error**2).mean() / square)) if square else 0.0,
        linear_worst=float(np.abs(error).max() / largest) if largest else 0.0,
    )
