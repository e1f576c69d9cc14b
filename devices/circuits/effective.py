"""The fixed matrix that a programmed array of linear cells is, with all its wires, drivers and switches.

A planar array is eliminated row after row (`ladder`), a vertical one with a finger for each row pillar row after
pillar row (`pillar_ladder`). Any other is factorised as a whole: 1 V is put on each line of the side with fewer lines,
the other side held at 0 V, and the currents of the other side's lines are the transfer conductances. By reciprocity
either side gives the same matrix. Eliminations take any resistance; where the whole is factorised, one too small to
matter is an ideal short (`negligible`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from pillarsim.devices.circuits import bias as biases
from pillarsim.devices.circuits import fields, layout
from pillarsim.devices.circuits.batch import topology
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.cells import Linear, read_cell
from pillarsim.devices.circuits.circuit import Circuit
from pillarsim.devices.circuits.conductances import given_conductances
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.keys import check_keys
from pillarsim.devices.circuits.ladder import Resistances, planar_transfers
from pillarsim.devices.circuits.negligible import negligible_ohm
from pillarsim.devices.circuits.newton import Factors
from pillarsim.devices.circuits.pillar_ladder import PillarResistances, finger_transfers

Array = NDArray[np.float64]

_SIDES_AT_ONCE = 32  # right-hand sides of one solve: bounds the memory and stays in cache longer than all at once

_DENSE_COLS = 2  # bit lines an input up to which elimination, of work rising as their cube, is the faster one


def effective_matrix(spec: fields.Spec, g: object) -> Array:
    """Return the matrix (inputs, outputs) in siemens with ``i_col = v_in.ravel() @ matrix``.

    `spec` is that of a compute case with linear cells; `v_in`, `pattern` and the cell's `g_lrs`, `g_hrs` are not used.
    `g` holds the conductances in siemens, in the shape of the array; an ohmic selector counts in series with them.
    Inputs are the rows, or word-line electrodes layer by layer. A stack of arrays, `g` of one more dimension in front,
    gives (arrays, inputs, outputs), each of them bit for bit what it is alone. Raises CircuitError (a ValueError), also
    for a memory case and for nonlinear cells, which have no matrix.
    """
    stack, single = _read(spec, g)
    if spec["geometry"] == "2d":
        row, col, driver, sense = (fields.resistance(spec, key) for key in ("r_row", "r_col", "r_driver", "r_sense"))
        found = planar_transfers(stack, Resistances(row, col, driver, sense))
    else:
        found = _vertical(spec, stack, [fields.value(spec, "on_rows")])[:, 0]
    return found[0] if single else found


def effective_matrices(spec: fields.Spec, g: object, on_rows_groups: Sequence[object]) -> Array:
    """Return the matrices (groups, inputs, outputs) of a vertical array, one for each group of rows on together.

    `on_rows_groups` holds a list of pillar rows for each group, in place of `spec["on_rows"]`. For the rest, and for a
    stack of arrays, which gives (arrays, groups, inputs, outputs), see `effective_matrix`. Raises CircuitError.
    """
    check_keys(spec)
    if fields.choice(spec, "geometry", ("2d", "3d")) == "2d":
        raise CircuitError("geometry: only a vertical array has groups of rows that are on together")
    if isinstance(on_rows_groups, str) or not isinstance(on_rows_groups, Sequence | np.ndarray):
        raise CircuitError(f"on_rows_groups: expected a list of lists of pillar rows, found {on_rows_groups!r}")
    stack, single = _read(spec, g)
    found = _vertical(spec, stack, on_rows_groups)
    return found[0] if single else found


def _read(spec: fields.Spec, g: object) -> tuple[Array, bool]:
    """The conductances as a stack of arrays, and whether one array was given instead."""
    check_keys(spec)
    if spec.get("mode", "compute") != "compute":
        raise CircuitError("mode: only a compute case has an effective matrix")
    cell = read_cell(spec)
    if not cell.proportional:
        raise CircuitError("cell: only linear cells, alone or behind an ohmic selector, have an effective matrix")
    shape = layout.cell_shape(spec)
    if isinstance(g, np.ndarray | list | tuple) and _dimensions(g) == len(shape) + 1:
        return cell.small_signal(given_conductances(g, (len(g), *shape))), False
    return cell.small_signal(given_conductances(g, shape))[None], True


def _dimensions(g: object) -> int:
    """Dimensions of nested numbers; of a ragged list those of its first entries, so that its shape is refused."""
    depth = 0
    while isinstance(g, list | tuple) and g:
        depth, g = depth + 1, g[0]
    return depth + np.ndim(g)  # type: ignore[arg-type]


def _vertical(spec: fields.Spec, stack: Array, groups: Sequence[object]) -> Array:
    """Matrices (arrays, groups, inputs, outputs)."""
    rows = fields.count(spec, "rows")
    chosen = [list(fields.indices({"on_rows": group}, "on_rows", rows)) for group in groups]
    inputs, cols = int(np.prod(layout.row_shape(spec))), fields.count(spec, "cols")
    found = np.empty((len(stack), len(chosen), inputs, cols))
    if layout.word_lines(spec) == "finger" and cols <= _DENSE_COLS * inputs:
        keys = ("r_wl", "r_pillar", "r_bl", "r_driver", "r_sense", "r_on", "r_off")
        ohm = PillarResistances(*(fields.resistance(spec, key) for key in keys))
        on_rows = np.array([np.isin(np.arange(rows), group) for group in chosen], dtype=bool).reshape(-1, rows)
        for array, g in enumerate(stack):
            found[array] = finger_transfers(g, ohm, on_rows)
        return found
    for group, on in enumerate(chosen):
        bias = biases.read_compute_bias({**spec, "on_rows": on}, np.zeros(layout.row_shape(spec)))
        circuits: dict[float, Circuit] = {}
        for array, g in enumerate(stack):
            # By the array alone, so that it is bit for bit the same in any stack.
            negligible = negligible_ohm(spec, Linear(), g, bias, 1.0)
            if negligible not in circuits:
                circuits[negligible] = circuit_of(spec, bias, negligible)
            found[array, group] = transfer(circuits[negligible], g.ravel())
    return found


def transfer(circuit: Circuit, conductance: Array) -> Array:
    """Return the transfer conductances (row lines, column lines) of a circuit all of whose lines are driven."""
    rows, cols = len(circuit.bias.rows.volts), len(circuit.bias.cols.volts)
    by_row = rows < cols
    first, count = (0, rows) if by_row else (rows, cols)
    line, lines = (circuit.layout.cell_col, cols) if by_row else (circuit.layout.cell_row, rows)
    elements = np.concatenate([circuit.wire_s, conductance])
    nodes = topology(circuit)
    collect = _cell_currents(circuit, conductance, line, lines)
    solver = Factors(circuit).factor(elements) if circuit.free else None
    found = np.empty((lines, count))
    for start in range(0, count, _SIDES_AT_ONCE):
        stop = min(start + _SIDES_AT_ONCE, count)
        volts = np.zeros((circuit.nodes, stop - start))
        held = circuit.held[first + start : first + stop]
        volts[held, np.arange(stop - start)] = 1.0
        # Rounding beside a wire of little resistance shifts whole lines; a second step with true residuals undoes it.
        for _ in range(2):
            if solver is not None:
                volts[: circuit.free] -= solver.solve(nodes.leaving @ (elements[:, None] * (nodes.across @ volts)))
        found[:, start:stop] = collect @ volts
    return np.ascontiguousarray(found.T) if by_row else -found


def _cell_currents(circuit: Circuit, conductance: Array, line: NDArray[np.intp], lines: int) -> csr_array:
    """The matrix (lines, nodes) that takes node voltages to the current of each line's cells, from row to column."""
    places = (np.concatenate([line, line]), np.concatenate([circuit.cell_a, circuit.cell_b]))
    return csr_array(coo_array((np.concatenate([conductance, -conductance]), places), shape=(lines, circuit.nodes)))
