"""The fixed matrix that a programmed array of linear cells is, with all its wires, drivers and switches.

A planar array is eliminated row after row (`ladder`). A vertical one, or one whose segments are 0 ohm, is factorised
as a whole: 1 V is put on each line of the side with fewer lines, the other side held at 0 V, and the currents of the
other side's lines are the transfer conductances. By reciprocity either side gives the same matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from pillarsim.devices.circuits import bias as biases
from pillarsim.devices.circuits import fields, layout
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.cells import read_cell
from pillarsim.devices.circuits.circuit import Circuit
from pillarsim.devices.circuits.conductances import given_conductances
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.ladder import Resistances, planar_transfer
from pillarsim.devices.circuits.newton import Factors

Array = NDArray[np.float64]

_SIDES_AT_ONCE = 32  # right-hand sides of one solve: bounds the memory and stays in cache longer than all at once


def effective_matrix(spec: fields.Spec, g: object) -> Array:
    """Return the matrix (inputs, outputs) in siemens with ``i_col = v_in.ravel() @ matrix``.

    `spec` is that of a compute case with linear cells; `v_in`, `pattern` and the cell's `g_lrs`, `g_hrs` are not used.
    `g` holds the conductances in siemens, in the shape of the array. Inputs are the rows, or word-line electrodes layer
    by layer. Raises CircuitError (a ValueError), also for a memory case and for nonlinear cells, which have no matrix.
    """
    if spec.get("mode", "compute") != "compute":
        raise CircuitError("mode: only a compute case has an effective matrix")
    cell = read_cell(spec)
    if not cell.linear:
        raise CircuitError("cell: only linear cells without a selector have an effective matrix")
    conductance = given_conductances(g, layout.cell_shape(spec))
    if spec["geometry"] == "2d":
        row, col, driver, sense = (fields.resistance(spec, key) for key in ("r_row", "r_col", "r_driver", "r_sense"))
        if row > 0 and col > 0:
            return planar_transfer(conductance, Resistances(row, col, driver, sense))
    circuit = circuit_of(spec, biases.read_compute_bias(spec, np.zeros(layout.row_shape(spec))))
    return transfer(circuit, conductance.ravel())


def transfer(circuit: Circuit, conductance: Array) -> Array:
    """Return the transfer conductances (row lines, column lines) of a circuit all of whose lines are driven."""
    rows, cols = len(circuit.bias.rows.volts), len(circuit.bias.cols.volts)
    by_row = rows < cols
    first, count = (0, rows) if by_row else (rows, cols)
    line, lines = (circuit.layout.cell_col, cols) if by_row else (circuit.layout.cell_row, rows)
    elements = np.concatenate([circuit.wire_s, conductance])
    coupling = _coupling(circuit, elements)
    collect = _cell_currents(circuit, conductance, line, lines)
    solver = Factors(circuit).factor(elements) if circuit.free else None
    found = np.empty((lines, count))
    for start in range(0, count, _SIDES_AT_ONCE):
        stop = min(start + _SIDES_AT_ONCE, count)
        volts = np.zeros((circuit.nodes, stop - start))
        held = circuit.held[first + start : first + stop]
        volts[held, np.arange(stop - start)] = 1.0
        if solver is not None:
            volts[: circuit.free] = solver.solve(coupling[:, held - circuit.free].toarray())
        found[:, start:stop] = collect @ volts
    return np.ascontiguousarray(found.T) if by_row else -found


def _coupling(circuit: Circuit, elements: Array) -> csr_array:
    """Conductance between each unknown node and each held one (free, held)."""
    a = np.concatenate([circuit.wire_a, circuit.cell_a])
    b = np.concatenate([circuit.wire_b, circuit.cell_b])
    unknown, held = np.minimum(a, b), np.maximum(a, b)
    joins = (unknown < circuit.free) & (held >= circuit.free)
    places = (unknown[joins], held[joins] - circuit.free)
    return csr_array(coo_array((elements[joins], places), shape=(circuit.free, circuit.nodes - circuit.free)))


def _cell_currents(circuit: Circuit, conductance: Array, line: NDArray[np.intp], lines: int) -> csr_array:
    """The matrix (lines, nodes) that takes node voltages to the current of each line's cells, from row to column."""
    places = (np.concatenate([line, line]), np.concatenate([circuit.cell_a, circuit.cell_b]))
    return csr_array(coo_array((np.concatenate([conductance, -conductance]), places), shape=(lines, circuit.nodes)))
