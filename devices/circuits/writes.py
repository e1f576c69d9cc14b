"""One write pulse of an array with its cells as they are: where its power goes, and the disturb of other cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pillarsim.devices.circuits import bias as biases
from pillarsim.devices.circuits import fields
from pillarsim.devices.circuits.case import circuit_of, solve_circuit
from pillarsim.devices.circuits.cells import read_cell
from pillarsim.devices.circuits.conductances import given_conductances
from pillarsim.devices.circuits.keys import check_keys
from pillarsim.devices.circuits.layout import cell_shape
from pillarsim.devices.circuits.negligible import negligible_ohm


@dataclass(frozen=True)
class WritePulse:
    """Power (W) in selected cells, in all other cells, and in wires, drivers and switches; their sum is dissipated.

    disturb_v: the largest voltage (V) over a cell that is not selected, 0 where every cell is.
    """

    selected_w: float
    other_w: float
    wires_w: float
    disturb_v: float


def solve_write(spec: fields.Spec, g: object) -> WritePulse:
    """Solve a memory case as it stands, its selected cells at their own conductance in `g` (S, cell shape).

    Negligible resistances are ideal shorts, as in `solve`. Raises CircuitError (a ValueError).
    """
    check_keys(spec)
    cell = read_cell(spec)
    conductances = given_conductances(g, cell_shape(spec))
    bias = biases.read_memory_bias(spec)
    circuit = circuit_of(spec, bias, negligible_ohm(spec, cell.law, conductances, bias))
    state = solve_circuit(circuit, cell, conductances)
    power = (state.cell_volts * state.cell_current).reshape(conductances.shape)
    volts = np.abs(state.cell_volts).reshape(conductances.shape)
    selected = np.zeros(conductances.shape, dtype=bool)
    selected[tuple(np.array(bias.cells).T)] = True
    in_wires = state.wire_current**2 @ (1 / circuit.wire_s)
    return WritePulse(
        selected_w=float(power[selected].sum()),
        other_w=float(power[~selected].sum()),
        wires_w=float(in_wires),
        disturb_v=float(volts[~selected].max(initial=0.0)),
    )
