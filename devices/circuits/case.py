"""Solve a case: the `spec` of a case file with cell states or conductances, to the results of that file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import bias as biases
from pillarsim.devices.circuits import fields, results
from pillarsim.devices.circuits.cells import CellType, read_cell
from pillarsim.devices.circuits.circuit import Circuit, build_circuit
from pillarsim.devices.circuits.conductances import read_conductances, with_selected
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.layout import read_layout
from pillarsim.devices.circuits.newton import Factors, State, operating_point

# What `i_col_switch` leaves in the circuit is the select transistors alone.
_NO_WIRES = dict.fromkeys(("r_wl", "r_pillar", "r_bl", "r_driver", "r_sense"), 0.0)


def solve(spec: fields.Spec, states: object = None, g: object = None) -> dict[str, Any]:
    """Return the `results` of a case.

    `states` holds a string of 1 (LRS) and 0 (HRS) for each row, nested as the array; `g` holds conductances in
    siemens. Give one of the two; with neither, `spec["pattern"]` makes the states. Memory mode solves the array twice,
    its selected cells all LRS (`sel_lrs`), then all HRS (`sel_hrs`). Raises CircuitError (a ValueError).
    """
    cell = read_cell(spec)
    conductances = read_conductances(spec, cell, states, g)
    if fields.choice(spec, "mode", ("memory", "compute")) == "memory":
        return _memory(spec, cell, conductances)
    return _compute(spec, cell, conductances)


def circuit_of(spec: fields.Spec, bias: biases.Bias) -> Circuit:
    """Return the circuit of a case under a bias. Raises CircuitError."""
    layout = read_layout(spec, bias.on_rows)
    return build_circuit(layout, bias, fields.resistance(spec, "r_driver"), fields.resistance(spec, "r_sense"))


def solve_circuit(circuit: Circuit, cell: CellType, g: NDArray[np.float64], factors: Factors | None = None) -> State:
    """Return the operating point of a circuit whose cells have the conductances `g` (cell shape)."""
    start = circuit.potentials(circuit.bias.rows.volts, circuit.bias.cols.volts)
    return operating_point(circuit, cell.law, g.ravel(), start, factors or Factors(circuit))


def _memory(spec: fields.Spec, cell: CellType, g: NDArray[np.float64]) -> dict[str, Any]:
    bias = biases.read_memory_bias(spec)
    if cell.g_lrs is None or cell.g_hrs is None:
        raise CircuitError("cell: a memory case needs g_lrs and g_hrs")
    circuit = circuit_of(spec, bias)
    factors = Factors(circuit)
    lrs, hrs = (
        results.memory_run(circuit, solve_circuit(circuit, cell, with_selected(g, bias.cells, value), factors))
        for value in (cell.g_lrs, cell.g_hrs)
    )
    margin = results.margin(lrs, hrs, fields.number(spec, "v"), fields.resistance(spec, "r_sense"))
    return {"sel_lrs": lrs, "sel_hrs": hrs, "margin": margin}


def _compute(spec: fields.Spec, cell: CellType, g: NDArray[np.float64]) -> dict[str, Any]:
    bias = biases.read_compute_bias(spec, fields.value(spec, "v_in"))
    circuit = circuit_of(spec, bias)
    ideal = results.ideal_currents(circuit.layout, cell.law, g, bias.rows.volts, bias.on_rows)
    found = results.compute_run(circuit, solve_circuit(circuit, cell, g), ideal)
    if spec["geometry"] == "3d":
        switched = circuit_of({**spec, **_NO_WIRES}, bias)
        lines = results.line_currents(switched, solve_circuit(switched, cell, g))
        found["i_col_switch"] = (-lines.cols).tolist()
    return found
