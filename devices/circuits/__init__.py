"""Array circuits at DC, solved exactly: planar crossbars and vertical stacks with their wires, drivers and switches."""

from pillarsim.devices.circuits.case import solve
from pillarsim.devices.circuits.effective import effective_matrix
from pillarsim.devices.circuits.errors import CircuitError, ConvergenceError

__all__ = ["CircuitError", "ConvergenceError", "effective_matrix", "solve"]
