"""The DC operating point: Newton's method on Kirchhoff's current law, with a sparse factorisation of fixed structure.

Every law rises with its voltage, so the currents are the gradient of a convex function and each Newton step descends;
a step is halved while the slope along it is not at least halved in size. The point is accepted when the current that
fails to balance is below what rounding alone leaves at every node, after which one more full step is taken.
Where a start at 0 V fails, the source voltages are raised in stages; the answer is still that of the full voltages.
No conductance is ever added to ground: what does not converge raises ConvergenceError.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.sparse.linalg import SuperLU, splu

from pillarsim.devices.circuits.cells import Law, refuse_voltages
from pillarsim.devices.circuits.circuit import Circuit
from pillarsim.devices.circuits.errors import CircuitError, ConvergenceError

Array = NDArray[np.float64]

_STEPS = 200  # Newton steps; a sinh cell far beyond its point loses about 1/k volts a step
_HALVINGS = 60  # of one step
RESOLVED = 1e-6  # of the largest voltage: smaller ones are held to rounding of this one, not of themselves
_RAMPS = (8, 32, 128)  # stages of the source voltages, tried in turn where Newton's method fails at full voltage
ROUNDING = 16 * float(np.finfo(np.float64).eps)  # accepted imbalance, of the sum of |conductance x node voltage|


@dataclass(frozen=True, eq=False)
class State:
    """Currents of the elements at given node voltages (nodes,).

    residual   current (A) that leaves each unknown node through its elements; zero at the operating point
    rounding   the part of it (A) that rounding alone may cause
    """

    volts: Array
    wire_current: Array
    cell_volts: Array
    cell_current: Array
    cell_slope: Array
    residual: Array
    rounding: Array

    @property
    def worst(self) -> float:
        """The largest residual in units of its rounding; nan where a current overflowed."""
        if not len(self.residual):
            return 0.0
        return float(np.max(np.abs(self.residual) / np.maximum(self.rounding, np.finfo(np.float64).tiny)))


class Factors:
    """Factorises the conductance matrix of the unknown nodes; the pattern and the elimination order are found once."""

    def __init__(self, circuit: Circuit) -> None:
        self.free = circuit.free
        self._a = np.concatenate([circuit.wire_a, circuit.cell_a])
        self._b = np.concatenate([circuit.wire_b, circuit.cell_b])
        self._place: NDArray[np.intp] | None = None  # new number of each unknown node, once known
        self._last: tuple[Array, Solver] | None = None
        self._arrange(np.arange(self.free, dtype=np.intp))

    def factor(self, conductance: Array) -> Solver:
        """Factorise for the conductances (S) of all wires, then cells, unless they are those of the last call.

        Raises CircuitError where the matrix is singular.
        """
        if self._last is not None and np.array_equal(self._last[0], conductance):
            return self._last[1]
        first, second, both = conductance[self._in_a], conductance[self._in_b], conductance[self._in_both]
        entries = np.concatenate([first, second, -both, -both])
        data = np.bincount(self._slot, weights=entries, minlength=len(self._rows))
        matrix = csc_array((data, self._rows, self._starts), shape=(self.free, self.free))
        ordering = "MMD_AT_PLUS_A" if self._place is None else "NATURAL"
        try:
            lu = splu(matrix, permc_spec=ordering, diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        except RuntimeError as error:
            raise CircuitError(f"the circuit is singular: {error}") from error
        solver = Solver(lu, self._place)
        if self._place is None:
            self._place = np.asarray(lu.perm_c, dtype=np.intp)
            self._arrange(self._place)
        self._last = conductance, solver
        return solver

    def _arrange(self, place: NDArray[np.intp]) -> None:
        """Lay out the matrix with unknown node n as row and column place[n]."""
        in_a, in_b = self._a < self.free, self._b < self.free
        both = in_a & in_b
        a, b = place[self._a[in_a]], place[self._b[in_b]]
        left, right = place[self._a[both]], place[self._b[both]]
        rows = np.concatenate([a, b, left, right])
        cols = np.concatenate([a, b, right, left])
        keys, self._slot = np.unique(cols.astype(np.int64) * self.free + rows, return_inverse=True)
        self._rows = (keys % max(self.free, 1)).astype(np.int32)
        per_column = np.bincount(keys // max(self.free, 1), minlength=self.free)
        self._starts = np.concatenate([[0], np.cumsum(per_column)]).astype(np.int32)
        self._in_a, self._in_b, self._in_both = in_a, in_b, both


@dataclass(frozen=True, eq=False)
class Solver:
    """A factorised matrix; `place` renumbers the unknown nodes, None keeps their numbers."""

    lu: SuperLU
    place: NDArray[np.intp] | None

    def solve(self, right: Array) -> Array:
        """Solve for one or several right-hand sides (free,) or (free, sides)."""
        if self.place is None:
            return np.asarray(self.lu.solve(right), dtype=np.float64)
        ordered = np.empty_like(right)
        ordered[self.place] = right
        return np.asarray(self.lu.solve(ordered)[self.place], dtype=np.float64)


def evaluate(circuit: Circuit, law: Law, conductance: Array, volts: Array) -> State:
    """Return the currents at given node voltages; `conductance` (S) of each cell, flattened."""
    wire_volts = volts[circuit.wire_a] - volts[circuit.wire_b]
    cell_volts = volts[circuit.cell_a] - volts[circuit.cell_b]
    wire_current = circuit.wire_s * wire_volts
    cell_current, cell_slope = law.current(cell_volts, conductance)
    a, b = np.concatenate([circuit.wire_a, circuit.cell_a]), np.concatenate([circuit.wire_b, circuit.cell_b])
    current, slope = np.concatenate([wire_current, cell_current]), np.concatenate([circuit.wire_s, cell_slope])
    resolved = RESOLVED * float(np.abs(volts).max(initial=0.0))
    noise = slope * (np.abs(volts[a]) + np.abs(volts[b]) + resolved) + np.abs(current)
    return State(
        volts=volts,
        wire_current=wire_current,
        cell_volts=cell_volts,
        cell_current=cell_current,
        cell_slope=cell_slope,
        residual=_sums(a, current, circuit) - _sums(b, current, circuit),
        rounding=ROUNDING * (_sums(a, noise, circuit) + _sums(b, noise, circuit)),
    )


def operating_point(circuit: Circuit, law: Law, conductance: Array, volts: Array, factors: Factors) -> State:
    """Solve for the unknown node voltages from a start `volts` (nodes,) that holds the sources.

    Where that start is too far away, the sources rise to their full voltage in ever smaller steps, each of them solved.
    Raises ConvergenceError with the node and its residual where the point is not reached either way, and CircuitError
    where a cell stands at a voltage that its law was not fitted for.
    """
    state = _reached(circuit, law, conductance, volts, factors)
    refuse_voltages(law, state.cell_volts, conductance)
    return state


def _reached(circuit: Circuit, law: Law, conductance: Array, volts: Array, factors: Factors) -> State:
    try:
        return _newton(circuit, law, conductance, volts, factors)
    except ConvergenceError as error:
        full = error
    last: ConvergenceError | None = None
    for stages in _RAMPS:
        try:
            return _ramped(circuit, law, conductance, volts, factors, stages)
        except ConvergenceError as error:
            last = error
    raise ConvergenceError(f"{full}; raising the sources in stages fails too, {last}") from full


def _ramped(circuit: Circuit, law: Law, conductance: Array, volts: Array, factors: Factors, stages: int) -> State:
    """Solve at 1/stages, 2/stages, ... of the source voltages; the last solution is the one at full voltage."""
    start = volts / stages
    for stage in range(1, stages + 1):
        try:
            state = _newton(circuit, law, conductance, start, factors)
        except ConvergenceError as error:
            raise ConvergenceError(f"with the sources at {stage}/{stages} of their voltage: {error}") from error
        start = state.volts * ((stage + 1) / stage)
        start[circuit.held] = volts[circuit.held] * ((stage + 1) / stages)
    return state


def _newton(circuit: Circuit, law: Law, conductance: Array, volts: Array, factors: Factors) -> State:
    with np.errstate(over="ignore", invalid="ignore"):
        state = evaluate(circuit, law, conductance, volts)
        for _ in range(_STEPS):
            step = _step(circuit, state, factors)
            if state.worst <= 1:
                return _polished(circuit, law, conductance, state, step)
            state = _search(circuit, law, conductance, state, step)
    raise _failure(circuit, state, f"after {_STEPS} steps")


def _step(circuit: Circuit, state: State, factors: Factors) -> Array:
    step = np.zeros(circuit.nodes)
    if circuit.free:
        try:
            solver = factors.factor(np.concatenate([circuit.wire_s, state.cell_slope]))
        except CircuitError as error:
            raise _failure(circuit, state, "its slopes span more than double precision can solve") from error
        step[: circuit.free] = -solver.solve(state.residual)
    return step


def _search(circuit: Circuit, law: Law, conductance: Array, state: State, step: Array) -> State:
    slope = abs(float(state.residual @ step[: circuit.free]))
    share = 1.0
    for _ in range(_HALVINGS):
        trial = evaluate(circuit, law, conductance, state.volts + share * step)
        ahead = float(trial.residual @ step[: circuit.free])
        if ahead <= slope / 2 or trial.worst < state.worst:
            return trial
        share /= 2
    raise _failure(circuit, state, f"no part of a step, down to 2^-{_HALVINGS}, brings it closer")


def _polished(circuit: Circuit, law: Law, conductance: Array, state: State, step: Array) -> State:
    """One full step more: within rounding of balance the voltages behind large resistances may still improve."""
    last = evaluate(circuit, law, conductance, state.volts + step)
    return last if last.worst <= 1 else state


def _failure(circuit: Circuit, state: State, reason: str) -> ConvergenceError:
    with np.errstate(invalid="ignore"):
        node = int(np.argmax(np.abs(state.residual) / state.rounding))
    return ConvergenceError(
        f"no operating point: {reason}; the currents at node {circuit.name(node)} miss balance by"
        f" {abs(state.residual[node]):.3g} A, where rounding leaves {state.rounding[node]:.3g} A"
    )


def _sums(node: NDArray[np.intp], amount: Array, circuit: Circuit) -> Array:
    sums = np.bincount(node, weights=amount, minlength=circuit.nodes)
    return np.asarray(sums[: circuit.free], dtype=np.float64)
