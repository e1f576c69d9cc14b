"""The conductance of every cell: given, from stored states, or from a pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import fields
from pillarsim.devices.circuits.cells import CellType
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.layout import cell_shape

Array = NDArray[np.float64]


def read_conductances(spec: fields.Spec, cell: CellType, states: object, g: object) -> Array:
    """Return conductances in siemens (cell shape) from `g`, else `states`, else `spec["pattern"]`.

    Raises CircuitError where both are given, shapes disagree or a conductance is not above 0.
    """
    if g is not None and states is not None:
        raise CircuitError("states, g: give one of the two")
    shape = cell_shape(spec)
    if g is not None:
        return given_conductances(g, shape)
    if cell.g_lrs is None or cell.g_hrs is None:
        raise CircuitError("cell: states need g_lrs and g_hrs")
    lrs = pattern_states(spec, shape) if states is None else read_states(states, shape)
    return np.where(lrs, cell.g_lrs, cell.g_hrs)


def given_conductances(g: object, shape: tuple[int, ...]) -> Array:
    """Return conductances in siemens of exactly this shape. Raises CircuitError where one is not above 0."""
    conductances = fields.array(g, "g", shape)
    if not (conductances > 0).all():
        raise CircuitError(f"g: conductances must be above 0, found {conductances.min()}")
    return conductances


def read_states(states: object, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which cells are LRS from nested lists of strings of 0 and 1. Raises CircuitError."""
    digits = fields.array(_split(states), "states", shape)
    if not np.isin(digits, (0, 1)).all():
        raise CircuitError("states: expected 0 (HRS) and 1 (LRS)")
    return np.asarray(digits == 1)


def pattern_states(spec: fields.Spec, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which cells are LRS by `spec["pattern"]`: all_lrs, all_hrs, checker or random. Raises CircuitError."""
    if "pattern" not in spec:
        raise CircuitError("states, g, pattern: the case needs one of the three")
    pattern = fields.mapping(spec, "pattern")
    kind = fields.choice(pattern, "kind", ("all_lrs", "all_hrs", "checker", "random"))
    if kind == "checker":
        return np.asarray(np.indices(shape).sum(axis=0) % 2 == 0)
    if kind == "random":
        seed = fields.value(pattern, "seed")
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise CircuitError(f"seed: expected a whole number of at least 0, found {seed!r}")
        return np.asarray(np.random.default_rng(seed).random(shape) < fields.number(pattern, "p_lrs"))
    return np.full(shape, kind == "all_lrs")


def with_selected(g: Array, cells: tuple[tuple[int, ...], ...], conductance: float) -> Array:
    """Return a copy of `g` whose selected cells have one conductance."""
    changed = g.copy()
    changed[tuple(np.array(cells).T)] = conductance
    return changed


def _split(states: object) -> Any:
    """Strings become lists of their digits."""
    if isinstance(states, str):
        return [int(digit) if digit in "01" else -1 for digit in states]
    if isinstance(states, list | tuple):
        return [_split(part) for part in states]
    return states
