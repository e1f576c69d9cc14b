"""Array circuits at DC, solved exactly: planar crossbars and vertical stacks with their wires, drivers and switches."""

from pillarsim.devices.circuits.case import solve
from pillarsim.devices.circuits.effective import effective_matrices, effective_matrix
from pillarsim.devices.circuits.errors import CircuitError, ConvergenceError
from pillarsim.devices.circuits.reads import Reads, chord_conductances, linearised_matrix, pillar_currents, solve_reads
from pillarsim.devices.circuits.writes import WritePulse, solve_write

__all__ = [
    "CircuitError", "ConvergenceError", "Reads", "WritePulse", "chord_conductances", "effective_matrices",
    "effective_matrix", "linearised_matrix", "pillar_currents", "solve", "solve_reads", "solve_write",
]  # fmt: skip
