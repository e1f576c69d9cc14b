"""The event model: when things happen on the chip and how often, in integer picoseconds; no energy.

simulate              stream images through the layer pipeline -> Trace
simulate_programming  write every array once -> ProgrammingTrace
"""

from pillarsim.arch.simulate.programming import simulate_programming
from pillarsim.arch.simulate.run import simulate

__all__ = ["simulate", "simulate_programming"]
