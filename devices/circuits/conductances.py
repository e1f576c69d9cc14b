"""The conductance of every cell: given, from stored states, or from a pattern."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import fields
from pillarsim.devices.circuits.cells import CellType, refuse_conductances
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.layout import cell_shape

Array = NDArray[np.float64]

_STATES = ("all_lrs", "all_hrs", "checker", "random")


def read_conductances(spec: fields.Spec, cell: CellType, states: object, g: object) -> Array:
    """Return conductances in siemens (cell shape) from `g`, else `states`, else `spec["pattern"]`.

    Raises CircuitError where both are given, shapes disagree, a conductance is not above 0 or the cell's law does not
    hold for it.
    """
    if g is not None and states is not None:
        raise CircuitError("states, g: give one of the two")
    shape = cell_shape(spec)
    found = given_conductances(g, shape) if g is not None else _made_conductances(spec, cell, states, shape)
    refuse_conductances(cell.law, found)
    return found


def analog_conductances(seed: int, shape: tuple[int, ...], g_hrs: float, g_lrs: float) -> Array:
    """Return conductances in siemens, uniform between two, of the seed's first draws.

    Rounded to 8 digits as the reference cases store them, so that a pattern gives exactly the stored numbers.
    """
    drawn = g_hrs + (g_lrs - g_hrs) * np.random.default_rng(seed).random(shape)
    return np.array([float(f"{value:.7e}") for value in drawn.flat]).reshape(shape)


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
    """Return which cells are LRS by `spec["pattern"]`: all_lrs, all_hrs, checker or random. Raises CircuitError.

    `analog`, the fifth pattern, has no states: `read_conductances` makes its conductances.
    """
    pattern = _pattern(spec)
    kind = fields.choice(pattern, "kind", _STATES, "pattern")
    if kind == "checker":
        return np.asarray(np.indices(shape).sum(axis=0) % 2 == 0)
    if kind == "random":
        rng = np.random.default_rng(_seed(pattern))
        return np.asarray(rng.random(shape) < _share_lrs(pattern))
    return np.full(shape, kind == "all_lrs")


def with_selected(g: Array, cells: tuple[tuple[int, ...], ...], conductance: float) -> Array:
    """Return a copy of `g` whose selected cells have one conductance."""
    changed = g.copy()
    changed[tuple(np.array(cells).T)] = conductance
    return changed


def _made_conductances(spec: fields.Spec, cell: CellType, states: object, shape: tuple[int, ...]) -> Array:
    if cell.g_lrs is None or cell.g_hrs is None:
        raise CircuitError("cell: states need g_lrs and g_hrs, and so does a pattern")
    if states is not None:
        return np.where(read_states(states, shape), cell.g_lrs, cell.g_hrs)
    pattern = _pattern(spec)
    if fields.choice(pattern, "kind", (*_STATES, "analog"), "pattern") == "analog":
        return analog_conductances(_seed(pattern), shape, cell.g_hrs, cell.g_lrs)
    return np.where(pattern_states(spec, shape), cell.g_lrs, cell.g_hrs)


def _pattern(spec: fields.Spec) -> fields.Spec:
    if "pattern" not in spec:
        raise CircuitError("states, g, pattern: the case needs one of the three")
    return fields.mapping(spec, "pattern")


def _seed(pattern: fields.Spec) -> int:
    seed = fields.value(pattern, "seed", "pattern")
    if not isinstance(seed, numbers.Integral) or isinstance(seed, bool) or seed < 0:
        raise CircuitError(f"pattern.seed: expected a whole number of at least 0, found {seed!r}")
    return int(seed)


def _share_lrs(pattern: fields.Spec) -> float:
    share = fields.number(pattern, "p_lrs", "pattern")
    if not 0 <= share <= 1:
        raise CircuitError(f"pattern.p_lrs: expected a share from 0 to 1, found {share!r}")
    return share


def _split(states: object) -> Any:
    """Strings become lists of their digits."""
    if isinstance(states, str):
        return [int(digit) if digit in "01" else -1 for digit in states]
    if isinstance(states, list | tuple):
        return [_split(part) for part in states]
    return states
