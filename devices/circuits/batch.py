"""Operating points of many reads of one array at once: Newton's method whose steps share one factorised matrix.

The conductance matrices of the reads differ only in the slopes of their cells. One of them, near a typical read, is
factorised; with it as preconditioner, conjugate gradients solve the Newton step of every read in a few iterations.
A read is accepted by the rule of `newton`, and then takes one step more. A read that a step does not bring closer is
solved anew and alone by `newton.operating_point`; what does not converge there raises ConvergenceError.
Arrays are (elements or nodes, reads), the wires before the cells. Results agree with those of a read solved alone to
rounding, not bit for bit, and so does a read solved in another company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pillarsim.devices.circuits.cells import Law, refuse_voltages
from pillarsim.devices.circuits.circuit import Circuit
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.newton import RESOLVED, ROUNDING, Factors, Solver, operating_point

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_STEPS = 12  # Newton steps of a batch; a read that needs more is solved alone
_INNER_STEPS = 40  # conjugate gradient iterations of one Newton step
_INNER_DROP = 1e-4  # of a Newton step's error (its energy norm) may be left by the iterations


@dataclass(frozen=True, eq=False)
class Topology:
    """Which nodes the elements of a circuit join.

    across     (elements, nodes) takes node voltages to the voltage of each element
    leaving    (free, elements) takes currents of elements to the current that leaves each unknown node
    """

    across: csr_array
    leaving: csr_array


@dataclass(frozen=True, eq=False)
class Shared:
    """What the reads of one array have in common; `solver` is None where no node is unknown."""

    circuit: Circuit
    law: Law
    conductance: Array
    nodes: Topology
    factors: Factors
    matrix: Array
    solver: Solver | None


@dataclass(frozen=True, eq=False)
class Points:
    """Node voltages with the currents and slopes of the elements, and what is out of balance; as in `newton.State`."""

    volts: Array
    element_volts: Array
    current: Array
    slope: Array
    residual: Array
    rounding: Array

    @property
    def worst(self) -> Array:
        """The largest residual of each read in units of its rounding (reads,)."""
        share = np.abs(self.residual) / np.maximum(self.rounding, np.finfo(np.float64).tiny)
        return np.asarray(share.max(axis=0, initial=0.0), dtype=np.float64)


def topology(circuit: Circuit) -> Topology:
    """Return the sparse maps between the nodes and the elements of a circuit."""
    ends = np.column_stack(
        [np.concatenate([circuit.wire_a, circuit.cell_a]), np.concatenate([circuit.wire_b, circuit.cell_b])]
    )
    count = len(ends)
    signs, starts = np.tile([1.0, -1.0], count), np.arange(0, 2 * count + 1, 2)
    across = csr_array((signs, ends.ravel(), starts), shape=(count, circuit.nodes))
    return Topology(across, csr_array(across.T)[: circuit.free])


def share(circuit: Circuit, law: Law, conductance: Array, held: Array, factors: Factors, nodes: Topology) -> Shared:
    """Factorise near a read whose sources are the root mean square of those of all reads, `held` (sources, reads).

    The slopes are those at the cell voltages that the array has with every cell at its slope at 0 V. Raises
    CircuitError where the matrix is singular.
    """
    wires = len(circuit.wire_s)
    with np.errstate(over="ignore", invalid="ignore"):
        _, rest = law.current(np.zeros_like(conductance), conductance)
        at_rest = np.concatenate([circuit.wire_s, rest])
        solver = factors.factor(at_rest) if circuit.free else None
        typical = _linear(circuit, nodes, at_rest, solver, np.sqrt(np.mean(held**2, axis=1, keepdims=True)))
        _, slope = law.current((nodes.across @ typical)[wires:, 0], conductance)
    # A slope that overflowed says nothing; the one at 0 V serves as well, only slower.
    matrix = np.concatenate([circuit.wire_s, np.where(np.isfinite(slope), slope, rest)])
    solver = factors.factor(matrix) if circuit.free else None
    return Shared(circuit, law, conductance, nodes, factors, matrix, solver)


def operating_points(shared: Shared, held: Array, numbers: Sequence[int]) -> Points:
    """Return the operating points of reads with the sources at `held` (sources, reads).

    Raises ConvergenceError with the number of the read, its worst node and residual, and CircuitError with the number
    of a read whose cells stand at voltages that their law was not fitted for.
    """
    circuit, wires = shared.circuit, len(shared.circuit.wire_s)
    with np.errstate(over="ignore", invalid="ignore"):
        start = _linear(circuit, shared.nodes, shared.matrix, shared.solver, held)
        points, done = _newton(shared, _evaluate(shared, start))
    if not done.all():
        volts = points.volts.copy()
        for read in np.flatnonzero(~done).tolist():
            volts[:, read] = _alone(shared, held[:, read], numbers[read])
        points = _evaluate(shared, volts)
    for read, number in enumerate(numbers):
        try:
            refuse_voltages(shared.law, points.element_volts[wires:, read], shared.conductance)
        except CircuitError as error:
            raise CircuitError(f"read {number}: {error}") from error
    return points


def _linear(circuit: Circuit, nodes: Topology, elements: Array, solver: Solver | None, held: Array) -> Array:
    """Node voltages of a circuit whose elements have the conductances (S) that `solver` holds factorised."""
    volts = np.zeros((circuit.nodes, held.shape[1]))
    volts[circuit.free :] = held
    if solver is not None:
        volts[: circuit.free] = -solver.solve(nodes.leaving @ (elements[:, None] * (nodes.across @ volts)))
    return volts


def _evaluate(shared: Shared, volts: Array) -> Points:
    """Currents and imbalance at given node voltages, with the rounding of `newton.evaluate`."""
    wires, nodes = shared.circuit.wire_s[:, None], shared.nodes
    element_volts = nodes.across @ volts
    cell_current, cell_slope = shared.law.current(element_volts[len(wires) :], shared.conductance[:, None])
    current = np.concatenate([wires * element_volts[: len(wires)], cell_current])
    slope = np.concatenate([np.broadcast_to(wires, (len(wires), volts.shape[1])), cell_slope])
    size = np.abs(volts)
    noise = slope * (abs(nodes.across) @ size + RESOLVED * size.max(axis=0, initial=0.0)) + np.abs(current)
    return Points(
        volts=volts,
        element_volts=element_volts,
        current=current,
        slope=slope,
        residual=nodes.leaving @ current,
        rounding=ROUNDING * (abs(nodes.leaving) @ noise),
    )


def _newton(shared: Shared, points: Points) -> tuple[Points, Flags]:
    """Step the reads until each is in balance and took one step more, or is not brought closer; and which balance."""
    worst = points.worst
    going = np.ones(len(worst), dtype=bool)
    for _ in range(_STEPS):
        if shared.solver is None or not going.any():
            break
        volts = points.volts.copy()
        volts[: shared.circuit.free] += _step(shared, shared.solver, points, going)
        trial = _evaluate(shared, volts)
        now = trial.worst
        # The step beyond balance is kept if it stays in balance: `newton` says why it is taken.
        balanced = worst <= 1
        better = going & np.where(balanced, now <= 1, now < worst)
        points = _choose(better, trial, points)
        worst = np.where(better, now, worst)
        going = better & ~balanced
    return points, worst <= 1


def _step(shared: Shared, solver: Solver, points: Points, going: Flags) -> Array:
    """The Newton step (free, reads) of the reads that are going, by conjugate gradients on each one's own matrix."""
    left = np.where(going, -points.residual, 0.0)
    step = np.zeros_like(left)
    across, leaving = shared.nodes.across[:, : len(left)], shared.nodes.leaving
    direction = solver.solve(left)
    size = _dot(left, direction)
    target = _INNER_DROP**2 * size
    for _ in range(_INNER_STEPS):
        current = leaving @ (points.slope * (across @ direction))
        length = _ratio(size, _dot(direction, current))
        step += length * direction
        left -= length * current
        ahead = solver.solve(left)
        before, size = size, _dot(left, ahead)
        if not (size > target).any():
            break
        direction = ahead + _ratio(size, before) * direction
    return step


def _alone(shared: Shared, held: Array, number: int) -> Array:
    """Node voltages of one read, solved on its own."""
    start = np.zeros(shared.circuit.nodes)
    start[shared.circuit.free :] = held
    try:
        return operating_point(shared.circuit, shared.law, shared.conductance, start, shared.factors).volts
    except CircuitError as error:
        raise type(error)(f"read {number}: {error}") from error


def _choose(first: Flags, one: Points, other: Points) -> Points:
    """The points of the flagged reads from `one`, of the rest from `other`."""
    if first.all():
        return one
    pick = {part.name: np.where(first, getattr(one, part.name), getattr(other, part.name)) for part in fields(Points)}
    return Points(**pick)


def _dot(one: Array, two: Array) -> Array:
    return np.asarray(np.einsum("nr,nr->r", one, two), dtype=np.float64)


def _ratio(part: Array, whole: Array) -> Array:
    """part / whole, 0 where a read has nothing left to solve."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
