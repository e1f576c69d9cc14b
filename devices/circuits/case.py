"""Solve a case: the `spec` of a case file with cell states or conductances, to the results of that file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import bias as biases
from pillarsim.devices.circuits import fields, results
from pillarsim.devices.circuits.cells import CellType, read_cell
from pillarsim.devices.circuits.circuit import Circuit, build_circuit
from pillarsim.devices.circuits.conductances import read_conductances, with_selected
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.keys import check_keys
from pillarsim.devices.circuits.layout import read_layout
from pillarsim.devices.circuits.negligible import negligible_ohm
from pillarsim.devices.circuits.newton import Factors, State, operating_point

# What `i_col_switch` leaves in the circuit is the select transistors alone.
_NO_WIRES = dict.fromkeys(("r_wl", "r_pillar", "r_bl", "r_driver", "r_sense"), 0.0)


def solve(spec: fields.Spec, states: object = None, g: object = None) -> dict[str, Any]:
    """Return the `results` of a case.

    `states` holds a string of 1 (LRS) and 0 (HRS) for each row, nested as the array; `g` holds conductances in
    siemens. Give one of the two; with neither, `spec["pattern"]` makes the states. Memory mode solves the array twice,
    its selected cells all LRS (`sel_lrs`), then all HRS (`sel_hrs`). Resistances too small to drop 1e-9 of the largest
    voltage are ideal shorts (`negligible`). Raises CircuitError (a ValueError), also for a key that is not known.
    """
    if not isinstance(spec, Mapping) or spec.get("mode") != "memory":
        return _compute(spec, states, g)
    both = solve_memory(spec, states, g)
    lrs, hrs = (results.memory_run(both.circuit, state) for state in (both.lrs, both.hrs))
    margin = results.margin(lrs, hrs, fields.number(spec, "v"), fields.resistance(spec, "r_sense"))
    return {"sel_lrs": lrs, "sel_hrs": hrs, "margin": margin}


@dataclass(frozen=True, eq=False)
class MemoryStates:
    """The operating points of a memory case, its selected cells all LRS, then all HRS, on one circuit."""

    circuit: Circuit
    lrs: State
    hrs: State


def solve_memory(spec: fields.Spec, states: object = None, g: object = None) -> MemoryStates:
    """Solve a memory case; arguments and errors as `solve`."""
    check_keys(spec)
    cell = read_cell(spec)
    conductances = read_conductances(spec, cell, states, g)
    bias = biases.read_memory_bias(spec)
    if cell.g_lrs is None or cell.g_hrs is None:
        raise CircuitError("cell: a memory case needs g_lrs and g_hrs")
    both = [with_selected(conductances, bias.cells, value) for value in (cell.g_lrs, cell.g_hrs)]
    # Both runs are solved on one circuit, so what is negligible has to be so in both.
    circuit = circuit_of(spec, bias, min(negligible_ohm(spec, cell.law, one, bias) for one in both))
    factors = Factors(circuit)
    return MemoryStates(circuit, *(solve_circuit(circuit, cell, one, factors) for one in both))


def circuit_of(spec: fields.Spec, bias: biases.Bias, negligible_ohm: float = 0.0) -> Circuit:
    """Return the circuit of a case under a bias; `negligible_ohm` as in `build_circuit`. Raises CircuitError."""
    layout = read_layout(spec, bias.on_rows)
    driver, sense = fields.resistance(spec, "r_driver"), fields.resistance(spec, "r_sense")
    return build_circuit(layout, bias, driver, sense, negligible_ohm)


def solve_circuit(circuit: Circuit, cell: CellType, g: NDArray[np.float64], factors: Factors | None = None) -> State:
    """Return the operating point of a circuit whose cells have the conductances `g` (cell shape)."""
    start = circuit.potentials(circuit.bias.rows.volts, circuit.bias.cols.volts)
    return operating_point(circuit, cell.law, g.ravel(), start, factors or Factors(circuit))


def _compute(spec: fields.Spec, states: object, given: object) -> dict[str, Any]:
    check_keys(spec)
    cell = read_cell(spec)
    g = read_conductances(spec, cell, states, given)
    fields.choice(spec, "mode", ("memory", "compute"))
    bias = biases.read_compute_bias(spec, fields.value(spec, "v_in"))
    negligible = negligible_ohm(spec, cell.law, g, bias)
    circuit = circuit_of(spec, bias, negligible)
    ideal = results.ideal_currents(circuit.layout, cell.law, g, bias.rows.volts, bias.on_rows)
    found = results.compute_run(circuit, solve_circuit(circuit, cell, g), ideal)
    if spec["geometry"] == "3d":
        switched = circuit_of({**spec, **_NO_WIRES}, bias, negligible)
        lines = results.line_currents(switched, solve_circuit(switched, cell, g))
        found["i_col_switch"] = (-lines.cols).tolist()
    return found
