"""Transfer conductances of a circuit in rational arithmetic: slow, and free of rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits.circuit import Circuit


def exact_transfer(circuit: Circuit, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Current into each column's source for 1 V on each row (rows, columns), all other sources at 0 V."""
    nodes, free = circuit.nodes, circuit.free
    matrix = [[Fraction(0)] * nodes for _ in range(nodes)]
    ends = zip(np.concatenate([circuit.wire_a, circuit.cell_a]), np.concatenate([circuit.wire_b, circuit.cell_b]))  # noqa: B905
    for (a, b), siemens in zip(ends, np.concatenate([circuit.wire_s, conductance]).tolist(), strict=True):
        value = Fraction(siemens)
        for one, other in ((a, b), (b, a)):
            matrix[one][one] += value
            matrix[one][other] -= value
    for pivot in range(free):
        for row in range(pivot + 1, nodes):
            share = matrix[row][pivot] / matrix[pivot][pivot]
            if share:
                matrix[row] = [entry - share * above for entry, above in zip(matrix[row], matrix[pivot], strict=True)]
    rows = len(circuit.bias.rows.volts)
    held = circuit.held.tolist()
    return np.array([[float(-matrix[col][row]) for col in held[rows:]] for row in held[:rows]])
