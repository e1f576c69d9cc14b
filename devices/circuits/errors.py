"""Errors of the array circuits.

CircuitError (a ValueError)   a circuit that cannot be built or has no single solution; the message names the key
  ConvergenceError            Newton's method did not reach rounding; the message names the worst node and residual
"""


class CircuitError(ValueError):
    """A circuit that cannot be built or has no single solution."""


class ConvergenceError(CircuitError):
    """A nonlinear circuit whose operating point was not reached."""
