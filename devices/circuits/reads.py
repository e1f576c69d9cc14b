"""Many compute reads of one array: currents, and the dissipated power split once into signal, sneak and wires.

    signal   cells of driven rows or electrodes (input other than 0 V) on pillar rows that are switched on
    sneak    all other cells: undriven rows, layers and electrodes, pillars of rows that are off
    wires    segments, drivers, sense resistances, select transistors

Also a nonlinear array linearised about one read, which is exact there and an approximation elsewhere.
Everywhere `spec` is that of a compute case (its `v_in` is not used), `g` the conductances in siemens (None: those of
its pattern), `v_in` the inputs in volts, flat or in the shape of the row lines, and `on` says which pillar rows of a
vertical array are switched on (None: `spec["on_rows"]`). Resistances that are negligible at the largest input are
ideal shorts (`negligible`). Left out: everything that is not DC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import bias as biases
from pillarsim.devices.circuits import fields, layout
from pillarsim.devices.circuits.batch import Points, Topology, operating_points, share, topology
from pillarsim.devices.circuits.case import circuit_of, solve_circuit
from pillarsim.devices.circuits.cells import CellType, read_cell
from pillarsim.devices.circuits.circuit import Circuit
from pillarsim.devices.circuits.conductances import read_conductances
from pillarsim.devices.circuits.effective import effective_matrix
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.keys import check_keys
from pillarsim.devices.circuits.negligible import negligible_ohm
from pillarsim.devices.circuits.newton import Factors, State

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_READS_AT_ONCE = 16  # bounds the memory, and stays in cache longer than all at once
_RESOLVED = 1e-9  # of the largest input: at smaller cell voltages I / V is the slope, to 1e-9 of a tiny current


@dataclass(frozen=True, eq=False)
class Reads:
    """B reads of one array.

    i_col     (B, cols) current (A) into the source at the end of each column
    i_in      (B, inputs) current (A) that each row or electrode source delivers, layer by layer
    signal_w, sneak_w, wires_w   (B,) power (W) dissipated in the parts that the module names
    """

    i_col: Array
    i_in: Array
    signal_w: Array
    sneak_w: Array
    wires_w: Array

    @property
    def dissipated_w(self) -> Array:
        """All dissipated power (B,): what the sources deliver, the sum of v_in i_in."""
        return self.signal_w + self.sneak_w + self.wires_w


def solve_reads(spec: fields.Spec, g: object, v_in: object, on: object = None) -> Reads:
    """Solve B reads: `v_in` (B, inputs) or (B, *row shape), `on` (B, rows) of true and false.

    Linear cells cost one factorisation for each distinct `on`, nonlinear ones two, whatever the number of reads; each
    read meets the convergence rule of a single solve. Raises CircuitError, with the number of the read (from 0) where
    one of them fails (ConvergenceError) or leaves the range of its cells' law.
    """
    cell, conductance = _cells(spec, g)
    volts = _volts(spec, v_in, batch=True)
    rows_on = _rows_on(spec, on, len(volts))
    inputs, cols = volts.shape[1], fields.count(spec, "cols")
    found = Reads(np.empty((len(volts), cols)), np.empty((len(volts), inputs)), *np.empty((3, len(volts))))
    negligible = _negligible(spec, cell, conductance, volts)
    for circuit, factors, nodes, reads in _groups(spec, rows_on, negligible):
        held = np.vstack([volts[reads].T, np.zeros((cols, len(reads)))])
        shared = share(circuit, cell.law, conductance.ravel(), held, factors, nodes)
        for first in range(0, len(reads), _READS_AT_ONCE):
            part = slice(first, first + _READS_AT_ONCE)
            chosen = reads[part]
            points = operating_points(shared, held[:, part], chosen.tolist())
            _fill(found, chosen, circuit, points, volts[chosen], rows_on[chosen[0]])
    return found


def chord_conductances(spec: fields.Spec, g: object, v_in: object, on: object = None) -> Array:
    """Return I / V (S, cell shape) of each whole cell, selector included, at one read.

    `v_in` is (inputs,) or of the row shape, `on` (rows,). The slope stands in where V is too small to divide by.
    Raises CircuitError.
    """
    _, state = _one(spec, g, v_in, on)
    small = np.abs(state.cell_volts) <= _RESOLVED * np.abs(state.volts).max(initial=0.0)
    chord = np.divide(state.cell_current, state.cell_volts, out=state.cell_slope.copy(), where=~small)
    return chord.reshape(layout.cell_shape(spec))


def linearised_matrix(spec: fields.Spec, g: object, v_in: object, on: object = None) -> Array:
    """Return the matrix (inputs, outputs) in siemens of the array with each cell as its chord at one read.

    ``v_in.ravel() @ matrix`` is that read's `i_col`; other reads, and other rows on, it only approximates. Needs at
    least one row on. Raises CircuitError.
    """
    chord = chord_conductances(spec, g, v_in, on)
    linear = {**spec, "cell": {"model": "linear"}, "selector": None}
    if on is not None:
        linear["on_rows"] = np.flatnonzero(_rows_on(spec, [on], 1)[0]).tolist()
    return effective_matrix(linear, chord)


def pillar_currents(spec: fields.Spec, g: object, v_in: object, on: object = None) -> Array:
    """Return the current (A) that each pillar of a vertical array puts on its bit line at one read (rows, cols).

    Raises CircuitError, also for a planar array.
    """
    if spec.get("geometry") != "3d":
        raise CircuitError("geometry: only a vertical array (3d) has pillars")
    circuit, state = _one(spec, g, v_in, on)
    shape = circuit.layout.cell_shape
    return np.asarray(state.cell_current.reshape(*shape[:3], -1).sum(axis=(0, 3)), dtype=np.float64)


def _cells(spec: fields.Spec, g: object) -> tuple[CellType, Array]:
    check_keys(spec)
    if spec.get("mode", "compute") != "compute":
        raise CircuitError(f"mode: reads of inputs need a compute case, found {spec['mode']!r}")
    cell = read_cell(spec)
    return cell, read_conductances(spec, cell, None, g)


def _volts(spec: fields.Spec, v_in: object, batch: bool) -> Array:
    """The inputs, flattened: (B, inputs), or (inputs,) of one read."""
    shape = layout.row_shape(spec)
    flat = (int(np.prod(shape)),)
    lead: tuple[int, ...] = ()
    dimensions = _dimensions(v_in)
    if batch:
        if dimensions not in (2, 1 + len(shape)) or not len(v_in):  # type: ignore[arg-type]
            raise CircuitError(f"v_in: expected at least one read of shape {flat} or {shape}")
        lead = (len(v_in),)  # type: ignore[arg-type]
    is_flat = dimensions == len(lead) + 1
    return fields.array(v_in, "v_in", lead + (flat if is_flat else shape)).reshape(lead + flat)


def _dimensions(v_in: object) -> int:
    try:
        return np.ndim(v_in)  # type: ignore[arg-type]
    except ValueError:
        raise CircuitError("v_in: expected numbers, found lists of different lengths") from None


def _rows_on(spec: fields.Spec, on: object, reads: int) -> Flags:
    """Which pillar rows are on at each read (reads, rows); no rows of a planar array."""
    if spec["geometry"] == "2d":
        if on is not None:
            raise CircuitError("on: a planar array has no pillar rows to switch on")
        return np.zeros((reads, 0), dtype=bool)
    rows = fields.count(spec, "rows")
    if on is None:
        flags = np.zeros((reads, rows), dtype=bool)
        flags[:, list(fields.indices(spec, "on_rows", rows))] = True
        return flags
    given = np.asarray(on)
    if given.dtype != np.bool_ or given.shape != (reads, rows):
        raise CircuitError(f"on: expected true and false of shape {(reads, rows)}, found {given.dtype} {given.shape}")
    return given


def _groups(
    spec: fields.Spec, rows_on: Flags, negligible: float
) -> Iterator[tuple[Circuit, Factors, Topology, NDArray[np.intp]]]:
    """The circuit of each distinct set of rows that are on, and the reads that have it."""
    patterns, group = np.unique(rows_on, axis=0, return_inverse=True)
    before: tuple[Circuit, Factors, Topology] | None = None
    for number, pattern in enumerate(patterns):
        circuit = _circuit(spec, pattern, negligible)
        if before is None or not _same_topology(before[0], circuit):
            before = circuit, Factors(circuit), topology(circuit)
        yield circuit, before[1], before[2], np.flatnonzero(group.ravel() == number)


def _circuit(spec: fields.Spec, on: Flags, negligible: float) -> Circuit:
    return circuit_of(spec, replace(_bias(spec), on_rows=tuple(np.flatnonzero(on).tolist())), negligible)


def _bias(spec: fields.Spec) -> biases.Bias:
    """Every row at 0 V, every column sensed; which pillar rows are on is the caller's to set."""
    return biases.read_compute_bias({**spec, "on_rows": [0]}, np.zeros(layout.row_shape(spec)))


def _negligible(spec: fields.Spec, cell: CellType, g: Array, volts: Array) -> float:
    """The resistance (ohm) that is a short at every read; columns stand at 0 V."""
    spread = np.maximum(volts, 0).max(axis=-1) - np.minimum(volts, 0).min(axis=-1)
    return negligible_ohm(spec, cell.law, g, _bias(spec), float(spread.max()))


def _same_topology(one: Circuit, two: Circuit) -> bool:
    """Whether the elements join the same nodes; not so where a switch of 0 ohm opens or closes."""
    same_ends = np.array_equal(one.wire_a, two.wire_a) and np.array_equal(one.wire_b, two.wire_b)
    return same_ends and np.array_equal(one.cell_a, two.cell_a) and np.array_equal(one.cell_b, two.cell_b)


def _one(spec: fields.Spec, g: object, v_in: object, on: object) -> tuple[Circuit, State]:
    """One read, by Newton's method alone."""
    cell, conductance = _cells(spec, g)
    volts = _volts(spec, v_in, batch=False)
    rows_on = _rows_on(spec, None if on is None else [on], 1)[0]
    circuit = _circuit(spec, rows_on, _negligible(spec, cell, conductance, volts))
    rows = replace(circuit.bias.rows, volts=volts)
    biased = replace(circuit, bias=replace(circuit.bias, rows=rows))
    return biased, solve_circuit(biased, cell, conductance)


def _fill(found: Reads, reads: NDArray[np.intp], circuit: Circuit, points: Points, volts: Array, on: Flags) -> None:
    """Write the results of some reads, `volts` (reads, inputs), into their places."""
    cell_row, cell_col, wires = circuit.layout.cell_row, circuit.layout.cell_col, len(circuit.wire_s)
    current, power = points.current[wires:], points.current * points.element_volts
    shape = circuit.layout.cell_shape
    switched = np.ones(len(cell_row), dtype=bool) if len(shape) == 2 else on[np.indices(shape)[1].ravel()]
    signal = switched[:, None] & (volts.T[cell_row] != 0)
    for place, read in enumerate(reads):
        found.i_col[read] = np.bincount(cell_col, weights=current[:, place], minlength=found.i_col.shape[1])
        found.i_in[read] = np.bincount(cell_row, weights=current[:, place], minlength=found.i_in.shape[1])
    found.signal_w[reads] = np.where(signal, power[wires:], 0.0).sum(axis=0)
    found.sneak_w[reads] = np.where(signal, 0.0, power[wires:]).sum(axis=0)
    found.wires_w[reads] = power[:wires].sum(axis=0)
